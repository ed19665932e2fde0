//! Two changed plans that come from one, put together: what only one side changed is taken from it, what
//! both changed alike stands, and everything else is a conflict. Items are merged field by field, at
//! the granularity of [`diff`](crate::diff()).

mod conflict;
mod fields;
mod order;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

pub use conflict::{Conflict, ConflictKind};

use crate::dependency::{Dependency, DependencyType};
use crate::item::{ItemId, WorkItem};
use crate::plan::Plan;
use crate::record::{PLAN_FIELDS, Record};

/// Merges what `ours` (yours) and `theirs` made of `base`; every conflict there is, if there is one. The
/// three are sound plans of one session; what belongs to the session is taken from `ours`. The result
/// need not be sound: two dependencies that go together field by field may close a cycle, or an
/// argument may refer to an item that the other side removed. The caller validates.
pub fn merge(base: &Plan, ours: &Plan, theirs: &Plan) -> Result<Plan, Vec<Conflict>> {
    let mut conflicts = Vec::new();
    let mut merged = Plan { items: Vec::new(), dependencies: Vec::new(), ..ours.clone() };
    let shells = Sides { base, ours, theirs }.map(Record::of_plan);
    let shell = fields::merge(&PLAN_FIELDS, shells.as_ref(), None, &mut conflicts);
    if shell.write_to(&mut merged).is_err() {
        conflicts.push(whole(ConflictKind::FieldChanged, None, shells.map(|shell| Value::Object(shell.0))));
    }
    let items = Sides { base, ours, theirs }.map(by_id);
    merged.items = merge_items(&items, &mut conflicts);
    merged.dependencies = merge_dependencies(Sides { base, ours, theirs }, &items, &mut conflicts);
    order::merge(Sides { base, ours, theirs }, &mut merged.items, &mut conflicts);
    if conflicts.is_empty() { Ok(merged) } else { Err(conflicts) }
}

/// The same of the three plans.
#[derive(Clone, Copy)]
struct Sides<T> {
    base: T,
    ours: T,
    theirs: T,
}

impl<T> Sides<T> {
    fn map<U>(self, f: impl Fn(T) -> U) -> Sides<U> {
        Sides { base: f(self.base), ours: f(self.ours), theirs: f(self.theirs) }
    }

    fn as_ref(&self) -> Sides<&T> {
        Sides { base: &self.base, ours: &self.ours, theirs: &self.theirs }
    }

    /// The side whose value stands; none when both changed it, each to something else.
    fn settled(self, same: impl Fn(&T, &T) -> bool) -> Option<T> {
        let Self { base, ours, theirs } = self;
        if same(&ours, &theirs) || same(&base, &theirs) {
            Some(ours)
        } else {
            same(&base, &ours).then_some(theirs)
        }
    }
}

type Items<'p> = HashMap<&'p ItemId, &'p WorkItem>;

fn by_id(plan: &Plan) -> Items<'_> {
    plan.items.iter().map(|item| (&item.id, item)).collect()
}

/// The items that the merged plan holds, by id.
fn merge_items(items: &Sides<Items<'_>>, conflicts: &mut Vec<Conflict>) -> Vec<WorkItem> {
    let ids: BTreeSet<&ItemId> = items.ours.keys().chain(items.theirs.keys()).copied().collect();
    ids.into_iter()
        .filter_map(|id| {
            let sides = items.as_ref().map(|items| items.get(id).copied());
            match sides.settled(|a, b| a == b) {
                Some(item) => item.cloned(),
                None => merge_item(id, sides, conflicts),
            }
        })
        .collect()
}

/// An item that both sides changed, or one of them removed.
fn merge_item(
    id: &ItemId,
    sides: Sides<Option<&WorkItem>>,
    conflicts: &mut Vec<Conflict>,
) -> Option<WorkItem> {
    let records = sides.map(|item| item.map(Record::of_item));
    let kind = match &records {
        Sides { base: Some(base), ours: Some(ours), theirs: Some(theirs) } => {
            let merged = fields::merge_item(Sides { base, ours, theirs }, id, conflicts);
            match merged.into_item() {
                Ok(item) => return Some(item),
                Err(_) => ConflictKind::FieldChanged,
            }
        }
        // One number may be written in two ways.
        same if let Some(settled) = same.as_ref().settled(|a, b| fields::same(a.as_ref(), b.as_ref())) => {
            return settled.clone().and_then(|record| record.into_item().ok());
        }
        Sides { base: None, .. } => ConflictKind::ItemAdded,
        _ => ConflictKind::ChangedAndRemoved,
    };
    let values = records.map(|record| record.map(|record| Value::Object(record.0)).unwrap_or_default());
    conflicts.push(whole(kind, Some(id), values));
    None
}

/// A conflict about something as a whole.
fn whole(kind: ConflictKind, item: Option<&ItemId>, values: Sides<Value>) -> Conflict {
    let Sides { base, ours, theirs } = values;
    Conflict { kind, item_id: item.cloned(), field: String::new(), base, theirs, yours: ours }
}

type Edges<'p> = BTreeMap<(&'p ItemId, &'p ItemId), DependencyType>;

fn by_ends(plan: &Plan) -> Edges<'_> {
    plan.dependencies.iter().map(|edge| ((&edge.from, &edge.to), edge.kind)).collect()
}

fn merge_dependencies(
    plans: Sides<&Plan>,
    items: &Sides<Items<'_>>,
    conflicts: &mut Vec<Conflict>,
) -> Vec<Dependency> {
    let edges = plans.map(by_ends);
    let all: BTreeSet<_> = edges.ours.keys().chain(edges.theirs.keys()).copied().collect();
    let mut merged = BTreeMap::new();
    for ends @ (from, to) in all {
        let kinds = edges.as_ref().map(|edges| edges.get(&ends).copied());
        // A side that adds the dependency relies on both ends; the other side may have removed one.
        let gone = |other: &Items<'_>| {
            [from, to].into_iter().any(|id| items.base.contains_key(id) && !other.contains_key(id))
        };
        let lost = kinds.base.is_none()
            && (kinds.ours.is_some() && gone(&items.theirs) || kinds.theirs.is_some() && gone(&items.ours));
        match kinds.settled(|a, b| a == b) {
            Some(kind) if !lost => drop(kind.map(|kind| merged.insert(ends, kind))),
            _ => {
                let value = |kind: Option<DependencyType>| {
                    kind.map_or(Value::Null, |kind| json!({ "from": from, "to": to, "type": kind }))
                };
                conflicts.push(whole(ConflictKind::Dependency, Some(to), kinds.map(value)));
            }
        }
    }
    // As `ours` lists them, then what only the others have.
    let listed = plans.ours.dependencies.iter().chain(&plans.theirs.dependencies);
    let merged = listed.filter_map(|edge| {
        let kind = merged.remove(&(&edge.from, &edge.to))?;
        Some(Dependency { kind, ..edge.clone() })
    });
    merged.collect()
}
