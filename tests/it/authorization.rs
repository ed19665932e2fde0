//! Who may do what: every method of the contract, called as everybody there is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use assent_proto::review::v1::{PlanReviewSession, SubmissionMode};
use assent_proto::risk::v1::GetPolicyRequest;
use assent_proto::versioning::v1::GetVersionRequest;
use assent_testkit::Storage;
use assent_tests::scenario::{EXPORT_GOAL, session, submit};
use assent_tests::{Embedded, Refusal, people, raw};
use prost::Message as _;
use prost_reflect::DynamicMessage;
use serde_json::{Map, Value, json};
use tonic::Code;

use crate::support::{Method, cast, methods, root};

/// The agent asked for the plan, and the developer is the one for whom it did.
const CALLERS: [(&str, Option<&str>); 7] = [
    ("nobody", None),
    ("worker", Some(people::WORKER)),
    ("agent", Some(people::AGENT)),
    ("developer", Some(people::DEV)),
    ("lead", Some(people::LEAD)),
    ("admin", Some(people::ADMIN)),
    ("service", Some(people::SERVICE)),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_method_is_open_to_whom_the_table_says() {
    let stack = Embedded::start(Storage::sqlite().await).await;
    let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut subject = Box::pin(Subject::new(&stack)).await;
    for method in methods() {
        let row = table.entry(format!("{}/{}", method.service, method.name)).or_default();
        for (_, caller) in CALLERS {
            let answer = subject.call(&stack, &method, caller).await;
            // What was decided, changed or removed is no subject for the next caller.
            if answer.is_ok() && !is_read(&method.name) {
                subject = Box::pin(Subject::new(&stack)).await;
            }
            row.push(match answer {
                Ok(()) => "yes".to_owned(),
                Err(refusal) if is_about_caller(&refusal) => String::new(),
                Err(refusal) => {
                    assert_ne!(refusal.reason, "REQUEST_INVALID", "{}: {}", method.path(), refusal.message);
                    format!("({})", refusal.reason)
                }
            });
        }
    }
    let drawn = draw(&table);
    let path = root().join("docs/access.md");
    let document = std::fs::read_to_string(path).unwrap();
    assert!(document.contains(&drawn), "docs/access.md does not hold what the services do:\n{drawn}");
    stack.stop().await;
}

fn draw(table: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = String::new();
    let mut service = "";
    for (method, cells) in table {
        let (of, name) = method.split_once('/').unwrap();
        if of != service {
            service = of;
            let heads: Vec<&str> = CALLERS.iter().map(|(name, _)| *name).collect();
            let _ = write!(text, "\n### {of}\n\n| method | {} |\n", heads.join(" | "));
            let _ = writeln!(text, "|---|{}", "---|".repeat(CALLERS.len()));
        }
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text
}

fn is_about_caller(refusal: &Refusal) -> bool {
    [Code::PermissionDenied, Code::Unauthenticated].contains(&refusal.code)
}

fn is_read(method: &str) -> bool {
    ["Get", "List", "Watch", "Read", "Verify", "Export", "Check", "Compare", "Explain", "Validate", "Preview"]
        .iter()
        .any(|verb| method.starts_with(verb))
}

/// A session that waits for a decision, with a comment: what calls are about.
struct Subject {
    session: PlanReviewSession,
    comment: String,
    plan: Value,
    policy: String,
}

impl Subject {
    async fn new(stack: &Embedded) -> Self {
        // So that nobody comments too often.
        stack.advance(Duration::from_secs(3));
        let cast = cast(stack);
        let submitted = submit(&cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
        let session = session(&cast.lead, &submitted.id).await.unwrap();
        let add = assent_proto::approval::v1::AddCommentRequest {
            session_id: session.id.clone(),
            content: "why all columns?".to_owned(),
            r#type: assent_proto::review::v1::CommentType::Question.into(),
            ..Default::default()
        };
        let comment = cast.lead.comments.clone().add_comment(add).await.unwrap().into_inner();
        let get = GetVersionRequest { session_id: session.id.clone(), version_number: Some(1) };
        let version = cast.dev.versioning.clone().get_version(get).await.unwrap().into_inner();
        let plan = version.version.unwrap().plan.unwrap();
        let plan = assent_proto::json::to_json(&plan).unwrap();
        let policy =
            cast.dev.risk.clone().get_policy(GetPolicyRequest::default()).await.unwrap().into_inner().text;
        Self { session, comment: comment.comment.unwrap().id, plan, policy }
    }

    async fn call(&self, stack: &Embedded, method: &Method, caller: Option<&str>) -> Result<(), Refusal> {
        let token = caller.map(people::token);
        let message = self.message(method, caller).encode_to_vec();
        let (address, path) = (stack.address(), method.path());
        let answer = if method.streams {
            raw::open(address, token.as_deref(), &path, message).await
        } else {
            raw::call(address, token.as_deref(), &path, message, &[]).await.map(drop)
        };
        answer.map_err(Refusal::from)
    }

    /// A message of `method` that says something about this subject.
    fn message(&self, method: &Method, caller: Option<&str>) -> DynamicMessage {
        let said = self.fields(method, caller);
        let fields: Map<String, Value> = method
            .input
            .fields()
            .filter_map(|field| {
                Some((
                    field.name().to_owned(),
                    said.get(field.name()).filter(|value| !value.is_null())?.clone(),
                ))
            })
            .collect();
        DynamicMessage::deserialize(method.input.clone(), Value::Object(fields))
            .unwrap_or_else(|error| panic!("{}: {error}", method.path()))
    }

    fn fields(&self, method: &Method, caller: Option<&str>) -> Map<String, Value> {
        // What belongs to no session, or is known by an id that nothing has.
        let one_of = match method.name.as_str() {
            "SubmitForApproval" => json!({ "plan": null, "session_id": null, "amends_session_id": null }),
            "ValidatePlan" => json!({ "plan": null }),
            _ => json!({}),
        };
        let nobody = |prefix: &str| format!("{prefix}_{}", "0".repeat(32));
        let said = json!({
            "delegation_id": nobody("dlg"), "grant_id": nobody("gra"), "artifact_id": nobody("art"), "delivery_id": nobody("dlv"),
            "preferences": { "muted_kinds": ["reminder"] },
            "channel": "NOTIFICATION_CHANNEL_IN_APP",
            "plans": [self.plan],
            "edits": [{ "assign_agent": self.edit("AssignAgent") }],
            "session_id": self.session.id,
            "version": 1, "version_number": 1, "base_version": 1, "from_version": 1, "to_version": 1,
            "digest": self.session.digest,
            "request_id": "6f3f7d0e-5c8e-4c9e-9d55-0c5a1f6b7a12",
            "reason": "because", "feedback": "fewer columns", "message": "please", "content": "words",
            "resolution": "done", "title": "Look", "body": "here", "change_description": "changed",
        });
        let about = json!({
            "goal": EXPORT_GOAL, "text": self.policy, "plan": self.plan,
            "comment_id": self.comment,
            "item_id": self.plan["items"][0]["id"],
            "reviewer": people::LEAD2,
            "extension": "3600s", "timeout": "0.001s", "lease": "60s", "lease_duration": "60s",
            "user_id": caller.unwrap_or(people::DEV), "user_ids": [people::DEV],
            "delegator": "", "delegate": people::LEAD2,
            "end_time": "2026-01-06T00:00:00Z",
            "user": { "id": "new@example.com", "name": "New", "roles": ["developer"] },
            "edit": self.edit(&method.name),
            "worker": "w", "queue": "default",
            "service": "approval-gate", "server": "files", "path": "out.txt",
        });
        let mut said = said.as_object().cloned().unwrap_or_default();
        said.extend(about.as_object().cloned().unwrap_or_default());
        said.extend(one_of.as_object().cloned().unwrap_or_default());
        said
    }

    /// An edit that the plan allows.
    fn edit(&self, method: &str) -> Value {
        let ids: Vec<&Value> =
            self.plan["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
        let (first, last) = (ids[0], ids[ids.len() - 1]);
        let known = &self.plan["dependencies"][0];
        let new = |id: &str| json!({ "id": id, "name": "Look", "tool": "web_search", "arguments": { "query": "x" } });
        match method {
            "AddWorkItem" => json!({ "item": new("new") }),
            "RemoveWorkItem" => json!({ "item_id": first, "dependents": "DEPENDENTS_CHOICE_RECONNECT" }),
            "UpdateWorkItem" => json!({ "item": { "id": first, "name": "Other" }, "update_mask": "name" }),
            "AddDependency" => {
                json!({ "dependency": { "from": first, "to": last, "type": "DEPENDENCY_TYPE_SOFT" } })
            }
            "RemoveDependency" => json!({ "from": known["from"], "to": known["to"] }),
            "ChangeDependencyType" => {
                let soft =
                    json!({ "from": known["from"], "to": known["to"], "type": "DEPENDENCY_TYPE_SOFT" });
                json!({ "dependency": soft })
            }
            "SplitWorkItem" => json!({ "item_id": last, "into": [new("one"), new("two")] }),
            "MergeWorkItems" => json!({ "item_ids": [first, ids[1]], "into": new("both") }),
            "ReorderWorkItems" => json!({ "item_ids": ids }),
            "AssignAgent" => json!({ "item_id": first, "agent_type": "analyst" }),
            _ => Value::Null,
        }
    }
}
