//! Edits travel and still do the same.

use assent_plan::edit::{Dependents, Upstream};
use assent_plan::{
    Catalog, DependencyType, Edit, ItemId, Plan, Strategy, WorkItem, apply_edits, edits_between,
};
use assent_proto::plan::v1 as pb;
use serde_json::json;

use super::*;

fn plan() -> Plan {
    let text = "
goal: g
items:
  - { id: a, name: A, tool: file_write, arguments: { path: x, content: y } }
  - { id: b, name: B, tool: shell, arguments: { command: [ls] }, constraints: { timeout: 5s, max_retries: 2 } }
  - { id: c, name: C, tool: shell, arguments: { command: [ls] }, priority: high }
dependencies:
  - { from: a, to: b }
";
    Plan::from_yaml(text).unwrap()
}

fn id(text: &str) -> ItemId {
    text.parse().unwrap()
}

fn new(text: &str) -> WorkItem {
    WorkItem {
        arguments: json!({"command": ["ls"]}).as_object().unwrap().clone(),
        ..WorkItem::new(id(text), text, "shell")
    }
}

#[test]
fn each_edit_is_the_same_after_its_way() {
    let upstream = Upstream { item: id("a"), kind: DependencyType::Data };
    let edits = [
        Edit::AddWorkItem { item: Box::new(new("d")), depends_on: vec![upstream] },
        Edit::RemoveWorkItem { id: id("a"), dependents: Dependents::Reconnect },
        Edit::AddDependency { from: id("b"), to: id("c"), kind: DependencyType::Soft },
        Edit::RemoveDependency { from: id("a"), to: id("b") },
        Edit::ChangeDependencyType { from: id("a"), to: id("b"), kind: DependencyType::Data },
        Edit::SplitWorkItem { id: id("a"), into: vec![new("a1"), new("a2")] },
        Edit::MergeWorkItems { ids: vec![id("a"), id("b")], into: Box::new(new("ab")) },
        Edit::ReorderWorkItems { ids: vec![id("c"), id("a"), id("b")] },
        Edit::AssignAgent { id: id("a"), agent_type: "tester".to_owned() },
        Edit::SetStrategy { strategy: Strategy::Sequential },
        Edit::SetConstraints { constraints: plan().constraints },
        Edit::SetGoal { goal: "other".to_owned(), intent: String::new() },
        Edit::SetContext { context: plan().context },
    ];
    for edit in edits {
        assert_eq!(Edit::from_pb(edit.to_pb(), "").unwrap(), edit);
    }
}

#[test]
fn an_update_changes_what_its_mask_names_and_nothing_else() {
    let catalog = Catalog::builtin().unwrap();
    let mut changed = plan();
    changed.items[1].constraints.timeout = None;
    changed.items[1].name = "other".to_owned();
    changed.items[2].priority = assent_plan::Priority::Normal;
    changed.items[0].arguments.insert("path".to_owned(), json!("z"));
    let edits = edits_between(&plan(), &changed);
    let travelled: Vec<Edit> = edits.iter().map(|edit| Edit::from_pb(edit.to_pb(), "").unwrap()).collect();
    let expected = apply_edits(&plan(), &edits, &catalog).unwrap();
    assert_eq!(apply_edits(&plan(), &travelled, &catalog).unwrap(), expected);
    assert_eq!(expected.items[1].constraints.max_retries, Some(2));
}

#[test]
fn without_a_mask_what_is_set_counts() {
    let item = pb::WorkItem {
        id: "b".to_owned(),
        name: "other".to_owned(),
        constraints: Some(pb::WorkItemConstraints { max_retries: Some(0), ..Default::default() }),
        ..Default::default()
    };
    let edit = pb::edit::Edit::UpdateWorkItem(pb::UpdateWorkItem { item: Some(item), update_mask: None });
    let Edit::UpdateWorkItem { mut mask, .. } = Edit::from_pb(pb::Edit { edit: Some(edit) }, "").unwrap()
    else {
        panic!("an update")
    };
    mask.sort();
    assert_eq!(mask, ["constraints.max_retries", "name"]);
    let none = Edit::from_pb(pb::Edit { edit: None }, "edits[0]").unwrap_err();
    assert_eq!(none[0].field, "edits[0]");
}
