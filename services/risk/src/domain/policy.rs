//! The policy: YAML that says which calls and plans are how risky, and who must approve what.

use std::collections::{BTreeMap, BTreeSet};

use assent_core::Digest;
use assent_plan::{ApprovalRequirement, RiskLevel, TimeoutAction};
use cel::Env;
use serde::Deserialize;

use super::assess::{ARGUMENTS_UNREADABLE, DECLARED_RISK, RULE_FAILED, TOOL_RISK, TOOL_UNKNOWN};
use super::cel::Condition;
use super::fields::Scope;
use super::patterns::Patterns;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    patterns: BTreeMap<String, String>,
    rules: Vec<RuleFile>,
    #[serde(default)]
    escalations: Vec<EscalationFile>,
    requirements: BTreeMap<RiskLevel, ApprovalRequirement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: String,
    #[serde(default)]
    over: Over,
    when: Vec<String>,
    level: RiskLevel,
    factor: String,
    description: String,
    #[serde(default)]
    mitigation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EscalationFile {
    name: String,
    all: BTreeSet<String>,
    level: RiskLevel,
    factor: String,
    description: String,
    #[serde(default)]
    mitigation: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Over {
    /// Asked about every call.
    #[default]
    Calls,
    /// Asked once.
    Plan,
}

/// What a rule that matches puts into the assessment.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) rule: String,
    pub(super) level: RiskLevel,
    pub(super) factor: String,
    pub(super) description: String,
    pub(super) mitigation: String,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) over: Scope,
    /// Any of them is enough.
    pub(super) conditions: Vec<Condition>,
    pub(super) outcome: Outcome,
}

#[derive(Debug)]
pub(super) struct Escalation {
    pub(super) all: BTreeSet<String>,
    pub(super) outcome: Outcome,
}

/// A policy that can be applied.
pub struct Policy {
    text: String,
    digest: Digest,
    pub(super) patterns: Patterns,
    pub(super) rules: Vec<Rule>,
    pub(super) escalations: Vec<Escalation>,
    requirements: [ApprovalRequirement; 4],
}

/// A text that is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text cannot be read.
    #[error("the policy cannot be read: {0}")]
    Unreadable(String),
    /// A pattern is no regular expression.
    #[error("a pattern of the policy cannot be used: {0}")]
    Pattern(String),
    /// Two rules have one name, or a rule has none.
    #[error("the policy names the rule `{0}` twice or leaves a name empty")]
    Name(String),
    /// A condition cannot be used.
    #[error("rule `{rule}`: `{condition}`: {why}")]
    Condition {
        /// The rule.
        rule: String,
        /// The condition.
        condition: String,
        /// Why.
        why: String,
    },
    /// A rule that can never match.
    #[error("rule `{0}` has no condition")]
    NoCondition(String),
    /// A factor's code is none.
    #[error("rule `{rule}`: `{code}` is no code; expected one such as DATABASE_CONNECTION")]
    Code {
        /// The rule.
        rule: String,
        /// The code.
        code: String,
    },
    /// An escalation waits for a factor that no rule yields.
    #[error("escalation `{rule}` waits for `{code}`, which no rule before it yields")]
    UnknownFactor {
        /// The escalation.
        rule: String,
        /// The code.
        code: String,
    },
    /// A level has no approval requirement.
    #[error("the policy does not say who approves {0} risk")]
    NoRequirement(RiskLevel),
    /// A requirement that nobody could meet, or anybody.
    #[error("the requirement for {level} risk: {why}")]
    Requirement {
        /// The level.
        level: RiskLevel,
        /// Why.
        why: String,
    },
}

impl Policy {
    /// The policy that Assent ships.
    ///
    /// # Errors
    /// Only through a defect of the shipped text.
    pub fn builtin() -> Result<Self, PolicyError> {
        Self::from_yaml(include_str!("../../policy/default.yaml"))
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// Names the first rule that cannot be used, and why.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        let file: File =
            serde_saphyr::from_str(text).map_err(|error| PolicyError::Unreadable(error.to_string()))?;
        let env = Env::stdlib();
        let patterns =
            Patterns::compile(&file.patterns).map_err(|error| PolicyError::Pattern(error.to_string()))?;
        let mut names = BTreeSet::new();
        let all_names =
            file.rules.iter().map(|rule| &rule.name).chain(file.escalations.iter().map(|rule| &rule.name));
        for name in all_names {
            if name.is_empty() || !names.insert(name.clone()) {
                return Err(PolicyError::Name(name.clone()));
            }
        }
        let rules: Vec<Rule> =
            file.rules.into_iter().map(|rule| rule.compile(&env, &patterns)).collect::<Result<_, _>>()?;
        let escalations = compile_escalations(file.escalations, &rules)?;
        let requirements = requirements(file.requirements)?;
        let digest = Digest::of(&[text.as_bytes()]);
        Ok(Self { text: text.to_owned(), digest, patterns, rules, escalations, requirements })
    }

