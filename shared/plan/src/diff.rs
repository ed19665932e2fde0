//! What changed from one plan to another. Items are matched by id and dependencies by their ends; the
//! order of dependencies is not compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::change::{PlanChange, PlanChangeType};
use crate::dependency::{Dependency, DependencyType};
use crate::estimate::PlanEstimate;
use crate::item::{ItemId, WorkItem};
use crate::json;
use crate::order;
use crate::plan::Plan;
use crate::record::{self, ITEM_FIELDS, PLAN_FIELDS, Record, to_value};

/// Field of the change that says in which order a plan shows its items.
pub(crate) const ORDER: &str = "order";

/// Every change that leads from `old` to `new`: the plan's own first, then items by id, new items in
/// their order, dependencies by their ends, and last the order of items; empty exactly when the two mean
/// and show the same. An item of a repeated id counts once, as its last.
pub fn diff(old: &Plan, new: &Plan) -> Vec<PlanChange> {
    let mut changes = plan_changes(old, new);
    item_changes(old, new, &mut changes);
    dependency_changes(old, new, &mut changes);
    changes.extend(order_change(old, new));
    changes
}

/// The change from one estimate to another, if they differ.
pub fn diff_estimates(old: &PlanEstimate, new: &PlanEstimate) -> Option<PlanChange> {
    let brief = |estimate: &PlanEstimate| {
        let cost =
            estimate.estimated_cost.map_or_else(|| "unknown cost".to_owned(), |cost| format!("${cost}"));
        format!("{cost}, {}", estimate.estimated_duration)
    };
    (old != new).then(|| PlanChange {
        kind: PlanChangeType::EstimateUpdated,
        affected_item_id: None,
        affected_item_name: String::new(),
        field: "estimate".to_owned(),
        description: format!("estimate changed from {} to {}", brief(old), brief(new)),
        old_value: to_value(old),
        new_value: to_value(new),
    })
}

fn plan_changes(old: &Plan, new: &Plan) -> Vec<PlanChange> {
    if record::same_shell(old, new) {
        return Vec::new();
    }
    let (old, new) = (Record::of_plan(old), Record::of_plan(new));
    let fields = PLAN_FIELDS.iter().flat_map(|name| differences(name, old.field(name), new.field(name)));
    fields.map(plan_change).collect()
}

fn plan_change(Difference { field, old, new }: Difference) -> PlanChange {
    PlanChange {
        kind: PlanChangeType::StrategyChanged,
        affected_item_id: None,
        affected_item_name: String::new(),
        description: describe(&field, &old, &new),
        field,
        old_value: old,
        new_value: new,
    }
}

/// The items that stand elsewhere than they would by themselves: each with the one before it.
fn order_change(old: &Plan, new: &Plan) -> Option<PlanChange> {
    let (before, after) = (order::ids(&old.items), order::ids(&new.items));
    let implied = order::implied(&before, &after);
    let moves = order::moves(&implied, &after);
    let description = match moves.as_slice() {
        [] => return None,
        [order::Move { item, after: None }] => format!("`{item}` now stands first"),
        [order::Move { item, after: Some(after) }] => format!("`{item}` now stands after `{after}`"),
        more => format!("the order of items changed: {} stand elsewhere", more.len()),
    };
    let (old, new) = (to_value(&order::places_in(&implied, &moves)), to_value(&moves));
    Some(PlanChange { description, ..plan_change(Difference { field: ORDER.to_owned(), old, new }) })
}

/// One field that differs.
pub(crate) struct Difference {
    pub(crate) field: String,
    pub(crate) old: Value,
    pub(crate) new: Value,
}

/// Where two values of `field` differ: member by member for two objects, where null stands for a
/// missing member. With a member that is null itself that would say two things, so such objects are
/// reported whole.
pub(crate) fn differences(field: &str, old: &Value, new: &Value) -> Vec<Difference> {
    let whole = || vec![Difference { field: field.to_owned(), old: old.clone(), new: new.clone() }];
    if json::same(old, new) {
        return Vec::new();
    }
    let (Value::Object(before), Value::Object(after)) = (old, new) else { return whole() };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let members = |name: &String| (before.get(name), after.get(name));
    let changed = names.into_iter().filter(|name| match members(name) {
        (Some(old), Some(new)) => !json::same(old, new),
        _ => true,
    });
    let changed: Vec<&String> = changed.collect();
    // The records always write all their members, so that null is the only way to say "absent" there.
    let free = record::has_free_members(field);
    let is_null = |value: Option<&Value>| value.is_some_and(Value::is_null);
    if !record::has_members(field)
        || free && changed.iter().any(|n| is_null(members(n).0) || is_null(members(n).1))
    {
        return whole();
    }
    let member = |name: &String| Difference {
        field: format!("{field}.{name}"),
        old: before.get(name).cloned().unwrap_or_default(),
        new: after.get(name).cloned().unwrap_or_default(),
    };
    changed.into_iter().map(member).collect()
}

