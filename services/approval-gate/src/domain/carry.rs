//! What becomes of votes when a plan has a new version: one that covers nothing that changed is kept.

use std::collections::BTreeMap;

use assent_core::{Digest, Timestamp};
use assent_plan::RiskLevel;

use super::vote::Vote;

/// Why a vote does not count any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dismissal {
    /// The plan is riskier than what was voted on.
    RiskRose(RiskLevel, RiskLevel),
    /// An item came that the voter did not see.
    ItemAdded(String),
    /// An item does something else now.
    ItemChanged(String),
    /// An item went, on which others may have relied.
    ItemRemoved(String),
    /// The order of items or the plan's own limits changed.
    PlanChanged,
}

impl Dismissal {
    /// The name that callers see.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::RiskRose(..) => "RISK_ROSE",
            Self::ItemAdded(_) => "ITEM_ADDED",
            Self::ItemChanged(_) => "ITEM_CHANGED",
            Self::ItemRemoved(_) => "ITEM_REMOVED",
            Self::PlanChanged => "PLAN_CHANGED",
        }
    }

    /// For people.
    pub fn explanation(&self) -> String {
        match self {
            Self::RiskRose(before, now) => format!("the risk rose from {before} to {now} after the vote"),
            Self::ItemAdded(item) => format!("item {item} was added after the vote"),
            Self::ItemChanged(item) => format!("item {item} changed after the vote"),
            Self::ItemRemoved(item) => format!("item {item} was removed after the vote"),
            Self::PlanChanged => {
                "the order of items, or a limit of the plan, changed after the vote".to_owned()
            }
        }
    }
}

/// A vote that does not count any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dismissed {
    /// As it was given.
    pub vote: Vote,
    /// Stable reason.
    pub reason: String,
    /// The same for people.
    pub explanation: String,
    /// The version because of which it does not count.
    pub version: i32,
    /// Since when.
    pub at: Timestamp,
}

/// What a vote is about.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Root over every field that has an effect.
    pub digest: Digest,
    /// How risky it is.
    pub level: RiskLevel,
    /// Leaf of each item.
    pub items: &'a BTreeMap<String, Digest>,
}

/// Whether votes on `before` count for `after`.
///
/// # Errors
/// Why not.
pub fn carries(before: &Content<'_>, after: &Content<'_>) -> Result<(), Dismissal> {
    // The root covers every leaf that a vote on the whole plan covers: items, edges and the plan's own fields.
    if before.digest != after.digest {
        return Err(difference(before, after));
    }
    if after.level > before.level {
        return Err(Dismissal::RiskRose(before.level, after.level));
    }
    Ok(())
}

/// What changed, the first thing that a voter would want to know.
fn difference(before: &Content<'_>, after: &Content<'_>) -> Dismissal {
    let gone = |(id, leaf): (&String, &Digest)| match after.items.get(id) {
        None => Some(Dismissal::ItemRemoved(id.clone())),
        Some(now) if now != leaf => Some(Dismissal::ItemChanged(id.clone())),
        Some(_) => None,
    };
    let added = after.items.keys().find(|id| !before.items.contains_key(*id));
    let added = added.map(|id| Dismissal::ItemAdded(id.clone()));
    added.or_else(|| before.items.iter().find_map(gone)).unwrap_or(Dismissal::PlanChanged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Items = BTreeMap<String, Digest>;

    fn content(items: &Items, order: u8, level: RiskLevel) -> Content<'_> {
        let mut bytes = vec![order];
        for (id, leaf) in items {
            bytes.extend(id.as_bytes());
            bytes.extend(leaf.as_bytes());
        }
        Content { digest: Digest::of(&[&bytes]), level, items }
    }

    fn items() -> impl Strategy<Value = Items> {
        prop::collection::btree_map("[abc]", (0..2_u8).prop_map(|n| Digest::of(&[&[n]])), 0..4)
    }

    proptest! {
        #[test]
        fn only_votes_that_cover_nothing_that_changed_are_kept(
            old in items(), new in items(), (first, second) in (0..2_u8, 0..2_u8), (low, high) in (0..4_usize, 0..4_usize),
        ) {
            let (before, after) =
                (content(&old, first, RiskLevel::ALL[low]), content(&new, second, RiskLevel::ALL[high]));
            let outcome = carries(&before, &after);
            prop_assert_eq!(outcome.is_ok(), old == new && first == second && high <= low);
            match outcome {
                Ok(()) => {}
                Err(Dismissal::RiskRose(..)) => prop_assert!(old == new && high > low),
                Err(Dismissal::ItemAdded(id)) => prop_assert!(!old.contains_key(&id) && new.contains_key(&id)),
                Err(Dismissal::ItemRemoved(id)) => prop_assert!(old.contains_key(&id) && !new.contains_key(&id)),
                Err(Dismissal::ItemChanged(id)) => prop_assert!(old.contains_key(&id) && old.get(&id) != new.get(&id)),
                Err(Dismissal::PlanChanged) => prop_assert!(old == new && first != second),
            }
        }
    }
}
