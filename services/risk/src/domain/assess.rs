//! The assessment: every rule over every call, then the plan, then combinations. Levels only rise.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use assent_plan::{Catalog, ItemId, Plan, RiskAssessment, RiskFactor, RiskLevel};

use super::cel::{Budget, Condition, Judgement, Path, Val};
use super::fields::{Field, Scope, Sight};
use super::patterns::Findings;
use super::policy::{Outcome, Policy, Rule};
use super::subject::{Call, Whole, calls};

// Codes of factors that no policy can take away.
pub(super) const TOOL_UNKNOWN: &str = "TOOL_UNKNOWN";
pub(super) const ARGUMENTS_UNREADABLE: &str = "ARGUMENTS_UNREADABLE";
pub(super) const RULE_FAILED: &str = "RULE_FAILED";
pub(super) const TOOL_RISK: &str = "TOOL_RISK";
pub(super) const DECLARED_RISK: &str = "DECLARED_RISK";

/// Assesses `plan` under `policy`. Total: a plan that is not sound gets an assessment too, and never a lower one
/// for being unsound.
pub fn assess(plan: &Plan, catalog: &Catalog, policy: &Policy) -> RiskAssessment {
    let calls = calls(plan, catalog, &policy.patterns);
    let whole = Whole::new(plan, &calls, &policy.patterns);
    let mut budget = Budget::default();
    let mut items: BTreeMap<ItemId, RiskLevel> = BTreeMap::new();
    let mut factors = Vec::new();
    for call in &calls {
        let before = factors.len();
        judge_call(call, policy, &whole, &mut budget, &mut factors);
        let worst = worst(&factors[before..]);
        match items.get_mut(&call.item.id) {
            Some(level) => *level = worst.max(*level),
            None => drop(items.insert(call.item.id.clone(), worst)),
        }
    }
    for rule in policy.rules.iter().filter(|rule| rule.over == Scope::Plan) {
        judge_rule(rule, Sight { call: None, whole: &whole }, &mut budget, &mut factors);
    }
    escalate(policy, &mut factors);

    // Stable, so that equals stay in the order of the plan and of the policy.
    factors.sort_by_key(|factor| Reverse(factor.severity));
    let level = worst(&factors);
    let requirement = policy.requirement(level).clone();
    RiskAssessment { level, factors, items, policy_digest: policy.digest(), requirement }
}

fn worst(factors: &[RiskFactor]) -> RiskLevel {
    factors.iter().map(|factor| factor.severity).max().unwrap_or(RiskLevel::Low)
}

fn judge_call(
    call: &Call<'_>,
    policy: &Policy,
    whole: &Whole<'_>,
    budget: &mut Budget,
    factors: &mut Vec<RiskFactor>,
) {
    let before = factors.len();
    for rule in policy.rules.iter().filter(|rule| rule.over == Scope::Call) {
        judge_rule(rule, Sight { call: Some(call), whole }, budget, factors);
    }
    if call.tool.is_none() {
        let text = format!("`{}` is no tool of the catalog, so nobody knows what it does", call.name);
        factors.push(own(call, TOOL_UNKNOWN, RiskLevel::High, text, "use a tool of the catalog"));
    }
    if let Some(why) = call.unreadable() {
        let text = "Arguments that cannot be understood".to_owned();
        let factor = own(call, ARGUMENTS_UNREADABLE, RiskLevel::High, text, "follow the schema of the tool");
        factors.push(RiskFactor { explanation: why.to_owned(), ..factor });
    }
    let base = call.base();
    if base > worst(&factors[before..]) {
        let text = format!("Use of `{}`, which is {base} risk by itself", call.name);
        factors.push(own(call, TOOL_RISK, base, text, ""));
    }
    let declared = call.item.declared_risk.filter(|level| *level > worst(&factors[before..]));
    if let Some(level) = declared {
        let text = format!("The author of the plan calls this item {level} risk");
        factors.push(own(call, DECLARED_RISK, level, text, ""));
    }
}

fn own(
    call: &Call<'_>,
    code: &str,
    severity: RiskLevel,
    description: String,
    mitigation: &str,
) -> RiskFactor {
    RiskFactor {
        code: code.to_owned(),
        explanation: format!("always applied to item `{}`, whatever the policy says", call.item.id),
        description,
        severity,
        mitigation: mitigation.to_owned(),
        item_id: Some(call.item.id.clone()),
        rule: format!("built-in:{}", code.to_lowercase().replace('_', "-")),
    }
}

