//! The main job, from goal to proof, against any stack.

use assent_proto::approval::v1::{
    ApproveRequest, GetSessionRequest, ListEntriesRequest, StartReviewRequest, SubmitForApprovalRequest,
    VerifyRequest, WaitForDecisionRequest,
};
use assent_proto::execution::v1::{Artifact, Execution, ExecutionState, WorkItemRunState};
use assent_proto::executor::v1::{DownloadArtifactRequest, GetExecutionRequest, ListArtifactsRequest};
use assent_proto::notification::v1::ListInboxRequest;
use assent_proto::plan::v1::RiskLevel;
use assent_proto::review::v1::{DecisionOutcome, PlanReviewSession, PlanReviewState, SubmissionMode};
use tokio_stream::StreamExt as _;

use crate::client::{Client, Refusal};
use crate::eventually::eventually;
use crate::people;

/// The goal of the PRD's section 2.1.
pub const EXPORT_GOAL: &str =
    "Create a Python script that connects to our PostgreSQL database and exports user data to CSV";
/// The goal of the PRD's section 2.2.
pub const SEARCH_GOAL: &str = "Search for the latest Python 3.13 features";

/// Who plays.
#[derive(Debug, Clone)]
pub struct Cast {
    /// An agent, which submits.
    pub agent: Client,
    /// A developer, for whom it does.
    pub dev: Client,
    /// A lead, who approves.
    pub lead: Client,
    /// The developer's id.
    pub dev_id: String,
}

/// The export goal for the developer of [`people`], to be submitted again under `request_id` until it is answered.
pub fn export_request(request_id: &str) -> SubmitForApprovalRequest {
    SubmitForApprovalRequest {
        goal: EXPORT_GOAL.to_owned(),
        on_behalf_of: people::DEV.to_owned(),
        mode: SubmissionMode::ReviewAlways.into(),
        request_id: request_id.to_owned(),
        ..SubmitForApprovalRequest::default()
    }
}

/// The agent submits the export goal on behalf of the developer.
pub async fn submit(cast: &Cast, goal: &str, mode: SubmissionMode) -> Result<PlanReviewSession, Refusal> {
    let request = SubmitForApprovalRequest {
        goal: goal.to_owned(),
        on_behalf_of: cast.dev_id.clone(),
        mode: mode.into(),
        ..SubmitForApprovalRequest::default()
    };
    let answer = cast.agent.approval.clone().submit_for_approval(request).await?;
    Ok(answer.into_inner().session.expect("a session"))
}

/// The session as `client` sees it.
pub async fn session(client: &Client, id: &str) -> Result<PlanReviewSession, Refusal> {
    let answer = client
        .approval
        .clone()
        .get_session(GetSessionRequest { session_id: id.to_owned(), ..Default::default() })
        .await?;
    Ok(answer.into_inner().session.expect("a session"))
}

/// The session, from services that come and go: nothing but "not now" may be said before.
pub async fn session_at_last(client: &Client, id: &str) -> PlanReviewSession {
    eventually(&format!("{id} to be shown"), || async {
        let refused = |refusal: Refusal| assert!(refusal.is_passing(), "{id}: {refusal:?}");
        session(client, id).await.map_err(refused).ok()
    })
    .await
}

/// Waits until whoever left a peer alone, because it did not answer, has seen that it does again.
pub async fn settled(cast: &Cast, session_id: &str) {
    session_at_last(&cast.lead, session_id).await;
    eventually("the executor and the audit to answer", || async {
        let (dev, lead) = (&cast.dev.executor, &cast.lead.audit);
        let request = ListArtifactsRequest { session_id: session_id.to_owned() };
        dev.clone().list_artifacts(request).await.ok()?;
        let request = VerifyRequest { session_id: session_id.to_owned() };
        lead.clone().verify(request).await.ok()
    })
    .await;
}

/// `client` approves what `session` shows; how many approvals are missing then.
pub async fn approve(client: &Client, session: &PlanReviewSession) -> Result<i32, Refusal> {
    let request = ApproveRequest {
        session_id: session.id.clone(),
        version: session.current_version,
        digest: session.digest.clone(),
        reason: "looks right".to_owned(),
        ..Default::default()
    };
    Ok(client.approval.clone().approve(request).await?.into_inner().approvals_missing)
}

/// The execution of a session, once it has ended.
pub async fn executed(client: &Client, session_id: &str) -> Execution {
    eventually(&format!("the execution of {session_id} to end"), || async {
        let request = GetExecutionRequest { session_id: session_id.to_owned() };
        let execution = client.executor.clone().get_execution(request).await.ok()?.into_inner().execution?;
        execution.end_time.is_some().then_some(execution)
    })
    .await
}

/// What the execution of a session produced.
pub async fn artifacts(client: &Client, session_id: &str) -> Vec<Artifact> {
    let request = ListArtifactsRequest { session_id: session_id.to_owned() };
    client.executor.clone().list_artifacts(request).await.expect("artifacts").into_inner().artifacts
}

/// The content of an artifact.
pub async fn download(client: &Client, artifact: &Artifact) -> Vec<u8> {
    let request = DownloadArtifactRequest { artifact_id: artifact.id.clone() };
    let mut pieces =
        client.executor.clone().download_artifact(request).await.expect("a download").into_inner();
    let mut content = Vec::new();
    while let Some(piece) = pieces.next().await {
        content.extend(piece.expect("a piece").data);
    }
    content
}

