//! Tests of a policy: calls and plans that a rule must find or must not, and calls and plans whose level people know.

use std::collections::BTreeMap;
use std::fmt;

use assent_plan::{Catalog, Map, Plan, RiskLevel, complete};
use serde::Deserialize;
use serde_json::{Value, json};

use super::assess::assess;
use super::policy::Policy;

/// A file of tests.
#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Rules(Rules),
    Cases(Vec<Cases>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    tests: Vec<RuleTest>,
}

/// What a rule must find, and what looks alike.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTest {
    rule: String,
    r#match: Samples,
    skip: Samples,
}

/// Calls and plans in short: each entry is one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Samples {
    /// Commands for the tool `shell`.
    shell: Vec<String>,
    /// Method and URL for `http_request`.
    http: Vec<String>,
    /// Statements for `sql_query`.
    sql: Vec<String>,
    /// Queries for `web_search`.
    search: Vec<String>,
    /// Templates for `code_gen`.
    template: Vec<String>,
    /// Arguments of `file_write`.
    file: Vec<Map>,
    /// Work items; `id` and `name` may be left out.
    items: Vec<Map>,
    /// Plans, likewise.
    plans: Vec<Value>,
}

/// Calls and plans of one level.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    about: String,
    label: RiskLevel,
    #[serde(default)]
    tool: String,
    #[serde(default)]
    calls: Vec<Map>,
    #[serde(default)]
    plans: Vec<Value>,
}

/// Tests of a policy.
#[derive(Debug, Default)]
pub struct Trials {
    rules: Vec<RuleTest>,
    cases: Vec<Cases>,
}

/// A text that is no file of tests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// The text cannot be read.
    #[error("the tests cannot be read: {0}")]
    Unreadable(String),
    /// A plan or item of the tests is none.
    #[error("{about}: {why}")]
    NoPlan {
        /// The rule, or what the cases are about.
        about: String,
        /// Why.
        why: String,
    },
}

/// How a policy did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrialReport {
    /// How many calls and plans rules were asked about.
    pub rule_samples: usize,
    /// What rules did not do as they should, one line each.
    pub failures: Vec<String>,
    /// Cases of a HIGH or CRITICAL label that may run without a person.
    pub dangerous: Vec<String>,
    /// Cases that are assessed at another level than their label, one line each.
    pub misjudged: Vec<String>,
    /// Cases by label and assessed level, lowest first.
    pub matrix: [[usize; 4]; 4],
    /// Cases of a LOW label that may run without a person.
    pub free: usize,
}

/// The tests of the shipped policy's rules.
const SHIPPED_RULES: &str = include_str!("../../policy/default.test.yaml");

/// Cases that Assent ships.
const SHIPPED_CASES: [&str; 6] = [
    include_str!("../../corpus/files.yaml"),
    include_str!("../../corpus/plans.yaml"),
    include_str!("../../corpus/shell.yaml"),
    include_str!("../../corpus/sql.yaml"),
    include_str!("../../corpus/text.yaml"),
    include_str!("../../corpus/web.yaml"),
];

impl Trials {
    /// Adds the tests that Assent ships for its own policy.
    ///
    /// # Errors
    /// Only through a defect of the shipped files.
    pub fn add_shipped(&mut self) -> Result<(), TrialError> {
        self.add(SHIPPED_RULES)?;
        self.add_shipped_cases()
    }

    /// Adds the labelled cases that Assent ships, for any policy.
    ///
    /// # Errors
    /// Only through a defect of the shipped files.
    pub fn add_shipped_cases(&mut self) -> Result<(), TrialError> {
        SHIPPED_CASES.iter().try_for_each(|text| self.add(text))
    }

    /// Adds the tests of a file: an object with `tests`, or a list of labelled cases.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn add(&mut self, text: &str) -> Result<(), TrialError> {
        match serde_saphyr::from_str(text).map_err(|error| TrialError::Unreadable(error.to_string()))? {
            File::Rules(rules) => self.rules.extend(rules.tests),
            File::Cases(cases) => self.cases.extend(cases),
        }
        Ok(())
    }

    /// Puts `policy` to the tests.
    ///
    /// # Errors
    /// When a plan of the tests is none.
    pub fn run(&self, policy: &Policy, catalog: &Catalog) -> Result<TrialReport, TrialError> {
        let mut report = TrialReport::default();
        for test in &self.rules {
            for (samples, expected) in [(&test.r#match, true), (&test.skip, false)] {
                let plans = samples.plans(&test.rule)?;
                if plans.is_empty() {
                    let what = if expected { "match" } else { "skip" };
                    report.failures.push(format!("rule `{}`: nothing to {what}", test.rule));
                }
                for (sample, plan) in plans {
                    report.rule_samples += 1;
                    let risk = assess(&plan, catalog, policy);
                    let found = risk.factors.iter().any(|factor| factor.rule == test.rule);
                    if found != expected {
                        let what = if expected { "does not match" } else { "matches" };
                        report.failures.push(format!("rule `{}` {what} {sample}", test.rule));
                    }
                }
            }
        }
        report.failures.extend(self.untested(policy));
        for cases in &self.cases {
            for (sample, mut plan) in cases.plans()? {
                complete::complete(&mut plan, catalog);
                let risk = assess(&plan, catalog, policy);
                report.matrix[row(cases.label)][row(risk.level)] += 1;
                if risk.level != cases.label {
                    let (label, level, about) = (cases.label, risk.level, &cases.about);
                    report.misjudged.push(format!("{label} assessed {level}: {about}: {sample}"));
                }
                let alone = risk.requirement.auto_approvable || risk.requirement.direct;
                if cases.label >= RiskLevel::High && alone {
                    report.dangerous.push(format!("{}: {sample}", cases.about));
                }
                report.free += usize::from(cases.label == RiskLevel::Low && risk.requirement.auto_approvable);
            }
        }
        Ok(report)
    }

    /// Rules of the policy without a test, and tests of rules that it has not.
    fn untested(&self, policy: &Policy) -> Vec<String> {
        if self.rules.is_empty() {
            return Vec::new();
        }
        let tested = |name: &str| self.rules.iter().any(|test| test.rule == name);
        let known: Vec<&str> = policy.rule_names().collect();
        let untested = known.iter().filter(|name| !tested(name));
        let strange = self.rules.iter().map(|test| test.rule.as_str()).filter(|name| !known.contains(name));
        untested
            .map(|name| format!("rule `{name}` has no test"))
            .chain(strange.map(|name| format!("there is no rule `{name}`")))
            .collect()
    }
}

