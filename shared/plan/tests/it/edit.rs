use assent_core::{Code, Fault, Reason};
use assent_plan::edit::{Dependents, EditProblem, Upstream};
use assent_plan::*;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use serde_json::json;

use crate::generate::id;
use crate::mutate::base;

/// Items `item-0`… with edges written as `0>1`, soft ones as `0~1`, data as `0=1`.
fn plan(items: usize, edges: &str) -> Plan {
    let items = (0..items).map(|n| WorkItem::new(id(n), format!("Item {n}"), "nonesuch")).collect();
    let dependency = |edge: &str| {
        let kind = match edge.find(['>', '~', '=']).map(|at| &edge[at..=at]) {
            Some("~") => DependencyType::Soft,
            Some("=") => DependencyType::Data,
            _ => DependencyType::Dependency,
        };
        let (from, to) = edge.split_once(['>', '~', '=']).unwrap();
        Dependency { from: id(from.parse().unwrap()), to: id(to.parse().unwrap()), kind }
    };
    Plan { items, dependencies: edges.split_whitespace().map(dependency).collect(), ..Plan::new("goal") }
}

/// The edges of a plan, written as [`plan`] reads them, sorted.
fn edges(plan: &Plan) -> String {
    let number = |id: &ItemId| id.as_str().trim_start_matches("item-").to_owned();
    let mut edges: Vec<String> = plan
        .dependencies
        .iter()
        .map(|edge| {
            let sign = match edge.kind {
                DependencyType::Soft => '~',
                DependencyType::Data => '=',
                DependencyType::Dependency => '>',
            };
            format!("{}{sign}{}", number(&edge.from), number(&edge.to))
        })
        .collect();
    edges.sort();
    edges.join(" ")
}

fn shown(plan: &Plan) -> Vec<&str> {
    plan.items.iter().map(|item| item.id.as_str()).collect()
}

fn edited(plan: &Plan, edits: &[Edit]) -> Result<Plan, EditError> {
    apply_edits(plan, edits, &Catalog::builtin().unwrap())
}

fn refused(plan: &Plan, edit: Edit) -> EditProblem {
    // Something sound before it, to see that the index is the culprit's.
    let error = edited(plan, &[Edit::SetStrategy { strategy: Strategy::Sequential }, edit]).unwrap_err();
    assert_eq!(error.index, 1);
    error.problem
}

fn new(n: usize) -> WorkItem {
    WorkItem::new(id(n), format!("New {n}"), "nonesuch")
}

#[test]
fn an_item_is_added_behind_all_others() {
    let depends_on = vec![Upstream { item: id(1), kind: DependencyType::Data }];
    let add = |n, depends_on| Edit::AddWorkItem { item: Box::new(new(n)), depends_on };
    let made = edited(&plan(2, "0>1"), &[add(5, depends_on.clone())]).unwrap();
    assert_eq!((shown(&made), edges(&made)), (vec!["item-0", "item-1", "item-5"], "0>1 1=5".to_owned()));

    assert_eq!(refused(&plan(2, ""), add(1, vec![])), EditProblem::ItemExists(id(1)));
    assert_eq!(refused(&plan(1, ""), add(5, depends_on.clone())), EditProblem::ItemNotFound(id(1)));
    let twice = [depends_on.clone(), depends_on].concat();
    assert_eq!(refused(&plan(2, ""), add(5, twice)), EditProblem::EdgeExists { from: id(1), to: id(5) });
}

#[test]
fn what_becomes_of_dependents_is_chosen() {
    let whole = plan(6, "0>2 1~2 2=3 2~4 3>5 0~3");
    let remove = |dependents| Edit::RemoveWorkItem { id: id(2), dependents };
    let refusal = EditProblem::HasDependents { item: id(2), dependents: vec![id(3), id(4)] };
    assert_eq!(refused(&whole, remove(Dependents::Refuse)), refusal);
    assert_eq!(refusal.to_string(), "`item-3`, `item-4` wait for `item-2`; choose what becomes of them");

    let made = edited(&whole, &[remove(Dependents::Reconnect)]).unwrap();
    assert_eq!((made.items.len(), edges(&made)), (5, "0>3 0~4 1~3 1~4 3>5".to_owned()));

    let made = edited(&whole, &[remove(Dependents::Remove)]).unwrap();
    assert_eq!((shown(&made), edges(&made)), (vec!["item-0", "item-1", "item-4"], String::new()));

    let last = Edit::RemoveWorkItem { id: id(5), dependents: Dependents::Refuse };
    assert_eq!(edges(&edited(&whole, &[last]).unwrap()), "0>2 0~3 1~2 2=3 2~4");
}

fn update(n: usize, patch: serde_json::Value, mask: &[&str]) -> Edit {
    let mask = mask.iter().map(|path| (*path).to_owned()).collect();
    Edit::UpdateWorkItem { id: id(n), patch: patch.as_object().unwrap().clone(), mask }
}

