//! The order in which a plan shows its items. It has no effect on what runs, but readers chose it, so it
//! is kept, compared and merged like everything else that they see.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::item::{ItemId, WorkItem};

/// An item that stands elsewhere than it would by itself: after `after`, or first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Move {
    pub(crate) item: ItemId,
    pub(crate) after: Option<ItemId>,
}

/// Ids of `items` in their order, each once.
pub(crate) fn ids(items: &[WorkItem]) -> Vec<&ItemId> {
    let mut seen = HashSet::with_capacity(items.len());
    items.iter().map(|item| &item.id).filter(|id| seen.insert(*id)).collect()
}

/// Where the items of `new` stand when nobody chooses: those that stay in their old order, then those
/// that came in their new one.
pub(crate) fn implied<'p>(old: &[&'p ItemId], new: &[&'p ItemId]) -> Vec<&'p ItemId> {
    let (before, after): (HashSet<&ItemId>, HashSet<&ItemId>) =
        (old.iter().copied().collect(), new.iter().copied().collect());
    let stay = old.iter().filter(|id| after.contains(*id));
    let came = new.iter().filter(|id| !before.contains(*id));
    stay.chain(came).copied().collect()
}

/// The fewest moves that lead from one order of items to another of the same items.
pub(crate) fn moves(from: &[&ItemId], to: &[&ItemId]) -> Vec<Move> {
    if from == to {
        return Vec::new();
    }
    let place: HashMap<&ItemId, usize> = from.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let places: Vec<usize> = to.iter().filter_map(|id| place.get(id).copied()).collect();
    let stay: HashSet<usize> = longest_rise(&places).into_iter().collect();
    let moved = to.iter().enumerate().filter(|(_, id)| place.get(*id).is_none_or(|at| !stay.contains(at)));
    moved
        .map(|(at, id)| Move {
            item: (*id).clone(),
            after: at.checked_sub(1).map(|before| to[before].clone()),
        })
        .collect()
}

/// The same items where they stood in `from`.
pub(crate) fn places_in(from: &[&ItemId], moves: &[Move]) -> Vec<Move> {
    let before: HashMap<&ItemId, Option<&ItemId>> =
        from.iter().enumerate().map(|(at, id)| (*id, at.checked_sub(1).map(|at| from[at]))).collect();
    let place = |item: &ItemId| before.get(item).copied().flatten().cloned();
    moves.iter().map(|moved| Move { item: moved.item.clone(), after: place(&moved.item) }).collect()
}

/// The values of a longest part of `numbers` that rises; all numbers differ.
fn longest_rise(numbers: &[usize]) -> Vec<usize> {
    // `ends[n]`: index of the smallest number that ends a rise of length n + 1.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before.push(length.checked_sub(1).map(|length| ends[length]));
        if length == ends.len() { ends.push(at) } else { ends[length] = at }
    }
    std::iter::successors(ends.last().copied(), |at| before[*at]).map(|at| numbers[at]).collect()
}

/// Does what `moves` say; the first id that is not there otherwise.
pub(crate) fn apply(items: &mut [WorkItem], moves: &[Move]) -> Result<(), ItemId> {
    let known: HashSet<&ItemId> = items.iter().map(|item| &item.id).collect();
    let mut named = moves.iter().flat_map(|moved| [Some(&moved.item), moved.after.as_ref()]).flatten();
    if let Some(missing) = named.find(|id| !known.contains(id)) {
        return Err(missing.clone());
    }
    // Each moved item follows the one it names, and whatever had followed that one comes after it.
    let moved: HashSet<&ItemId> = moves.iter().map(|moved| &moved.item).collect();
    let mut order: Vec<&ItemId> =
        items.iter().map(|item| &item.id).filter(|id| !moved.contains(id)).collect();
    for Move { item, after } in moves {
        let at = match after {
            None => 0,
            Some(after) => order.iter().position(|id| *id == after).map_or(order.len(), |at| at + 1),
        };
        order.insert(at, item);
    }
    let order: Vec<ItemId> = order.into_iter().cloned().collect();
    arrange(items, &order);
    Ok(())
}

/// Sorts `items` as `order` names them; what it does not name goes last, as it stood.
pub(crate) fn arrange(items: &mut [WorkItem], order: &[ItemId]) {
    let place: HashMap<&ItemId, usize> = order.iter().enumerate().map(|(at, id)| (id, at)).collect();
    items.sort_by_key(|item| place.get(&item.id).copied().unwrap_or(usize::MAX));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;

    fn items(numbers: &[usize]) -> Vec<WorkItem> {
        numbers.iter().map(|n| WorkItem::new(format!("i{n}").parse().unwrap(), "n", "t")).collect()
    }

    fn order() -> impl Strategy<Value = Vec<usize>> {
        subsequence((0..12).collect::<Vec<usize>>(), 0..12).prop_shuffle()
    }

    proptest! {
        #[test]
        fn moves_lead_from_any_order_to_any_other(from in order(), to in order()) {
            let (from, to) = (items(&from), items(&to));
            let implied = implied(&ids(&from), &ids(&to));
            let moves = moves(&implied, &ids(&to));
            let mut walked: Vec<WorkItem> =
                implied.iter().map(|id| WorkItem::new((*id).clone(), "n", "t")).collect();
            apply(&mut walked, &moves).unwrap();
            prop_assert_eq!(ids(&walked), ids(&to));
            prop_assert!(moves.len() < to.len().max(1));
        }
    }

    #[test]
    fn one_item_that_moves_is_one_move() {
        let (from, to) = (items(&[0, 1, 2, 3]), items(&[0, 3, 1, 2]));
        let moves = moves(&ids(&from), &ids(&to));
        let moved =
            |after: &str| vec![Move { item: "i3".parse().unwrap(), after: Some(after.parse().unwrap()) }];
        assert_eq!(moves, moved("i0"));
        assert_eq!(places_in(&ids(&from), &moves), moved("i2"));
    }
}
