//! The assessment: every rule over every call, then the plan, then combinations. Levels only rise.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use assent_plan::{Catalog, ItemId, Plan, RiskAssessment, RiskFactor, RiskLevel};
use cel::Context;
use serde_json::Value;

use super::condition::{Condition, Judgement};
use super::patterns::Found;
use super::policy::{Outcome, Over, Policy, Rule};
use super::subject::{Call, Whole, calls};
use super::value::to_cel;

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
    let mut root = Context::with_env(policy.env.clone());
    root.add_variable_from_value("plan", to_cel(&whole.json));

    let mut items: BTreeMap<ItemId, RiskLevel> = BTreeMap::new();
    let mut factors = Vec::new();
    for call in &calls {
        let found = judge_call(call, policy, &root, &whole);
        let worst = found.iter().map(|factor| factor.severity).max().unwrap_or(RiskLevel::Low);
        let level = items.entry(call.item.id.clone()).or_insert(worst);
        *level = worst.max(*level);
        factors.extend(found);
    }
    let of_plan = |rule: &&Rule| rule.over == Over::Plan;
    for rule in policy.rules.iter().filter(of_plan) {
        factors.extend(judge_rule(rule, &root, Sight { seen: None, whole: &whole }));
    }
    escalate(policy, &mut factors);

    // Stable, so that equals stay in the order of the plan and of the policy.
    factors.sort_by_key(|factor| Reverse(factor.severity));
    let level = factors.first().map_or(RiskLevel::Low, |factor| factor.severity);
    let requirement = policy.requirement(level).clone();
    RiskAssessment { level, factors, items, policy_digest: policy.digest(), requirement }
}

/// A call, and what rules see of it.
#[derive(Clone, Copy)]
struct Seen<'s> {
    call: &'s Call<'s>,
    item: &'s Value,
    tool: &'s Value,
}

/// What a rule was asked about.
#[derive(Clone, Copy)]
struct Sight<'s> {
    seen: Option<Seen<'s>>,
    whole: &'s Whole,
}

fn judge_call(call: &Call<'_>, policy: &Policy, root: &Context<'_, '_>, whole: &Whole) -> Vec<RiskFactor> {
    let mut context = root.new_inner_scope();
    let (item, tool) = (call.item_json(), call.tool_json());
    context.add_variable_from_value("item", to_cel(&item));
    context.add_variable_from_value("tool", to_cel(&tool));
    let sight = Sight { seen: Some(Seen { call, item: &item, tool: &tool }), whole };
    let rules = policy.rules.iter().filter(|rule| rule.over == Over::Calls);
    let mut factors: Vec<RiskFactor> = rules.flat_map(|rule| judge_rule(rule, &context, sight)).collect();
    if call.tool.is_none() {
        let text = format!("`{}` is no tool of the catalog, so nobody knows what it does", call.name);
        factors.push(own(call, TOOL_UNKNOWN, RiskLevel::High, text, "use a tool of the catalog"));
    }
    if let Some(why) = &call.unreadable {
        let text = "Arguments that cannot be understood".to_owned();
        let factor = own(call, ARGUMENTS_UNREADABLE, RiskLevel::High, text, "follow the schema of the tool");
        factors.push(RiskFactor { explanation: why.clone(), ..factor });
    }
    let worst = |factors: &[RiskFactor]| factors.iter().map(|f| f.severity).max().unwrap_or(RiskLevel::Low);
    let base = call.base();
    if base > worst(&factors) {
        let text = format!("Use of `{}`, which is {base} risk by itself", call.name);
        factors.push(own(call, TOOL_RISK, base, text, ""));
    }
    let declared = call.item.declared_risk.filter(|level| *level > worst(&factors));
    if let Some(level) = declared {
        let text = format!("The author of the plan calls this item {level} risk");
        factors.push(own(call, DECLARED_RISK, level, text, ""));
    }
    factors
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

fn judge_rule(rule: &Rule, context: &Context<'_, '_>, sight: Sight<'_>) -> Vec<RiskFactor> {
    let judged: Vec<(&Condition, Judgement)> =
        rule.conditions.iter().map(|condition| (condition, condition.judge(context))).collect();
    let item_id = sight.seen.map(|seen| seen.call.item.id.clone());
    let mut factors = Vec::new();
    if let Some((condition, _)) = judged.iter().find(|(_, judgement)| *judgement == Judgement::Yes) {
        factors.push(factor(&rule.outcome, item_id.clone(), explain(&rule.outcome.rule, condition, sight)));
    }
    if let Some((condition, _)) = judged.iter().find(|(_, judgement)| *judgement == Judgement::Unclear) {
        let fields: Vec<&str> = condition.fields.iter().map(String::as_str).collect();
        factors.push(RiskFactor {
            code: RULE_FAILED.to_owned(),
            description: "A rule that could not be applied".to_owned(),
            severity: rule.outcome.level.max(RiskLevel::High),
            mitigation: "mend the rule, or the field that it looks at".to_owned(),
            item_id,
            rule: rule.outcome.rule.clone(),
            explanation: format!("rule `{}` gave no answer on {}", rule.outcome.rule, fields.join(", ")),
        });
    }
    factors
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
    for field in &condition.fields {
        match (field.as_str(), sight.seen) {
            ("item.found", Some(seen)) => parts.extend(located(condition, &seen.call.found)),
            ("plan.found", _) => parts.extend(located(condition, &sight.whole.found)),
            (field, _) => parts.push(valued(field, sight)),
        }
    }
    match sight.seen.map(|seen| seen.call) {
        Some(call) if call.is_rollback => {
            format!("rule `{rule}` matched on the rollback of item `{}`: {}", call.item.id, parts.join(", "))
        }
        Some(call) => format!("rule `{rule}` matched on item `{}`: {}", call.item.id, parts.join(", ")),
        None => format!("rule `{rule}` matched on the plan: {}", parts.join(", ")),
    }
}

fn located(condition: &Condition, found: &[Found]) -> Vec<String> {
    let named = found.iter().filter(|found| condition.literals.contains(&found.pattern));
    named.map(|found| format!("`{}` in {}", found.pattern, found.place)).collect()
}

const LONGEST_VALUE: usize = 80;

fn valued(field: &str, sight: Sight<'_>) -> String {
    let mut path = field.split('.');
    let (Some(root), Some(name)) = (path.next(), path.next()) else { return field.to_owned() };
    // What people or earlier items wrote may be long, or private.
    if matches!(name, "arguments" | "context" | "goal" | "intent") {
        return field.to_owned();
    }
    let json = match (root, sight.seen) {
        ("item", Some(seen)) => seen.item,
        ("tool", Some(seen)) => seen.tool,
        _ => &sight.whole.json,
    };
    match json.get(name).map(written).filter(|text| text.len() <= LONGEST_VALUE) {
        Some(text) => format!("{field} is {text}"),
        None => field.to_owned(),
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(" and "),
        other => other.to_string(),
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
