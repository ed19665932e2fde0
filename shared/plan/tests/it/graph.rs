use std::collections::{BTreeMap, BTreeSet};

use assent_plan::graph::{CriticalPath, GraphError, Progress};
use assent_plan::*;
use proptest::prelude::*;

use crate::generate::{any_plan, id, sound_plan};

/// Items `item-0`… with edges written as `0>1`, soft ones as `0~1`.
fn plan(items: usize, edges: &str) -> Plan {
    let items = (0..items).map(|n| WorkItem::new(id(n), format!("Item {n}"), "shell")).collect();
    let dependency = |edge: &str| {
        let kind = if edge.contains('~') { DependencyType::Soft } else { DependencyType::Dependency };
        let (from, to) = edge.split_once(['>', '~']).unwrap();
        Dependency { from: id(from.parse().unwrap()), to: id(to.parse().unwrap()), kind }
    };
    Plan { items, dependencies: edges.split_whitespace().map(dependency).collect(), ..Plan::new("goal") }
}

fn ids(numbers: &[usize]) -> Vec<ItemId> {
    numbers.iter().map(|n| id(*n)).collect()
}

#[test]
fn layers_and_order_follow_dependencies_then_priority_then_id() {
    let mut plan = plan(5, "0>2 1>2 2>4");
    plan.items[3].priority = Priority::High;
    let graph = PlanGraph::new(&plan).unwrap();
    assert_eq!(graph.layers(), [ids(&[3, 0, 1]), ids(&[2]), ids(&[4])]);
    assert_eq!(graph.order(), ids(&[3, 0, 1, 2, 4]));
}

#[test]
fn the_critical_path_is_the_heaviest_chain() {
    let graph = PlanGraph::new(&plan(5, "0>1 1>4 2>3 3>4")).unwrap();
    let weight = |item: &ItemId| if *item == id(2) { 10 } else { 1 };
    assert_eq!(graph.critical_path(weight), CriticalPath { items: ids(&[2, 3, 4]), total: 12 });
    assert_eq!(graph.critical_path(|_| 0).total, 0);
    assert_eq!(PlanGraph::new(&plan(0, "")).unwrap().critical_path(|_| 1), CriticalPath::default());
}

#[test]
fn closures_tell_hard_from_soft() {
    let graph = PlanGraph::new(&plan(4, "0>1 1~2 2>3")).unwrap();
    let set = |numbers: &[usize]| ids(numbers).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(graph.descendants(&id(0)), set(&[1, 2, 3]));
    assert_eq!(graph.dependents(&id(0)), set(&[1]));
    assert_eq!(graph.ancestors(&id(3)), set(&[0, 1, 2]));
    assert_eq!(graph.requirements(&id(3)), set(&[2]));
    assert_eq!(graph.ancestors(&id(9)), set(&[]));
}

#[test]
fn failure_blocks_hard_dependents_only() {
    let graph = PlanGraph::new(&plan(3, "0>1 0~2")).unwrap();
    let state = |first| move |item: &ItemId| if *item == id(0) { first } else { Progress::Pending };
    assert_eq!(graph.ready(state(Progress::Pending)), ids(&[0]));
    assert_eq!(graph.ready(state(Progress::Running)), ids(&[]));
    assert_eq!(graph.ready(state(Progress::Succeeded)), ids(&[1, 2]));
    assert_eq!(graph.ready(state(Progress::Failed)), ids(&[2]));
    assert_eq!(graph.blocked(state(Progress::Failed)), ids(&[1]));
    assert_eq!(graph.blocked(state(Progress::Running)), ids(&[]));
}

#[test]
fn what_is_no_graph_is_refused_with_its_members() {
    let error = |items, edges| PlanGraph::new(&plan(items, edges)).map(|_| ()).unwrap_err();
    assert_eq!(error(4, "0>1 1>2 2>1 3>0"), GraphError::Cycle(ids(&[1, 2])));
    assert_eq!(error(1, "0>0"), GraphError::Cycle(ids(&[0])));
    assert_eq!(error(1, "0>7"), GraphError::UnknownItem(id(7)));
    assert_eq!(
        error(3, "0>1 1>2 2>0").to_string(),
        "items wait for each other: item-0 -> item-1 -> item-2 -> item-0"
    );
}

proptest! {
    #[test]
    fn layers_and_order_respect_dependencies(plan in sound_plan()) {
        let graph = PlanGraph::new(&plan).unwrap();
        let layer: BTreeMap<ItemId, usize> = graph.layers().into_iter().enumerate()
            .flat_map(|(at, layer)| layer.into_iter().map(move |id| (id, at)))
            .collect();
        let order = graph.order();
        prop_assert_eq!(layer.len(), plan.items.len());
        prop_assert_eq!(order.len(), plan.items.len());
        let place = |id: &ItemId| order.iter().position(|o| o == id);
        for edge in &plan.dependencies {
            prop_assert!(layer[&edge.from] < layer[&edge.to]);
            prop_assert!(place(&edge.from) < place(&edge.to));
        }
        let path = graph.critical_path(|_| 1);
        prop_assert_eq!(path.total, graph.layers().len() as u64);
        prop_assert_eq!(path.items.len() as u64, path.total);
    }

    #[test]
    fn running_what_is_ready_ends_with_every_item_decided(plan in sound_plan(), failing in 0..9_usize) {
        let graph = PlanGraph::new(&plan).unwrap();
        let mut state: BTreeMap<ItemId, Progress> =
            plan.items.iter().map(|item| (item.id.clone(), Progress::Pending)).collect();
        while let Some(next) = graph.ready(|id| state[id]).first().cloned() {
            let outcome = if next == id(failing) { Progress::Failed } else { Progress::Succeeded };
            state.insert(next, outcome);
            while let Some(blocked) = graph.blocked(|id| state[id]).first().cloned() {
                state.insert(blocked, Progress::Skipped);
            }
        }
        prop_assert!(state.values().all(|s| !matches!(s, Progress::Pending)));
        for item in graph.dependents(&id(failing)) {
            prop_assert_eq!(state[&item], Progress::Skipped);
        }
    }

    #[test]
    fn arbitrary_plans_never_panic(plan in any_plan()) {
        let _ = PlanGraph::new(&plan);
    }
}