    /// The text, as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Names of all rules and escalations, in the order of the text.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        let rules = self.rules.iter().map(|rule| &rule.outcome);
        let escalations = self.escalations.iter().map(|escalation| &escalation.outcome);
        rules.chain(escalations).map(|outcome| outcome.rule.as_str())
    }

    /// Who must approve a plan of `level`.
    pub fn requirement(&self, level: RiskLevel) -> &ApprovalRequirement {
        let [low, medium, high, critical] = &self.requirements;
        match level {
            RiskLevel::Low => low,
            RiskLevel::Medium => medium,
            RiskLevel::High => high,
            RiskLevel::Critical => critical,
        }
    }
}

impl RuleFile {
    fn compile(self, env: &Env, patterns: &Patterns) -> Result<Rule, PolicyError> {
        if self.when.is_empty() {
            return Err(PolicyError::NoCondition(self.name));
        }
        let over = match self.over {
            Over::Calls => Scope::Call,
            Over::Plan => Scope::Plan,
        };
        let conditions = self.when.iter().map(|source| {
            let unusable = |why: String| PolicyError::Condition {
                rule: self.name.clone(),
                condition: source.trim().to_owned(),
                why,
            };
            let condition = Condition::compile(env, source, over).map_err(|flaw| unusable(flaw.what))?;
            let asks_for_patterns = condition.fields.iter().all(|path| path.text.ends_with(".found"));
            let stranger =
                condition.literals.iter().find(|name| asks_for_patterns && !patterns.contains(name));
            match stranger {
                Some(name) => Err(unusable(format!("there is no pattern `{name}`"))),
                None => Ok(condition),
            }
        });
        let conditions = conditions.collect::<Result<_, _>>()?;
        let outcome = outcome(self.name, self.level, self.factor, self.description, self.mitigation)?;
        Ok(Rule { over, conditions, outcome })
    }
}

fn compile_escalations(files: Vec<EscalationFile>, rules: &[Rule]) -> Result<Vec<Escalation>, PolicyError> {
    let mut codes: BTreeSet<String> = rules.iter().map(|rule| rule.outcome.factor.clone()).collect();
    codes.extend(
        [TOOL_UNKNOWN, ARGUMENTS_UNREADABLE, RULE_FAILED, TOOL_RISK, DECLARED_RISK].map(str::to_owned),
    );
    let mut escalations = Vec::with_capacity(files.len());
    for file in files {
        if file.all.is_empty() {
            return Err(PolicyError::NoCondition(file.name));
        }
        if let Some(code) = file.all.iter().find(|code| !codes.contains(*code)) {
            return Err(PolicyError::UnknownFactor { rule: file.name, code: code.clone() });
        }
        codes.insert(file.factor.clone());
        let outcome = outcome(file.name, file.level, file.factor, file.description, file.mitigation)?;
        escalations.push(Escalation { all: file.all, outcome });
    }
    Ok(escalations)
}

fn outcome(
    rule: String,
    level: RiskLevel,
    factor: String,
    description: String,
    mitigation: String,
) -> Result<Outcome, PolicyError> {
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if factor.is_empty() || !factor.bytes().all(fits) {
        return Err(PolicyError::Code { rule, code: factor });
    }
    Ok(Outcome { rule, level, factor, description, mitigation })
}

fn requirements(
    mut by_level: BTreeMap<RiskLevel, ApprovalRequirement>,
) -> Result<[ApprovalRequirement; 4], PolicyError> {
    let mut take = |level| {
        let requirement = by_level.remove(&level).ok_or(PolicyError::NoRequirement(level))?;
        let why = if requirement.roles.is_empty() && requirement.stages.is_empty() {
            Some("names no role and no stage".to_owned())
        } else if requirement.auto_approvable && level > RiskLevel::Low {
            Some("lets plans pass without a person, which only low risk may".to_owned())
        } else if requirement.direct && level > RiskLevel::Medium {
            Some("lets plans run without review, which only low and medium risk may".to_owned())
        } else if level > RiskLevel::Low && requirement.timeout_action == Some(TimeoutAction::Proceed) {
            Some("approves by the clock, which only low risk may".to_owned())
        } else {
            requirement.check().err().map(|error| error.to_string())
        };
        match why {
            Some(why) => Err(PolicyError::Requirement { level, why }),
            None => Ok(requirement),
        }
    };
    Ok([take(RiskLevel::Low)?, take(RiskLevel::Medium)?, take(RiskLevel::High)?, take(RiskLevel::Critical)?])
}
