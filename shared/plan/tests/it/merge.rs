use std::collections::{BTreeMap, BTreeSet};

use assent_plan::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::generate::{any_plan, id};
use crate::mutate::{Step, base, family, steps, walk};

fn same(a: &Plan, b: &Plan) -> bool {
    diff(a, b).is_empty()
}

proptest! {
    #[test]
    fn who_changes_nothing_changes_nothing((base, x, _) in family()) {
        for (ours, theirs, expected) in [(&x, &base, &x), (&base, &x, &x), (&x, &x, &x), (&base, &base, &base)] {
            let merged = merge(&base, ours, theirs).unwrap();
            prop_assert!(same(&merged, expected), "{:?}", diff(&merged, expected));
        }
    }

    #[test]
    fn it_does_not_matter_who_merges_whom((base, x, y) in family()) {
        match (merge(&base, &x, &y), merge(&base, &y, &x)) {
            (Ok(one), Ok(other)) => prop_assert_eq!(diff(&one, &other), vec![]),
            (Err(one), Err(other)) => {
                let turned: Vec<Conflict> = other
                    .into_iter()
                    .map(|c| Conflict { yours: c.theirs, theirs: c.yours, ..c })
                    .collect();
                prop_assert_eq!(one, turned);
            }
            (one, other) => prop_assert!(false, "{one:?} but {other:?}"),
        }
    }

    /// Against a model that knows nothing of plans: a flat list of values, each of which at most one
    /// side may change.
    #[test]
    fn every_change_is_in_the_merged_plan_or_in_a_conflict((base, x, y) in family()) {
        let merged = merge(&base, &x, &y);
        let (expected, conflict) = model(&base, &x, &y);
        match merged {
            Ok(merged) => {
                prop_assert!(!conflict);
                prop_assert_eq!(cells(&merged), expected);
                prop_assert!(keeps_order(&base, &x, &y, &merged), "order of the items");
            }
            Err(conflicts) => {
                let only_order = conflicts.iter().all(|c| c.kind == ConflictKind::Order);
                prop_assert!(conflict != only_order, "{conflicts:?}");
                prop_assert!(conflicts.iter().all(|c| c.yours != c.theirs && !c.to_string().is_empty()));
                prop_assert!(serde_json::to_value(&conflicts).is_ok());
            }
        }
    }

    #[test]
    fn changes_of_different_items_always_go_together(base in base(), x in steps(), y in steps()) {
        let fields = |steps: Vec<Step>, even: bool| -> Vec<Step> {
            let own = |n: usize| n % base.items.len() - (n % base.items.len()) % 2 + usize::from(!even);
            let fits = |n: usize| own(n) < base.items.len();
            let own = steps.into_iter().filter_map(|step| match step {
                Step::Field(n, field, donor) if fits(n) => Some(Step::Field(own(n), field, donor)),
                Step::Argument(n, name, value) if fits(n) => Some(Step::Argument(own(n), name, value)),
                Step::Goal(goal) if even => Some(Step::Goal(goal)),
                Step::Context(name, value) if !even => Some(Step::Context(name, value)),
                _ => None,
            });
            own.collect()
        };
        let (x, y) = (fields(x, true), fields(y, false));
        let both = walk(&walk(&base, &x), &y);
        let merged = merge(&base, &walk(&base, &x), &walk(&base, &y)).unwrap();
        prop_assert_eq!(diff(&merged, &both), vec![]);
    }

    #[test]
    fn arbitrary_plans_never_panic(base in any_plan(), x in any_plan(), y in any_plan()) {
        let _ = merge(&base, &x, &y);
    }
}

type Cells = BTreeMap<String, Value>;

/// A plan as a flat list of everything that can change by itself.
fn cells(plan: &Plan) -> Cells {
    let mut cells = Cells::new();
    let mut add = |path: String, value: &Value, open: &[&str]| {
        let field = path.rsplit('/').next().unwrap_or_default().to_owned();
        match value.as_object().filter(|_| open.contains(&field.as_str())) {
            Some(members) => {
                cells.extend(members.iter().map(|(name, v)| (format!("{path}/{name}"), number(v))));
            }
            None => drop(cells.insert(path, number(value))),
        }
    };
    let shell = serde_json::to_value(plan).unwrap();
    for field in ["goal", "intent", "strategy", "constraints", "context", "origin"] {
        add(format!("plan/{field}"), &shell[field], &["constraints", "context"]);
    }
    for item in &plan.items {
        for (field, value) in serde_json::to_value(item).unwrap().as_object().unwrap() {
            let open = ["objective", "constraints", "arguments"];
            add(format!("item/{}/{field}", item.id), value, &open);
        }
    }
    for edge in &plan.dependencies {
        add(format!("edge/{}/{}", edge.from, edge.to), &json!(edge.kind), &[]);
    }
    cells
}

/// 1.0 is 1.
fn number(value: &Value) -> Value {
    match value {
        Value::Number(n) => match n.as_f64() {
            Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => json!(whole as i64),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(number).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, v)| (name.clone(), number(v))).collect())
        }
        _ => value.clone(),
    }
}

