//! Fields of an item change.

use std::collections::BTreeSet;

use serde_json::Value;

use super::EditProblem;
use crate::catalog::Catalog;
use crate::complete::complete_item;
use crate::item::{Map, WorkItem};
use crate::record::{Record, has_free_members, has_members, split};

/// `item` with the fields that `mask` picks from `patch`, completed.
pub(super) fn updated(
    item: &WorkItem,
    patch: &Map,
    mask: &[String],
    catalog: &Catalog,
) -> Result<WorkItem, EditProblem> {
    let mask: BTreeSet<String> = if mask.is_empty() { paths(patch) } else { mask.iter().cloned().collect() };
    let mut record = Record::of_item(item);
    for path in &mask {
        if path == "id" {
            return Err(EditProblem::FieldFixed(item.id.clone()));
        }
        if !record.set(path, find(patch, path).cloned()) {
            return Err(EditProblem::FieldUnknown { item: item.id.clone(), field: path.clone() });
        }
    }
    let invalid = |error: serde_json::Error| EditProblem::FieldInvalid {
        item: item.id.clone(),
        why: error.to_string(),
    };
    let mut changed = record.into_item().map_err(invalid)?;
    return_loan(item, &mut changed, &mask, catalog);
    complete_item(&mut changed, catalog);
    Ok(changed)
}

/// The paths that a patch holds: whole fields, but single limits and parts of the objective, so that
/// what it does not mention stays.
fn paths(patch: &Map) -> BTreeSet<String> {
    let paths = patch.iter().flat_map(|(field, value)| match value {
        Value::Object(members) if has_members(field) && !has_free_members(field) => {
            members.keys().map(|name| format!("{field}.{name}")).collect()
        }
        _ => vec![field.clone()],
    });
    paths.collect()
}

fn find<'p>(patch: &'p Map, path: &str) -> Option<&'p Value> {
    let (field, member) = split(path);
    let value = patch.get(field)?;
    match member {
        None => Some(value),
        Some(name) => value.as_object()?.get(name),
    }
}

/// Takes from `changed` what the tool lent the item under its old tool and arguments, and nobody set now:
/// a rollback of the old path must not outlive the path.
fn return_loan(item: &WorkItem, changed: &mut WorkItem, mask: &BTreeSet<String>, catalog: &Catalog) {
    let (new_tool, new_arguments) = (changed.tool != item.tool, changed.arguments != item.arguments);
    let Some(tool) = catalog.get(&item.tool).filter(|_| new_tool || new_arguments) else { return };
    let set = |path: &str| mask.contains(path) || mask.contains(split(path).0);
    if new_tool && !set("constraints.timeout") && item.constraints.timeout == Some(tool.default_timeout) {
        changed.constraints.timeout = None;
    }
    if new_tool
        && !set("constraints.max_retries")
        && item.constraints.max_retries == Some(tool.default_retries)
    {
        changed.constraints.max_retries = None;
    }
    let lent = item.rollback.is_none() || item.rollback == tool.rollback_for(&item.arguments);
    let lent = lent && item.rollback_possible.is_none_or(|possible| possible == item.rollback.is_some());
    if lent && !set("rollback") {
        changed.rollback = None;
        if !set("rollback_possible") && (new_tool || item.rollback.is_some()) {
            changed.rollback_possible = None;
        }
    }
}
