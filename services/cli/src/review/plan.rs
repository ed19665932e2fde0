//! A plan before anybody is asked.

use assent_proto::plan::v1::{ApprovalRequirement, Plan, PlanEstimate, RiskAssessment};

use super::screen::{estimate, factors, requirement};
use super::steps::{item_level, ordered};
use crate::output::{Line, Tone, level, plain, toned};

fn field(name: &str, value: &str) -> Line {
    toned(format!("  {name:<20}"), Tone::Dim).then(value, Tone::Plain)
}

/// The plan with its estimate and risk, in short.
pub(crate) fn action_plan(
    plan: &Plan,
    expected: Option<&PlanEstimate>,
    risk: Option<&RiskAssessment>,
) -> Vec<Line> {
    let (name, tone) = level(risk.map_or(0, |r| r.level));
    let mut lines = vec![toned("ActionPlan", Tone::Bold)];
    if !plan.id.is_empty() {
        lines.push(field("plan_id", &plan.id));
    }
    lines.push(field("goal", &plan.goal));
    if !plan.intent.is_empty() {
        lines.push(field("intent", &plan.intent));
    }
    lines.push(toned(format!("  {:<20}", "overall_risk"), Tone::Dim).then(name, tone));
    lines.push(toned("  steps", Tone::Dim));
    for (number, item) in ordered(plan).into_iter().enumerate() {
        let (name, tone) = level(item_level(risk, &item.id));
        let tag = format!("[{name}]");
        lines.push(
            plain(format!("    {}. ", number + 1))
                .then(format!("{tag:<9}"), tone)
                .then(format!("{}  ", item.name), Tone::Plain)
                .then(&item.tool, Tone::Dim),
        );
    }
    lines.push(field("estimated", &estimate(expected)));
    let needed = risk.and_then(|r| r.requirement.as_ref());
    lines.push(field("requires_approval", &approval(needed, name)));
    for (code, factor) in factors(risk) {
        lines.push(toned("  • ", Tone::Warn).then(factor, Tone::Plain).then(format!("  {code}"), Tone::Dim));
    }
    lines
}

fn approval(needed: Option<&ApprovalRequirement>, risk: &str) -> String {
    match needed {
        Some(r) if r.auto_approvable => {
            format!("FALSE with --mode by-risk ({risk} risk); else {}", requirement(r))
        }
        Some(r) => format!("TRUE ({risk} risk): {}", requirement(r)),
        None => "TRUE".to_owned(),
    }
}
