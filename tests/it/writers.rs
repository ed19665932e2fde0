//! What the tests of plan editing share, and many editors of one plan at the same time.

use std::collections::BTreeSet;

use assent_proto::approval::v1::SubmitForApprovalRequest;
use assent_proto::plan::v1::{Plan, PlanVersion, WorkItem};
use assent_proto::review::v1::PlanReviewSession;
use assent_proto::versioning::v1::{
    ApplyEditsRequest, ApplyEditsResponse, GetVersionRequest, ListVersionsRequest,
};
use assent_testkit::{Storage, both_storages};
use assent_tests::{Client, Embedded, Refusal, people};
use serde_json::{Value, json};
use tokio::task::JoinSet;

both_storages!(of_many_writers_every_accepted_edit_is_in_the_head);

/// A message of the contract as proto3 JSON.
pub(crate) fn message<M: prost::Message + prost::Name + Default>(json: Value) -> M {
    assent_proto::json::from_json(json).unwrap()
}

/// Three commands, one after the other.
pub(crate) fn three_steps() -> Plan {
    let item = |id: &str| json!({"id": id, "name": id, "tool": "shell", "arguments": {"command": ["true"]}});
    message(json!({
        "goal": "three steps",
        "items": [item("a"), item("b"), item("c")],
        "dependencies": [{"from": "a", "to": "b"}, {"from": "b", "to": "c"}],
    }))
}

/// The agent's session for `plan`, on behalf of the developer.
pub(crate) async fn submitted(stack: &Embedded, plan: Plan) -> PlanReviewSession {
    let request = SubmitForApprovalRequest {
        plan: Some(plan),
        on_behalf_of: people::DEV.to_owned(),
        ..SubmitForApprovalRequest::default()
    };
    let agent = stack.client(people::AGENT);
    agent.approval.clone().submit_for_approval(request).await.unwrap().into_inner().session.unwrap()
}

/// Edits as proto3 JSON, made on `base`.
pub(crate) async fn apply(
    client: &Client,
    session: &str,
    base: i32,
    edits: Value,
) -> Result<ApplyEditsResponse, Refusal> {
    let request: ApplyEditsRequest =
        message(json!({"session_id": session, "base_version": base, "edits": edits}));
    Ok(client.editor.clone().apply_edits(request).await?.into_inner())
}

/// One version; the head when the number is none.
pub(crate) async fn version(
    client: &Client,
    session: &str,
    number: Option<i32>,
) -> Result<PlanVersion, Refusal> {
    let request = GetVersionRequest { session_id: session.to_owned(), version_number: number };
    Ok(client.versioning.clone().get_version(request).await?.into_inner().version.unwrap())
}

/// Every version without its plan, oldest first.
pub(crate) async fn history(client: &Client, session: &str) -> Vec<PlanVersion> {
    let request =
        ListVersionsRequest { session_id: session.to_owned(), page_size: 1000, ..Default::default() };
    let mut all = client.versioning.clone().list_versions(request).await.unwrap().into_inner().versions;
    all.reverse();
    all
}

pub(crate) fn item<'p>(plan: &'p Plan, id: &str) -> &'p WorkItem {
    plan.items.iter().find(|item| item.id == id).unwrap_or_else(|| panic!("no item {id}"))
}

pub(crate) fn ids(version: &PlanVersion) -> Vec<&str> {
    version.plan.as_ref().unwrap().items.iter().map(|item| item.id.as_str()).collect()
}

/// An edit that renames an item.
pub(crate) fn rename(id: &str, name: &str) -> Value {
    json!({"update_work_item": {"item": {"id": id, "name": name}}})
}

async fn of_many_writers_every_accepted_edit_is_in_the_head(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let session = submitted(&stack, three_steps()).await.id;
    let people = [people::DEV, people::LEAD, people::LEAD2, people::ADMIN, people::ADMIN2];
    let mut writers = JoinSet::new();
    // All from version 1: most add an item of their own, some fight over one name.
    for n in 0..32 {
        let (client, session) = (stack.client(people[n % people.len()]), session.clone());
        writers.spawn(async move {
            let fights = n % 8 == 0;
            let edit = match fights {
                true => rename("a", &format!("name {n}")),
                false => json!({"add_work_item": {"item": {
                    "id": format!("new-{n}"), "name": "new", "tool": "shell", "arguments": {"command": ["true"]}
                }, "depends_on": [{"item_id": "a"}]}}),
            };
            (n, fights, apply(&client, &session, 1, json!([edit])).await)
        });
    }
    let done = writers.join_all().await;
    let lead = stack.client(people::LEAD);
    let head = version(&lead, &session, None).await.unwrap();
    let plan = head.plan.clone().unwrap();
    let mut accepted = 0;
    for (n, fights, answer) in done {
        match (fights, answer) {
            (false, Ok(answer)) => {
                accepted += 1;
                let made = answer.version.unwrap();
                assert_eq!(made.modified_by.unwrap().id, people[n % people.len()]);
                assert_eq!(item(&plan, &format!("new-{n}")).tool, "shell");
            }
            (true, Ok(_)) => {
                accepted += 1;
                assert_eq!(item(&plan, "a").name, format!("name {n}"));
            }
            (true, Err(refusal)) => assert_eq!(refusal.reason, "EDIT_CONFLICT"),
            (false, Err(refusal)) => panic!("writer {n}: {refusal:?}"),
        }
    }
    assert_eq!(accepted, 29, "28 new items, and one of the four names");
    let all = history(&lead, &session).await;
    let numbers: Vec<i32> = all.iter().map(|version| version.version_number).collect();
    assert_eq!(numbers, (1..=1 + accepted).collect::<Vec<_>>());
    let authors: BTreeSet<_> = all.iter().map(|v| v.modified_by.clone().unwrap().id).collect();
    assert_eq!(authors.len(), people.len() + 1, "{authors:?}");
    assert_eq!(head.version_number, 1 + accepted);
    stack.stop().await;
}
