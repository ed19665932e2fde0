//! What people ask of an execution while it runs and after.

use assent_plan::{DependencyType, Rollback};
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{Execution, ExecutionOrder, ExecutionState, WorkItemRunState as Run};
use assent_proto::executor::v1::*;
use assent_testkit::{Storage, both_storages};
use serde_json::json;
use tonic_types::StatusExt as _;

use crate::gate::{claims, sign};
use crate::rig::{Rig, assert_state, item, object, plan, run, states};

both_storages!(
    a_pause_lets_what_runs_end_and_begins_nothing,
    a_cancelled_execution_ends_at_once_and_can_be_undone,
    what_failed_can_be_tried_again_and_what_was_not_approved_cannot,
    an_undoing_that_failed_can_be_tried_again,
    an_undoing_that_must_not_be_repeated_is_not_repeated_after_a_crash,
    an_execution_begins_once_whoever_asks,
);

const HARD: DependencyType = DependencyType::Dependency;

fn waits() -> serde_json::Value {
    json!({ "command": "touch begun; until test -e go; do sleep 0.02; done", "use_shell": true })
}

impl Rig {
    /// Follows the facts until the execution stands so.
    async fn until(&self, session: assent_core::id::SessionId, state: ExecutionState) -> Execution {
        let reached = |fact: &Payload| match fact {
            Payload::ExecutionEnded(e) => e.execution.as_ref().is_some_and(|e| e.state() == state),
            Payload::ExecutionChanged(e) => e.execution.as_ref().is_some_and(|e| e.state() == state),
            _ => false,
        };
        self.facts(session, reached).await;
        self.execution(session).await
    }

    async fn runs(&self, session: assent_core::id::SessionId, item: &str) {
        let begun = |fact: &Payload| match fact {
            Payload::WorkItemRunChanged(changed) => {
                changed.run.as_ref().is_some_and(|run| run.item_id == item && run.state() == Run::Running)
            }
            _ => false,
        };
        self.facts(session, begun).await;
    }
}

fn reason(status: tonic::Status) -> String {
    status.get_details_error_info().unwrap().reason
}

fn session(id: assent_core::id::SessionId) -> String {
    id.to_string()
}

async fn a_pause_lets_what_runs_end_and_begins_nothing(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let items = vec![item("a", "shell", waits()), item("b", "code_gen", json!({ "template": "b" }))];
    let id = rig.approve(&plan(items, &[("a", "b", HARD)])).await;
    rig.runs(id, "a").await;
    let pause = PauseRequest { session_id: session(id), reason: "lunch".to_owned() };
    let ordered = rig.client().pause(pause.clone()).await.unwrap().into_inner().execution.unwrap();
    assert_eq!((ordered.state(), ordered.order()), (ExecutionState::Running, ExecutionOrder::Pause));
    rig.client().pause(pause).await.unwrap();
    std::fs::write(rig.workspace(&ordered.id).join("go"), "").unwrap();
    let paused = rig.until(id, ExecutionState::Paused).await;
    assert_eq!((paused.state(), paused.order()), (ExecutionState::Paused, ExecutionOrder::Unspecified));
    assert_eq!(states(&paused), [("a", Run::Succeeded), ("b", Run::Pending)]);

    // It stays so across a restart.
    rig.stop().await;
    rig.start().await;
    assert_state(&rig.execution(id).await, ExecutionState::Paused);
    let resume = ResumeRequest { session_id: session(id), ..Default::default() };
    rig.client().resume(resume).await.unwrap();
    let (ended, _) = rig.ended(id).await;
    assert_state(&ended, ExecutionState::Completed);
    let facts = rig.facts(id, |fact| matches!(fact, Payload::ExecutionEnded(_))).await;
    let asked = facts.iter().filter_map(|event| match event.payload.as_ref() {
        Some(Payload::ExecutionChanged(changed)) => Some((changed.action.as_str(), changed.reason.as_str())),
        _ => None,
    });
    assert_eq!(asked.collect::<Vec<_>>(), [("pause", "lunch"), ("paused", ""), ("resume", "")]);
    let resume = ResumeRequest { session_id: session(id), ..Default::default() };
    assert_eq!(reason(rig.client().resume(resume).await.unwrap_err()), "EXECUTION_STATE");
    rig.stop().await;
}

async fn a_cancelled_execution_ends_at_once_and_can_be_undone(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let items = vec![
        item("write", "file_write", json!({ "path": "a.txt", "content": "a" })),
        item("hang", "shell", json!({ "command": "sleep 600" })),
        item("after", "code_gen", json!({ "template": "x" })),
    ];
    let id = rig.approve(&plan(items, &[("write", "hang", HARD), ("hang", "after", HARD)])).await;
    rig.runs(id, "hang").await;
    let cancel = CancelRequest { session_id: session(id), ..Default::default() };
    rig.client().cancel(cancel.clone()).await.unwrap();
    let ended = rig.until(id, ExecutionState::Cancelled).await;
    assert_eq!(states(&ended), [("after", Run::Skipped), ("hang", Run::Failed), ("write", Run::Succeeded)]);
    assert!(run(&ended, "hang").error.starts_with("CANCELLED"));
    assert!(rig.workspace(&ended.id).join("a.txt").exists());
    rig.client().cancel(cancel.clone()).await.unwrap();

    let rollback = RollbackRequest { session_id: session(id), ..Default::default() };
    rig.client().rollback(rollback.clone()).await.unwrap();
    let ended = rig.until(id, ExecutionState::RolledBack).await;
    assert_eq!(run(&ended, "write").state(), Run::RolledBack);
    assert!(!rig.workspace(&ended.id).join("a.txt").exists());
    rig.client().rollback(rollback).await.unwrap();
    let retry =
        RetryItemRequest { session_id: session(id), item_id: "hang".to_owned(), ..Default::default() };
    assert_eq!(reason(rig.client().retry_item(retry).await.unwrap_err()), "EXECUTION_STATE");
    assert_eq!(reason(rig.client().cancel(cancel).await.unwrap_err()), "EXECUTION_STATE");
    rig.stop().await;
}