#[test]
fn an_update_changes_what_its_mask_names() {
    let mut old = plan(1, "");
    old.items[0].description = "old".to_owned();
    old.items[0].constraints.max_cost = Some(Money::ZERO);
    old.items[0].arguments = Map::from_iter([("a".into(), json!(1)), ("b".into(), json!(2))]);
    let one = |edit| edited(&old, &[edit]).map(|plan| plan.items[0].clone());

    let patch = json!({ "name": "New", "description": "ignored", "arguments": { "a": null, "c": 3 } });
    let item =
        one(update(0, patch, &["name", "arguments.a", "arguments.b", "constraints.max_cost"])).unwrap();
    assert_eq!((item.name.as_str(), item.description.as_str()), ("New", "old"));
    assert_eq!(serde_json::Value::Object(item.arguments), json!({ "a": null }));
    assert_eq!(item.constraints.max_cost, None);

    // Without a mask, limits that the patch does not mention stay.
    let item = one(update(0, json!({ "constraints": { "timeout": "5s" }, "arguments": {} }), &[])).unwrap();
    assert_eq!(
        (item.constraints.timeout, item.constraints.max_cost),
        (Some(Span::from_secs(5)), Some(Money::ZERO))
    );
    assert!(item.arguments.is_empty());

    let unknown = |field: &str| EditProblem::FieldUnknown { item: id(0), field: field.to_owned() };
    for field in ["colour", "constraints.colour", "name.x", ""] {
        assert_eq!(refused(&old, update(0, json!({}), &[field])), unknown(field));
    }
    assert_eq!(refused(&old, update(0, json!({ "id": "x" }), &[])), EditProblem::FieldFixed(id(0)));
    for (patch, mask, why) in [
        (json!({ "priority": "urgent" }), vec![], "low, normal, high, critical"),
        (json!({ "constraints": { "timeout": 5 } }), vec![], "5"),
        (json!({}), vec!["tool"], "tool"),
        (json!({ "rollback": { "tool": "x", "args": {} } }), vec![], "args"),
    ] {
        let EditProblem::FieldInvalid { why: text, .. } = refused(&old, update(0, patch, &mask)) else {
            panic!("{why}")
        };
        assert!(text.contains(why), "{text}");
    }
    assert_eq!(refused(&old, update(7, json!({}), &[])), EditProblem::ItemNotFound(id(7)));
}

#[test]
fn what_a_tool_lent_follows_tool_and_arguments() {
    let catalog = Catalog::builtin().unwrap();
    let mut old = plan(1, "");
    old.items[0].tool = "file_write".to_owned();
    old.items[0].arguments = Map::from_iter([("path".into(), json!("a")), ("content".into(), json!(""))]);
    complete::complete(&mut old, &catalog);
    let one = |plan: &Plan, edit| edited(plan, &[edit]).unwrap().items.remove(0);
    let undoes = |item: &WorkItem| item.rollback.as_ref().map(|r| r.arguments["path"].clone());

    let moved = json!({ "arguments": { "path": "b" } });
    let item = one(&old, update(0, moved.clone(), &["arguments.path"]));
    assert_eq!(undoes(&item), Some(json!("b")));
    let item = one(&old, update(0, moved.clone(), &["arguments.path", "rollback"]));
    assert_eq!(
        (undoes(&item), item.rollback_possible),
        (Some(json!("b")), Some(true)),
        "cleared, so lent anew"
    );
    let item = one(&old, update(0, json!({ "tool": "shell", "arguments": { "command": "ls" } }), &[]));
    assert_eq!((item.rollback.is_none(), item.rollback_possible), (true, Some(false)));
    assert_eq!(item.constraints.timeout, catalog.get("shell").map(|tool| tool.default_timeout));

    // What the plan says itself stays.
    let mut own = old.clone();
    own.items[0].rollback.as_mut().unwrap().arguments.insert("path".into(), json!("elsewhere"));
    own.items[0].constraints.timeout = Some(Span::from_secs(77));
    let item = one(&own, update(0, moved, &["arguments.path"]));
    assert_eq!(undoes(&item), Some(json!("elsewhere")));
    let item = one(&own, update(0, json!({ "tool": "shell" }), &[]));
    assert_eq!(item.constraints.timeout, Some(Span::from_secs(77)));
}

