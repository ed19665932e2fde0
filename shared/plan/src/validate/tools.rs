//! Tools, their arguments, rollbacks and bounds.

use super::{Place, Report, codes};
use crate::bounds::{self, BoundError};
use crate::catalog::{SideEffects, Tool};
use crate::item::Map;
use crate::redact;
use crate::risk::RiskLevel;

pub(super) fn check_item(report: &mut Report<'_>, place: Place<'_>) {
    let item = place.item;
    check_call(report, place, "", &item.tool, &item.arguments);
    if let Some(rollback) = &item.rollback {
        check_call(report, place, "rollback.", &rollback.tool, &rollback.arguments);
    }
    check_bounds(report, place);
    let catalog = report.catalog;
    if let Some(tool) = catalog.get(&item.tool) {
        warn_about_undoing(report, place, tool);
        if item.constraints.max_retries.is_some_and(|n| n > 0) && !tool.idempotent {
            let message = format!("running `{}` twice is not the same as running it once", tool.name);
            report.warning(place, codes::RETRY_NOT_IDEMPOTENT, "constraints.max_retries", message);
        }
    }
    let risky = item.declared_risk.is_some_and(|level| level >= RiskLevel::High);
    if risky && item.objective.success_criteria.is_empty() {
        let message = "declared as high risk, but does not say how to tell that it succeeded";
        report.warning(place, codes::NO_SUCCESS_CRITERIA, "objective.success_criteria", message);
    }
}

fn check_call(report: &mut Report<'_>, place: Place<'_>, prefix: &str, name: &str, arguments: &Map) {
    let tool_field = format!("{prefix}tool");
    if name.is_empty() {
        report.error(place, codes::TOOL_REQUIRED, &tool_field, "a tool of the catalog must be named");
        return;
    }
    let catalog = report.catalog;
    if catalog.get(name).is_none() {
        let known: Vec<&str> = catalog.tools().map(|tool| tool.name.as_str()).collect();
        let message = format!("`{name}` is no tool of the catalog; there are {}", known.join(", "));
        report.error(place, codes::TOOL_UNKNOWN, &tool_field, message);
    }
    let limits = &report.plan.constraints;
    if limits.forbidden_tools.iter().any(|tool| tool == name) {
        report.error(place, codes::TOOL_FORBIDDEN, &tool_field, format!("the plan forbids `{name}`"));
    } else if !limits.allowed_tools.is_empty() && !limits.allowed_tools.iter().any(|tool| tool == name) {
        report.error(
            place,
            codes::TOOL_NOT_ALLOWED,
            &tool_field,
            format!("the plan does not allow `{name}`"),
        );
    }
    for error in catalog.check_arguments(name, arguments) {
        let field = format!("{prefix}arguments{}", dotted(&error.pointer));
        report.error(place, codes::ARGUMENTS_INVALID, &field, error.message);
    }
    if let Some(path) = redact::literal_secret(arguments) {
        let message = "holds what looks like a secret; refer to it as ${secret:NAME}";
        report.error(place, codes::LITERAL_SECRET, &format!("{prefix}arguments.{path}"), message);
    }
}

/// `/headers/accept` as `.headers.accept`.
fn dotted(pointer: &str) -> String {
    pointer.replace('/', ".").replace("~1", "/").replace("~0", "~")
}

fn check_bounds(report: &mut Report<'_>, place: Place<'_>) {
    for (at, bound) in place.item.bounds.iter().enumerate() {
        match bounds::check(bound) {
            // The limits report it.
            Ok(()) | Err(BoundError::TooLong) => {}
            Err(error) => {
                let field = format!("bounds[{at}].expression");
                report.error(place, codes::BOUND_INVALID, &field, error.to_string());
            }
        }
    }
}

fn warn_about_undoing(report: &mut Report<'_>, place: Place<'_>, tool: &Tool) {
    let item = place.item;
    let usual = tool.rollback_for(&item.arguments);
    let can_undo = item.rollback_possible != Some(false) && (item.rollback.is_some() || usual.is_some());
    if tool.side_effects >= SideEffects::Write && !can_undo {
        let message = format!("`{}` changes something and cannot be undone", tool.name);
        report.warning(place, codes::IRREVERSIBLE_ITEM, "rollback", message);
    }
    if item.rollback.is_some() && item.rollback_possible == Some(false) {
        let message = "will not be used, because rollback_possible is false";
        report.warning(place, codes::ROLLBACK_UNUSED, "rollback", message);
    }
    let other =
        item.rollback.as_ref().zip(usual).filter(|(own, usual)| own.tool == usual.tool && *own != usual);
    if let Some((own, _)) = other {
        let message = format!("`{}` would be applied to something else than the item acts on", own.tool);
        report.warning(place, codes::ROLLBACK_MISMATCH, "rollback.arguments", message);
    }
}