fn item_changes(old: &Plan, new: &Plan, changes: &mut Vec<PlanChange>) {
    let (before, after) = (by_id(old), by_id(new));
    let ids: BTreeSet<&ItemId> = before.keys().chain(after.keys()).copied().collect();
    for id in ids {
        match (before.get(id), after.get(id)) {
            (Some(was), Some(is)) if was != is => changed_item(was, is, changes),
            (Some(was), None) => changes.push(PlanChange {
                old_value: to_value(was),
                description: format!("work item `{}` ({}) removed", was.id, was.name),
                ..item_change(PlanChangeType::WorkItemRemoved, was)
            }),
            _ => {}
        }
    }
    for id in order::ids(&new.items).into_iter().filter(|id| !before.contains_key(id)) {
        let Some(is) = after.get(id) else { continue };
        changes.push(PlanChange {
            new_value: to_value(is),
            description: format!("work item `{}` ({}) added", is.id, is.name),
            ..item_change(PlanChangeType::WorkItemAdded, is)
        });
    }
}

fn by_id(plan: &Plan) -> BTreeMap<&ItemId, &WorkItem> {
    plan.items.iter().map(|item| (&item.id, item)).collect()
}

fn changed_item(was: &WorkItem, is: &WorkItem, changes: &mut Vec<PlanChange>) {
    let (old, new) = (Record::of_item(was), Record::of_item(is));
    for (field, kind) in ITEM_FIELDS {
        for Difference { field, old, new } in differences(field, old.field(field), new.field(field)) {
            changes.push(PlanChange {
                description: format!("`{}`: {}", is.id, describe(&field, &old, &new)),
                field,
                old_value: old,
                new_value: new,
                ..item_change(kind, is)
            });
        }
    }
}

fn item_change(kind: PlanChangeType, item: &WorkItem) -> PlanChange {
    PlanChange {
        kind,
        affected_item_id: Some(item.id.clone()),
        affected_item_name: item.name.clone(),
        field: String::new(),
        description: String::new(),
        old_value: Value::Null,
        new_value: Value::Null,
    }
}

type Ends<'p> = (&'p ItemId, &'p ItemId);

fn dependency_changes(old: &Plan, new: &Plan, changes: &mut Vec<PlanChange>) {
    fn by_ends(edges: &[Dependency]) -> BTreeMap<Ends<'_>, DependencyType> {
        edges.iter().map(|edge| ((&edge.from, &edge.to), edge.kind)).collect()
    }
    let (before, after) = (by_ends(&old.dependencies), by_ends(&new.dependencies));
    if before == after {
        return;
    }
    let (old_items, new_items) = (by_id(old), by_id(new));
    let name_of = |id: &ItemId| new_items.get(id).or_else(|| old_items.get(id)).map(|item| item.name.clone());
    let value = |(from, to): Ends<'_>, kind: DependencyType| json!({ "from": from, "to": to, "type": kind });
    let ends: BTreeSet<Ends<'_>> = before.keys().chain(after.keys()).copied().collect();
    for (from, to) in ends {
        let (was, is) = (before.get(&(from, to)).copied(), after.get(&(from, to)).copied());
        let (kind, description) = match (was, is) {
            (None, Some(is)) => {
                (PlanChangeType::DependencyAdded, format!("`{to}` now waits for `{from}` ({is})"))
            }
            (Some(_), None) => {
                (PlanChangeType::DependencyRemoved, format!("`{to}` no longer waits for `{from}`"))
            }
            (Some(was), Some(is)) if was != is => (
                PlanChangeType::DependencyTypeChanged,
                format!("`{to}` waits for `{from}`: type changed from {was} to {is}"),
            ),
            _ => continue,
        };
        changes.push(PlanChange {
            kind,
            affected_item_id: Some(to.clone()),
            affected_item_name: name_of(to).unwrap_or_default(),
            field: if was.is_some() && is.is_some() { "type".to_owned() } else { String::new() },
            description,
            old_value: was.map_or(Value::Null, |kind| value((from, to), kind)),
            new_value: is.map_or(Value::Null, |kind| value((from, to), kind)),
        });
    }
}

/// Names the change; quotes values only where they are short.
fn describe(field: &str, old: &Value, new: &Value) -> String {
    const SHORT: usize = 60;
    let brief = |value: &Value| match value {
        Value::Null => Some("nothing".to_owned()),
        Value::String(text) if text.is_empty() => Some("nothing".to_owned()),
        Value::String(text) => (text.len() <= SHORT && !text.contains('\n')).then(|| format!("`{text}`")),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    };
    match (brief(old), brief(new)) {
        (Some(old), Some(new)) => format!("{field} changed from {old} to {new}"),
        _ => format!("{field} changed"),
    }
}
