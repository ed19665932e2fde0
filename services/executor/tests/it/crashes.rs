//! The executor dies after each of its commits in turn. Whatever the moment: the next one finishes what was begun, or
//! undoes it, and no effect comes more often than its tool allows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_core::id::SessionId;
use assent_executor::Faults;
use assent_plan::{DependencyType, Plan, Rollback};
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{Execution, ExecutionState, WorkItemRunState as Run};
use assent_proto::executor::v1::worker_service_client::WorkerServiceClient;
use assent_proto::executor::v1::{CompleteWorkRequest, LeaseWorkRequest};
use assent_rpc::Transport;
use assent_testkit::{Storage, both_storages};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::rig::{Rig, item, object, plan, run};

both_storages!(whenever_it_dies_what_was_begun_is_finished, whenever_it_dies_what_has_failed_is_undone,);

const HARD: DependencyType = DependencyType::Dependency;

/// Keys of the requests that came, one by one.
type Requests = Arc<Mutex<Vec<String>>>;

/// Answers every request, and notes its key.
async fn serve(server: TcpListener, requests: Requests) {
    loop {
        let Ok((mut stream, _)) = server.accept().await else { continue };
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { break };
            head.push(byte);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: "));
        requests.lock().unwrap().extend(key.map(str::to_owned));
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
        let _gone = stream.write_all(answer.as_bytes()).await;
    }
}

/// Every kind of item; the last one fails when `fails`.
fn scenario(url: &str, fails: bool) -> Plan {
    let mut note = item("note", "shell", json!({ "command": "echo done >> log", "use_shell": true }));
    note.rollback = Some(Rollback {
        tool: "shell".to_owned(),
        arguments: object(json!({ "command": "echo undone >> log", "use_shell": true })),
    });
    let mut work = item("work", "worker", json!({ "task": "work" }));
    work.rollback =
        Some(Rollback { tool: "worker".to_owned(), arguments: object(json!({ "task": "undo" })) });
    let get = json!({ "method": "GET", "url": url });
    let write = json!({ "path": "a.txt", "content": "${items.make.output.text}" });
    let last = if fails { "exit 1" } else { "exit 0" };
    let items = vec![
        item("make", "code_gen", json!({ "template": "x" })),
        item("write", "file_write", write),
        item("soft", "shell", json!({ "command": "false" })),
        item("get", "http_request", get),
        note,
        work,
        item("last", "shell", json!({ "command": ["sh", "-c", last] })),
    ];
    let edges = [
        ("make", "write", DependencyType::Data),
        ("soft", "write", DependencyType::Soft),
        ("write", "get", HARD),
        ("write", "note", HARD),
        ("note", "work", HARD),
        ("get", "work", HARD),
        ("work", "last", HARD),
    ];
    plan(items, &edges)
}

async fn whenever_it_dies_what_was_begun_is_finished(storage: Storage) {
    matrix(storage, false).await;
}

async fn whenever_it_dies_what_has_failed_is_undone(storage: Storage) {
    matrix(storage, true).await;
}

async fn matrix(storage: Storage, fails: bool) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plan = scenario(&format!("http://{}/x", server.local_addr().unwrap()), fails);
    let requests = Requests::default();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(server, Arc::clone(&requests)));
    let mut rig = Rig::new(storage).await;
    rig.config.http_allowed_hosts = vec!["127.0.0.1".to_owned()];
    let mut ends: BTreeMap<&'static str, u32> = BTreeMap::new();
    for commit in 1.. {
        rig.stop().await;
        rig.config.faults = Faults::at(commit);
        rig.start().await;
        requests.lock().unwrap().clear();
        let faults = rig.config.faults.clone();
        let session = rig.approve(&plan).await;
        let died = tokio::select! {
            () = faults.died() => true,
            _ = working(&rig, session) => false,
        };
        if died {
            rig.crash().await;
            rig.config.faults = Faults::default();
            // The lease of the dead ends.
            rig.source.clock().advance(Duration::from_secs(60));
            rig.start().await;
        }
        let ended = working(&rig, session).await;
        let seen = requests.lock().unwrap().clone();
        check(&rig, session, &ended, &seen).await;
        *ends.entry(ended.state().as_str_name()).or_default() += 1;
        if !died {
            let wanted = if fails { ExecutionState::RolledBack } else { ExecutionState::Completed };
            assert_eq!(ended.state(), wanted);
            // At least eight: it is accepted and begins, four times something ends and something begins, a worker takes
            // its work and completes it, and all ends.
            assert!(commit > 8, "only {commit} commits: {ends:?}");
            break;
        }
    }
    rig.stop().await;
}