fn judge_rule(rule: &Rule, sight: Sight<'_>, budget: &mut Budget, factors: &mut Vec<RiskFactor>) {
    let item_id = || sight.call.map(|call| call.item.id.clone());
    let mut matched = false;
    let mut unclear = None;
    for condition in &rule.conditions {
        match condition.judge(sight, budget) {
            Judgement::Yes if !matched => {
                matched = true;
                let explanation = explain(&rule.outcome.rule, condition, sight);
                factors.push(factor(&rule.outcome, item_id(), explanation));
            }
            Judgement::Yes | Judgement::No => {}
            Judgement::Unclear => unclear = unclear.or(Some(condition)),
        }
    }
    if let Some(condition) = unclear {
        let fields: Vec<&str> = condition.fields.iter().map(|path| path.text.as_str()).collect();
        factors.push(RiskFactor {
            code: RULE_FAILED.to_owned(),
            description: "A rule that could not be applied".to_owned(),
            severity: rule.outcome.level.max(RiskLevel::High),
            mitigation: "mend the rule, or the field that it looks at".to_owned(),
            item_id: item_id(),
            rule: rule.outcome.rule.clone(),
            explanation: format!("rule `{}` gave no answer on {}", rule.outcome.rule, fields.join(", ")),
        });
    }
}

fn factor(outcome: &Outcome, item_id: Option<ItemId>, explanation: String) -> RiskFactor {
    RiskFactor {
        code: outcome.factor.clone(),
        description: outcome.description.clone(),
        severity: outcome.level,
        mitigation: outcome.mitigation.clone(),
        item_id,
        rule: outcome.rule.clone(),
        explanation,
    }
}

/// Which rule matched on which field, in words. Values of arguments and context are not quoted.
fn explain(rule: &str, condition: &Condition, sight: Sight<'_>) -> String {
    let mut parts = Vec::new();
    for path in &condition.fields {
        match (path.field, sight.call) {
            (Field::ItemFound, Some(call)) => parts.extend(located(condition, call.found())),
            (Field::PlanFound, _) => parts.extend(located(condition, sight.whole.found())),
            _ => parts.push(valued(path, sight)),
        }
    }
    match sight.call {
        Some(call) if call.is_rollback => {
            format!("rule `{rule}` matched on the rollback of item `{}`: {}", call.item.id, parts.join(", "))
        }
        Some(call) => format!("rule `{rule}` matched on item `{}`: {}", call.item.id, parts.join(", ")),
        None => format!("rule `{rule}` matched on the plan: {}", parts.join(", ")),
    }
}

fn located(condition: &Condition, found: &Findings) -> Vec<String> {
    let named = found.iter().filter(|(pattern, _)| condition.literals.contains(*pattern));
    named.map(|(pattern, place)| format!("`{pattern}` in {place}")).collect()
}

const LONGEST_VALUE: usize = 80;

fn valued(path: &Path, sight: Sight<'_>) -> String {
    if path.field.is_quoted_by_nobody() {
        return path.text.clone();
    }
    match written(&sight.look(path.field)).filter(|text| text.len() <= LONGEST_VALUE) {
        Some(text) => format!("{} is {text}", path.text),
        None => path.text.clone(),
    }
}

fn written(value: &Val<'_>) -> Option<String> {
    match value {
        Val::Text(text) => Some(text.clone().into_owned()),
        Val::Bool(yes) => Some(yes.to_string()),
        Val::Int(number) => Some(number.to_string()),
        Val::Float(number) => Some(number.to_string()),
        Val::Names(names) => Some(names.join(" and ")),
        Val::Null | Val::Array(_) | Val::Object(_) | Val::List(_) => None,
    }
}

fn escalate(policy: &Policy, factors: &mut Vec<RiskFactor>) {
    let mut codes: BTreeSet<String> = factors.iter().map(|factor| factor.code.clone()).collect();
    for escalation in &policy.escalations {
        if !escalation.all.is_subset(&codes) {
            continue;
        }
        let outcome = &escalation.outcome;
        let together: Vec<&str> = escalation.all.iter().map(String::as_str).collect();
        let explanation = format!("rule `{}` matched on {} together", outcome.rule, together.join(" and "));
        codes.insert(outcome.factor.clone());
        factors.push(factor(outcome, None, explanation));
    }
}
