//! A workflow is one trace across six processes, as an OTLP receiver of others sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use assent_proto::approval::v1::{ListEntriesRequest, RejectRequest, SubmitForApprovalRequest};
use assent_proto::execution::v1::ExecutionState;
use assent_proto::plan::v1::{Dependency, Plan, WorkItem};
use assent_proto::review::v1::{PlanReviewSession, SubmissionMode};
use assent_tests::process::SERVICES;
use assent_tests::scenario::{self, Cast, EXPORT_GOAL};
use assent_tests::{Cluster, eventually};
use serde::Deserialize;
use tonic_types::StatusExt as _;

use crate::examples::path;
use crate::support::{cast_of_cluster, root};

const APPROVE: &str = "assent.approval.v1.ApprovalService/Approve";
const SUBMIT: &str = "assent.approval.v1.ApprovalService/SubmitForApproval";

#[derive(Debug, Clone, Deserialize)]
struct Span {
    service: String,
    name: String,
    trace: String,
    id: String,
    parent: String,
    links: Vec<(String, String)>,
    attributes: BTreeMap<String, String>,
    error: bool,
}

impl Span {
    fn is_of(&self, session: &str) -> bool {
        self.attributes.get("workflow.id").is_some_and(|id| id == session)
    }
}

/// What the receiver has printed so far.
struct Receiver {
    process: Child,
    address: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Receiver {
    fn start() -> Self {
        let mut process = Command::new("python")
            .env("PATH", path())
            .arg(root().join("tests/independent/otlp_receiver.py"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap();
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&spans);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { process, address: format!("http://127.0.0.1:{port}"), spans }
    }

    fn all(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }

    /// The trace of the workflow of `session`, once every one of these spans has come: service and name, and how often.
    async fn trace(&self, session: &str, wanted: &[(&str, &str, usize)]) -> Vec<Span> {
        eventually(&format!("the trace of {session} with {wanted:?}"), || async {
            let all = self.all();
            let submitted = all.iter().find(|span| span.name == SUBMIT && span.is_of(session));
            // Submission itself does not know the session yet; what follows from it does.
            let of = submitted.or_else(|| {
                all.iter().find(|span| span.is_of(session) && span.name.starts_with("consume "))
            })?;
            let trace: Vec<Span> = all.iter().filter(|span| span.trace == of.trace).cloned().collect();
            let count = |(service, name): (&str, &str)| {
                trace.iter().filter(|span| span.service == service && span.name == name).count()
            };
            let there = wanted.iter().all(|(service, name, times)| count((service, name)) >= *times)
                && trace
                    .iter()
                    .all(|span| span.parent.is_empty() || trace.iter().any(|p| p.id == span.parent));
            there.then_some(trace)
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One root, every parent there; returns the root.
fn one_tree(trace: &[Span]) -> &Span {
    let ids: BTreeSet<&str> = trace.iter().map(|span| span.id.as_str()).collect();
    assert_eq!(ids.len(), trace.len(), "spans came twice");
    let roots: Vec<_> = trace.iter().filter(|span| span.parent.is_empty()).collect();
    assert_eq!(roots.len(), 1, "{roots:#?}");
    let lost: Vec<_> =
        trace.iter().filter(|span| !span.parent.is_empty() && !ids.contains(span.parent.as_str())).collect();
    assert!(lost.is_empty(), "without their parents: {lost:#?}");
    roots[0]
}

fn parent<'t>(trace: &'t [Span], span: &Span) -> &'t Span {
    trace.iter().find(|other| other.id == span.parent).unwrap()
}

fn named<'t>(trace: &'t [Span], name: &'t str) -> Vec<&'t Span> {
    trace.iter().filter(|span| span.name == name).collect()
}

/// The call that decided, which is in a trace of its own, and the workflow it goes on with name each other.
fn linked(all: &[Span], trace: &[Span], session: &str, method: &str) {
    let call = all.iter().find(|span| span.name == method && span.is_of(session)).unwrap();
    assert_ne!(call.trace, trace[0].trace, "the call has a caller of its own");
    let resumed = named(trace, "workflow.resume");
    let resumed = resumed.iter().find(|span| span.links.contains(&(call.trace.clone(), call.id.clone())));
    let resumed = resumed.unwrap_or_else(|| panic!("nothing in the workflow names {call:?}"));
    assert!(call.links.contains(&(resumed.trace.clone(), resumed.id.clone())), "{call:?}");
}

fn item(id: &str, tool: &str, arguments: serde_json::Value) -> WorkItem {
    let json = serde_json::json!({"id": id, "name": id, "tool": tool, "arguments": arguments});
    assent_proto::json::from_json(json).unwrap()
}

async fn submit_broken(cast: &Cast) -> PlanReviewSession {
    let written = item("write", "file_write", serde_json::json!({"path": "out.txt", "content": "hello"}));
    let broken = item("break", "shell", serde_json::json!({"command": ["false"]}));
    let edge = Dependency { from: "write".to_owned(), to: "break".to_owned(), ..Default::default() };
    let plan = Plan {
        goal: "test".to_owned(),
        items: vec![written, broken],
        dependencies: vec![edge],
        ..Plan::default()
    };
    let request = SubmitForApprovalRequest { plan: Some(plan), ..Default::default() };
    let answer = cast.agent.approval.clone().submit_for_approval(request).await.unwrap();
    answer.into_inner().session.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_is_one_trace_across_six_processes() {
    let receiver = Receiver::start();
    let cluster = Cluster::start_with(&[("ASSENT_TELEMETRY__OTLP_ENDPOINT", receiver.address.clone())]).await;
    let cast = cast_of_cluster(&cluster);
    success(&receiver, &cast).await;
    rejection(&receiver, &cast).await;
    rollback(&receiver, &cast).await;
    an_error_names_its_trace(&receiver, &cast).await;
    // What services do all the time to see whether there is something to do is no trace of anything.
    let upkeep = ["EventService/ReadEvents", "ApprovalService/GetValidGrants"];
    let polls = receiver.all().into_iter().filter(|span| upkeep.iter().any(|name| span.name.ends_with(name)));
    assert_eq!(polls.count(), 0);
    assert!(receiver.all().iter().all(|span| {
        !span.attributes.contains_key("assent.skipped") || span.attributes.contains_key("assent.called")
    }));
}

async fn success(receiver: &Receiver, cast: &Cast) {
    let session = scenario::submit(cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    scenario::approve(&cast.lead, &session).await.unwrap();
    scenario::finish(cast, &session.id).await;
    let wanted = [
        ("assent-planner", "assent.planner.v1.PlannerService/CreatePlan", 1),
        ("assent-risk", "assent.risk.v1.RiskService/AssessPlan", 1),
        ("assent-versioning", "assent.versioning.v1.VersioningService/CreateVersion", 1),
        ("assent-approval-gate", SUBMIT, 1),
        ("assent-approval-gate", "workflow.resume", 1),
        ("assent-versioning", "consume plan_approved", 1),
        ("assent-executor", "consume plan_approved", 1),
        ("assent-executor", "execution.drive", 1),
        ("assent-executor", "item.attempt", 4),
        ("assent-notification", "consume plan_submitted_for_approval", 1),
        ("assent-notification", "consume execution_ended", 1),
        ("assent-approval-gate", "consume execution_ended", 1),
    ];
    let trace = receiver.trace(&session.id, &wanted).await;
    assert_eq!(one_tree(&trace).name, SUBMIT);
    let services: BTreeSet<_> = trace.iter().map(|span| span.service.trim_start_matches("assent-")).collect();
    assert_eq!(services, BTreeSet::from(SERVICES));
    linked(&receiver.all(), &trace, &session.id, APPROVE);

    // Over the log, woken over Redis: the doorbell of another process rings no other way.
    let taken = named(&trace, "consume plan_approved");
    let taken = taken.iter().find(|span| span.service == "assent-executor").unwrap();
    assert_eq!(parent(&trace, taken).name, "workflow.resume");
    assert!(trace.iter().any(|span| {
        let rung = span.attributes.get("event.woken_by").is_some_and(|by| by == "doorbell");
        rung && parent(&trace, span).service != span.service
    }));
    let driven = named(&trace, "execution.drive");
    assert_eq!(parent(&trace, driven[0]).name, "consume plan_approved");
    for attempt in named(&trace, "item.attempt") {
        assert_eq!(attempt.parent, driven[0].id);
        assert!(!attempt.error, "{attempt:?}");
    }

    // The audit names the same trace, whoever did it.
    let request = ListEntriesRequest { session_id: session.id, page_size: 1000, ..Default::default() };
    let entries = cast.lead.audit.clone().list_entries(request).await.unwrap().into_inner().entries;
    assert!(entries.len() >= 5);
    assert!(entries.iter().all(|entry| entry.trace_id == trace[0].trace), "{entries:#?}");
}

async fn rejection(receiver: &Receiver, cast: &Cast) {
    let session = scenario::submit(cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    let request = RejectRequest {
        session_id: session.id.clone(),
        version: session.current_version,
        digest: session.digest.clone(),
        reason: "not now".to_owned(),
        ..Default::default()
    };
    cast.lead.approval.clone().reject(request).await.unwrap();
    let wanted = [
        ("assent-planner", "assent.planner.v1.PlannerService/CreatePlan", 1),
        ("assent-approval-gate", "workflow.resume", 1),
        ("assent-versioning", "consume plan_rejected", 1),
        ("assent-notification", "consume plan_rejected", 1),
    ];
    let trace = receiver.trace(&session.id, &wanted).await;
    assert_eq!(one_tree(&trace).name, SUBMIT);
    linked(&receiver.all(), &trace, &session.id, "assent.approval.v1.ApprovalService/Reject");
    assert!(named(&trace, "execution.drive").is_empty());
}

async fn rollback(receiver: &Receiver, cast: &Cast) {
    let session = submit_broken(cast).await;
    scenario::approve(&cast.lead, &session).await.unwrap();
    eventually("the rollback", || async {
        let execution = scenario::executed(&cast.lead, &session.id).await;
        (execution.state() == ExecutionState::RolledBack).then_some(())
    })
    .await;
    let wanted = [
        ("assent-executor", "item.attempt", 2),
        ("assent-executor", "item.undo", 1),
        ("assent-executor", "execution.drive", 1),
        ("assent-notification", "consume execution_ended", 1),
    ];
    let trace = receiver.trace(&session.id, &wanted).await;
    assert_eq!(one_tree(&trace).name, SUBMIT);
    let failed: Vec<_> = named(&trace, "item.attempt").into_iter().filter(|span| span.error).collect();
    assert!(failed.iter().all(|span| span.attributes["item.id"] == "break"), "{failed:#?}");
    assert!(!failed.is_empty());
    let undone = named(&trace, "item.undo");
    assert_eq!(undone[0].attributes["item.id"], "write");
    assert_eq!(parent(&trace, undone[0]).name, "execution.drive");
}

/// A caller's own trace goes on, and whoever is refused can say in which trace.
async fn an_error_names_its_trace(receiver: &Receiver, cast: &Cast) {
    let mine = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut request = tonic::Request::new(RejectRequest {
        session_id: "ses_00000000000000000000000000000000".to_owned(),
        version: 1,
        digest: "0".repeat(64),
        reason: "no".to_owned(),
        ..Default::default()
    });
    let parent = "00f067aa0ba902b7";
    request.metadata_mut().insert("traceparent", format!("00-{mine}-{parent}-01").parse().unwrap());
    let status = cast.lead.approval.clone().reject(request).await.unwrap_err();
    let info = status.get_error_details().error_info().cloned().unwrap();
    assert_eq!(info.metadata["trace_id"], mine, "{info:?}");
    eventually("the span of the refused call", || async {
        receiver.all().into_iter().find(|span| span.trace == mine && span.parent == parent)
    })
    .await;
}

/// Of traces that begin here, none is kept; one that a caller keeps goes on.
#[tokio::test(flavor = "multi_thread")]
async fn sampling_is_the_callers_choice_before_it_is_ours() {
    let receiver = Receiver::start();
    let variables = [
        ("ASSENT_TELEMETRY__OTLP_ENDPOINT", receiver.address.clone()),
        ("ASSENT_TELEMETRY__SAMPLING_RATIO", "0.0".to_owned()),
    ];
    let dev = assent_tests::Dev::start_with("", &variables).await;
    let cast = crate::support::cast_of_dev(&dev);
    scenario::submit(&cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    let mut request = tonic::Request::new(SubmitForApprovalRequest {
        goal: EXPORT_GOAL.to_owned(),
        on_behalf_of: cast.dev_id.clone(),
        ..Default::default()
    });
    let trace = "5bf92f3577b34da6a3ce929d0e0e4736";
    request.metadata_mut().insert("traceparent", format!("00-{trace}-00f067aa0ba902b7-01").parse().unwrap());
    cast.agent.approval.clone().submit_for_approval(request).await.unwrap();
    eventually("the notification's part of the trace", || async {
        let all = receiver.all();
        all.iter().any(|span| span.name == "consume plan_submitted_for_approval").then_some(())
    })
    .await;
    assert!(receiver.all().iter().all(|span| span.trace == trace), "{:#?}", receiver.all());
}
