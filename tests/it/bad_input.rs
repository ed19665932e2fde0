//! What is wrong is refused with a precise status, and leaves no trace in any database.

use assent_proto::approval::v1::{
    ApproveRequest, GetGrantRequest, GetSessionRequest, ListSessionsRequest, RejectRequest,
    SubmitForApprovalRequest,
};
use assent_proto::executor::v1::{DownloadArtifactRequest, GetExecutionRequest};
use assent_proto::notification::v1::ListDeliveriesRequest;
use assent_proto::plan::v1::{Dependency, Plan, WorkItem};
use assent_proto::review::v1::{ApprovalRequestOptions, PlanReviewSession, SubmissionMode};
use assent_proto::versioning::v1::GetVersionRequest;
use assent_testkit::{Storage, both_storages};
use assent_tests::scenario::{self, EXPORT_GOAL};
use assent_tests::{Embedded, Refusal, people, raw};
use prost::Message;
use tonic::Code;

use crate::footprint::Footprint;
use crate::support::cast;

both_storages!(bad_input_is_refused_precisely_and_changes_nothing);

const APPROVAL: &str = "/assent.approval.v1.ApprovalService/";
/// Where the audit is kept.
const AUDIT: &[&str] =
    &["audit_entries", "audit_log", "audit_log_nodes", "audit_tree_heads", "plan_review_sessions"];
const UNKNOWN: &str = "ses_0190163d8694739aaea5966c26f8ad91";

/// One wrong call, and what it must be told.
struct Case {
    what: &'static str,
    who: Option<&'static str>,
    path: String,
    message: Vec<u8>,
    code: Code,
    reason: &'static str,
    /// A field that must be named.
    field: Option<&'static str>,
}

fn case<M: Message>(
    what: &'static str,
    who: &'static str,
    method: &str,
    message: &M,
    code: Code,
    reason: &'static str,
) -> Case {
    let path = if method.starts_with('/') { method.to_owned() } else { format!("{APPROVAL}{method}") };
    Case { what, who: Some(who), path, message: message.encode_to_vec(), code, reason, field: None }
}

fn invalid<M: Message>(what: &'static str, method: &str, message: &M, field: &'static str) -> Case {
    let case = case(what, people::AGENT, method, message, Code::InvalidArgument, "REQUEST_INVALID");
    Case { field: Some(field), ..case }
}

fn unsound(what: &'static str, plan: Plan) -> Case {
    let request = SubmitForApprovalRequest { plan: Some(plan), ..Default::default() };
    case(what, people::AGENT, "SubmitForApproval", &request, Code::InvalidArgument, "PLAN_INVALID")
}

fn item(id: &str, tool: &str) -> WorkItem {
    let json = serde_json::json!({"id": id, "name": id, "tool": tool, "arguments": {"command": ["true"]}});
    assent_proto::json::from_json(json).unwrap()
}

fn edge(from: &str, to: &str) -> Dependency {
    Dependency { from: from.to_owned(), to: to.to_owned(), ..Default::default() }
}

fn plan(items: Vec<WorkItem>, dependencies: Vec<Dependency>) -> Plan {
    Plan { goal: "test".to_owned(), items, dependencies, ..Default::default() }
}

fn approve(session: &PlanReviewSession) -> ApproveRequest {
    ApproveRequest {
        session_id: session.id.clone(),
        version: session.current_version,
        digest: session.digest.clone(),
        reason: String::new(),
        ..Default::default()
    }
}

