//! Plans change under review: each editor method, merging, previews, and what the review makes of it.

use assent_proto::approval::v1::{ListEntriesRequest, StartReviewRequest};
use assent_proto::plan::v1::{DependencyType, PlanChangeType, PlanConflicts, PlanVersion, RiskLevel};
use assent_proto::review::v1::{PlanReviewSession, PlanReviewState};
use assent_proto::versioning::v1::{
    ApplyEditsRequest, CompareVersionsRequest, PreviewEditsRequest, RestoreVersionRequest,
};
use assent_testkit::{Storage, both_storages};
use assent_tests::{Client, Embedded, Refusal, eventually, people, scenario};
use prost::Message as _;
use serde_json::{Value, json};

use crate::writers::{apply, history, ids, item, message, rename, submitted, three_steps, version};

both_storages!(
    each_editor_method_does_what_it_says,
    what_does_not_overlap_is_merged_and_what_does_is_explained,
    the_review_goes_on_with_the_new_version,
    who_may_not_edit_and_when_nobody_may,
    a_preview_changes_nothing_and_a_restore_adds_a_version,
    a_repeated_edit_is_made_once,
    an_edit_that_cannot_be_carried_out_says_why,
);

/// Calls a method of the editor with `edit` on `base`; the new version.
macro_rules! edited {
    ($client:expr, $session:expr, $base:expr, $method:ident: $request:ident, $edit:expr) => {{
        let request: assent_proto::versioning::v1::$request = message(json!({"session_id": $session, "base_version": $base, "edit": $edit}));
        $client.editor.clone().$method(request).await.unwrap().into_inner().version.unwrap()
    }};
}

