//! Approving some items of a plan: what can run without the others, and what several approvers together allow.
//!
//! A vote covers the items that it names, as far as they can run without those that it does not name. An item is
//! approved when the votes that cover it meet the requirement by themselves. So two approvers who name different
//! items approve what both named, and whoever leaves an item out says no to it.

use std::collections::{BTreeMap, BTreeSet};

use super::decision::ItemState;

/// Of each item, those that it cannot run without.
pub type Needs = BTreeMap<String, BTreeSet<String>>;

/// What becomes of each item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// May run.
    pub approved: BTreeSet<String>,
    /// Were wanted by enough people, but need an item that must not run.
    pub skipped: BTreeSet<String>,
    /// Must not run.
    pub rejected: BTreeSet<String>,
}

impl Split {
    /// What becomes of an item that must not run; none for the others.
    pub fn left_out(&self, item: &str) -> Option<ItemState> {
        if self.rejected.contains(item) {
            Some(ItemState::Rejected)
        } else {
            self.skipped.contains(item).then_some(ItemState::Skipped)
        }
    }
}

/// The items of `wanted` that need nothing outside of it, not even through others.
pub fn closed(wanted: &BTreeSet<String>, needs: &Needs) -> BTreeSet<String> {
    let mut kept = wanted.clone();
    loop {
        let fits = |item: &&String| needs.get(*item).is_none_or(|needed| needed.is_subset(&kept));
        let next: BTreeSet<String> = kept.iter().filter(fits).cloned().collect();
        if next.len() == kept.len() {
            return kept;
        }
        kept = next;
    }
}

/// What `votes` (the items that each names; none for all) make of `items`. `enough` says whether votes, by their
/// places in the list, meet the requirement.
pub fn split(
    items: &BTreeSet<String>,
    needs: &Needs,
    votes: &[Option<BTreeSet<String>>],
    enough: impl Fn(&[usize]) -> bool,
) -> Split {
    let covered: Vec<_> =
        votes.iter().map(|vote| vote.as_ref().map(|wanted| closed(wanted, needs))).collect();
    let meet = |sets: &[Option<BTreeSet<String>>], item: &String| {
        let covers = |(place, set): (usize, &Option<BTreeSet<String>>)| {
            set.as_ref().is_none_or(|set| set.contains(item)).then_some(place)
        };
        enough(&sets.iter().enumerate().filter_map(covers).collect::<Vec<_>>())
    };
    let approved: BTreeSet<_> = items.iter().filter(|item| meet(&covered, item)).cloned().collect();
    // With rules under which more votes never hurt this changes nothing.
    let approved = closed(&approved, needs);
    let mut split = Split { approved, ..Split::default() };
    for item in items.difference(&split.approved) {
        let place = if meet(votes, item) { &mut split.skipped } else { &mut split.rejected };
        place.insert(item.clone());
    }
    split
}

/// `items` with everything that needs another before it: the order in which they can be taken out of a plan.
pub fn dependents_first(items: &BTreeSet<String>, needs: &Needs) -> Vec<String> {
    let mut left = items.clone();
    let mut order = Vec::new();
    while !left.is_empty() {
        let needed: BTreeSet<&String> = left.iter().filter_map(|item| needs.get(item)).flatten().collect();
        let mut next: Vec<String> = left.iter().filter(|item| !needed.contains(item)).cloned().collect();
        if next.is_empty() {
            // A cycle, which no sound plan has: any order is as good.
            next = left.iter().cloned().collect();
        }
        next.iter().for_each(|item| {
            left.remove(item);
        });
        order.extend(next);
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(items: &[&str]) -> BTreeSet<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    fn needs(pairs: &[(&str, &str)]) -> Needs {
        let mut needs = Needs::new();
        for (item, needed) in pairs {
            needs.entry((*item).to_owned()).or_default().insert((*needed).to_owned());
        }
        needs
    }

    #[test]
    fn what_needs_something_left_out_is_skipped() {
        let chain = needs(&[("b", "a"), ("c", "b")]);
        let all = set(&["a", "b", "c", "d"]);
        let one = split(&all, &chain, &[Some(set(&["a", "c", "d"]))], |votes| !votes.is_empty());
        let expected = Split { approved: set(&["a", "d"]), skipped: set(&["c"]), rejected: set(&["b"]) };
        assert_eq!(one, expected);
        assert_eq!(dependents_first(&set(&["a", "b", "c"]), &chain), ["c", "b", "a"]);
    }

    #[test]
    fn two_approvers_approve_what_both_named() {
        let all = set(&["a", "b", "c"]);
        let votes = [Some(set(&["a", "b"])), Some(set(&["a", "c"])), None];
        let two = |votes: &[usize]| votes.len() >= 2;
        let first = split(&all, &Needs::new(), &votes[..2], two);
        assert_eq!((first.approved, first.rejected), (set(&["a"]), set(&["b", "c"])));
        assert_eq!(split(&all, &Needs::new(), &votes, two).approved, all);
        assert_eq!(split(&all, &Needs::new(), &votes[..1], two).approved, set(&[]));
    }

    proptest! {
        #[test]
        fn only_what_enough_votes_cover_runs_and_never_without_what_it_needs(
            edges in prop::collection::vec((0..8_usize, 0..8_usize), 0..16),
            votes in prop::collection::vec(prop::option::of(prop::collection::btree_set(0..8_usize, 0..8)), 0..5),
            quorum in 1..4_usize,
        ) {
            let name = |number: usize| format!("i{number}");
            let all: BTreeSet<String> = (0..8).map(name).collect();
            let mut needs = Needs::new();
            for (one, other) in edges {
                if one > other {
                    needs.entry(name(one)).or_default().insert(name(other));
                }
            }
            let votes: Vec<Option<BTreeSet<String>>> =
                votes.into_iter().map(|vote| vote.map(|items| items.into_iter().map(name).collect())).collect();
            let found = split(&all, &needs, &votes, |votes| votes.len() >= quorum);
            let mut together = found.approved.clone();
            together.extend(found.skipped.iter().cloned());
            together.extend(found.rejected.iter().cloned());
            prop_assert_eq!(together.len(), found.approved.len() + found.skipped.len() + found.rejected.len());
            prop_assert_eq!(&together, &all);
            for item in &found.approved {
                let for_it = votes.iter().filter(|vote| vote.as_ref().is_none_or(|set| set.contains(item))).count();
                prop_assert!(for_it >= quorum);
                prop_assert!(needs.get(item).is_none_or(|needed| needed.is_subset(&found.approved)));
            }
        }
    }
}