/// What the merge must yield, and whether there is a conflict.
fn model(base: &Plan, x: &Plan, y: &Plan) -> (Cells, bool) {
    let ids = |plan: &Plan| -> BTreeSet<ItemId> { plan.items.iter().map(|item| item.id.clone()).collect() };
    let of_item = |cells: &Cells, id: &ItemId| -> Cells {
        let prefix = format!("item/{id}/");
        cells
            .iter()
            .filter(|(path, _)| path.starts_with(&prefix))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    let (b, x_cells, y_cells) = (cells(base), cells(x), cells(y));
    let (in_b, in_x, in_y) = (ids(base), ids(x), ids(y));
    let mut conflict = false;
    let mut merged = Cells::new();
    for path in b.keys().chain(x_cells.keys()).chain(y_cells.keys()).collect::<BTreeSet<_>>() {
        let (was, ours, theirs) = (b.get(path), x_cells.get(path), y_cells.get(path));
        let value = if ours == theirs || was == theirs {
            ours
        } else if was == ours {
            theirs
        } else {
            conflict = true;
            None
        };
        merged.extend(value.map(|value| (path.clone(), value.clone())));
    }
    // An item that one side removed and the other changed, or that both added differently.
    for id in in_b.union(&in_x).chain(&in_y) {
        let [was, ours, theirs] = [&b, &x_cells, &y_cells].map(|cells| of_item(cells, id));
        let everywhere = in_b.contains(id) && in_x.contains(id) && in_y.contains(id);
        conflict |= !everywhere && was != ours && was != theirs && ours != theirs;
    }
    // A new dependency of an item that the other side removed.
    let gone = |from: &Plan, other: &BTreeSet<ItemId>| {
        from.dependencies.iter().any(|edge| {
            let new = !base.dependencies.iter().any(|e| e.from == edge.from && e.to == edge.to);
            new && [&edge.from, &edge.to].into_iter().any(|id| in_b.contains(id) && !other.contains(id))
        })
    };
    conflict |= gone(x, &in_y) || gone(y, &in_x);
    (merged, conflict)
}

/// Whether the merged order is the one that each side chose: what either has stands as it does there,
/// unless the other side moved it.
fn keeps_order(base: &Plan, x: &Plan, y: &Plan, merged: &Plan) -> bool {
    let order = |plan: &Plan, within: &Plan| -> Vec<ItemId> {
        plan.items.iter().map(|i| i.id.clone()).filter(|id| within.item(id).is_some()).collect()
    };
    let kept = |side: &Plan, other: &Plan| {
        let both = |plan: &Plan| -> Vec<ItemId> {
            order(plan, other)
                .into_iter()
                .filter(|id| side.item(id).is_some() && merged.item(id).is_some())
                .collect()
        };
        let other_moved = both(other) != both(base) && both(other) != both(side);
        other_moved || order(merged, side) == order(side, merged)
    };
    kept(x, y) && kept(y, x)
}

fn plan() -> Plan {
    let items = (0..3).map(|n| WorkItem::new(id(n), format!("Item {n}"), "shell")).collect();
    let dependencies = vec![Dependency { from: id(0), to: id(1), kind: DependencyType::Soft }];
    Plan { items, dependencies, ..Plan::new("goal") }
}

fn conflicts(ours: impl FnOnce(&mut Plan), theirs: impl FnOnce(&mut Plan)) -> Vec<Conflict> {
    let (mut yours, mut others) = (plan(), plan());
    ours(&mut yours);
    theirs(&mut others);
    merge(&plan(), &yours, &others).unwrap_err()
}

#[test]
fn each_kind_of_conflict_names_all_three_values() {
    let found = conflicts(
        |plan| plan.items[0].constraints.max_retries = Some(1),
        |plan| plan.items[0].constraints.max_retries = Some(2),
    );
    let expected = Conflict {
        kind: ConflictKind::FieldChanged,
        item_id: Some(id(0)),
        field: "constraints.max_retries".to_owned(),
        base: Value::Null,
        theirs: json!(2),
        yours: json!(1),
    };
    assert_eq!(found, [expected]);
    assert_eq!(
        found[0].to_string(),
        "`item-0`: both changed constraints.max_retries, each to something else"
    );

    let found = conflicts(|plan| plan.items[2].name.push('x'), |plan| drop(plan.items.pop()));
    assert_eq!((found[0].kind, &found[0].theirs), (ConflictKind::ChangedAndRemoved, &Value::Null));
    assert_eq!(found[0].yours["name"], "Item 2x");
    assert_eq!(found[0].to_string(), "you changed the work item `item-2`, which they removed");

    let found = conflicts(
        |plan| plan.items.push(WorkItem::new(id(3), "Mine", "shell")),
        |plan| plan.items.push(WorkItem::new(id(3), "Theirs", "shell")),
    );
    assert_eq!((found[0].kind, &found[0].base), (ConflictKind::ItemAdded, &Value::Null));

    let found =
        conflicts(|plan| plan.dependencies.clear(), |plan| plan.dependencies[0].kind = DependencyType::Data);
    assert_eq!((found[0].kind, &found[0].yours), (ConflictKind::Dependency, &Value::Null));
    assert_eq!(found[0].theirs, json!({ "from": "item-0", "to": "item-1", "type": "data" }));

    let found = conflicts(
        |plan| plan.dependencies.push(Dependency { from: id(1), to: id(2), kind: DependencyType::Data }),
        |plan| drop(plan.items.pop()),
    );
    assert_eq!((found[0].kind, found[0].item_id.clone()), (ConflictKind::Dependency, Some(id(2))));

    let found = conflicts(|plan| plan.items.swap(0, 1), |plan| plan.items.swap(1, 2));
    assert_eq!(
        (found[0].kind, &found[0].yours),
        (ConflictKind::Order, &json!(["item-1", "item-0", "item-2"]))
    );
}

#[test]
fn two_sound_plans_may_merge_into_a_cycle() {
    let connect = |from, to| {
        let mut plan = plan();
        plan.dependencies = vec![Dependency { from: id(from), to: id(to), kind: DependencyType::Dependency }];
        plan
    };
    let empty = Plan { dependencies: Vec::new(), ..plan() };
    let merged = merge(&empty, &connect(0, 1), &connect(1, 0)).unwrap();
    assert_eq!(merged.dependencies.len(), 2);
    assert!(PlanGraph::new(&merged).is_err());
}
