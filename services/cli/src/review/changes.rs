//! Two versions of a plan side by side.

use assent_proto::plan::v1::{PlanChange, PlanChangeType, PlanConflicts, RiskAssessment, VersionComparison};

use super::screen::estimate;
use crate::output::{Line, Tone, level, plain, toned};

/// Every difference, and what it does to estimate and risk.
pub(crate) fn changes(comparison: &VersionComparison) -> Vec<Line> {
    let title = format!("Version {} → {}", comparison.from_version, comparison.to_version);
    let mut lines = vec![toned(title, Tone::Bold)];
    let shown = comparison.changes.iter().filter(|c| c.r#type() != PlanChangeType::EstimateUpdated);
    lines.extend(shown.map(change));
    lines.push(toned(format!("  {}", counts(comparison)), Tone::Dim));
    lines.push(both(
        "estimated",
        &estimate(comparison.from_estimate.as_ref()),
        &estimate(comparison.to_estimate.as_ref()),
    ));
    let risk = |risk: &Option<RiskAssessment>| level(risk.as_ref().map_or(0, |risk| risk.level)).0;
    lines.push(both("risk", risk(&comparison.from_risk), risk(&comparison.to_risk)));
    lines
}

fn change(change: &PlanChange) -> Line {
    let (sign, tone) = match change.r#type() {
        PlanChangeType::WorkItemAdded | PlanChangeType::DependencyAdded => ("+", Tone::Good),
        PlanChangeType::WorkItemRemoved | PlanChangeType::DependencyRemoved => ("-", Tone::Bad),
        _ => ("~", Tone::Warn),
    };
    toned(format!("  {sign} "), tone).then(&change.description, Tone::Plain)
}

fn counts(comparison: &VersionComparison) -> String {
    format!(
        "items: {} added, {} removed, {} changed; dependencies: {} added, {} removed",
        comparison.work_items_added,
        comparison.work_items_removed,
        comparison.work_items_modified,
        comparison.dependencies_added,
        comparison.dependencies_removed,
    )
}

fn both(name: &str, from: &str, to: &str) -> Line {
    let text = if from == to { format!("{to} (as before)") } else { format!("{from} → {to}") };
    toned(format!("  {name:<10}"), Tone::Dim).then(text, Tone::Plain)
}

/// What others did meanwhile, where it does not go together with one's own edits.
pub(crate) fn conflicts(found: &PlanConflicts) -> Vec<Line> {
    let place = |conflict: &assent_proto::plan::v1::PlanConflict| match conflict.field.as_str() {
        "" => conflict.item_id.clone(),
        field if conflict.item_id.is_empty() => field.to_owned(),
        field => format!("{}: {field}", conflict.item_id),
    };
    let line = |conflict| plain(format!("  {}", place(conflict)));
    let told = |conflict: &assent_proto::plan::v1::PlanConflict| {
        toned(format!("    {}", conflict.description), Tone::Dim)
    };
    found.conflicts.iter().flat_map(|conflict| [line(conflict), told(conflict)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_reads_like_a_diff() {
        let added = PlanChange {
            r#type: PlanChangeType::WorkItemAdded.into(),
            description: "work item `d` was added".to_owned(),
            ..PlanChange::default()
        };
        let comparison = VersionComparison {
            from_version: 1,
            to_version: 3,
            changes: vec![added],
            work_items_added: 1,
            ..VersionComparison::default()
        };
        let told: Vec<_> = changes(&comparison).iter().map(|line| line.paint(false)).collect();
        assert_eq!(told[..2], ["Version 1 → 3", "  + work item `d` was added"]);
        assert_eq!(told[2], "  items: 1 added, 0 removed, 0 changed; dependencies: 0 added, 0 removed");
    }
}
