//! Work that goes to workers: leased, told of, reported, lost.

use std::time::Duration;

use assent_plan::{DependencyType, Plan, Priority, Rollback, WorkItem};
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{ExecutionState, RunStep, WorkItemRunState as Run};
use assent_proto::executor::v1::*;
use assent_rpc::convert::{Wire as _, read_message};
use assent_store::{Json, Sql};
use assent_testkit::{Storage, both_storages};
use serde_json::{Value, json};
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::rig::{Rig, assert_state, item, object, plan, run, states};

both_storages!(
    a_worker_does_what_it_leased_and_its_output_goes_on,
    work_goes_to_who_can_do_it_and_the_most_urgent_first,
    a_worker_that_died_is_replaced_and_cannot_report_any_more,
    a_failure_is_tried_again_only_when_the_worker_says_so,
    work_outlives_the_executor,
    cancelled_work_is_taken_from_its_worker,
    a_worker_can_undo_what_it_did,
    work_that_was_changed_is_not_handed_out,
    a_worker_that_takes_too_long_loses_the_work,
);

const HARD: DependencyType = DependencyType::Dependency;

fn work(id: &str) -> WorkItem {
    item(id, "worker", json!({ "task": format!("do {id}"), "input": [1, 2] }))
}

pub(crate) struct Worker<'r> {
    rig: &'r Rig,
    /// None once it is gone: a worker that is connected may take its own work again.
    stream: Option<tonic::Streaming<LeaseWorkResponse>>,
}

impl<'r> Worker<'r> {
    pub(crate) async fn new(rig: &'r Rig, name: &str, change: impl FnOnce(&mut LeaseWorkRequest)) -> Self {
        let mut request = LeaseWorkRequest {
            worker: name.to_owned(),
            lease_duration: Some(prost_types::Duration { seconds: 10, nanos: 0 }),
            ..Default::default()
        };
        change(&mut request);
        let stream = rig.workers().lease_work(request).await.unwrap().into_inner();
        Self { rig, stream: Some(stream) }
    }

    pub(crate) fn vanish(&mut self) {
        self.stream = None;
    }

    pub(crate) async fn lease(&mut self) -> Work {
        let next =
            tokio::time::timeout(Duration::from_secs(30), self.stream.as_mut().unwrap().message()).await;
        next.expect("no work in time").unwrap().unwrap().work.unwrap()
    }

    pub(crate) async fn complete(&self, work: &Work, output: Value) -> Result<(), Status> {
        let output = Some(object(output).to_pb());
        let request = CompleteWorkRequest { lease: work.lease.clone(), output, summary: "did it".to_owned() };
        self.rig.workers().complete_work(request).await.map(drop)
    }

    async fn fail(&self, work: &Work, retryable: bool) -> Result<(), Status> {
        let request = FailWorkRequest { lease: work.lease.clone(), message: "no luck".to_owned(), retryable };
        self.rig.workers().fail_work(request).await.map(drop)
    }

    async fn heartbeat(&self, work: &Work) -> Result<HeartbeatResponse, Status> {
        let request = HeartbeatRequest {
            lease: work.lease.clone(),
            progress: 0.5,
            message: "half way".to_owned(),
            steps: vec![RunStep { name: "read".to_owned(), done: true }],
        };
        self.rig.workers().heartbeat(request).await.map(tonic::Response::into_inner)
    }
}

pub(crate) fn reason(result: Result<impl std::fmt::Debug, Status>) -> String {
    result.unwrap_err().get_details_error_info().unwrap().reason
}

fn arguments(work: &Work) -> Value {
    let read = read_message("arguments", |at| assent_plan::Map::read(work.arguments.clone().unwrap(), at));
    Value::Object(read.unwrap())
}

async fn a_worker_does_what_it_leased_and_its_output_goes_on(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let mut second = item("b", "worker", json!({ "task": "${items.a.output.next}" }));
    second.description = "for the worker to read".to_owned();
    let id = rig.approve(&plan(vec![work("a"), second], &[("a", "b", DependencyType::Data)])).await;
    let mut worker = Worker::new(&rig, "w1", |_| {}).await;
    let first = worker.lease().await;
    assert_eq!(first.idempotency_key, format!("{id}.1.a.1"));
    assert_eq!((first.attempt, first.undo, first.goal.as_str()), (1, false, "a goal"));
    assert_eq!(arguments(&first), json!({ "task": "do a", "input": [1, 2] }));
    assert!(worker.heartbeat(&first).await.unwrap().lease_expire_time.is_some());
    worker.complete(&first, json!({ "next": "then this" })).await.unwrap();
    // The report may be repeated, as its answer may be lost; the first one counts.
    worker.complete(&first, json!({ "next": "or that" })).await.unwrap();
    let second = worker.lease().await;
    assert_eq!(arguments(&second), json!({ "task": "then this" }));
    assert_eq!(second.item.as_ref().unwrap().description, "for the worker to read");
    worker.complete(&second, json!({})).await.unwrap();
    let (ended, _) = rig.ended(id).await;
    assert_state(&ended, ExecutionState::Completed);
    assert_eq!(run(&ended, "a").summary, "did it");
    assert_eq!(reason(worker.heartbeat(&first).await), "LEASE_LOST");

    let facts = rig.facts(id, |fact| matches!(fact, Payload::ExecutionEnded(_))).await;
    let told = facts.iter().find_map(|event| match event.payload.as_ref() {
        Some(Payload::WorkItemProgressed(told)) => Some(told),
        _ => None,
    });
    let told = told.unwrap();
    assert_eq!((told.item_id.as_str(), told.worker.as_str(), told.progress), ("a", "w1", 0.5));
    assert_eq!((told.message.as_str(), told.steps.len(), told.attempt), ("half way", 1, 1));
    let tools = rig.client().list_tools(ListToolsRequest {}).await.unwrap().into_inner().tools;
    assert!(tools.iter().find(|tool| tool.name == "worker").unwrap().ready);
    rig.stop().await;
}

