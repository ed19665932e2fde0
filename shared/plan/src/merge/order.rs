//! The order of the merged items.

use std::collections::{HashMap, HashSet};

use super::{Conflict, ConflictKind, Sides};
use crate::item::{ItemId, WorkItem};
use crate::order::{arrange, ids};
use crate::plan::Plan;
use crate::record::to_value;

/// Puts `items` in order: the items that both sides have as the side that moved them has them, and what
/// only one side has behind the item that it follows there.
pub(super) fn merge(plans: Sides<&Plan>, items: &mut [WorkItem], conflicts: &mut Vec<Conflict>) {
    let kept: HashSet<&ItemId> = items.iter().map(|item| &item.id).collect();
    let orders = plans.map(|plan| {
        let mut order = ids(&plan.items);
        order.retain(|id| kept.contains(id));
        order
    });
    let sets = orders.as_ref().map(|order| order.iter().copied().collect::<HashSet<&ItemId>>());
    let common = orders.as_ref().map(|order| {
        let both = |id: &&&ItemId| sets.ours.contains(*id) && sets.theirs.contains(*id);
        order.iter().filter(both).copied().collect::<Vec<&ItemId>>()
    });
    let only = |order: &[&'_ ItemId], other: &HashSet<&ItemId>| {
        order.iter().find(|id| !other.contains(*id)).map(|id| (*id).clone())
    };
    let ours_leads = if common.ours == common.theirs {
        // Either may lead; so that it does not matter who merges whom, the one whose own items come
        // later by name does.
        only(&orders.ours, &sets.theirs) >= only(&orders.theirs, &sets.ours)
    } else if common.base == common.theirs {
        true
    } else if common.base == common.ours {
        false
    } else {
        let Sides { base, ours, theirs } = common.map(|order| to_value(&order));
        let kind = ConflictKind::Order;
        let field = crate::diff::ORDER.to_owned();
        conflicts.push(Conflict { kind, item_id: None, field, base, theirs, yours: ours });
        return;
    };
    let order =
        if ours_leads { weave(&orders.ours, &orders.theirs) } else { weave(&orders.theirs, &orders.ours) };
    let order: Vec<ItemId> = order.into_iter().cloned().collect();
    arrange(items, &order);
}

/// `lead`, and in between what only `other` has, each behind the item that it follows there.
fn weave<'p>(lead: &[&'p ItemId], other: &[&'p ItemId]) -> Vec<&'p ItemId> {
    let known: HashSet<&ItemId> = lead.iter().copied().collect();
    let mut runs: HashMap<Option<&ItemId>, Vec<&ItemId>> = HashMap::new();
    let mut anchor = None;
    for id in other {
        if known.contains(id) {
            anchor = Some(*id);
        } else {
            runs.entry(anchor).or_default().push(id);
        }
    }
    let places = std::iter::once(None).chain(lead.iter().copied().map(Some));
    places.flat_map(|id| id.into_iter().chain(runs.remove(&id).unwrap_or_default())).collect()
}
