//! Sizes, counts and ranges.

use super::{Place, Report, codes};
use crate::bounds;
use crate::item::Map;
use crate::json;
use crate::span::Span;

/// Most items of a plan.
pub(crate) const MAX_ITEMS: usize = 2_000;
/// Most dependencies of a plan.
pub(crate) const MAX_DEPENDENCIES: usize = 10_000;
const MAX_ENTRIES: usize = 64;
const MAX_TOOLS: usize = 256;
const MAX_LONG_TEXT: usize = 16_384;
const MAX_TEXT: usize = 8_192;
const MAX_LINE: usize = 2_048;
const MAX_NAME: usize = 256;
const MAX_WORD: usize = 128;
const MAX_OBJECT: usize = 2 << 20;
const MAX_NESTING: usize = 23;
const MAX_RETRIES: u32 = 20;
const MAX_TIMEOUT: Span = Span::from_secs(7 * 24 * 3_600);
const MAX_DURATION: Span = Span::from_secs(90 * 24 * 3_600);

/// Whether the plan is small enough to be looked into.
pub(super) fn check_counts(report: &mut Report<'_>) -> bool {
    let (items, edges) = (report.plan.items.len(), report.plan.dependencies.len());
    if items > MAX_ITEMS {
        let message = format!("{items} items; a plan may have {MAX_ITEMS}");
        report.plan_error(codes::TOO_MANY_ITEMS, "items", message);
    }
    if edges > MAX_DEPENDENCIES {
        let message = format!("{edges} dependencies; a plan may have {MAX_DEPENDENCIES}");
        report.plan_error(codes::TOO_MANY_DEPENDENCIES, "dependencies", message);
    }
    items <= MAX_ITEMS && edges <= MAX_DEPENDENCIES
}

pub(super) fn check_plan(report: &mut Report<'_>) {
    let plan = report.plan;
    let mut error = |code, field: &str, message: String| report.plan_error(code, field, message);
    if plan.goal.trim().is_empty() {
        error(codes::GOAL_REQUIRED, "goal", "a plan needs a goal".to_owned());
    }
    if plan.items.is_empty() {
        error(codes::ITEMS_REQUIRED, "items", "a plan needs at least one work item".to_owned());
    }
    for (field, text, limit) in [("goal", &plan.goal, MAX_TEXT), ("intent", &plan.intent, MAX_LINE)] {
        text_limit(&mut error, field, text, limit);
    }
    let limits = &plan.constraints;
    for (field, tools) in
        [("allowed_tools", &limits.allowed_tools), ("forbidden_tools", &limits.forbidden_tools)]
    {
        list_limit(&mut error, &format!("constraints.{field}"), tools, MAX_TOOLS, MAX_WORD);
    }
    if let Some(span) = limits.max_duration {
        span_limit(&mut error, "constraints.max_duration", span, MAX_DURATION);
    }
    object_limits(&mut error, "context", &plan.context);
}