fn submissions() -> Vec<Case> {
    let goal = || SubmitForApprovalRequest { goal: EXPORT_GOAL.to_owned(), ..Default::default() };
    let options = ApprovalRequestOptions { timeout_action: 99, ..Default::default() };
    let many = plan((0..2001).map(|n| item(&format!("i{n}"), "shell")).collect(), Vec::new());
    let oversized = SubmitForApprovalRequest { plan: Some(many), ..Default::default() };
    let both = SubmitForApprovalRequest { plan: Some(plan(vec![item("a", "shell")], vec![])), ..goal() };
    let nested = {
        let mut value = serde_json::json!(1);
        for _ in 0..26 {
            value = serde_json::json!({ "deeper": value });
        }
        let deep = serde_json::json!({"goal": "g", "items": [{"id": "a", "name": "a", "tool": "shell", "arguments": value}]});
        SubmitForApprovalRequest {
            plan: Some(assent_proto::json::from_json(deep).unwrap()),
            ..Default::default()
        }
    };
    vec![
        invalid("neither goal nor plan", "SubmitForApproval", &SubmitForApprovalRequest::default(), "goal"),
        invalid("goal and plan", "SubmitForApproval", &both, "goal"),
        invalid(
            "an unknown mode",
            "SubmitForApproval",
            &SubmitForApprovalRequest { mode: 99, ..goal() },
            "mode",
        ),
        invalid(
            "a request id that is no UUID",
            "SubmitForApproval",
            &SubmitForApprovalRequest { request_id: "1".into(), ..goal() },
            "request_id",
        ),
        invalid(
            "a timeout action of nobody",
            "SubmitForApproval",
            &SubmitForApprovalRequest { options: Some(options), ..goal() },
            "options.timeout_action",
        ),
        invalid("more items than a plan may have", "SubmitForApproval", &oversized, "plan.items"),
        Case {
            field: Some("plan.items[0].arguments"),
            ..case(
                "arguments nested too deep",
                people::AGENT,
                "SubmitForApproval",
                &nested,
                Code::InvalidArgument,
                "PLAN_INVALID",
            )
        },
        case(
            "a goal for which there is no playbook",
            people::AGENT,
            "SubmitForApproval",
            &SubmitForApprovalRequest { goal: "make me a sandwich".into(), ..Default::default() },
            Code::InvalidArgument,
            "GOAL_UNMATCHED",
        ),
        case(
            "a message larger than a port takes",
            people::AGENT,
            "SubmitForApproval",
            &SubmitForApprovalRequest { goal: "x".repeat(17 << 20), ..Default::default() },
            Code::ResourceExhausted,
            "MESSAGE_TOO_LARGE",
        ),
        unsound(
            "a cycle",
            plan(vec![item("a", "shell"), item("b", "shell")], vec![edge("a", "b"), edge("b", "a")]),
        ),
        unsound("an edge to nowhere", plan(vec![item("a", "shell")], vec![edge("a", "b")])),
        unsound("an item twice", plan(vec![item("a", "shell"), item("a", "shell")], Vec::new())),
        unsound("an unknown tool", plan(vec![item("a", "telepathy")], Vec::new())),
        unsound("arguments that the tool does not take", plan(vec![item("a", "file_write")], Vec::new())),
    ]
}

fn lookups() -> Vec<Case> {
    let get = |id: &str| GetSessionRequest { session_id: id.to_owned(), ..Default::default() };
    let list = |size, token: &str| ListSessionsRequest {
        page_size: size,
        page_token: token.into(),
        ..Default::default()
    };
    let execution = "/assent.executor.v1.ExecutorService/GetExecution";
    let download = "/assent.executor.v1.ExecutorService/DownloadArtifact";
    let version = "/assent.versioning.v1.VersioningService/GetVersion";
    let artifact = DownloadArtifactRequest { artifact_id: UNKNOWN.replace("ses", "art") };
    let deliveries = "/assent.notification.v1.NotificationService/ListDeliveries";
    vec![
        case(
            "an unknown session",
            people::DEV,
            "GetSession",
            &get(UNKNOWN),
            Code::NotFound,
            "SESSION_NOT_FOUND",
        ),
        invalid("a malformed id", "GetSession", &get("ses_1"), "session_id"),
        invalid("an id of something else", "GetSession", &get(&UNKNOWN.replace("ses", "pln")), "session_id"),
        invalid("no id", "GetSession", &get(""), "session_id"),
        invalid("a negative page size", "ListSessions", &list(-1, ""), "page_size"),
        invalid("a page token from elsewhere", "ListSessions", &list(1, "x"), "page_token"),
        case(
            "an unknown execution",
            people::DEV,
            execution,
            &GetExecutionRequest { session_id: UNKNOWN.into() },
            Code::NotFound,
            "EXECUTION_NOT_FOUND",
        ),
        case("an unknown artifact", people::DEV, download, &artifact, Code::NotFound, "ARTIFACT_NOT_FOUND"),
        case(
            "an unknown version",
            people::DEV,
            version,
            &GetVersionRequest { session_id: UNKNOWN.into(), version_number: None },
            Code::NotFound,
            "VERSION_NOT_FOUND",
        ),
        case(
            "a method of nobody",
            people::DEV,
            "/assent.approval.v1.ApprovalService/Bribe",
            &get(UNKNOWN),
            Code::Unimplemented,
            "METHOD_UNKNOWN",
        ),
        case(
            "everybody's deliveries, as a developer",
            people::DEV,
            deliveries,
            &ListDeliveriesRequest::default(),
            Code::PermissionDenied,
            "ROLE_REQUIRED",
        ),
    ]
}

