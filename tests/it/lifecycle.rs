//! Sessions from submission to their end, on both storages, with a clock that the test moves.

use std::collections::BTreeSet;
use std::time::Duration;

use assent_proto::approval::v1::{
    ListEligibleApproversRequest, RejectRequest, SubmitForApprovalRequest, WaitForDecisionRequest,
    WatchSessionRequest, watch_session_response::Message,
};
use assent_proto::execution::v1::{ExecutionState, WorkItemRunState};
use assent_proto::plan::v1::{Plan, RiskLevel, WorkItem};
use assent_proto::review::v1::{DecisionOutcome, PlanReviewSession, PlanReviewState, SubmissionMode};
use assent_testkit::{Storage, both_storages};
use assent_tests::scenario::{self, EXPORT_GOAL, SEARCH_GOAL};
use assent_tests::{Client, Embedded, eventually, people};
use tokio_stream::StreamExt as _;

use crate::support::cast;

both_storages!(
    a_goal_becomes_a_proof,
    a_low_plan_is_approved_by_policy_and_runs_at_once,
    a_critical_plan_needs_two_administrators,
    a_rejected_plan_never_runs,
    nobody_decides_in_time,
    separation_of_duties_excludes_requester_and_principal,
    a_failed_item_undoes_what_was_done,
    a_watch_resumes_where_it_ended,
    the_same_request_id_makes_one_session,
);

async fn a_goal_becomes_a_proof(storage: Storage) {
    let stack = Embedded::start(storage).await;
    scenario::export(&cast(&stack)).await;
    stack.stop().await;
}

async fn a_low_plan_is_approved_by_policy_and_runs_at_once(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let cast = cast(&stack);
    let session = scenario::submit(&cast, SEARCH_GOAL, SubmissionMode::ReviewByRisk).await.unwrap();
    assert_eq!(session.state(), PlanReviewState::Approved);
    let decision = session.decision.unwrap();
    assert_eq!(decision.decided_by.unwrap().id, "system:auto");
    // No search endpoint is configured here, and the execution says so instead of pretending.
    let execution = scenario::executed(&cast.dev, &session.id).await;
    assert_eq!(execution.state(), ExecutionState::Failed);
    assert!(execution.runs[0].error.contains("web_search"), "{}", execution.runs[0].error);

    // A person who wants to look is not overruled by policy, and HIGH is never waved through.
    let always = scenario::submit(&cast, SEARCH_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    assert_eq!(always.state(), PlanReviewState::Pending);
    let high = scenario::submit(&cast, EXPORT_GOAL, SubmissionMode::Direct).await.unwrap();
    assert_eq!(high.state(), PlanReviewState::Pending);
}

fn item(id: &str, tool: &str, arguments: serde_json::Value) -> WorkItem {
    let json = serde_json::json!({"id": id, "name": id, "tool": tool, "arguments": arguments});
    assent_proto::json::from_json(json).unwrap()
}

fn plan(items: Vec<WorkItem>) -> Plan {
    Plan { goal: "test".to_owned(), items, ..Plan::default() }
}

async fn submit_plan(client: &Client, plan: Plan) -> PlanReviewSession {
    let request = SubmitForApprovalRequest { plan: Some(plan), ..SubmitForApprovalRequest::default() };
    client.approval.clone().submit_for_approval(request).await.unwrap().into_inner().session.unwrap()
}

async fn a_critical_plan_needs_two_administrators(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let mut risky = item("a", "shell", serde_json::json!({"command": ["true"]}));
    risky.set_declared_risk(RiskLevel::Critical);
    let session = submit_plan(&stack.client(people::AGENT), plan(vec![risky])).await;
    let lead = scenario::approve(&stack.client(people::LEAD), &session).await.unwrap_err();
    assert_eq!((lead.code, lead.reason.as_str()), (tonic::Code::PermissionDenied, "NOT_ELIGIBLE"));

    let admin = stack.client(people::ADMIN);
    assert_eq!(scenario::approve(&admin, &session).await.unwrap(), 1);
    // The same vote again is no second person's.
    assert_eq!(scenario::approve(&admin, &session).await.unwrap(), 1);
    let request = ListEligibleApproversRequest { session_id: session.id.clone() };
    let left = admin.directory.clone().list_eligible_approvers(request).await.unwrap().into_inner().approvers;
    assert_eq!(left.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), [people::ADMIN2]);

    assert_eq!(scenario::approve(&stack.client(people::ADMIN2), &session).await.unwrap(), 0);
    let decided = scenario::session(&admin, &session.id).await.unwrap();
    assert_eq!(decided.state(), PlanReviewState::Approved);
    let approvers: BTreeSet<_> = decided.decision.unwrap().approvers.into_iter().collect();
    assert_eq!(approvers, [people::ADMIN, people::ADMIN2].map(str::to_owned).into());
    assert_eq!(scenario::executed(&admin, &session.id).await.state(), ExecutionState::Completed);
}

