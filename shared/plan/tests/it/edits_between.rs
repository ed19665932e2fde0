use assent_plan::edit::{Dependents, Upstream};
use assent_plan::*;
use proptest::prelude::*;
use serde_json::json;

use crate::generate::{any_plan, id};
use crate::mutate::{base, family};

fn completed(mut plan: Plan, catalog: &Catalog) -> Plan {
    complete::complete(&mut plan, catalog);
    plan
}

proptest! {
    #[test]
    fn edits_lead_from_one_plan_to_the_other((a, b, c) in family(), stranger in base()) {
        let catalog = Catalog::builtin().unwrap();
        let [a, b, c, stranger] = [a, b, c, stranger].map(|plan| completed(plan, &catalog));
        for (from, to) in [(&a, &b), (&b, &a), (&b, &c), (&a, &stranger), (&stranger, &c)] {
            let edits = edits_between(from, to);
            let sent: Vec<Edit> = serde_json::from_str(&serde_json::to_string(&edits).unwrap()).unwrap();
            prop_assert_eq!(&sent, &edits);
            let made = apply_edits(from, &sent, &catalog).unwrap();
            prop_assert_eq!(diff(&made, to), vec![]);
        }
    }

    #[test]
    fn without_a_difference_there_is_no_edit(plan in base()) {
        prop_assert_eq!(edits_between(&plan, &plan), vec![]);
    }

    #[test]
    fn arbitrary_plans_never_panic(a in any_plan(), b in any_plan()) {
        let _ = apply_edits(&a, &edits_between(&a, &b), &Catalog::builtin().unwrap());
    }
}

fn plan() -> Plan {
    let items = (0..3).map(|n| WorkItem::new(id(n), format!("Item {n}"), "shell")).collect();
    let edge = |from, to| Dependency { from: id(from), to: id(to), kind: DependencyType::Dependency };
    Plan { items, dependencies: vec![edge(0, 1), edge(1, 2)], ..Plan::new("goal") }
}

fn between(change: impl FnOnce(&mut Plan)) -> Vec<Edit> {
    let mut new = plan();
    change(&mut new);
    edits_between(&plan(), &new)
}

#[test]
fn edits_say_what_was_meant() {
    let text = |edits: Vec<Edit>| serde_json::to_value(edits).unwrap();
    assert_eq!(
        text(between(|plan| {
            plan.items[0].arguments.insert("command".into(), json!("ls"));
            plan.items[0].constraints.max_cost = Some(Money::ZERO);
        })),
        json!([{
            "edit": "update_work_item",
            "id": "item-0",
            "patch": { "arguments": { "command": "ls" }, "constraints": { "max_cost": "0" } },
            "mask": ["arguments.command", "constraints.max_cost"],
        }])
    );
    assert_eq!(
        text(between(|plan| plan.items[1].preferred_agent_type = "coder".into())),
        json!([{ "edit": "assign_agent", "id": "item-1", "agent_type": "coder" }])
    );
    assert_eq!(
        text(between(|plan| plan.items.swap(0, 2))),
        json!([{ "edit": "reorder_work_items", "ids": ["item-2", "item-1", "item-0"] }])
    );
    assert_eq!(
        between(|plan| {
            plan.items.push(WorkItem::new(id(3), "New", "shell"));
            plan.dependencies.push(Dependency { from: id(2), to: id(3), kind: DependencyType::Data });
        }),
        [Edit::AddWorkItem {
            item: Box::new(WorkItem::new(id(3), "New", "shell")),
            depends_on: vec![Upstream { item: id(2), kind: DependencyType::Data }],
        }]
    );
    let refuse = Dependents::Refuse;
    assert_eq!(
        between(|plan| {
            plan.items.drain(..2);
            plan.dependencies.clear();
        }),
        [
            Edit::RemoveDependency { from: id(1), to: id(2) },
            Edit::RemoveWorkItem { id: id(1), dependents: refuse },
            Edit::RemoveWorkItem { id: id(0), dependents: refuse },
        ]
    );
    // A dependency that is turned round is taken out before it is put in.
    assert_eq!(
        between(
            |plan| plan.dependencies[1] = Dependency { from: id(2), to: id(1), kind: DependencyType::Soft }
        ),
        [
            Edit::RemoveDependency { from: id(1), to: id(2) },
            Edit::AddDependency { from: id(2), to: id(1), kind: DependencyType::Soft },
        ]
    );
}
