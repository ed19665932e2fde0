//! Everything about a plan that has an effect, and why its risk is what it is.

use assent_proto::plan::v1::{DependencyType, Plan, RiskAssessment, RiskFactor, Strategy, WorkItem};
use assent_proto::review::v1::PlanReviewSession;
use serde_json::Value;

use super::steps::{item_level, ordered};
use crate::output::{Line, Tone, clean_lines, level, plain, state, to_json, toned};

/// The details of a session, item by item.
pub(crate) fn details(session: &PlanReviewSession) -> Vec<Line> {
    let mut lines = vec![
        toned("DETAILS", Tone::Bold),
        field("digest", &session.digest),
        field("version", &session.current_version.to_string()),
    ];
    let risk = session.risk.as_ref();
    if let Some(risk) = risk {
        lines.push(field("policy", &risk.policy_digest));
    }
    if let Some(plan) = &session.plan {
        whole(plan, &mut lines);
        for (number, item) in ordered(plan).into_iter().enumerate() {
            lines.push(Line::default());
            one(number + 1, item, plan, risk, &mut lines);
        }
    }
    let general: Vec<_> = risk.iter().flat_map(|r| &r.factors).filter(|f| f.item_id.is_empty()).collect();
    if !general.is_empty() {
        lines.push(Line::default());
        lines.push(toned("WHOLE PLAN", Tone::Bold));
        general.into_iter().for_each(|f| factor(f, &mut lines));
    }
    lines
}

fn field(name: &str, value: &str) -> Line {
    toned(format!("  {name:<18}"), Tone::Dim).then(value, Tone::Plain)
}

fn block(name: &str, value: &Value, lines: &mut Vec<Line>) {
    if value.is_null() {
        return;
    }
    lines.push(toned(format!("  {name}"), Tone::Dim));
    // JSON where YAML has no word for the value; what a reviewer sees must never be missing.
    let text = serde_saphyr::to_string(value).unwrap_or_else(|_| value.to_string());
    lines
        .extend(clean_lines(text.trim_end_matches('\n')).map(|line| plain(format!("    {line}").trim_end())));
}

fn whole(plan: &Plan, lines: &mut Vec<Line>) {
    let strategy = Strategy::try_from(plan.strategy).unwrap_or_default().as_str_name();
    lines.push(field("strategy", state(strategy, "STRATEGY_")));
    if !plan.origin.is_empty() {
        lines.push(field("origin", &plan.origin));
    }
    if let Some(constraints) = &plan.constraints
        && constraints != &Default::default()
    {
        block("constraints", &to_json(constraints).unwrap_or_default(), lines);
    }
}

fn one(number: usize, item: &WorkItem, plan: &Plan, risk: Option<&RiskAssessment>, lines: &mut Vec<Line>) {
    let (name, tone) = level(item_level(risk, &item.id));
    lines.push(
        toned(format!("{number}. "), Tone::Bold)
            .then(format!("[{name}] "), tone)
            .then(&item.name, Tone::Bold),
    );
    lines.push(field("id", &item.id));
    lines.push(field("tool", &item.tool));
    if !item.description.is_empty() {
        lines.push(field("description", &item.description));
    }
    let edges: Vec<_> = plan
        .dependencies
        .iter()
        .filter(|edge| edge.to == item.id)
        .map(|edge| format!("{} ({})", edge.from, edge_type(edge.r#type)))
        .collect();
    if !edges.is_empty() {
        lines.push(field("after", &edges.join(", ")));
    }
    let Ok(Value::Object(mut fields)) = to_json(item) else { return };
    // Said above, or for the planner only; all else has an effect and is shown as it is.
    for said in ["id", "name", "tool", "description", "objective"] {
        fields.remove(said);
    }
    for (name, value) in &fields {
        match value {
            Value::Object(_) | Value::Array(_) => block(name, value, lines),
            Value::String(text) => lines.push(field(name, short(text))),
            other => lines.push(field(name, &other.to_string())),
        }
    }
    if item.rollback.is_none() {
        lines.push(field("rollback", "none"));
    }
    risk.iter().flat_map(|r| &r.factors).filter(|f| f.item_id == item.id).for_each(|f| factor(f, lines));
}

/// An enum value without the name of its type.
fn short(text: &str) -> &str {
    let prefixes = ["WORK_ITEM_TYPE_", "WORK_ITEM_PRIORITY_", "RISK_LEVEL_"];
    prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text)
}

fn edge_type(number: i32) -> &'static str {
    match DependencyType::try_from(number) {
        Ok(DependencyType::Soft) => "order only",
        Ok(DependencyType::Data) => "uses its output",
        Ok(DependencyType::Dependency | DependencyType::Unspecified) | Err(_) => "must succeed",
    }
}

fn factor(factor: &RiskFactor, lines: &mut Vec<Line>) {
    let (name, tone) = level(factor.severity);
    lines.push(toned(format!("  ⚠ {name} "), tone).then(&factor.description, Tone::Plain));
    for (head, text) in
        [("why", &factor.explanation), ("rule", &factor.rule), ("mitigation", &factor.mitigation)]
    {
        if !text.is_empty() {
            lines.push(toned(format!("    {head:<12}"), Tone::Dim).then(text, Tone::Plain));
        }
    }
}

#[cfg(test)]
mod tests {
    use assent_proto::json;

    use super::*;

    #[test]
    fn every_field_with_an_effect_is_shown() {
        let session: PlanReviewSession =
            json::from_json(serde_json::from_str(include_str!("export.json")).unwrap()).unwrap();
        let shown = details(&session).iter().map(|l| l.paint(false)).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(shown);
    }
}
