//! The edits that lead from one plan to another, e.g. to what somebody made of it in a text editor.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Dependents, Edit, Upstream};
use crate::dependency::DependencyType;
use crate::diff::differences;
use crate::graph::PlanGraph;
use crate::item::{ItemId, Map, WorkItem};
use crate::order;
use crate::plan::Plan;
use crate::record::{ITEM_FIELDS, Record, split};

type Ends<'p> = (&'p ItemId, &'p ItemId);
type Edges<'p> = BTreeMap<Ends<'p>, DependencyType>;

/// Edits that make `new` of `old`, two sound plans, but for what servers set: what belongs to the
/// session, and what tools lend to items that leave it out.
pub fn edits_between(old: &Plan, new: &Plan) -> Vec<Edit> {
    let mut edits = whole_plan(old, new);
    let (before, after) = (items(old), items(new));
    let (was, is) = (edges(old), edges(new));
    for (from, to) in was.keys().copied().filter(|ends| !is.contains_key(ends)) {
        // What concerns a removed item goes with it.
        if after.contains_key(from) && after.contains_key(to) {
            edits.push(Edit::RemoveDependency { from: from.clone(), to: to.clone() });
        }
    }
    removals(old, &after, &was, &mut edits);
    let changed_items = before.iter().filter_map(|(id, was)| after.get(id).map(|is| (was, is)));
    edits.extend(changed_items.filter(|(was, is)| was != is).filter_map(|(was, is)| update(was, is)));
    let changed_edges = is.iter().filter(|(ends, kind)| was.get(ends).is_some_and(|was| was != *kind));
    edits.extend(changed_edges.map(|((from, to), kind)| Edit::ChangeDependencyType {
        from: (*from).clone(),
        to: (*to).clone(),
        kind: *kind,
    }));
    additions(new, &before, &was, &is, &mut edits);
    let (shown, wanted) = (order::ids(&old.items), order::ids(&new.items));
    if order::implied(&shown, &wanted) != wanted {
        edits.push(Edit::ReorderWorkItems { ids: wanted.into_iter().cloned().collect() });
    }
    edits
}

fn items(plan: &Plan) -> BTreeMap<&ItemId, &WorkItem> {
    plan.items.iter().map(|item| (&item.id, item)).collect()
}

fn edges(plan: &Plan) -> Edges<'_> {
    plan.dependencies.iter().map(|edge| ((&edge.from, &edge.to), edge.kind)).collect()
}

fn whole_plan(old: &Plan, new: &Plan) -> Vec<Edit> {
    let mut edits = Vec::new();
    if (&old.goal, &old.intent) != (&new.goal, &new.intent) {
        edits.push(Edit::SetGoal { goal: new.goal.clone(), intent: new.intent.clone() });
    }
    if old.strategy != new.strategy {
        edits.push(Edit::SetStrategy { strategy: new.strategy });
    }
    if old.constraints != new.constraints {
        edits.push(Edit::SetConstraints { constraints: new.constraints.clone() });
    }
    if old.context != new.context {
        edits.push(Edit::SetContext { context: new.context.clone() });
    }
    edits
}

/// Those that wait go first, so that nothing that is left ever waits for what is removed.
fn removals(old: &Plan, after: &BTreeMap<&ItemId, &WorkItem>, was: &Edges<'_>, edits: &mut Vec<Edit>) {
    let gone: BTreeSet<&ItemId> =
        old.items.iter().map(|item| &item.id).filter(|id| !after.contains_key(id)).collect();
    if gone.is_empty() {
        return;
    }
    for (from, to) in was.keys().filter(|(from, to)| gone.contains(from) && !gone.contains(to)) {
        edits.push(Edit::RemoveDependency { from: (*from).clone(), to: (*to).clone() });
    }
    let order = PlanGraph::of_sound_edges(old).order();
    for id in order.into_iter().rev().filter(|id| gone.contains(id)) {
        edits.push(Edit::RemoveWorkItem { id, dependents: Dependents::Refuse });
    }
}

fn additions(
    new: &Plan,
    before: &BTreeMap<&ItemId, &WorkItem>,
    was: &Edges<'_>,
    is: &Edges<'_>,
    edits: &mut Vec<Edit>,
) {
    let mut there: BTreeSet<&ItemId> = before.keys().copied().collect();
    let mut rest: Edges<'_> =
        is.iter().filter(|(ends, _)| !was.contains_key(ends)).map(|(e, k)| (*e, *k)).collect();
    for item in &new.items {
        if !there.insert(&item.id) {
            continue;
        }
        let own = rest.extract_if(.., |(from, to), _| *to == &item.id && there.contains(from));
        let depends_on = own.map(|((from, _), kind)| Upstream { item: from.clone(), kind }).collect();
        edits.push(Edit::AddWorkItem { item: Box::new(item.clone()), depends_on });
    }
    edits.extend(rest.into_iter().map(|((from, to), kind)| Edit::AddDependency {
        from: from.clone(),
        to: to.clone(),
        kind,
    }));
}

/// What is lent is named wherever it could follow another change, because the new text says it.
fn update(was: &WorkItem, is: &WorkItem) -> Option<Edit> {
    const LENT: [&str; 4] =
        ["rollback", "rollback_possible", "constraints.timeout", "constraints.max_retries"];

    let (old, new) = (Record::of_item(was), Record::of_item(is));
    let fields = ITEM_FIELDS.iter().flat_map(|(name, _)| differences(name, old.field(name), new.field(name)));
    let mut mask: BTreeSet<String> = fields.map(|difference| difference.field).collect();
    let id = is.id.clone();
    match mask.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => return None,
        ["preferred_agent_type"] => {
            return Some(Edit::AssignAgent { id, agent_type: is.preferred_agent_type.clone() });
        }
        _ => {}
    }
    if was.tool != is.tool
        || was.arguments != is.arguments && (was.rollback.is_some() || is.rollback.is_some())
    {
        mask.extend(LENT.map(str::to_owned));
    }
    let mut patch = Map::new();
    for path in &mask {
        put(&mut patch, path, new.get(path));
    }
    Some(Edit::UpdateWorkItem { id, patch, mask: mask.into_iter().collect() })
}

/// Puts what is there at `path` into `patch`; null says the same as absence, since the mask clears.
fn put(patch: &mut Map, path: &str, value: Option<&Value>) {
    let Some(value) = value.filter(|value| !value.is_null()) else { return };
    match split(path) {
        (field, None) => drop(patch.insert(field.to_owned(), value.clone())),
        (field, Some(name)) => {
            let members = patch.entry(field).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(members) = members {
                members.insert(name.to_owned(), value.clone());
            }
        }
    }
}