async fn what_failed_can_be_tried_again_and_what_was_not_approved_cannot(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let items = vec![
        item("a", "shell", json!({ "command": "test -e fixed" })),
        item("b", "code_gen", json!({ "template": "b" })),
        item("c", "code_gen", json!({ "template": "c" })),
    ];
    let plan = plan(items, &[("a", "b", HARD)]);
    let id = rig.session();
    let mut claims = claims(&rig.source, id, &plan);
    claims.items.remove("c");
    rig.gate.approve(&rig.source, id, &plan, sign(&claims, 1)).await;
    let (failed, _) = rig.ended(id).await;
    assert_state(&failed, ExecutionState::Failed);
    assert_eq!(states(&failed), [("a", Run::Failed), ("b", Run::Skipped), ("c", Run::Skipped)]);

    let retry = |item: &str| RetryItemRequest {
        session_id: session(id),
        item_id: item.to_owned(),
        reason: String::new(),
    };
    assert_eq!(reason(rig.client().retry_item(retry("c")).await.unwrap_err()), "ITEM_STATE");
    assert_eq!(reason(rig.client().retry_item(retry("d")).await.unwrap_err()), "ITEM_NOT_FOUND");
    std::fs::write(rig.workspace(&failed.id).join("fixed"), "").unwrap();
    rig.client().retry_item(retry("a")).await.unwrap();
    let ended = rig.until(id, ExecutionState::Completed).await;
    assert_eq!(states(&ended), [("a", Run::Succeeded), ("b", Run::Succeeded), ("c", Run::Skipped)]);
    assert_eq!((run(&ended, "a").attempt, ended.error.as_str()), (2, ""));
    rig.stop().await;
}

fn undone_by(command: &str) -> assent_plan::WorkItem {
    let mut done = item("done", "shell", json!({ "command": "true" }));
    done.rollback = Some(Rollback {
        tool: "shell".to_owned(),
        arguments: object(json!({ "command": command, "use_shell": true })),
    });
    done
}

async fn an_undoing_that_failed_can_be_tried_again(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let id = rig.approve(&plan(vec![undone_by("echo x >> tries; test -e fixed")], &[])).await;
    let (done, _) = rig.ended(id).await;
    assert_state(&done, ExecutionState::Completed);
    let cost = done.cost.unwrap().micros;
    rig.client().rollback(RollbackRequest { session_id: session(id), ..Default::default() }).await.unwrap();
    let failed = rig.until(id, ExecutionState::RollbackFailed).await;
    let undone = run(&failed, "done");
    assert_eq!((undone.state(), undone.undo_attempt), (Run::RollbackFailed, 3));
    let tries = std::fs::read_to_string(rig.workspace(&failed.id).join("tries")).unwrap();
    assert_eq!(tries.lines().count(), 3);
    // Undoing has its price, too.
    assert_eq!(failed.cost.as_ref().unwrap().micros, 4 * cost);

    std::fs::write(rig.workspace(&failed.id).join("fixed"), "").unwrap();
    let retry =
        RetryItemRequest { session_id: session(id), item_id: "done".to_owned(), ..Default::default() };
    rig.client().retry_item(retry).await.unwrap();
    let ended = rig.until(id, ExecutionState::RolledBack).await;
    assert_eq!(run(&ended, "done").state(), Run::RolledBack);
    rig.stop().await;
}

async fn an_undoing_that_must_not_be_repeated_is_not_repeated_after_a_crash(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let id = rig.approve(&plan(vec![undone_by("echo x >> tries; sleep 600")], &[])).await;
    rig.ended(id).await;
    rig.client().rollback(RollbackRequest { session_id: session(id), ..Default::default() }).await.unwrap();
    let tries = rig.workspace(&rig.execution(id).await.id).join("tries");
    while !tries.exists() {
        tokio::task::yield_now().await;
    }
    rig.stop().await;
    rig.start().await;
    let ended = rig.until(id, ExecutionState::RollbackFailed).await;
    assert!(run(&ended, "done").error.starts_with("INTERRUPTED"), "{ended:#?}");
    assert_eq!(std::fs::read_to_string(tries).unwrap(), "x\n");
    rig.stop().await;
}

async fn an_execution_begins_once_whoever_asks(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let unknown = StartExecutionRequest { session_id: session(rig.session()) };
    assert_eq!(reason(rig.client().start_execution(unknown).await.unwrap_err()), "EXECUTION_REFUSED");
    let plan = plan(vec![item("a", "code_gen", json!({ "template": "a" }))], &[]);
    let id = rig.approve(&plan).await;
    let start = StartExecutionRequest { session_id: session(id) };
    let (one, two) =
        (rig.client().start_execution(start.clone()).await, rig.client().start_execution(start).await);
    let (one, two) = (one.unwrap().into_inner().execution, two.unwrap().into_inner().execution);
    assert_eq!(one.unwrap().id, two.unwrap().id);
    let (ended, _) = rig.ended(id).await;
    assert_eq!(run(&ended, "a").attempt, 1);
    rig.stop().await;
}
