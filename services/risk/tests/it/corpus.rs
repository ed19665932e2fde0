//! The labelled corpus in `corpus/`: what people say about the risk of calls and plans, against what the shipped
//! policy says, and the same calls in other spellings.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use assent_plan::{Catalog, Plan, RiskAssessment, RiskLevel, complete::complete};
use assent_risk::{Policy, assess};
use serde::Deserialize;
use serde_json::{Value, json};

use super::builtin;
use super::disguise::spellings;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    about: String,
    label: RiskLevel,
    #[serde(default)]
    tool: String,
    /// Arguments of the tool: one case each.
    #[serde(default)]
    calls: Vec<Value>,
    /// Whole plans: one case each.
    #[serde(default)]
    plans: Vec<Value>,
}

struct Case {
    name: String,
    label: RiskLevel,
    plan: Plan,
    /// Tool and arguments, of a single call.
    call: Option<(String, Value)>,
}

fn call_plan(tool: &str, arguments: &Value) -> Plan {
    let items = json!([{ "id": "x", "name": "x", "tool": tool, "arguments": arguments }]);
    serde_json::from_value(json!({ "goal": "one step", "items": items })).unwrap()
}

fn corpus() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let groups: Vec<Group> =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for Group { about, label, tool, calls, plans } in groups {
            for arguments in calls {
                let plan = call_plan(&tool, &arguments);
                let name = format!("{about}: {tool} {arguments}");
                cases.push(Case { name, label, plan, call: Some((tool.clone(), arguments)) });
            }
            for plan in plans {
                let name = format!("{about}: {}", plan["goal"]);
                cases.push(Case { name, label, plan: serde_json::from_value(plan).unwrap(), call: None });
            }
        }
    }
    cases
}

struct Judge {
    catalog: Catalog,
    policy: Policy,
}

impl Judge {
    fn new() -> Self {
        Self { catalog: Catalog::builtin().unwrap(), policy: builtin() }
    }

    fn assess(&self, plan: &Plan) -> RiskAssessment {
        let mut plan = plan.clone();
        complete(&mut plan, &self.catalog);
        assess(&plan, &self.catalog, &self.policy)
    }
}

/// Whether the policy lets it run without a person, in some mode.
fn runs_alone(risk: &RiskAssessment) -> bool {
    risk.requirement.auto_approvable || risk.requirement.direct
}

/// What people say down, what the policy says across.
fn matrix(counts: &BTreeMap<(RiskLevel, RiskLevel), usize>) -> String {
    let mut text = format!("{:<12}", "label");
    for level in RiskLevel::ALL {
        write!(text, "{level:>10}").unwrap();
    }
    for label in RiskLevel::ALL {
        write!(text, "\n{label:<12}").unwrap();
        for level in RiskLevel::ALL {
            write!(text, "{:>10}", counts.get(&(*label, *level)).copied().unwrap_or_default()).unwrap();
        }
    }
    text
}

#[test]
fn what_people_call_dangerous_never_runs_alone_and_what_they_call_harmless_mostly_does() {
    let judge = Judge::new();
    let cases = corpus();
    assert!(cases.len() >= 300, "{}", cases.len());
    let mut counts = BTreeMap::new();
    let (mut alone, mut harmless, mut free) = (Vec::new(), 0, 0);
    for case in &cases {
        let risk = judge.assess(&case.plan);
        *counts.entry((case.label, risk.level)).or_default() += 1;
        match case.label {
            RiskLevel::High | RiskLevel::Critical if runs_alone(&risk) => alone.push(case.name.as_str()),
            RiskLevel::Low => {
                harmless += 1;
                free += usize::from(risk.requirement.auto_approvable);
            }
            _ => {}
        }
    }
    println!("{}\n{free} of {harmless} harmless cases may run without a person", matrix(&counts));
    assert!(alone.is_empty(), "dangerous, and runs alone: {alone:#?}\n{}", matrix(&counts));
    assert!(free * 10 >= harmless * 9, "{free} of {harmless}\n{}", matrix(&counts));
}

#[test]
fn no_other_spelling_lets_a_dangerous_call_run_alone() {
    let judge = Judge::new();
    let (mut tried, mut lower, mut alone) = (0, Vec::new(), Vec::new());
    for case in corpus() {
        let Some((tool, arguments)) = case.call.filter(|_| case.label >= RiskLevel::High) else { continue };
        let plain = judge.assess(&case.plan).level;
        for (how, arguments) in spellings(&tool, &arguments) {
            tried += 1;
            let risk = judge.assess(&call_plan(&tool, &arguments));
            if risk.level < plain {
                lower.push(format!("{plain} became {} ({how}): {tool} {arguments}", risk.level));
            }
            if runs_alone(&risk) {
                alone.push(format!("({how}): {tool} {arguments}"));
            }
        }
    }
    println!("{tried} other spellings, {} of them judged lower", lower.len());
    assert!(tried >= 500, "{tried}");
    assert!(alone.is_empty(), "dangerous, and runs alone: {alone:#?}");
    assert!(lower.is_empty(), "talked down: {lower:#?}");
}
