//! Policies of one's own: what is refused when it is read, and how failures of rules are taken.

use assent_plan::RiskLevel::{Critical, High, Low, Medium};
use assent_risk::{Policy, PolicyError};

use super::{assessed, builtin, level_of, plan};

const REQUIREMENTS: &str = "
requirements:
  low: { roles: [a], quorum: 1, separation_of_duties: false, auto_approvable: true }
  medium: { roles: [a], quorum: 1, separation_of_duties: false }
  high: { roles: [a], quorum: 1, separation_of_duties: true, timeout: 4h }
  critical: { roles: [a], quorum: 2, separation_of_duties: true }
";

fn rule(when: &str, level: &str) -> String {
    format!("- {{ name: r, when: [{when:?}], level: {level}, factor: R, description: d }}")
}

fn policy(rules: &str) -> Result<Policy, PolicyError> {
    Policy::from_yaml(&format!("patterns: {{ p: x }}\nrules:\n{rules}\n{REQUIREMENTS}"))
}

fn refusal(text: &str) -> PolicyError {
    Policy::from_yaml(text).map(|_| ()).unwrap_err()
}

const SEARCH: &str = "- { id: a, name: A, tool: web_search, arguments: { query: x } }";

#[test]
fn rules_that_could_not_work_are_refused() {
    for (when, why) in [
        ("item.tool ==", "Syntax error"),
        ("item.tol == 'shell'", "there is no `item.tol` to look at"),
        ("itm.tool == 'shell'", "there is no `itm.tool` to look at"),
        ("size(plan) > 1", "there is no `plan` to look at"),
        ("1 < 2", "it looks at no field"),
        ("'q' in item.found", "there is no pattern `q`"),
    ] {
        let error = policy(&rule(when, "low")).map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with("rule `r`: ") && error.contains(why), "{error}");
    }
    for when in ["'p' in item.found", "plan.items > 3", "item.hosts.all(h, h != 'x') && tool.known"] {
        assert!(policy(&rule(when, "low")).is_ok(), "{when}");
    }
    let over_plan =
        "- { name: r, over: plan, when: [item.bounds == 1], level: low, factor: R, description: d }";
    assert!(policy(over_plan).is_err());
}

#[test]
fn texts_that_are_no_policy_are_refused() {
    let rules = rule("tool.known", "low");
    let twice = format!("rules:\n{rules}\n{rules}\n{REQUIREMENTS}");
    assert!(matches!(refusal(&twice), PolicyError::Name(name) if name == "r"));
    assert!(matches!(refusal("rules: {"), PolicyError::Unreadable(_)));
    assert!(refusal("rules: []\nrulez: []").to_string().contains("rulez"));
    let pattern = format!("patterns: {{ p: '(' }}\nrules: []\n{REQUIREMENTS}");
    assert!(matches!(refusal(&pattern), PolicyError::Pattern(_)));
    let code = format!("rules:\n{}\n{REQUIREMENTS}", rules.replace("factor: R", "factor: r"));
    assert!(matches!(refusal(&code), PolicyError::Code { .. }));
    let waits = "escalations: [{ name: e, all: [X], level: high, factor: E, description: d }]";
    let waits = format!("rules: []\n{waits}\n{REQUIREMENTS}");
    assert!(matches!(refusal(&waits), PolicyError::UnknownFactor { .. }));
}

#[test]
fn nothing_above_low_passes_without_a_person() {
    let with = |from: &str, to: &str| format!("rules: []\n{}", REQUIREMENTS.replace(from, to));
    let error = refusal(&with(
        "medium: { roles: [a], quorum: 1, separation_of_duties: false }",
        "medium: { roles: [a], quorum: 1, separation_of_duties: false, auto_approvable: true }",
    ));
    assert!(matches!(error, PolicyError::Requirement { level: Medium, .. }), "{error}");
    let error = refusal(&with("critical: { roles: [a], quorum: 2", "critical: { roles: [a], quorum: 0"));
    assert!(matches!(error, PolicyError::Requirement { level: Critical, .. }), "{error}");
    let error = refusal(&with("high: { roles: [a]", "high: { roles: []"));
    assert!(matches!(error, PolicyError::Requirement { level: High, .. }), "{error}");
    let error = refusal("rules: []\nrequirements: {}");
    assert_eq!(error, PolicyError::NoRequirement(Low));
}

#[test]
fn a_rule_without_an_answer_is_high_at_least() {
    for (when, level, expected) in [
        ("item.arguments.missing == 1", "low", High),
        ("item.arguments.query > 5", "low", High),
        ("item.arguments.query", "critical", Critical),
        ("tool.known", "low", Low),
        ("item.bounds > 0", "critical", Low),
    ] {
        let risk = assessed(&plan("g", SEARCH), &policy(&rule(when, level)).unwrap());
        assert_eq!((risk.level, level_of(&risk, "a")), (expected, expected), "{when}");
    }
}

#[test]
fn one_condition_of_several_is_enough_and_says_which() {
    let rules =
        "- { name: r, when: [item.bounds == 9, plan.items == 1], level: high, factor: R, description: d }";
    let risk = assessed(&plan("g", SEARCH), &policy(rules).unwrap());
    assert_eq!(risk.factors[0].explanation, "rule `r` matched on item `a`: plan.items is 1");
    assert_eq!(risk.requirement.timeout, Some("4h".parse().unwrap()));
}

#[test]
fn the_digest_is_that_of_the_text() {
    let policy = builtin();
    assert_eq!(policy.digest(), assent_core::Digest::of(&[policy.text().as_bytes()]));
    let other = Policy::from_yaml(&format!("{} ", policy.text())).map(|p| p.digest());
    assert_ne!(other, Ok(policy.digest()));
}
