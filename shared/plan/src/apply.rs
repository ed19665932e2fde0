//! Changes carried out: `apply(a, diff(a, b))` is `b`, but for the order of dependencies, which means
//! nothing, and for what belongs to the session (id, requester), which stays that of `a`.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::change::{PlanChange, PlanChangeType};
use crate::dependency::{Dependency, DependencyType};
use crate::diff::ORDER;
use crate::digest::LeafKey;
use crate::item::{ItemId, WorkItem};
use crate::json;
use crate::order;
use crate::plan::Plan;
use crate::record::Record;

/// A change that does not fit the plan: it was made from another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// It is about something that is not there.
    #[error("the plan has no `{0}`")]
    Missing(LeafKey),
    /// It adds something that is there already.
    #[error("the plan has `{0}` already")]
    Exists(LeafKey),
    /// It names no field.
    #[error("`{key}` has no field `{field}`")]
    UnknownField {
        /// What it is about.
        key: LeafKey,
        /// What it names.
        field: String,
    },
    /// Its old value is not what is there.
    #[error("`{field}` of `{key}` is not what the change says it was")]
    Differs {
        /// What it is about.
        key: LeafKey,
        /// Which field; empty for the whole.
        field: String,
    },
    /// A value is of the wrong kind.
    #[error("a changed value of `{key}` cannot be read: {why}")]
    Unreadable {
        /// What it is about.
        key: LeafKey,
        /// Why.
        why: String,
    },
}

/// Carries `changes` out on `plan`, all or none; a change that does not fit what it meets is refused.
/// Changes of the estimate are passed over: the estimate is no part of the plan.
pub fn apply(mut plan: Plan, changes: &[PlanChange]) -> Result<Plan, ApplyError> {
    let sorted = Sorted::of(changes)?;
    if !sorted.plan.is_empty() {
        let mut record = Record::of_plan(&plan);
        for change in sorted.plan {
            change_field(&mut record, change, &LeafKey::Plan)?;
        }
        record.write_to(&mut plan).map_err(unreadable(&LeafKey::Plan))?;
    }
    change_items(&mut plan, &sorted.items)?;
    change_dependencies(&mut plan, &sorted.dependencies)?;
    if let Some(change) = sorted.order {
        let moves: Vec<order::Move> = read(&LeafKey::Plan, &change.new_value)?;
        order::apply(&mut plan.items, &moves).map_err(|id| ApplyError::Missing(LeafKey::Item(id)))?;
    }
    Ok(plan)
}

/// Changes by what they are about.
#[derive(Default)]
struct Sorted<'c> {
    plan: Vec<&'c PlanChange>,
    items: Vec<(&'c ItemId, &'c PlanChange)>,
    dependencies: Vec<&'c PlanChange>,
    order: Option<&'c PlanChange>,
}

impl<'c> Sorted<'c> {
    fn of(changes: &'c [PlanChange]) -> Result<Self, ApplyError> {
        use PlanChangeType as Kind;

        let mut sorted = Self::default();
        for change in changes {
            match change.kind {
                Kind::EstimateUpdated => {}
                Kind::StrategyChanged if change.field == ORDER => sorted.order = Some(change),
                Kind::StrategyChanged => sorted.plan.push(change),
                Kind::DependencyAdded | Kind::DependencyRemoved | Kind::DependencyTypeChanged => {
                    sorted.dependencies.push(change);
                }
                Kind::WorkItemAdded
                | Kind::WorkItemRemoved
                | Kind::WorkItemModified
                | Kind::WorkItemObjectiveChanged
                | Kind::WorkItemConstraintsChanged
                | Kind::AgentAssignmentChanged
                | Kind::PriorityChanged => {
                    let id = change.affected_item_id.as_ref();
                    let id = id.ok_or_else(|| unreadable(&LeafKey::Plan)("the change names no item"))?;
                    sorted.items.push((id, change));
                }
            }
        }
        Ok(sorted)
    }
}