pub(super) fn check_item(report: &mut Report<'_>, place: Place<'_>) {
    let item = place.item;
    let mut error = |code, field: &str, message: String| report.error(place, code, field, message);
    if item.name.trim().is_empty() {
        error(codes::NAME_REQUIRED, "name", "a work item needs a name".to_owned());
    }
    for (field, text, limit) in [
        ("name", &item.name, MAX_NAME),
        ("description", &item.description, MAX_LONG_TEXT),
        ("tool", &item.tool, MAX_WORD),
        ("preferred_agent_type", &item.preferred_agent_type, MAX_WORD),
        ("objective.goal", &item.objective.goal, MAX_TEXT),
    ] {
        text_limit(&mut error, field, text, limit);
    }
    let objective = &item.objective;
    for (field, list, limit) in [
        ("objective.success_criteria", &objective.success_criteria, MAX_LINE),
        ("objective.inputs", &objective.inputs, MAX_LINE),
        ("objective.outputs", &objective.outputs, MAX_LINE),
        ("required_capabilities", &item.required_capabilities, MAX_WORD),
    ] {
        list_limit(&mut error, field, list, MAX_ENTRIES, limit);
    }
    if item.bounds.len() > MAX_ENTRIES {
        error(
            codes::TOO_MANY_ENTRIES,
            "bounds",
            format!("{} bounds; {MAX_ENTRIES} are allowed", item.bounds.len()),
        );
    }
    for (at, bound) in item.bounds.iter().enumerate() {
        text_limit(&mut error, &format!("bounds[{at}].description"), &bound.description, MAX_LINE);
        text_limit(
            &mut error,
            &format!("bounds[{at}].expression"),
            &bound.expression,
            bounds::MAX_EXPRESSION,
        );
    }
    if let Some(span) = item.constraints.timeout {
        span_limit(&mut error, "constraints.timeout", span, MAX_TIMEOUT);
    }
    if let Some(retries) = item.constraints.max_retries.filter(|n| *n > MAX_RETRIES) {
        let message = format!("{retries} retries; {MAX_RETRIES} are allowed");
        error(codes::RETRIES_OUT_OF_RANGE, "constraints.max_retries", message);
    }
    object_limits(&mut error, "arguments", &item.arguments);
    if let Some(rollback) = &item.rollback {
        text_limit(&mut error, "rollback.tool", &rollback.tool, MAX_WORD);
        object_limits(&mut error, "rollback.arguments", &rollback.arguments);
    }
    warn_beyond_plan(report, place);
}

fn warn_beyond_plan(report: &mut Report<'_>, place: Place<'_>) {
    let (own, whole) = (&place.item.constraints, &report.plan.constraints);
    let timeout = own.timeout.zip(whole.max_duration).filter(|(own, whole)| own > whole);
    let cost = own.max_cost.zip(whole.max_cost).filter(|(own, whole)| own > whole);
    if let Some((own, whole)) = timeout {
        let message = format!("may take {own}, but the whole plan must end within {whole}");
        report.warning(place, codes::LIMIT_BEYOND_PLAN, "constraints.timeout", message);
    }
    if let Some((own, whole)) = cost {
        let message = format!("may cost ${own}, but the whole plan must not cost more than ${whole}");
        report.warning(place, codes::LIMIT_BEYOND_PLAN, "constraints.max_cost", message);
    }
}

fn text_limit(error: &mut impl FnMut(&'static str, &str, String), field: &str, text: &str, limit: usize) {
    if text.len() > limit {
        error(codes::TEXT_TOO_LONG, field, format!("{} bytes; {limit} are allowed", text.len()));
    }
}

fn list_limit(
    error: &mut impl FnMut(&'static str, &str, String),
    field: &str,
    list: &[String],
    entries: usize,
    length: usize,
) {
    if list.len() > entries {
        error(codes::TOO_MANY_ENTRIES, field, format!("{} entries; {entries} are allowed", list.len()));
    }
    for (at, text) in list.iter().enumerate().take(entries) {
        text_limit(error, &format!("{field}[{at}]"), text, length);
    }
}

fn span_limit(error: &mut impl FnMut(&'static str, &str, String), field: &str, span: Span, limit: Span) {
    if span == Span::ZERO || span > limit {
        error(
            codes::DURATION_OUT_OF_RANGE,
            field,
            format!("{span}; must be more than 0 and at most {limit}"),
        );
    }
}

fn object_limits(error: &mut impl FnMut(&'static str, &str, String), field: &str, map: &Map) {
    if json::is_deeper(map, MAX_NESTING) {
        let message = format!("objects and lists lie in each other more than {MAX_NESTING} deep");
        error(codes::NESTING_TOO_DEEP, field, message);
        return;
    }
    if let Some(path) = json::inexact_number(map) {
        let message = "lies beyond 2^53 - 1 and would be rounded; write it as a text".to_owned();
        error(codes::NUMBER_NOT_EXACT, &format!("{field}.{path}"), message);
    }
    let size = json::size(map);
    if size > MAX_OBJECT {
        error(codes::VALUE_TOO_LARGE, field, format!("{size} bytes; {MAX_OBJECT} are allowed"));
    }
}