async fn a_rejected_plan_never_runs(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let cast = cast(&stack);
    let session = scenario::submit(&cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    let reject = RejectRequest {
        session_id: session.id.clone(),
        version: session.current_version,
        digest: session.digest.clone(),
        reason: "not today".to_owned(),
        ..Default::default()
    };
    cast.lead.approval.clone().reject(reject).await.unwrap();
    let rejected = scenario::session(&cast.dev, &session.id).await.unwrap();
    assert_eq!(rejected.state(), PlanReviewState::Rejected);
    assert_eq!(rejected.decision.unwrap().reason, "not today");
    let late = scenario::approve(&cast.lead, &session).await.unwrap_err();
    assert_eq!((late.code, late.reason.as_str()), (tonic::Code::FailedPrecondition, "SESSION_STATE"));

    // Facts are handled in order: once a later session has run, the rejected one would have, too.
    scenario::export(&cast).await;
    let request = assent_proto::executor::v1::GetExecutionRequest { session_id: session.id.clone() };
    let none = cast.dev.executor.clone().get_execution(request).await.unwrap_err();
    assert_eq!(none.code(), tonic::Code::NotFound);
}

async fn nobody_decides_in_time(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let cast = cast(&stack);
    let session = scenario::submit(&cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    stack.advance(Duration::from_secs(400 * 24 * 60 * 60));
    let wait = WaitForDecisionRequest { session_id: session.id.clone(), ..Default::default() };
    let decision =
        cast.agent.approval.clone().wait_for_decision(wait).await.unwrap().into_inner().decision.unwrap();
    assert_eq!(decision.outcome(), DecisionOutcome::TimedOut);
    assert_eq!(decision.reason, "Approval timeout exceeded");
    assert_eq!(decision.decided_by.unwrap().id, "system:timeout");
    let ended = scenario::session(&cast.dev, &session.id).await.unwrap();
    assert_eq!(ended.state(), PlanReviewState::TimedOut);
    let late = scenario::approve(&cast.lead, &session).await.unwrap_err();
    assert_eq!(late.reason, "SESSION_STATE");
    let actions = scenario::audited(&cast.lead, &session.id).await;
    assert_eq!(actions.iter().filter(|a| *a == "session.timed_out").count(), 1, "{actions:?}");
}

async fn separation_of_duties_excludes_requester_and_principal(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let lead = stack.client(people::LEAD);
    let goal = SubmitForApprovalRequest {
        goal: EXPORT_GOAL.to_owned(),
        on_behalf_of: people::LEAD2.to_owned(),
        ..SubmitForApprovalRequest::default()
    };
    let session =
        lead.approval.clone().submit_for_approval(goal).await.unwrap().into_inner().session.unwrap();
    for excluded in [people::LEAD, people::LEAD2, people::DEV, people::AGENT] {
        let refusal = scenario::approve(&stack.client(excluded), &session).await.unwrap_err();
        assert_eq!(
            (refusal.code, refusal.reason.as_str()),
            (tonic::Code::PermissionDenied, "NOT_ELIGIBLE"),
            "{excluded}"
        );
    }
    assert_eq!(scenario::approve(&stack.client(people::ADMIN), &session).await.unwrap(), 0);
}

async fn a_failed_item_undoes_what_was_done(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let lead = stack.client(people::LEAD);
    let written = item("write", "file_write", serde_json::json!({"path": "out.txt", "content": "hello"}));
    let broken = item("break", "shell", serde_json::json!({"command": ["false"]}));
    let mut plan = plan(vec![written, broken]);
    plan.dependencies.push(assent_proto::plan::v1::Dependency {
        from: "write".to_owned(),
        to: "break".to_owned(),
        ..Default::default()
    });
    let session = submit_plan(&stack.client(people::AGENT), plan).await;
    scenario::approve(&lead, &session).await.unwrap();
    let execution = eventually("the rollback", || async {
        let execution = scenario::executed(&lead, &session.id).await;
        (execution.state() == ExecutionState::RolledBack).then_some(execution)
    })
    .await;
    let state = |id: &str| execution.runs.iter().find(|run| run.item_id == id).unwrap().state();
    assert_eq!(state("write"), WorkItemRunState::RolledBack);
    assert_eq!(state("break"), WorkItemRunState::Failed);
    let left = files(&stack.data_dir().join("workspaces"));
    assert!(left.is_empty(), "{left:?}");
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let below = |path: std::path::PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.map(|entry| entry.unwrap().path()).flat_map(below).collect()
}

async fn a_watch_resumes_where_it_ended(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let cast = cast(&stack);
    let id = scenario::export(&cast).await;
    let first = watched(&cast.dev, &id, 0, "plan_approved").await;
    let types: Vec<_> = first.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(types, ["plan_submitted_for_approval", "plan_review_started", "plan_approved"]);
    assert!(first.is_sorted_by_key(|(position, _)| *position));
    let (resume, _) = first[0];
    let rest = watched(&cast.dev, &id, resume, "plan_approved").await;
    assert_eq!(rest, first[1..]);
}

async fn watched(client: &Client, session_id: &str, after_position: i64, last: &str) -> Vec<(i64, String)> {
    let request = WatchSessionRequest { session_id: session_id.to_owned(), after_position };
    let mut stream = client.approval.clone().watch_session(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while let Some(message) = stream.next().await {
        if let Some(Message::Event(event)) = message.unwrap().message {
            let done = event.r#type == last;
            seen.push((event.position, event.r#type));
            if done {
                break;
            }
        }
    }
    seen
}

async fn the_same_request_id_makes_one_session(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let agent = stack.client(people::AGENT);
    let request = SubmitForApprovalRequest {
        goal: EXPORT_GOAL.to_owned(),
        request_id: "6f1d1f0e-7a4b-4c57-9a54-2f6a3c3f8a10".to_owned(),
        ..SubmitForApprovalRequest::default()
    };
    let submit =
        async |request: SubmitForApprovalRequest| agent.approval.clone().submit_for_approval(request).await;
    let first = submit(request.clone()).await.unwrap().into_inner().session.unwrap().id;
    let again = submit(request.clone()).await.unwrap().into_inner().session.unwrap().id;
    assert_eq!(first, again);
    let other = SubmitForApprovalRequest { goal: SEARCH_GOAL.to_owned(), ..request };
    let refusal = assent_tests::Refusal::from(submit(other).await.unwrap_err());
    assert_eq!((refusal.code, refusal.reason.as_str()), (tonic::Code::InvalidArgument, "REQUEST_ID_REUSED"));
}