fn change_items(plan: &mut Plan, changes: &[(&ItemId, &PlanChange)]) -> Result<(), ApplyError> {
    if changes.is_empty() {
        return Ok(());
    }
    let place = places(&plan.items, changes);
    let mut records: BTreeMap<usize, Record> = BTreeMap::new();
    let mut removed: HashSet<&ItemId> = HashSet::new();
    let mut added: Vec<WorkItem> = Vec::new();
    for (id, change) in changes.iter().copied() {
        let key = || LeafKey::Item(id.clone());
        let at = place.get(id).copied().filter(|_| !removed.contains(id));
        if change.kind == PlanChangeType::WorkItemAdded {
            let item: WorkItem = read(&key(), &change.new_value)?;
            if at.is_some() || added.iter().any(|other| other.id == item.id) {
                return Err(ApplyError::Exists(key()));
            }
            if item.id != *id {
                return Err(ApplyError::Differs { key: key(), field: "id".to_owned() });
            }
            added.push(item);
            continue;
        }
        let at = at.ok_or_else(|| ApplyError::Missing(key()))?;
        let record = records.entry(at).or_insert_with(|| Record::of_item(&plan.items[at]));
        if change.kind == PlanChangeType::WorkItemRemoved {
            let was: WorkItem = read(&key(), &change.old_value)?;
            if !json::same_members(&Record::of_item(&was).0, &record.0) {
                return Err(ApplyError::Differs { key: key(), field: String::new() });
            }
            removed.insert(id);
        } else {
            change_field(record, change, &key())?;
        }
    }
    for (at, record) in records {
        let item = &mut plan.items[at];
        if !removed.contains(&item.id) {
            let key = LeafKey::Item(item.id.clone());
            *item = record.into_item().map_err(unreadable(&key))?;
        }
    }
    if !removed.is_empty() {
        plan.items.retain(|item| !removed.contains(&item.id));
    }
    plan.items.extend(added);
    Ok(())
}

/// Below this many changes, looking through the items for each costs less than an index of all items.
const FEW: usize = 8;

/// Where the items stand that `changes` name; the last one counts where an id is repeated.
fn places<'c>(items: &[WorkItem], changes: &[(&'c ItemId, &PlanChange)]) -> HashMap<&'c ItemId, usize> {
    if changes.len() <= FEW {
        let place = |id: &'c ItemId| Some((id, items.iter().rposition(|item| item.id == *id)?));
        return changes.iter().filter_map(|(id, _)| place(id)).collect();
    }
    let all: HashMap<&ItemId, usize> = items.iter().enumerate().map(|(at, item)| (&item.id, at)).collect();
    changes.iter().filter_map(|(id, _)| Some((*id, *all.get(id)?))).collect()
}

fn change_field(record: &mut Record, change: &PlanChange, key: &LeafKey) -> Result<(), ApplyError> {
    let field = &change.field;
    let unknown = || ApplyError::UnknownField { key: key.clone(), field: field.clone() };
    // The id is what the change goes by; it never changes.
    let was = record.get(field).filter(|_| field != "id").ok_or_else(unknown)?;
    if !json::same(was, &change.old_value) {
        return Err(ApplyError::Differs { key: key.clone(), field: field.clone() });
    }
    let value = Some(change.new_value.clone()).filter(|value| !value.is_null());
    if record.set(field, value) { Ok(()) } else { Err(unknown()) }
}

fn change_dependencies(plan: &mut Plan, changes: &[&PlanChange]) -> Result<(), ApplyError> {
    if changes.is_empty() {
        return Ok(());
    }
    type Ends = (ItemId, ItemId);
    let ends = |edge: &Dependency| -> Ends { (edge.from.clone(), edge.to.clone()) };
    let mut edges: HashMap<Ends, DependencyType> =
        plan.dependencies.iter().map(|edge| (ends(edge), edge.kind)).collect();
    let mut added = Vec::new();
    for change in changes {
        let edge = |value: &Value| -> Result<Option<Dependency>, ApplyError> {
            let to = change.affected_item_id.clone().map_or(LeafKey::Plan, LeafKey::Item);
            if value.is_null() { Ok(None) } else { read(&to, value).map(Some) }
        };
        let (was, is) = (edge(&change.old_value)?, edge(&change.new_value)?);
        if let Some(was) = &was {
            let key = || LeafKey::Edge(was.from.clone(), was.to.clone());
            match edges.remove(&ends(was)) {
                None => return Err(ApplyError::Missing(key())),
                Some(kind) if kind != was.kind => {
                    return Err(ApplyError::Differs { key: key(), field: "type".to_owned() });
                }
                Some(_) => {}
            }
        }
        if let Some(is) = is {
            if edges.insert(ends(&is), is.kind).is_some() {
                return Err(ApplyError::Exists(LeafKey::Edge(is.from, is.to)));
            }
            added.push(is);
        }
    }
    // Those that stay keep their places, so that a plan that went through changes reads like before.
    plan.dependencies.retain_mut(|edge| match edges.remove(&ends(edge)) {
        Some(kind) => {
            edge.kind = kind;
            true
        }
        None => false,
    });
    plan.dependencies.extend(added.into_iter().filter(|edge| edges.contains_key(&ends(edge))));
    Ok(())
}

fn read<T: DeserializeOwned>(key: &LeafKey, value: &Value) -> Result<T, ApplyError> {
    T::deserialize(value).map_err(unreadable(key))
}

fn unreadable<E: ToString>(key: &LeafKey) -> impl Fn(E) -> ApplyError {
    move |error| ApplyError::Unreadable { key: key.clone(), why: error.to_string() }
}