impl Samples {
    fn plans(&self, about: &str) -> Result<Vec<(String, Plan)>, TrialError> {
        let mut plans = Vec::new();
        let mut call = |sample: &str, tool: &str, arguments: Value| {
            plans.push((sample.to_owned(), json!([{ "tool": tool, "arguments": arguments }])));
        };
        for text in &self.shell {
            call(text, "shell", json!({ "command": text, "use_shell": true, "network": true }));
        }
        for text in &self.http {
            let (method, url) = text.split_once(' ').unwrap_or(("GET", text));
            call(text, "http_request", json!({ "method": method, "url": url }));
        }
        for text in &self.sql {
            call(text, "sql_query", json!({ "database": "app", "statement": text, "write": true }));
        }
        for text in &self.search {
            call(text, "web_search", json!({ "query": text }));
        }
        for text in &self.template {
            call(text, "code_gen", json!({ "template": text }));
        }
        for arguments in &self.file {
            call(&json!(arguments).to_string(), "file_write", json!(arguments));
        }
        for item in &self.items {
            plans.push((json!(item).to_string(), json!([item])));
        }
        let goal = |items| json!({ "goal": "one step", "items": items });
        let short = plans.into_iter().map(|(sample, items)| (sample, goal(items)));
        let whole = self.plans.iter().map(|plan| (plan.to_string(), plan.clone()));
        short.chain(whole).map(|(sample, plan)| Ok((sample, plan_of(plan, about)?))).collect()
    }
}

impl Cases {
    fn plans(&self) -> Result<Vec<(String, Plan)>, TrialError> {
        let call = |arguments: &Map| {
            let items = json!([{ "tool": self.tool, "arguments": arguments }]);
            (format!("{} {}", self.tool, json!(arguments)), json!({ "goal": "one step", "items": items }))
        };
        let whole = self.plans.iter().map(|plan| (plan.to_string(), plan.clone()));
        let all = self.calls.iter().map(call).chain(whole);
        all.map(|(sample, plan)| Ok((sample, plan_of(plan, &self.about)?))).collect()
    }
}

/// A plan as tests write it: its items need no id (the first is `a`) and no name, and unnamed references lead to `b`.
fn plan_of(mut plan: Value, about: &str) -> Result<Plan, TrialError> {
    let items = plan.get_mut("items").and_then(Value::as_array_mut);
    for (index, item) in items.into_iter().flatten().enumerate() {
        let Some(members) = item.as_object_mut() else { continue };
        let letter = char::from(b'a' + u8::try_from(index % 26).unwrap_or_default());
        let id = if index < 26 { letter.to_string() } else { format!("{letter}{}", index / 26) };
        members.entry("id").or_insert_with(|| json!(id));
        members.entry("name").or_insert_with(|| json!("A"));
    }
    serde_json::from_value(plan)
        .map_err(|error| TrialError::NoPlan { about: about.to_owned(), why: error.to_string() })
}

const fn row(level: RiskLevel) -> usize {
    match level {
        RiskLevel::Low => 0,
        RiskLevel::Medium => 1,
        RiskLevel::High => 2,
        RiskLevel::Critical => 3,
    }
}

impl TrialReport {
    /// How many labelled cases there were.
    pub fn cases(&self) -> usize {
        self.matrix.iter().flatten().sum()
    }

    /// Cases of a LOW label.
    pub fn harmless(&self) -> usize {
        self.matrix[0].iter().sum()
    }

    /// Whether rules do as their tests say, and no dangerous case may run without a person.
    pub fn is_passed(&self) -> bool {
        self.failures.is_empty() && self.dangerous.is_empty()
    }
}

/// The confusion matrix, labels down and assessed levels across, and what is left free.
impl fmt::Display for TrialReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: BTreeMap<usize, &str> =
            RiskLevel::ALL.iter().map(|level| (row(*level), level.as_str())).collect();
        write!(f, "{:<10}", "label")?;
        for name in names.values() {
            write!(f, "{name:>10}")?;
        }
        for (index, name) in &names {
            write!(f, "\n{name:<10}")?;
            for count in self.matrix[*index] {
                write!(f, "{count:>10}")?;
            }
        }
        write!(f, "\n{} of {} low cases run without a person", self.free, self.harmless())
    }
}