fn edges(version: &PlanVersion) -> Vec<(String, String, DependencyType)> {
    let plan = version.plan.as_ref().unwrap();
    let mut edges: Vec<_> =
        plan.dependencies.iter().map(|d| (d.from.clone(), d.to.clone(), d.r#type())).collect();
    edges.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    edges
}

fn step(id: &str) -> Value {
    json!({"id": id, "name": id, "tool": "shell", "arguments": {"command": ["true"]}})
}

async fn each_editor_method_does_what_it_says(storage: Storage) {
    use DependencyType::{Data, Dependency};

    let stack = Embedded::start(storage).await;
    let dev = stack.client(people::DEV);
    let id = submitted(&stack, three_steps()).await.id;
    let edge = |from: &str, to: &str, kind| (from.to_owned(), to.to_owned(), kind);

    let v = edited!(dev, id, 1, add_work_item: AddWorkItemRequest, json!({"item": step("d"), "depends_on": [{"item_id": "c"}]}));
    assert_eq!((v.version_number, ids(&v)), (2, vec!["a", "b", "c", "d"]));
    assert_eq!(edges(&v)[2], edge("c", "d", Dependency));
    assert_eq!(v.modified_by.as_ref().unwrap().id, people::DEV);
    let kinds: Vec<_> = v.changes.iter().map(|change| change.r#type()).collect();
    assert_eq!(kinds, [PlanChangeType::WorkItemAdded, PlanChangeType::DependencyAdded]);

    let edit = json!({"item_id": "b", "dependents": "DEPENDENTS_CHOICE_RECONNECT"});
    let v = edited!(dev, id, 2, remove_work_item: RemoveWorkItemRequest, edit);
    assert_eq!(edges(&v), [edge("a", "c", Dependency), edge("c", "d", Dependency)]);

    let edit = json!({
        "item": {"id": "a", "name": "renamed", "constraints": {"timeout": "5s"}},
        "update_mask": "name,constraints.timeout",
    });
    let v = edited!(dev, id, 3, update_work_item: UpdateWorkItemRequest, edit);
    let a = item(v.plan.as_ref().unwrap(), "a").clone();
    assert_eq!((a.name.as_str(), a.tool.as_str()), ("renamed", "shell"), "the mask alone says what changes");
    let limits = a.constraints.unwrap();
    assert_eq!((limits.timeout.unwrap().seconds, limits.max_retries.is_some()), (5, true));

    let v = edited!(dev, id, 4, add_dependency: AddDependencyRequest, json!({"dependency": {"from": "a", "to": "d"}}));
    assert!(edges(&v).contains(&edge("a", "d", Dependency)));
    let edit = json!({"dependency": {"from": "a", "to": "d", "type": "DEPENDENCY_TYPE_DATA"}});
    let v = edited!(dev, id, 5, change_dependency_type: ChangeDependencyTypeRequest, edit);
    assert!(edges(&v).contains(&edge("a", "d", Data)));
    let v = edited!(dev, id, 6, remove_dependency: RemoveDependencyRequest, json!({"from": "a", "to": "d"}));
    assert_eq!(edges(&v).len(), 2);

    let v = edited!(dev, id, 7, split_work_item: SplitWorkItemRequest, json!({"item_id": "c", "into": [step("c1"), step("c2")]}));
    assert_eq!(ids(&v), ["a", "c1", "c2", "d"]);
    let row = [edge("a", "c1", Dependency), edge("c1", "c2", Dependency), edge("c2", "d", Dependency)];
    assert_eq!(edges(&v), row);
    let v = edited!(dev, id, 8, merge_work_items: MergeWorkItemsRequest, json!({"item_ids": ["c1", "c2"], "into": step("c")}));
    assert_eq!((ids(&v), edges(&v).len()), (vec!["a", "c", "d"], 2));
    let v = edited!(dev, id, 9, reorder_work_items: ReorderWorkItemsRequest, json!({"item_ids": ["d", "a", "c"]}));
    assert_eq!(ids(&v), ["d", "a", "c"]);
    let v = edited!(dev, id, 10, assign_agent: AssignAgentRequest, json!({"item_id": "d", "agent_type": "tester"}));
    assert_eq!(item(v.plan.as_ref().unwrap(), "d").preferred_agent_type, "tester");

    let batch = json!([
        {"set_strategy": {"strategy": "STRATEGY_SEQUENTIAL"}},
        {"set_goal": {"goal": "fewer steps"}},
        {"remove_work_item": {"item_id": "a", "dependents": "DEPENDENTS_CHOICE_REMOVE"}},
        {"add_work_item": {"item": step("z")}},
    ]);
    let answer = apply(&dev, &id, 11, batch).await.unwrap();
    let v = answer.version.unwrap();
    assert_eq!((ids(&v), answer.merged_from), (vec!["z"], None));
    // What was answered is what is kept, and each version is as it was made.
    assert_eq!(version(&dev, &id, None).await.unwrap(), v);
    assert_eq!(ids(&version(&dev, &id, Some(10)).await.unwrap()), ["d", "a", "c"]);
    assert_eq!(history(&dev, &id).await.len(), 12);
    stack.stop().await;
}

/// The conflicts in the details of a refusal.
fn conflicts(status: &tonic::Status) -> PlanConflicts {
    let rich = tonic_types::pb::Status::decode(status.details()).unwrap();
    let detail = rich.details.iter().find(|any| any.type_url.ends_with("assent.plan.v1.PlanConflicts"));
    PlanConflicts::decode(detail.expect("the conflicts").value.as_slice()).unwrap()
}

fn text(value: Option<prost_types::Value>) -> String {
    match value.and_then(|value| value.kind) {
        Some(prost_types::value::Kind::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

async fn what_does_not_overlap_is_merged_and_what_does_is_explained(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let (dev, lead) = (stack.client(people::DEV), stack.client(people::LEAD));
    let id = submitted(&stack, three_steps()).await.id;
    apply(&dev, &id, 1, json!([rename("a", "by dev")])).await.unwrap();
    // Another field of the same item.
    let priority = json!({"update_work_item": {"item": {"id": "a", "priority": "WORK_ITEM_PRIORITY_HIGH"}}});
    let merged = apply(&lead, &id, 1, json!([priority])).await.unwrap();
    assert_eq!(merged.merged_from, Some(2));
    let made = merged.version.unwrap();
    let a = item(made.plan.as_ref().unwrap(), "a");
    assert_eq!((made.version_number, a.name.as_str(), a.priority), (3, "by dev", 3));
    assert_eq!(made.changes.len(), 1, "its own change only: {:?}", made.changes);

    let request: ApplyEditsRequest =
        message(json!({"session_id": id, "base_version": 1, "edits": [rename("a", "by lead")]}));
    let status = lead.editor.clone().apply_edits(request).await.unwrap_err();
    let found = conflicts(&status);
    assert_eq!((status.code(), found.base_version, found.head_version), (tonic::Code::Aborted, 1, 3));
    let [conflict] = found.conflicts.try_into().unwrap();
    assert_eq!((conflict.item_id.as_str(), conflict.field.as_str()), ("a", "name"));
    let values = [conflict.base, conflict.theirs, conflict.yours].map(text);
    assert_eq!(values, ["a", "by dev", "by lead"]);
    assert_eq!(Refusal::from(status).reason, "EDIT_CONFLICT");

    // Two dependencies that are sound alone close a cycle together.
    apply(&dev, &id, 3, json!([{"add_work_item": {"item": step("d")}}])).await.unwrap();
    apply(&dev, &id, 4, json!([{"add_dependency": {"dependency": {"from": "c", "to": "d"}}}])).await.unwrap();
    let back = json!([{"add_dependency": {"dependency": {"from": "d", "to": "a"}}}]);
    assert_eq!(apply(&lead, &id, 4, back).await.unwrap_err().reason, "PLAN_INVALID");
    assert_eq!(version(&lead, &id, None).await.unwrap().version_number, 5);
    stack.stop().await;
}

async fn current(client: &Client, id: &str, number: i32) -> PlanReviewSession {
    eventually("the session to follow", || async {
        scenario::session(client, id).await.ok().filter(|session| session.current_version == number)
    })
    .await
}

async fn the_review_goes_on_with_the_new_version(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let (dev, lead) = (stack.client(people::DEV), stack.client(people::LEAD));
    let (admin, admin2) = (stack.client(people::ADMIN), stack.client(people::ADMIN2));
    let mut plan = three_steps();
    plan.items[0].set_declared_risk(RiskLevel::Critical);
    let session = submitted(&stack, plan).await;
    let id = session.id.as_str();
    assert_eq!(scenario::approve(&admin, &session).await.unwrap(), 1);
    lead.approval.clone().start_review(StartReviewRequest { session_id: id.to_owned() }).await.unwrap_err();
    admin.approval.clone().start_review(StartReviewRequest { session_id: id.to_owned() }).await.unwrap();

    let edits = json!([
        {"add_work_item": {"item": step("d")}},
        {"set_goal": {"goal": "four steps"}},
    ]);
    apply(&admin2, id, 1, edits).await.unwrap();
    let session2 = current(&dev, id, 2).await;
    assert_eq!(session2.state(), PlanReviewState::Pending);
    assert_eq!(session2.plan.as_ref().unwrap().goal, "four steps");
    let head = version(&dev, id, None).await.unwrap();
    assert_eq!((&session2.digest, &session2.risk), (&head.digest, &head.risk));
    let statuses: Vec<_> = session2.item_statuses.iter().map(|status| status.item_id.as_str()).collect();
    assert_eq!(statuses, ["a", "b", "c", "d"]);

    // The first vote was for another version, and who made this one cannot approve it.
    let outdated = scenario::approve(&admin, &session).await;
    assert!(outdated.is_err() || outdated == Ok(2), "{outdated:?}");
    assert_eq!(scenario::approve(&admin, &session2).await.unwrap(), 1);
    let author = scenario::approve(&admin2, &session2).await.unwrap_err();
    assert_eq!(author.reason, "NOT_ELIGIBLE");
    let request = ListEntriesRequest { session_id: id.to_owned(), page_size: 100, ..Default::default() };
    let entries = dev.audit.clone().list_entries(request).await.unwrap().into_inner().entries;
    let entry = entries.iter().find(|entry| entry.action == "plan.version_created").unwrap();
    assert_eq!(entry.actor.as_ref().unwrap().id, people::ADMIN2);
    scenario::audited(&dev, id).await;

    // Without the risky part one lead is enough, and what runs is the edited plan.
    let calm = json!({"update_work_item": {"item": {"id": "a"}, "update_mask": "declaredRisk"}});
    apply(&dev, id, 2, json!([calm])).await.unwrap();
    let session3 = current(&dev, id, 3).await;
    assert!(session3.risk.as_ref().unwrap().level() < RiskLevel::Critical);
    let mut missing = 1;
    for approver in [&lead, &admin] {
        if missing > 0 {
            missing = scenario::approve(approver, &session3).await.unwrap();
        }
    }
    assert_eq!(missing, 0);
    let execution = scenario::executed(&dev, id).await;
    assert_eq!((execution.version, execution.runs.len()), (3, 4));
    stack.stop().await;
}

async fn who_may_not_edit_and_when_nobody_may(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let (dev, lead, agent) =
        (stack.client(people::DEV), stack.client(people::LEAD), stack.client(people::AGENT));
    let session = submitted(&stack, three_steps()).await;
    let edits = || json!([rename("a", "other")]);
    let service = stack.client(people::SERVICE);
    let refusal = apply(&service, &session.id, 1, edits()).await.unwrap_err();
    let said = (refusal.code, refusal.reason.as_str());
    assert_eq!(said, (tonic::Code::PermissionDenied, "EDIT_FORBIDDEN"));
    // The requester may, although an agent.
    apply(&agent, &session.id, 1, edits()).await.unwrap();
    let other = submitted(&stack, three_steps()).await;
    assert_eq!(apply(&dev, &other.id, 2, edits()).await.unwrap_err().reason, "VERSION_NOT_FOUND");
    scenario::approve(&lead, &other).await.unwrap();
    for client in [&dev, &agent] {
        let refusal = apply(client, &other.id, 1, edits()).await.unwrap_err();
        let said = (refusal.code, refusal.reason.as_str());
        assert_eq!(said, (tonic::Code::FailedPrecondition, "VERSION_SEALED"));
    }
    let restore: RestoreVersionRequest =
        message(json!({"session_id": other.id, "version_number": 1, "base_version": 1}));
    let refusal = Refusal::from(dev.versioning.clone().restore_version(restore).await.unwrap_err());
    assert_eq!(refusal.reason, "VERSION_SEALED");
    stack.stop().await;
}

async fn a_preview_changes_nothing_and_a_restore_adds_a_version(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let dev = stack.client(people::DEV);
    let id = submitted(&stack, three_steps()).await.id;
    let edits = json!([
        {"remove_work_item": {"item_id": "c"}},
        {"add_work_item": {"item": step("d"), "depends_on": [{"item_id": "b"}]}},
        rename("a", "other"),
    ]);
    let request: PreviewEditsRequest = message(json!({"session_id": id, "base_version": 1, "edits": edits}));
    let preview = dev.versioning.clone().preview_edits(request).await.unwrap().into_inner();
    let shown = preview.comparison.unwrap();
    assert_eq!((shown.work_items_added, shown.work_items_removed, shown.work_items_modified), (1, 1, 1));
    assert_eq!((shown.dependencies_added, shown.dependencies_removed), (1, 1));
    assert!(shown.from_estimate.is_some() && shown.to_estimate.is_some());
    assert!(shown.from_risk.is_some() && shown.to_risk.is_some());
    assert_eq!(history(&dev, &id).await.len(), 1, "no version was made");

    let made = apply(&dev, &id, 1, edits).await.unwrap().version.unwrap();
    assert_eq!(made.digest, preview.version.unwrap().digest, "it becomes what the preview showed");
    let request = CompareVersionsRequest { session_id: id.clone(), from_version: 1, to_version: 2 };
    let compared = dev.versioning.clone().compare_versions(request).await.unwrap().into_inner();
    assert_eq!(compared.comparison.unwrap(), shown);

    let restore = |base: i32| RestoreVersionRequest {
        session_id: id.clone(),
        version_number: 1,
        base_version: base,
        ..RestoreVersionRequest::default()
    };
    let stale = Refusal::from(dev.versioning.clone().restore_version(restore(1)).await.unwrap_err());
    assert_eq!((stale.code, stale.reason.as_str()), (tonic::Code::Aborted, "VERSION_CONFLICT"));
    let restored = dev.versioning.clone().restore_version(restore(2)).await.unwrap().into_inner();
    let restored = restored.version.unwrap();
    let first = version(&dev, &id, Some(1)).await.unwrap();
    assert_eq!((restored.version_number, &restored.digest), (3, &first.digest));
    assert_eq!(version(&dev, &id, Some(2)).await.unwrap().digest, made.digest, "history stays");
    stack.stop().await;
}

async fn a_repeated_edit_is_made_once(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let dev = stack.client(people::DEV);
    let id = submitted(&stack, three_steps()).await.id;
    let request = |name: &str| {
        message::<ApplyEditsRequest>(json!({
            "session_id": id, "base_version": 1, "edits": [rename("a", name)],
            "request_id": "0190163d-8694-739a-aea5-966c26f8ad91",
        }))
    };
    let first = dev.editor.clone().apply_edits(request("other")).await.unwrap().into_inner();
    apply(&dev, &id, 2, json!([rename("b", "more")])).await.unwrap();
    assert_eq!(dev.editor.clone().apply_edits(request("other")).await.unwrap().into_inner(), first);
    let reused = Refusal::from(dev.editor.clone().apply_edits(request("third")).await.unwrap_err());
    assert_eq!(reused.reason, "REQUEST_ID_REUSED");
    // The same change by somebody else, who does not know that it is made.
    assert_eq!(
        apply(&dev, &id, 1, json!([rename("a", "other")])).await.unwrap_err().reason,
        "NOTHING_CHANGED"
    );
    assert_eq!(history(&dev, &id).await.len(), 3);
    stack.stop().await;
}

async fn an_edit_that_cannot_be_carried_out_says_why(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let dev = stack.client(people::DEV);
    let id = submitted(&stack, three_steps()).await.id;
    let update = |mask: &str| json!({"update_work_item": {"item": {"id": "a"}, "update_mask": mask}});
    let cases = [
        (json!({"assign_agent": {"item_id": "nobody", "agent_type": "x"}}), "ITEM_NOT_FOUND"),
        (json!({"add_work_item": {"item": step("a")}}), "ITEM_EXISTS"),
        (json!({"remove_work_item": {"item_id": "a"}}), "HAS_DEPENDENTS"),
        (json!({"add_dependency": {"dependency": {"from": "c", "to": "a"}}}), "WOULD_CYCLE"),
        (json!({"add_dependency": {"dependency": {"from": "a", "to": "b"}}}), "EDGE_EXISTS"),
        (json!({"remove_dependency": {"from": "a", "to": "c"}}), "EDGE_NOT_FOUND"),
        (update("id"), "FIELD_FIXED"),
        (json!({"reorder_work_items": {"item_ids": ["a", "b"]}}), "ORDER_INCOMPLETE"),
        (json!({"reorder_work_items": {"item_ids": ["a", "b", "b"]}}), "ITEM_REPEATED"),
        (json!({"split_work_item": {"item_id": "a", "into": [step("x")]}}), "TOO_FEW_ITEMS"),
        (update("name"), "PLAN_INVALID"),
        (json!({"add_work_item": {"item": {"id": "x", "name": "x", "tool": "magic"}}}), "PLAN_INVALID"),
        (json!({"add_work_item": {"item": {"id": "x"}}}), "REQUEST_INVALID"),
        (json!({}), "REQUEST_INVALID"),
    ];
    for (edit, reason) in cases {
        let refusal = apply(&dev, &id, 1, json!([rename("b", "never"), edit])).await.unwrap_err();
        assert_eq!(refusal.reason, reason, "{edit}: {refusal:?}");
    }
    assert_eq!(history(&dev, &id).await.len(), 1, "nothing of a refused batch stays");
    stack.stop().await;
}
