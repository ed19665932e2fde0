use std::collections::BTreeSet;

use assent_plan::diff::diff_estimates;
use assent_plan::*;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

use crate::generate::{any_plan, id, sound_plan};

fn plan(items: usize) -> Plan {
    let items = (0..items).map(|n| WorkItem::new(id(n), format!("Item {n}"), "shell")).collect();
    Plan { items, ..Plan::new("goal") }
}

/// Changes one thing and returns what the difference says of it.
fn one(change: impl FnOnce(&mut Plan)) -> PlanChange {
    let mut old = plan(2);
    old.dependencies.push(Dependency { from: id(0), to: id(1), kind: DependencyType::Dependency });
    let mut new = old.clone();
    change(&mut new);
    let changes = diff(&old, &new);
    assert_eq!(changes.len(), 1, "{changes:?}");
    changes.into_iter().next().unwrap()
}

#[test]
fn each_of_the_twelve_types_arises() {
    use PlanChangeType::*;

    let changes = [
        one(|plan| plan.items.push(WorkItem::new(id(2), "Item 2", "shell"))),
        one(|plan| drop(plan.items.remove(0))),
        one(|plan| plan.items[0].arguments = Map::from_iter([("command".to_owned(), json!("ls"))])),
        one(|plan| plan.items[0].objective.goal = "better".to_owned()),
        one(|plan| plan.items[0].constraints.max_retries = Some(1)),
        one(|plan| plan.items[0].preferred_agent_type = "coder".to_owned()),
        one(|plan| plan.dependencies.push(Dependency { from: id(1), to: id(0), kind: DependencyType::Data })),
        one(|plan| plan.dependencies.clear()),
        one(|plan| plan.dependencies[0].kind = DependencyType::Soft),
        one(|plan| plan.strategy = Strategy::Sequential),
        diff_estimates(
            &PlanEstimate::default(),
            &PlanEstimate { estimated_cost: Some(Money::from_micros(50_000)), ..Default::default() },
        )
        .unwrap(),
        one(|plan| plan.items[0].priority = Priority::High),
    ];
    let kinds: Vec<PlanChangeType> = changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, PlanChangeType::ALL);
    assert_eq!(
        kinds,
        [
            WorkItemAdded,
            WorkItemRemoved,
            WorkItemModified,
            WorkItemObjectiveChanged,
            WorkItemConstraintsChanged,
            AgentAssignmentChanged,
            DependencyAdded,
            DependencyRemoved,
            DependencyTypeChanged,
            StrategyChanged,
            EstimateUpdated,
            PriorityChanged,
        ]
    );
    let texts: Vec<&str> = changes.iter().map(|change| change.description.as_str()).collect();
    assert_eq!(
        texts,
        [
            "work item `item-2` (Item 2) added",
            "work item `item-0` (Item 0) removed",
            "`item-0`: arguments.command changed from nothing to `ls`",
            "`item-0`: objective.goal changed from nothing to `better`",
            "`item-0`: constraints.max_retries changed from nothing to 1",
            "`item-0`: preferred_agent_type changed from nothing to `coder`",
            "`item-0` now waits for `item-1` (data)",
            "`item-1` no longer waits for `item-0`",
            "`item-1` waits for `item-0`: type changed from dependency to soft",
            "strategy changed from `parallel` to `sequential`",
            "estimate changed from unknown cost, 0s to $0.05, 0s",
            "`item-0`: priority changed from `normal` to `high`",
        ]
    );
}

#[test]
fn old_and_new_values_are_whole() {
    let added = one(|plan| plan.items.push(WorkItem::new(id(2), "Item 2", "shell")));
    assert_eq!(added.old_value, Value::Null);
    let item: WorkItem = serde_json::from_value(added.new_value).unwrap();
    assert_eq!(item, WorkItem::new(id(2), "Item 2", "shell"));

    let changed = one(|plan| plan.dependencies[0].kind = DependencyType::Soft);
    assert_eq!(changed.affected_item_id, Some(id(1)));
    assert_eq!(changed.old_value["type"], "dependency");
    let edge: Dependency = serde_json::from_value(changed.new_value).unwrap();
    assert_eq!(edge, Dependency { from: id(0), to: id(1), kind: DependencyType::Soft });
}

