//! The risk service through its public rules.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod corpus;
mod default_policy;
mod disguise;
mod policies;
mod properties;

use assent_plan::{Catalog, Plan, RiskAssessment, RiskLevel};
use assent_risk::{Policy, assess};

fn builtin() -> Policy {
    Policy::builtin().unwrap_or_else(|error| panic!("{error}"))
}

/// A plan with a goal and the items of a YAML list in flow style.
fn plan(goal: &str, items: &str) -> Plan {
    Plan::from_yaml(&format!("goal: {goal:?}\nitems:\n{items}")).unwrap_or_else(|error| panic!("{error}"))
}

fn assessed(plan: &Plan, policy: &Policy) -> RiskAssessment {
    assess(plan, &Catalog::builtin().unwrap(), policy)
}

fn level_of(risk: &RiskAssessment, item: &str) -> RiskLevel {
    risk.items[item]
}