async fn work_goes_to_who_can_do_it_and_the_most_urgent_first(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let (mut low, mut high, mut skilled, mut elsewhere) = (work("a"), work("b"), work("c"), work("d"));
    low.priority = Priority::Low;
    high.priority = Priority::High;
    skilled.priority = Priority::Critical;
    skilled.required_capabilities = vec!["gpu".to_owned(), "python".to_owned()];
    elsewhere.arguments.insert("queue".to_owned(), "elsewhere".into());
    let id = rig.approve(&plan(vec![low, high, skilled, elsewhere], &[])).await;
    // All are there before the first worker comes.
    rig.facts(id, |fact| matches!(fact, Payload::WorkItemRunChanged(changed) if changed.run.as_ref().unwrap().item_id == "d"))
        .await;
    let gpu = |request: &mut LeaseWorkRequest| {
        request.capabilities = ["python", "gpu", "more"].map(str::to_owned).to_vec();
    };
    let mut plain = Worker::new(&rig, "plain", |request| request.max_items = 2).await;
    let mut offered = Vec::new();
    for _ in 0..2 {
        offered.push(plain.lease().await);
    }
    let names = |works: &[Work]| works.iter().map(|w| w.item.clone().unwrap().id).collect::<Vec<_>>();
    let mut got = names(&offered);
    got.sort();
    assert_eq!(got, ["a", "b"]);
    let mut able = Worker::new(&rig, "able", gpu).await;
    let third = able.lease().await;
    assert_eq!(third.item.as_ref().unwrap().id, "c");
    let mut away = Worker::new(&rig, "away", |request| request.queue = "elsewhere".to_owned()).await;
    let fourth = away.lease().await;
    assert_eq!(fourth.item.as_ref().unwrap().id, "d");
    for work in offered.iter().chain([&third, &fourth]) {
        plain.complete(work, json!({})).await.unwrap();
    }
    assert_state(&rig.ended(id).await.0, ExecutionState::Completed);
    rig.stop().await;
}

async fn a_worker_that_died_is_replaced_and_cannot_report_any_more(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let id = rig.approve(&plan(vec![work("a")], &[])).await;
    let mut dead = Worker::new(&rig, "dead", |_| {}).await;
    let lost = dead.lease().await;
    dead.vanish();
    let mut other = Worker::new(&rig, "other", |_| {}).await;
    rig.source.clock().advance(Duration::from_secs(11));
    let mine = other.lease().await;
    assert_eq!(mine.idempotency_key, lost.idempotency_key);
    assert_ne!(mine.lease, lost.lease);
    assert_eq!(reason(dead.heartbeat(&lost).await), "LEASE_LOST");
    assert_eq!(reason(dead.complete(&lost, json!({ "by": "dead" })).await), "LEASE_LOST");
    assert_eq!(reason(dead.fail(&lost, true).await), "LEASE_LOST");
    other.complete(&mine, json!({ "by": "other" })).await.unwrap();
    let (ended, _) = rig.ended(id).await;
    assert_eq!(run(&ended, "a").attempt, 1);
    let output = run(&rig.execution(id).await, "a").output.clone().unwrap();
    assert_eq!(output, object(json!({ "by": "other" })).to_pb());
    for nonsense in ["x", "", "1.2.3", "7.ses_0"] {
        let lease = if nonsense.is_empty() { "." } else { nonsense };
        let request = HeartbeatRequest { lease: lease.to_owned(), ..Default::default() };
        assert_eq!(reason(rig.workers().heartbeat(request).await), "LEASE_LOST");
    }
    rig.stop().await;
}

