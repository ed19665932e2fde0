use assent_plan::*;
use proptest::prelude::*;
use serde_json::json;

use crate::generate::{any_plan, id};
use crate::mutate::{base, family};

/// The plan but for the order of dependencies, which means nothing.
fn normal(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.dependencies.sort();
    plan
}

proptest! {
    #[test]
    fn changes_lead_from_one_plan_to_the_other((a, b, c) in family(), stranger in base()) {
        for (from, to) in [(&a, &b), (&b, &a), (&b, &c), (&a, &stranger), (&stranger, &c)] {
            let changes = diff(from, to);
            let stored: Vec<PlanChange> =
                serde_json::from_str(&serde_json::to_string(&changes).unwrap()).unwrap();
            let made = apply(from.clone(), &stored).unwrap();
            prop_assert_eq!(diff(&made, to), vec![]);
            prop_assert_eq!(normal(&made), normal(to));
        }
    }

    #[test]
    fn changes_of_another_plan_never_panic(plan in any_plan(), a in any_plan(), b in any_plan()) {
        let _ = apply(plan, &diff(&a, &b));
    }
}

fn plan() -> Plan {
    let items = (0..3).map(|n| WorkItem::new(id(n), format!("Item {n}"), "shell")).collect();
    let dependencies = vec![Dependency { from: id(0), to: id(1), kind: DependencyType::Soft }];
    Plan { items, dependencies, ..Plan::new("goal") }
}

/// What `change` makes of a plan that somebody else changed first.
fn late(meanwhile: impl FnOnce(&mut Plan), change: impl FnOnce(&mut Plan)) -> Result<Plan, ApplyError> {
    let (mut theirs, mut ours) = (plan(), plan());
    meanwhile(&mut theirs);
    change(&mut ours);
    apply(theirs, &diff(&plan(), &ours))
}

#[test]
fn changes_that_do_not_fit_are_refused() {
    let key = |n| LeafKey::Item(id(n));
    let edge = || LeafKey::Edge(id(0), id(1));
    let rename = |plan: &mut Plan| plan.items[2].name.push('x');
    let remove = |plan: &mut Plan| drop(plan.items.remove(2));
    let add = |plan: &mut Plan| plan.items.push(WorkItem::new(id(7), "New", "shell"));
    let cut = |plan: &mut Plan| plan.dependencies.clear();
    let harden = |plan: &mut Plan| plan.dependencies[0].kind = DependencyType::Dependency;
    let other = |plan: &mut Plan| plan.items[2].name = "Other".to_owned();

    assert!(late(|_| {}, rename).is_ok());
    assert_eq!(late(remove, rename), Err(ApplyError::Missing(key(2))));
    assert_eq!(late(remove, remove), Err(ApplyError::Missing(key(2))));
    assert_eq!(late(add, add), Err(ApplyError::Exists(key(7))));
    assert_eq!(late(other, rename), Err(ApplyError::Differs { key: key(2), field: "name".into() }));
    assert_eq!(late(other, remove), Err(ApplyError::Differs { key: key(2), field: String::new() }));
    assert_eq!(late(cut, cut), Err(ApplyError::Missing(edge())));
    assert_eq!(late(harden, cut), Err(ApplyError::Differs { key: edge(), field: "type".into() }));
    assert_eq!(late(remove, |plan| plan.items.swap(0, 2)), Err(ApplyError::Missing(key(2))));
}

#[test]
fn values_that_cannot_be_are_refused() {
    let mut renamed = plan();
    renamed.items[0].name = "Other".to_owned();
    let mut changes = diff(&plan(), &renamed);
    changes[0].new_value = json!(7);
    assert!(matches!(apply(plan(), &changes), Err(ApplyError::Unreadable { .. })));
    changes[0].field = "nonesuch".to_owned();
    let unknown = ApplyError::UnknownField { key: LeafKey::Item(id(0)), field: "nonesuch".to_owned() };
    assert_eq!(apply(plan(), &changes), Err(unknown));
    changes[0].affected_item_id = None;
    assert!(matches!(apply(plan(), &changes), Err(ApplyError::Unreadable { .. })));
}

#[test]
fn a_changed_estimate_leaves_the_plan_alone() {
    let estimate = PlanEstimate { total_work_items: 3, ..Default::default() };
    let change = diff::diff_estimates(&PlanEstimate::default(), &estimate).unwrap();
    assert_eq!(apply(plan(), &[change]), Ok(plan()));
}