#[test]
fn dependencies_come_go_and_change() {
    let old = plan(3, "0>1 1>2");
    let add = |from, to| Edit::AddDependency { from: id(from), to: id(to), kind: DependencyType::Soft };
    let cut = |from, to| Edit::RemoveDependency { from: id(from), to: id(to) };
    let turn =
        |from, to| Edit::ChangeDependencyType { from: id(from), to: id(to), kind: DependencyType::Data };
    assert_eq!(edges(&edited(&old, &[add(0, 2), cut(0, 1), turn(1, 2)]).unwrap()), "0~2 1=2");

    assert_eq!(refused(&old, add(0, 1)), EditProblem::EdgeExists { from: id(0), to: id(1) });
    assert_eq!(refused(&old, add(0, 9)), EditProblem::ItemNotFound(id(9)));
    assert_eq!(refused(&old, add(1, 1)), EditProblem::WouldCycle(vec![id(1)]));
    assert_eq!(refused(&old, cut(1, 0)), EditProblem::EdgeNotFound { from: id(1), to: id(0) });
    assert_eq!(refused(&old, turn(0, 2)), EditProblem::EdgeNotFound { from: id(0), to: id(2) });
    assert_eq!(refused(&old, add(2, 0)), EditProblem::WouldCycle(vec![id(0), id(1), id(2)]));
}

#[test]
fn a_batch_may_pass_through_a_cycle_but_not_end_in_one() {
    let old = plan(3, "0>1 1>2");
    let add = |from, to| Edit::AddDependency { from: id(from), to: id(to), kind: DependencyType::Dependency };
    let cut = Edit::RemoveDependency { from: id(0), to: id(1) };
    assert_eq!(edges(&edited(&old, &[add(1, 0), cut.clone()]).unwrap()), "1>0 1>2");
    let error = edited(&old, &[add(0, 2), add(2, 0), cut]).unwrap_err();
    assert_eq!((error.index, error.reason()), (1, Reason::new("WOULD_CYCLE")));
}

#[test]
fn the_parts_of_a_split_item_run_one_after_the_other() {
    let old = plan(4, "0~1 1=2 1~3");
    let split = |into: Vec<WorkItem>| Edit::SplitWorkItem { id: id(1), into };
    let made = edited(&old, &[split(vec![new(7), new(1), new(8)])]).unwrap();
    assert_eq!(shown(&made), ["item-0", "item-7", "item-1", "item-8", "item-2", "item-3"]);
    assert_eq!(edges(&made), "0~7 1>8 7>1 8=2 8~3");
    assert_eq!(made.items[2].name, "New 1");

    assert_eq!(refused(&old, split(vec![new(7)])), EditProblem::TooFewItems("split into"));
    assert_eq!(refused(&old, split(vec![new(7), new(7)])), EditProblem::ItemRepeated(id(7)));
    assert_eq!(refused(&old, split(vec![new(7), new(2)])), EditProblem::ItemExists(id(2)));
}

#[test]
fn merged_items_keep_what_they_wait_for_and_what_waits_for_them() {
    let old = plan(6, "0~2 0>3 1=3 2>3 2~4 3=4 3>5");
    let merge = |ids: &[usize], into| Edit::MergeWorkItems {
        ids: ids.iter().map(|n| id(*n)).collect(),
        into: Box::new(into),
    };
    let made = edited(&old, &[merge(&[3, 2], new(9))]).unwrap();
    assert_eq!(shown(&made), ["item-0", "item-1", "item-9", "item-4", "item-5"]);
    assert_eq!(edges(&made), "0>9 1=9 9=4 9>5");
    assert_eq!(edges(&edited(&old, &[merge(&[2, 3], new(3))]).unwrap()), "0>3 1=3 3=4 3>5");

    assert_eq!(refused(&old, merge(&[2], new(9))), EditProblem::TooFewItems("merge"));
    assert_eq!(refused(&old, merge(&[2, 2], new(9))), EditProblem::ItemRepeated(id(2)));
    assert_eq!(refused(&old, merge(&[2, 8], new(9))), EditProblem::ItemNotFound(id(8)));
    assert_eq!(refused(&old, merge(&[2, 3], new(4))), EditProblem::ItemExists(id(4)));
    // What lies between the two would have to wait for itself.
    let between = plan(3, "0>1 1>2");
    assert_eq!(refused(&between, merge(&[0, 2], new(0))), EditProblem::WouldCycle(vec![id(0), id(1)]));
}

#[test]
fn the_order_names_every_item_once() {
    let old = plan(3, "0>1");
    let order = |ids: &[usize]| Edit::ReorderWorkItems { ids: ids.iter().map(|n| id(*n)).collect() };
    let made = edited(&old, &[order(&[2, 0, 1])]).unwrap();
    assert_eq!(shown(&made), ["item-2", "item-0", "item-1"]);
    assert_eq!(PlanDigest::of(&made), PlanDigest::of(&old));

    assert_eq!(refused(&old, order(&[2, 0])), EditProblem::OrderIncomplete { missing: vec![id(1)] });
    assert_eq!(refused(&old, order(&[2, 0, 0])), EditProblem::ItemRepeated(id(0)));
    assert_eq!(refused(&old, order(&[2, 0, 1, 4])), EditProblem::ItemNotFound(id(4)));
}