/// Names of the actions in the audit of a session, in order; its chain is intact.
pub async fn audited(client: &Client, session_id: &str) -> Vec<String> {
    let verified = client.audit.clone().verify(VerifyRequest { session_id: session_id.to_owned() }).await;
    let verified = verified.expect("a verification").into_inner();
    assert!(verified.intact, "{}", verified.problem);
    let request =
        ListEntriesRequest { session_id: session_id.to_owned(), page_size: 1000, ..Default::default() };
    let entries = client.audit.clone().list_entries(request).await.expect("entries").into_inner().entries;
    assert_eq!(verified.entries, entries.len() as i64);
    entries.into_iter().map(|entry| entry.action).collect()
}

/// Export goal: plan, review, approval, execution, artifacts, audit, inbox. Returns the session's id.
///
/// # Panics
/// When anything is not as the PRD shows it.
pub async fn export(cast: &Cast) -> String {
    let submitted = submit(cast, EXPORT_GOAL, SubmissionMode::ReviewByRisk).await.expect("a session");
    let session = session(&cast.lead, &submitted.id).await.expect("the session");
    assert_eq!(session.state(), PlanReviewState::Pending);
    check_plan(&session);

    told(&cast.lead, &session.id, "approval_requested").await;
    let review = StartReviewRequest { session_id: session.id.clone() };
    let reviewed = cast.lead.approval.clone().start_review(review).await.expect("a review").into_inner();
    assert_eq!(reviewed.session.expect("a session").state(), PlanReviewState::InReview);
    assert_eq!(approve(&cast.lead, &session).await.expect("a vote"), 0);

    let wait = WaitForDecisionRequest { session_id: session.id.clone(), ..Default::default() };
    let decision =
        cast.agent.approval.clone().wait_for_decision(wait).await.expect("a decision").into_inner();
    let decision = decision.decision.expect("a decision");
    assert_eq!(decision.outcome(), DecisionOutcome::Approved);
    assert_eq!(decision.digest, session.digest);
    finish(cast, &session.id).await;
    session.id
}

/// What must hold once the export goal is approved: one execution, its artifacts, and the proof.
///
/// # Panics
/// When it does not.
pub async fn finish(cast: &Cast, session_id: &str) {
    let execution = executed(&cast.dev, session_id).await;
    assert_eq!(execution.state(), ExecutionState::Completed, "{}", execution.error);
    assert!(
        execution.runs.iter().all(|run| run.state() == WorkItemRunState::Succeeded),
        "{:#?}",
        execution.runs
    );
    assert_eq!(execution.runs.len(), 4);

    let made = artifacts(&cast.dev, session_id).await;
    let script = made.iter().find(|a| a.path == "exports/db_export.py").expect("the script");
    let content = download(&cast.dev, script).await;
    assert_eq!(assent_core::Digest::of(&[&content]).to_string(), script.digest);
    compiles(&content);

    let actions = eventually("the audit to hold the end of the execution", || async {
        let actions = audited(&cast.lead, session_id).await;
        actions.iter().any(|action| action == "execution.completed").then_some(actions)
    })
    .await;
    for once in
        ["session.submitted", "session.approved", "grant.issued", "execution.started", "execution.completed"]
    {
        assert_eq!(actions.iter().filter(|action| *action == once).count(), 1, "{once} in {actions:?}");
    }
    told(&cast.dev, session_id, "execution_completed").await;
}

/// The plan of the PRD's section 2.1.
fn check_plan(session: &PlanReviewSession) {
    let plan = session.plan.as_ref().expect("a plan");
    assert_eq!(plan.intent, "Generate database export script");
    let tools: Vec<_> = plan.items.iter().map(|item| item.tool.as_str()).collect();
    assert_eq!(tools, ["code_gen", "code_gen", "code_gen", "file_write"]);
    let risk = session.risk.as_ref().expect("a risk");
    assert_eq!(risk.level(), RiskLevel::High);
    let level = |id: &str| risk.items.iter().find(|item| item.item_id == id).expect("a level").level();
    let levels: Vec<_> = plan.items.iter().map(|item| level(&item.id)).collect();
    assert_eq!(levels, [RiskLevel::Medium, RiskLevel::High, RiskLevel::Low, RiskLevel::Medium]);
    let cost =
        session.estimate.as_ref().and_then(|estimate| estimate.estimated_cost.clone()).expect("a cost");
    assert_eq!(cost.micros, 50_000);
    let said: Vec<_> = risk.factors.iter().map(|factor| factor.description.as_str()).collect();
    assert!(said.contains(&"Database connection (credentials exposure risk)"), "{said:?}");
    assert!(said.contains(&"User data export (PII handling required)"), "{said:?}");
}

/// Waits until `client` is told of `kind` about the session, and checks that it is told once.
async fn told(client: &Client, session_id: &str, kind: &str) {
    let count = eventually(&format!("a notification {kind}"), || async {
        let request = ListInboxRequest { page_size: 1000, ..ListInboxRequest::default() };
        let inbox = client.notification.clone().list_inbox(request).await.ok()?.into_inner().notifications;
        let count = inbox.iter().filter(|n| n.session_id == session_id && n.kind == kind).count();
        (count > 0).then_some(count)
    })
    .await;
    assert_eq!(count, 1, "{kind}");
}

fn compiles(script: &[u8]) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), script).expect("a file");
    let check = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
    let status = std::process::Command::new("python3").args(["-c", check]).arg(file.path()).status();
    assert!(status.expect("python3").success(), "the script is no Python");
}