#[test]
fn objects_differ_member_by_member() {
    let mut old = plan(1);
    old.items[0].arguments =
        Map::from_iter([("a".into(), json!(1)), ("b".into(), json!(1)), ("c".into(), json!([1]))]);
    let mut new = old.clone();
    new.items[0].arguments =
        Map::from_iter([("a".into(), json!(1.0)), ("b".into(), json!(2)), ("d".into(), json!({}))]);
    new.items[0].constraints.max_cost = Some(Money::from_micros(1));
    new.constraints.max_cost = Some(Money::from_micros(2));
    let changes = diff(&old, &new);
    let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
    let expected =
        ["constraints.max_cost", "constraints.max_cost", "arguments.b", "arguments.c", "arguments.d"];
    assert_eq!(fields, expected);
    assert_eq!((&changes[3].old_value, &changes[3].new_value), (&json!([1]), &Value::Null));

    let null = one(|plan| drop(plan.items[0].arguments.insert("n".into(), Value::Null)));
    assert_eq!(
        (null.field.as_str(), null.old_value, null.new_value),
        ("arguments", json!({}), json!({ "n": null }))
    );
}

proptest! {
    #[test]
    fn plans_that_do_not_differ_have_one_digest(plan in sound_plan(), other in sound_plan()) {
        // Fields of another plan, one at a time, so that near misses are common.
        for (at, donor) in other.items.iter().enumerate().filter(|(at, _)| *at < plan.items.len()) {
            let mut edited = plan.clone();
            edited.items[at] = donor.clone();
            let same = PlanDigest::of(&plan).unwrap() == PlanDigest::of(&edited).unwrap();
            prop_assert!(same || !diff(&plan, &edited).is_empty());
        }
    }

    #[test]
    fn the_order_of_items_is_one_change_and_that_of_dependencies_none(plan in sound_plan()) {
        let mut other = plan.clone();
        other.dependencies.reverse();
        prop_assert_eq!(diff(&plan, &other), vec![]);
        other.items.reverse();
        let fields: Vec<String> = diff(&plan, &other).into_iter().map(|change| change.field).collect();
        let expected: &[&str] = if plan.items.len() > 1 { &["order"] } else { &[] };
        prop_assert_eq!(fields, expected);
    }

    #[test]
    fn there_and_back_are_as_many_changes(a in any_plan(), b in any_plan()) {
        // Items that come may have to be put in their places; items that go leave none.
        let fields = |changes: Vec<PlanChange>| -> BTreeSet<_> {
            changes.into_iter().filter(|c| c.field != "order").map(|c| (c.affected_item_id, c.field)).collect()
        };
        prop_assert_eq!(fields(diff(&a, &b)), fields(diff(&b, &a)));
    }
}

#[test]
fn a_moved_item_says_where_it_stands() {
    let moved = one(|plan| plan.items.reverse());
    assert_eq!((moved.kind, moved.field.as_str()), (PlanChangeType::StrategyChanged, "order"));
    assert_eq!(moved.description, "`item-1` now stands first");
    assert_eq!(moved.new_value, json!([{ "item": "item-1", "after": null }]));
    assert_eq!(moved.old_value, json!([{ "item": "item-1", "after": "item-0" }]));
}

#[test]
fn changes_are_counted() {
    let old = Plan {
        dependencies: vec![Dependency { from: id(0), to: id(1), kind: DependencyType::Data }],
        ..plan(4)
    };
    let mut new = old.clone();
    new.items.remove(3);
    new.items.extend([WorkItem::new(id(7), "New", "shell"), WorkItem::new(id(8), "New", "shell")]);
    new.items[0].name.push('x');
    new.items[0].priority = Priority::High;
    new.items.swap(0, 1);
    new.dependencies[0] = Dependency { from: id(1), to: id(2), kind: DependencyType::Soft };
    let counts = ChangeCounts::of(&diff(&old, &new));
    let expected = ChangeCounts {
        work_items_added: 2,
        work_items_removed: 1,
        work_items_modified: 1,
        dependencies_added: 1,
        dependencies_removed: 1,
    };
    assert_eq!(counts, expected);
}