async fn a_failure_is_tried_again_only_when_the_worker_says_so(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let mut given = work("a");
    given.constraints.max_retries = Some(5);
    let id = rig.approve(&plan(vec![given], &[])).await;
    let mut worker = Worker::new(&rig, "w", |_| {}).await;
    let first = worker.lease().await;
    worker.fail(&first, true).await.unwrap();
    let second = worker.lease().await;
    assert_eq!((second.attempt, second.idempotency_key), (2, format!("{id}.1.a.2")));
    worker.fail(&Work { lease: second.lease.clone(), ..Default::default() }, false).await.unwrap();
    let (ended, _) = rig.ended(id).await;
    assert_state(&ended, ExecutionState::Failed);
    assert_eq!(run(&ended, "a").error, "WORKER_FAILED: REPORTED: no luck");
    rig.stop().await;
}

async fn work_outlives_the_executor(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let id = rig.approve(&plan(vec![work("a"), work("b")], &[("a", "b", HARD)])).await;
    let leased = Worker::new(&rig, "w", |_| {}).await.lease().await;
    rig.stop().await;
    rig.start().await;
    let mut worker = Worker::new(&rig, "w", |_| {}).await;
    worker.heartbeat(&leased).await.unwrap();
    worker.complete(&leased, json!({})).await.unwrap();
    let next = worker.lease().await;
    worker.complete(&next, json!({})).await.unwrap();
    let (ended, _) = rig.ended(id).await;
    assert_state(&ended, ExecutionState::Completed);
    assert!(ended.runs.iter().all(|run| run.attempt == 1));
    rig.stop().await;
}

async fn cancelled_work_is_taken_from_its_worker(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let id = rig.approve(&plan(vec![work("a")], &[])).await;
    let mut worker = Worker::new(&rig, "w", |_| {}).await;
    let leased = worker.lease().await;
    rig.client().cancel(CancelRequest { session_id: id.to_string(), ..Default::default() }).await.unwrap();
    assert_state(&rig.ended(id).await.0, ExecutionState::Cancelled);
    assert_eq!(reason(worker.heartbeat(&leased).await), "LEASE_LOST");
    assert_eq!(reason(worker.complete(&leased, json!({})).await), "LEASE_LOST");
    rig.stop().await;
}

async fn a_worker_can_undo_what_it_did(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let mut done = work("a");
    let back = json!({ "task": "undo ${items.a.output.what}" });
    done.rollback = Some(Rollback { tool: "worker".to_owned(), arguments: object(back) });
    let broken = item("b", "shell", json!({ "command": "false" }));
    let id = rig.approve(&plan(vec![done, broken], &[("a", "b", HARD)])).await;
    let mut worker = Worker::new(&rig, "w", |_| {}).await;
    let leased = worker.lease().await;
    worker.complete(&leased, json!({ "what": "everything" })).await.unwrap();
    let back = worker.lease().await;
    assert_eq!((back.undo, arguments(&back)), (true, json!({ "task": "undo everything" })));
    worker.fail(&back, true).await.unwrap();
    let again = worker.lease().await;
    assert_eq!(again.attempt, 2);
    worker.complete(&again, json!({})).await.unwrap();
    let (ended, _) = rig.ended(id).await;
    assert_state(&ended, ExecutionState::RolledBack);
    assert_eq!(states(&ended), [("a", Run::RolledBack), ("b", Run::Failed)]);
    rig.stop().await;
}

async fn work_that_was_changed_is_not_handed_out(storage: Storage) {
    const CHANGE: Sql = Sql::new("UPDATE work_item_runs SET item = $1 WHERE item_id = 'a'");

    let mut rig = Rig::new(storage).await;
    let given: Plan = plan(vec![work("a")], &[]);
    let id = rig.approve(&given).await;
    rig.facts(id, |fact| matches!(fact, Payload::WorkItemRunChanged(_))).await;
    let mut evil = given.items[0].clone();
    evil.arguments.insert("task".to_owned(), "do evil".into());
    let db = rig.database().await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.query(CHANGE).bind(Json(evil)).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    let mut stream = Worker::new(&rig, "w", |_| {}).await.stream.unwrap();
    // In a task of its own: calls within a process run in the task that makes them.
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { stream.message().await });
    let (ended, _) = rig.ended(id).await;
    assert!(tasks.try_join_next().is_none(), "it was handed out");
    assert_state(&ended, ExecutionState::Failed);
    assert!(ended.error.starts_with("ITEM_LEAF_MISMATCH"), "{}", ended.error);
    rig.stop().await;
}

async fn a_worker_that_takes_too_long_loses_the_work(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let mut slow = work("a");
    slow.constraints.max_retries = Some(0);
    let id = rig.approve(&plan(vec![slow], &[])).await;
    let mut worker = Worker::new(&rig, "w", |_| {}).await;
    let leased = worker.lease().await;
    worker.vanish();
    rig.source.clock().advance(Duration::from_secs(601));
    let (ended, _) = rig.ended(id).await;
    assert!(run(&ended, "a").error.starts_with("TIMED_OUT"), "{ended:#?}");
    assert_eq!(reason(worker.complete(&leased, json!({})).await), "LEASE_LOST");
    rig.stop().await;
}