fn votes(pending: &PlanReviewSession, own: &PlanReviewSession, ended: &PlanReviewSession) -> Vec<Case> {
    let reject = RejectRequest {
        session_id: pending.id.clone(),
        version: 1,
        digest: pending.digest.clone(),
        reason: String::new(),
        ..Default::default()
    };
    let other = ApproveRequest { digest: own.digest.chars().rev().collect(), ..approve(pending) };
    vec![
        case("another digest", people::LEAD, "Approve", &other, Code::Aborted, "VERSION_CONFLICT"),
        case(
            "another version",
            people::LEAD,
            "Approve",
            &ApproveRequest { version: 2, ..approve(pending) },
            Code::Aborted,
            "VERSION_CONFLICT",
        ),
        invalid(
            "no digest",
            "Approve",
            &ApproveRequest { digest: String::new(), ..approve(pending) },
            "digest",
        ),
        invalid(
            "a digest that is none",
            "Approve",
            &ApproveRequest { digest: "00".into(), ..approve(pending) },
            "digest",
        ),
        invalid("no version", "Approve", &ApproveRequest { version: 0, ..approve(pending) }, "version"),
        invalid("a rejection without a reason", "Reject", &reject, "reason"),
        case(
            "a role too low",
            people::DEV,
            "Approve",
            &approve(pending),
            Code::PermissionDenied,
            "NOT_ELIGIBLE",
        ),
        case("an agent", people::AGENT, "Approve", &approve(pending), Code::PermissionDenied, "NOT_ELIGIBLE"),
        case(
            "the requester's own HIGH plan",
            people::LEAD2,
            "Approve",
            &approve(own),
            Code::PermissionDenied,
            "NOT_ELIGIBLE",
        ),
        case(
            "a session that is decided",
            people::ADMIN,
            "Approve",
            &approve(ended),
            Code::FailedPrecondition,
            "SESSION_STATE",
        ),
        case(
            "a vote on nothing",
            people::LEAD,
            "Approve",
            &ApproveRequest { session_id: UNKNOWN.into(), ..approve(pending) },
            Code::NotFound,
            "SESSION_NOT_FOUND",
        ),
        case(
            "a grant before the approval",
            people::LEAD,
            "GetGrant",
            &GetGrantRequest { session_id: pending.id.clone() },
            Code::FailedPrecondition,
            "SESSION_STATE",
        ),
        Case {
            who: None,
            ..case(
                "nobody",
                people::DEV,
                "Approve",
                &approve(pending),
                Code::Unauthenticated,
                "CREDENTIAL_MISSING",
            )
        },
        Case {
            message: vec![0xff; 32],
            ..case(
                "bytes that are no message",
                people::LEAD,
                "Approve",
                &approve(pending),
                Code::InvalidArgument,
                "MESSAGE_MALFORMED",
            )
        },
    ]
}

async fn bad_input_is_refused_precisely_and_changes_nothing(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let cast = cast(&stack);
    let ended = scenario::session(&cast.lead, &scenario::export(&cast).await).await.unwrap();
    let pending = scenario::submit(&cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    let own = SubmitForApprovalRequest { goal: EXPORT_GOAL.to_owned(), ..Default::default() };
    let own = stack
        .client(people::LEAD2)
        .approval
        .submit_for_approval(own)
        .await
        .unwrap()
        .into_inner()
        .session
        .unwrap();

    let before = Footprint::settled(stack.storage()).await;
    let actions_before = scenario::audited(&cast.lead, &pending.id).await;
    for case in submissions().into_iter().chain(lookups()).chain(votes(&pending, &own, &ended)) {
        let token = case.who.map(people::token);
        let answer = raw::call(stack.address(), token.as_deref(), &case.path, case.message, &[]).await;
        let refusal = Refusal::from(answer.err().unwrap_or_else(|| panic!("{}: was accepted", case.what)));
        let said = (refusal.code, refusal.reason.as_str());
        assert_eq!(said, (case.code, case.reason), "{}: {}", case.what, refusal.message);
        if let Some(field) = case.field {
            assert!(
                refusal.fields.iter().any(|f| f.starts_with(field)),
                "{}: names {:?}",
                case.what,
                refusal.fields
            );
        }
        for leak in ["SELECT", "INSERT", "UPDATE ", "sqlx", "sqlite", "postgres", "panicked"] {
            assert!(!refusal.message.contains(leak), "{}: {}", case.what, refusal.message);
        }
    }
    let after = Footprint::settled(stack.storage()).await;
    // What was refused is audited, and the session knows the end of its audit. Nothing else is anywhere.
    assert_eq!(before.without(AUDIT), after.without(AUDIT));
    let seen = scenario::session(&cast.lead, &pending.id).await.unwrap();
    assert_eq!((seen.revision, &seen.update_time), (pending.revision, &pending.update_time));
    let actions = scenario::audited(&cast.lead, &pending.id).await;
    assert_eq!(actions[..actions_before.len()], actions_before);
    assert!(actions[actions_before.len()..].iter().all(|action| action == "call.refused"));
    assert_eq!(actions.len() - actions_before.len(), 4, "{actions:?}");
    // The stack is as well as before.
    scenario::export(&cast).await;
}