#[test]
fn the_plan_as_a_whole_is_edited_too() {
    let limits = PlanConstraints { max_cost: Some(Money::ZERO), ..Default::default() };
    let context = Map::from_iter([("ticket".to_owned(), json!("A-1"))]);
    let made = edited(
        &plan(2, ""),
        &[
            Edit::SetStrategy { strategy: Strategy::Pipeline },
            Edit::SetConstraints { constraints: limits.clone() },
            Edit::SetGoal { goal: "better".to_owned(), intent: "i".to_owned() },
            Edit::SetContext { context: context.clone() },
            Edit::AssignAgent { id: id(1), agent_type: "coder".to_owned() },
        ],
    );
    let made = made.unwrap();
    assert_eq!((made.strategy, made.constraints, made.goal.as_str()), (Strategy::Pipeline, limits, "better"));
    assert_eq!((made.context, made.items[1].preferred_agent_type.as_str()), (context, "coder"));
}

#[test]
fn edits_read_as_people_write_them() {
    let text = r#"[
        { "edit": "add_work_item", "item": { "id": "a", "name": "A", "tool": "shell" } },
        { "edit": "add_dependency", "from": "item-0", "to": "a" },
        { "edit": "remove_work_item", "id": "item-1" },
        { "edit": "update_work_item", "id": "a", "patch": { "constraints": { "max_cost": 0.05 } } }
    ]"#;
    let edits: Vec<Edit> = serde_json::from_str(text).unwrap();
    let made = edited(&plan(2, ""), &edits).unwrap();
    assert_eq!(shown(&made), ["item-0", "a"]);
    assert_eq!(made.items[1].constraints.max_cost, Some(Money::from_micros(50_000)));
    assert_eq!(made.dependencies[0].kind, DependencyType::Dependency);
    for bad in [r#"{ "edit": "remove_work_item", "id": "a", "depedents": "remove" }"#, r#"{ "edit": "x" }"#] {
        assert!(serde_json::from_str::<Edit>(bad).is_err(), "{bad}");
    }
}

#[test]
fn errors_say_what_they_mean_to_a_caller() {
    let error = edited(&plan(2, "0>1"), &[update(0, json!({}), &["colour"])]).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::InvalidArgument, Reason::new("FIELD_UNKNOWN")));
    assert_eq!(error.violations()[0].field, "edits[0]");
    assert_eq!(error.to_string(), "edits[0]: `item-0`: work items have no field `colour`");
    let remove = Edit::RemoveWorkItem { id: id(0), dependents: Dependents::Refuse };
    let error = edited(&plan(2, "0>1"), &[remove]).unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    let metadata = [("edit_index", "0"), ("item_id", "item-0"), ("other_item_ids", "item-1")];
    assert_eq!(error.metadata(), metadata.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

proptest! {
    #[test]
    fn no_edits_change_nothing(plan in base()) {
        prop_assert_eq!(edited(&plan, &[]).unwrap(), plan);
    }

    /// Whatever is removed, split or merged, what ran before something else still does.
    #[test]
    fn regrouping_keeps_plans_sound_and_orders(plan in base(), a in 0..9_usize, b in 0..9_usize) {
        let before = PlanGraph::new(&plan).unwrap();
        let (a, b) = (id(a % plan.items.len()), id(b % plan.items.len()));
        let edits = [
            Edit::RemoveWorkItem { id: a.clone(), dependents: Dependents::Reconnect },
            Edit::RemoveWorkItem { id: a.clone(), dependents: Dependents::Remove },
            Edit::SplitWorkItem { id: a.clone(), into: vec![new(20), new(21)] },
            Edit::MergeWorkItems { ids: vec![a.clone(), b.clone()], into: Box::new(new(20)) },
        ];
        for edit in edits {
            let merging = matches!(edit, Edit::MergeWorkItems { .. });
            let made = match edited(&plan, std::slice::from_ref(&edit)) {
                Ok(made) => made,
                Err(error) => {
                    prop_assert!(merging, "{error}");
                    let between = before.descendants(&a).intersection(&before.ancestors(&b)).count()
                        + before.descendants(&b).intersection(&before.ancestors(&a)).count();
                    prop_assert!(a == b || between > 0, "{error}");
                    continue;
                }
            };
            let after = PlanGraph::new(&made).unwrap();
            for item in made.items.iter().map(|item| &item.id).filter(|id| before.contains(id)) {
                let kept = before.ancestors(item).into_iter().filter(|id| after.contains(id));
                let now = after.ancestors(item);
                let removed_with = matches!(edit, Edit::RemoveWorkItem { dependents: Dependents::Remove, .. });
                prop_assert!(removed_with || kept.into_iter().all(|id| now.contains(&id)));
            }
        }
    }
}