/// Does whatever work there is until the execution ends.
async fn working(rig: &Rig, session: SessionId) -> Execution {
    // In a task of its own: calls within a process run in the task that makes them.
    let mut tasks = JoinSet::new();
    tasks.spawn(work(rig.workers()));
    rig.ended(session).await.0
}

async fn work(mut workers: WorkerServiceClient<Transport>) {
    let request = LeaseWorkRequest {
        worker: "w".to_owned(),
        lease_duration: Some(prost_types::Duration { seconds: 10, nanos: 0 }),
        ..Default::default()
    };
    let mut stream = workers.lease_work(request).await.unwrap().into_inner();
    while let Ok(Some(answer)) = stream.message().await {
        let report = CompleteWorkRequest { lease: answer.work.unwrap().lease, ..Default::default() };
        // The lease may be lost, when another one of us has taken the work.
        let _lost = workers.complete_work(report).await;
    }
}

async fn check(rig: &Rig, session: SessionId, ended: &Execution, requests: &[String]) {
    let workspace = rig.workspace(&ended.id);
    let log = std::fs::read_to_string(workspace.join("log")).unwrap_or_default();
    let count = |word: &str| log.lines().filter(|line| *line == word).count();
    let state = |id: &str| run(ended, id).state();
    let note = state("note");
    // Not idempotent: at most once, and once when it is said to be done.
    assert!(count("done") <= 1 && count("undone") <= 1, "{log}");
    if matches!(note, Run::Succeeded | Run::RolledBack) {
        assert_eq!(count("done"), 1, "{ended:#?}");
    }
    if note == Run::RolledBack {
        assert_eq!(count("undone"), 1, "{ended:#?}");
    }
    // Idempotent: as often as it takes, under one key.
    assert!(requests.iter().all(|key| *key == format!("{session}.1.get.1")), "{requests:?}");
    if state("get") == Run::Succeeded {
        assert!(!requests.is_empty());
    }
    assert!(ended.runs.iter().all(|run| run.attempt <= 1), "{ended:#?}");
    let written = workspace.join("a.txt").exists();
    match ended.state() {
        ExecutionState::Completed => {
            assert!(ended.runs.iter().all(|run| run.item_id == "soft" || run.state() == Run::Succeeded));
            assert!(written);
        }
        ExecutionState::RolledBack | ExecutionState::RollbackFailed => {
            assert_ne!(state("write"), Run::Succeeded, "{ended:#?}");
            assert!(!written);
            let undone = |id: &str| !matches!(state(id), Run::Succeeded | Run::Running | Run::RollingBack);
            assert!(undone("note") && undone("work"), "{ended:#?}");
            // Only a program that was cut off is left; a request that only looked never has to be undone.
            for run in ended.runs.iter().filter(|run| run.state() == Run::RollbackFailed) {
                assert!(run.error.starts_with("INTERRUPTED"), "{run:#?}");
            }
        }
        // Nothing with an effect had been done yet.
        other => assert_eq!(other, ExecutionState::Failed, "{ended:#?}"),
    }
    told(rig, session, ended).await;
}

/// Every change is told once, and the last one told of each item is what is kept.
async fn told(rig: &Rig, session: SessionId, ended: &Execution) {
    let facts = rig.facts(session, |fact| matches!(fact, Payload::ExecutionEnded(_))).await;
    let started = facts.iter().filter(|event| matches!(event.payload, Some(Payload::ExecutionStarted(_))));
    assert_eq!(started.count(), 1);
    let mut states: BTreeMap<String, Vec<Run>> = BTreeMap::new();
    for event in &facts {
        if let Some(Payload::WorkItemRunChanged(changed)) = &event.payload {
            let run = changed.run.as_ref().unwrap();
            states.entry(run.item_id.clone()).or_default().push(run.state());
        }
    }
    for run in &ended.runs {
        let told = &states[&run.item_id];
        assert_eq!(told.last(), Some(&run.state()), "{}: {told:?}", run.item_id);
        let mut once = told.clone();
        once.dedup();
        assert_eq!(*told, once, "{} changed to what it was", run.item_id);
    }
}
