//! How long a plan takes when only so many items run at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use assent_plan::Plan;

/// The time from the first start to the last end, where `spans` are the durations of the items in their order and at
/// most `limit` of them run at once. As the executor schedules: of the ready items the one of higher priority first, then
/// by id. The plan is a graph without cycles.
pub(super) fn makespan(plan: &Plan, spans: &[u64], limit: usize) -> u64 {
    let index: HashMap<_, _> = plan.items.iter().enumerate().map(|(at, item)| (&item.id, at)).collect();
    let mut next = vec![Vec::new(); plan.items.len()];
    let mut waits = vec![0_usize; plan.items.len()];
    for edge in &plan.dependencies {
        if let (Some(from), Some(to)) = (index.get(&edge.from), index.get(&edge.to)) {
            next[*from].push(*to);
            waits[*to] += 1;
        }
    }
    let rank = |at: usize| (plan.items[at].priority, Reverse(&plan.items[at].id), at);
    let mut ready: BinaryHeap<_> = (0..waits.len()).filter(|at| waits[*at] == 0).map(rank).collect();
    let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut now = 0_u64;
    loop {
        while running.len() < limit.max(1) {
            let Some((_, _, at)) = ready.pop() else { break };
            running.push(Reverse((spans[at].saturating_add(now), at)));
        }
        let Some(Reverse((end, at))) = running.pop() else { return now };
        now = end;
        for to in &next[at] {
            waits[*to] -= 1;
            if waits[*to] == 0 {
                ready.push(rank(*to));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use assent_plan::{Dependency, DependencyType, PlanGraph, WorkItem};
    use proptest::prelude::*;

    use super::*;

    /// Items in layers, each waiting for some of the layer before.
    fn plan(edges: &[(usize, usize)], count: usize) -> Plan {
        let mut plan = Plan::new("g");
        let id = |n: usize| format!("i{n}").parse().unwrap();
        plan.items = (0..count).map(|n| WorkItem::new(id(n), "I", "shell")).collect();
        let sound = edges.iter().filter(|(a, b)| a < b && *b < count);
        plan.dependencies = sound
            .map(|(a, b)| Dependency { from: id(*a), to: id(*b), kind: DependencyType::Dependency })
            .collect();
        plan.dependencies.sort();
        plan.dependencies.dedup();
        plan
    }

    #[test]
    fn a_limit_makes_independent_items_wait() {
        let plan = plan(&[], 5);
        let spans = [10, 10, 10, 10, 10];
        let by_limit: Vec<_> = [1, 2, 3, 5, 9].iter().map(|limit| makespan(&plan, &spans, *limit)).collect();
        assert_eq!(by_limit, [50, 30, 20, 10, 10]);
    }

    proptest! {
        #[test]
        fn between_the_critical_path_and_the_sum(
            edges in prop::collection::vec((0_usize..12, 0_usize..12), 0..30),
            spans in prop::collection::vec(0_u64..1_000, 12),
            limit in 1_usize..14,
        ) {
            let plan = plan(&edges, 12);
            let place = |id: &assent_plan::ItemId| plan.items.iter().position(|item| item.id == *id).unwrap();
            let critical = PlanGraph::new(&plan).unwrap().critical_path(|id| spans[place(id)]).total;
            let sum: u64 = spans.iter().sum();
            let took = makespan(&plan, &spans, limit);
            prop_assert!(took >= critical.max(sum / limit as u64) && took <= sum, "{critical} {took} {sum}");
            // No list of tasks is more than twice as slow as could be.
            prop_assert!(took <= critical + sum / limit as u64 + 1);
            prop_assert_eq!(makespan(&plan, &spans, 1), sum);
            prop_assert_eq!(makespan(&plan, &spans, 12), critical);
        }
    }
}
