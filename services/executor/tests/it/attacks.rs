//! Nothing unapproved runs, whoever says otherwise.

use assent_core::Digest;
use assent_core::grant::GrantClaims;
use assent_plan::{DependencyType, Plan, Rollback, WorkItem};
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{ExecutionState, WorkItemRunState as Run};
use assent_proto::executor::v1::{GetExecutionRequest, RollbackRequest};
use assent_store::{Json, Sql};
use assent_testkit::{Storage, both_storages};
use serde_json::json;

use crate::gate::{claims, sign};
use crate::rig::{Rig, assert_state, item, object, plan, run, states};

both_storages!(
    a_grant_that_does_not_fit_is_refused_by_name,
    only_the_approved_items_run,
    a_row_that_is_changed_while_it_waits_does_not_run,
    a_grant_that_is_taken_back_stops_what_has_not_begun,
    a_grant_that_is_taken_back_unheard_stops_what_has_not_begun,
    a_tool_that_changed_is_not_called,
    an_item_whose_way_back_changed_does_not_begin,
    a_rollback_by_a_tool_that_changed_stops_and_says_so,
    a_rollback_that_was_edited_is_not_gone,
    the_row_of_another_item_or_session_is_no_permission,
    what_has_not_begun_when_the_grant_expires_does_not_begin,
);

fn simple() -> Plan {
    plan(
        vec![
            item("a", "code_gen", json!({ "template": "a" })),
            item("b", "code_gen", json!({ "template": "b" })),
        ],
        &[],
    )
}

async fn a_grant_that_does_not_fit_is_refused_by_name(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let plan = simple();
    type Change = fn(&mut GrantClaims, &Rig);
    let cases: [(Change, u8, &str); 7] = [
        (|_, _| {}, 2, "GRANT_SIGNATURE_INVALID"),
        (|c, rig| c.sub = rig.session(), 1, "GRANT_SESSION_MISMATCH"),
        (|c, _| c.exp = c.iat, 1, "GRANT_EXPIRED"),
        (|c, _| c.nbf += 3000, 1, "GRANT_NOT_YET_VALID"),
        (|c, _| c.dig = Digest::of(&[b"x"]), 1, "GRANT_DIGEST_MISMATCH"),
        (|c, _| *c.items.get_mut("a").unwrap() = Digest::of(&[b"x"]), 1, "ITEM_LEAF_MISMATCH"),
        (|c, _| c.conditions.push(json!({ "dry_run": true })), 1, "GRANT_CONDITION_UNKNOWN"),
    ];
    for (change, seed, reason) in cases {
        let session = rig.session();
        let mut claims = claims(&rig.source, session, &plan);
        change(&mut claims, &rig);
        rig.gate.approve(&rig.source, session, &plan, sign(&claims, seed)).await;
        let facts = rig.facts(session, |fact| matches!(fact, Payload::ExecutionRefused(_))).await;
        match facts.last().unwrap().payload.as_ref() {
            Some(Payload::ExecutionRefused(refused)) => assert_eq!(refused.reason, reason),
            other => panic!("unexpected {other:?}"),
        }
        assert_eq!(facts.len(), 1);
        let request = GetExecutionRequest { session_id: session.to_string() };
        assert_eq!(rig.client().get_execution(request).await.unwrap_err().code(), tonic::Code::NotFound);
    }
    rig.stop().await;
}

async fn only_the_approved_items_run(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let items = vec![
        item("a", "code_gen", json!({ "template": "a" })),
        item("b", "code_gen", json!({ "template": "b" })),
        item("c", "code_gen", json!({ "template": "c" })),
    ];
    let plan = plan(items, &[("b", "c", DependencyType::Dependency)]);
    let session = rig.session();
    let mut claims = claims(&rig.source, session, &plan);
    claims.items.remove("b");
    rig.gate.approve(&rig.source, session, &plan, sign(&claims, 1)).await;
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Completed);
    assert_eq!(states(&ended), [("a", Run::Succeeded), ("b", Run::Skipped), ("c", Run::Skipped)]);
    assert_eq!(run(&ended, "b").error, "it was not approved");
    rig.stop().await;
}

async fn a_row_that_is_changed_while_it_waits_does_not_run(storage: Storage) {
    const CHANGE: Sql = Sql::new("UPDATE work_item_runs SET item = $1 WHERE item_id = 'b'");

    let mut rig = Rig::new(storage).await;
    let wait = json!({ "command": "until test -e go; do sleep 0.02; done", "use_shell": true });
    let items = vec![item("a", "shell", wait), item("b", "shell", json!({ "command": "touch harmless" }))];
    let session = rig.approve(&plan(items, &[("a", "b", DependencyType::Dependency)])).await;
    rig.facts(session, |fact| matches!(fact, Payload::WorkItemRunChanged(_))).await;
    let execution = rig.execution(session).await;

    let evil: WorkItem = item("b", "shell", json!({ "command": "touch evil" }));
    let db = rig.database().await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.query(CHANGE).bind(Json(evil)).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    let workspace = rig.workspace(&execution.id);
    std::fs::write(workspace.join("go"), "").unwrap();

    assert_eq!(rig.refusal(session).await.unwrap().reason, "ITEM_LEAF_MISMATCH");
    assert_state(&rig.execution(session).await, ExecutionState::Failed);
    assert!(!workspace.join("evil").exists() && !workspace.join("harmless").exists());
    rig.stop().await;
}

/// Two items, of which the first runs until there is a file `go`.
fn two() -> Plan {
    let wait = json!({ "command": "until test -e go; do sleep 0.02; done", "use_shell": true });
    let items = vec![
        item("a", "shell", wait),
        item("b", "shell", json!({ "command": "touch harmless" })),
        item("c", "shell", json!({ "command": "touch other" })),
    ];
    plan(items, &[("a", "b", DependencyType::Dependency), ("a", "c", DependencyType::Dependency)])
}

/// Lets the first item end, and requires that the execution is refused before another begins.
async fn stopped(rig: &Rig, session: assent_core::id::SessionId, expected: &str) {
    let workspace = rig.workspace(&rig.execution(session).await.id);
    std::fs::write(workspace.join("go"), "").unwrap();
    assert_eq!(rig.refusal(session).await.unwrap().reason, expected);
    let ended = rig.execution(session).await;
    assert_state(&ended, ExecutionState::Failed);
    assert!(ended.error.starts_with(expected), "{}", ended.error);
    assert!(!workspace.join("harmless").exists() && !workspace.join("other").exists());
}

/// Approves two items and waits until the first one runs.
async fn begun(rig: &Rig) -> assent_core::id::SessionId {
    let session = rig.approve(&two()).await;
    rig.facts(session, |fact| matches!(fact, Payload::WorkItemRunChanged(_))).await;
    session
}

async fn a_grant_that_is_taken_back_stops_what_has_not_begun(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let session = begun(&rig).await;
    rig.gate.revoke(&rig.source, session).await;
    let workspace = rig.workspace(&rig.execution(session).await.id);
    std::fs::write(workspace.join("go"), "").unwrap();
    let (ended, _) = rig.ended(session).await;
    // It may have been heard of before or after the last look, and the first item may have ended or not.
    if run(&ended, "b").state() != Run::Succeeded {
        stopped(&rig, session, "GRANT_REVOKED").await;
    }
    let late = rig.session();
    let plan = simple();
    rig.gate.revoke(&rig.source, late).await;
    rig.gate.approve(&rig.source, late, &plan, sign(&claims(&rig.source, late, &plan), 1)).await;
    let (ended, _) = rig.ended(late).await;
    assert!(ended.error.starts_with("GRANT_REVOKED"), "{}", ended.error);
    assert!(ended.runs.iter().all(|run| run.state() == Run::Skipped));
    rig.stop().await;
}

async fn a_grant_that_is_taken_back_unheard_stops_what_has_not_begun(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let session = begun(&rig).await;
    rig.gate.revoke_unheard(session);
    // From the first look to the third it is as long as an answer holds.
    rig.gate.looked(3).await;
    stopped(&rig, session, "GRANT_REVOKED").await;
    rig.stop().await;
}

async fn a_tool_that_changed_is_not_called(storage: Storage) {
    const CHANGE: Sql = Sql::new("UPDATE work_item_runs SET tool_digest = $1 WHERE item_id = 'b'");

    let mut rig = Rig::new(storage).await;
    let session = begun(&rig).await;
    let db = rig.database().await;
    let mut tx = db.begin().await.unwrap();
    tx.query(CHANGE).bind(Digest::of(&[b"another"])).execute().await.unwrap();
    tx.commit().await.unwrap();
    stopped(&rig, session, "TOOL_CHANGED").await;
    rig.stop().await;
}

/// Two items of which the first has a way back, and the second fails once there is a file `go`.
fn with_a_way_back() -> Plan {
    let mut first = item("first", "file_write", json!({ "path": "a.txt", "content": "a" }));
    first.rollback = None;
    let mut done = item("done", "shell", json!({ "command": "touch done" }));
    done.rollback = Some(Rollback {
        tool: "shell".to_owned(),
        arguments: object(json!({ "command": "echo undone >> undone", "use_shell": true })),
    });
    let wait = json!({ "command": "until test -e go; do sleep 0.02; done; exit 1", "use_shell": true });
    let items = vec![first, done, item("fails", "shell", wait)];
    plan(
        items,
        &[("first", "done", DependencyType::Dependency), ("done", "fails", DependencyType::Dependency)],
    )
}

/// Approves it, and waits until the item runs that will fail.
async fn about_to_fail(rig: &Rig) -> assent_core::id::SessionId {
    let session = rig.approve(&with_a_way_back()).await;
    let waits = |fact: &Payload| match fact {
        Payload::WorkItemRunChanged(changed) => {
            changed.run.as_ref().is_some_and(|run| run.item_id == "fails")
        }
        _ => false,
    };
    rig.facts(session, waits).await;
    session
}

/// Changes rows of the executor; how many.
async fn tamper(rig: &Rig, sql: Sql, digest: Option<Digest>) -> u64 {
    let db = rig.database().await;
    let mut tx = db.begin().await.unwrap();
    let changed = tx.query(sql).bind(digest).execute().await.unwrap();
    tx.commit().await.unwrap();
    changed
}

async fn an_item_whose_way_back_changed_does_not_begin(storage: Storage) {
    const CHANGE: Sql = Sql::new("UPDATE work_item_runs SET rollback_digest = $1 WHERE item_id = 'b'");

    let mut rig = Rig::new(storage).await;
    let session = begun(&rig).await;
    tamper(&rig, CHANGE, Some(Digest::of(&[b"another"]))).await;
    stopped(&rig, session, "TOOL_CHANGED").await;
    rig.stop().await;
}

async fn a_rollback_by_a_tool_that_changed_stops_and_says_so(storage: Storage) {
    const PINNED: Sql = Sql::new("SELECT rollback_digest FROM work_item_runs WHERE item_id = 'done'");
    const CHANGE: Sql = Sql::new("UPDATE work_item_runs SET rollback_digest = $1 WHERE item_id = 'done'");

    let mut rig = Rig::new(storage).await;
    let session = about_to_fail(&rig).await;
    let db = rig.database().await;
    let pinned: Option<Digest> = db.query(PINNED).scalar().await.unwrap();
    assert!(pinned.is_some(), "nothing is pinned");
    tamper(&rig, CHANGE, Some(Digest::of(&[b"another"]))).await;
    let workspace = rig.workspace(&rig.execution(session).await.id);
    std::fs::write(workspace.join("go"), "").unwrap();
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::RollbackFailed);
    assert!(ended.error.starts_with("TOOL_CHANGED: "), "{}", ended.error);
    let expected = [("done", Run::RollbackFailed), ("fails", Run::Failed), ("first", Run::Succeeded)];
    assert_eq!(states(&ended), expected);
    assert!(run(&ended, "done").error.starts_with("TOOL_CHANGED: "), "{ended:#?}");
    assert!(!workspace.join("undone").exists() && workspace.join("a.txt").exists());
    assert_eq!(rig.refusal(session).await.unwrap().reason, "TOOL_CHANGED");

    // Once the tool is what it was, a person has the rest undone.
    tamper(&rig, CHANGE, pinned).await;
    let request = RollbackRequest { session_id: session.to_string(), reason: "again".to_owned() };
    rig.client().rollback(request).await.unwrap();
    let again = |fact: &Payload| match fact {
        Payload::ExecutionEnded(ended) => {
            ended.execution.as_ref().unwrap().state() == ExecutionState::RolledBack
        }
        _ => false,
    };
    rig.facts(session, again).await;
    let ended = rig.execution(session).await;
    let expected = [("done", Run::RolledBack), ("fails", Run::Failed), ("first", Run::RolledBack)];
    assert_eq!(states(&ended), expected);
    assert_eq!(std::fs::read_to_string(workspace.join("undone")).unwrap(), "undone\n");
    assert!(!workspace.join("a.txt").exists());
    rig.stop().await;
}

async fn a_rollback_that_was_edited_is_not_gone(storage: Storage) {
    const CHANGE: Sql = Sql::new("UPDATE work_item_runs SET item = $1 WHERE item_id = 'done'");

    let mut rig = Rig::new(storage).await;
    let session = about_to_fail(&rig).await;
    let mut evil = with_a_way_back().items.remove(1);
    evil.rollback.as_mut().unwrap().arguments = object(json!({ "command": "touch evil" }));
    let db = rig.database().await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.query(CHANGE).bind(Json(evil)).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    let workspace = rig.workspace(&rig.execution(session).await.id);
    std::fs::write(workspace.join("go"), "").unwrap();
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::RollbackFailed);
    assert!(run(&ended, "done").error.starts_with("ITEM_LEAF_MISMATCH: "), "{ended:#?}");
    assert!(!workspace.join("undone").exists() && !workspace.join("evil").exists());
    rig.stop().await;
}

async fn the_row_of_another_item_or_session_is_no_permission(storage: Storage) {
    // Arguments of one approved item in the row of another.
    const SWAP: Sql = Sql::new(
        "UPDATE work_item_runs SET item = (SELECT other.item FROM work_item_runs AS other WHERE other.item_id = 'c'
             AND other.execution_id = work_item_runs.execution_id)
         WHERE item_id = 'b'",
    );
    // The valid grant of one session in the row of another.
    const REPLAY: Sql = Sql::new(
        "UPDATE executions SET grant_token = (SELECT other.grant_token FROM executions AS other WHERE other.session_id = $2)
         WHERE session_id = $1",
    );

    let mut rig = Rig::new(storage).await;
    let session = begun(&rig).await;
    let db = rig.database().await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.query(SWAP).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    stopped(&rig, session, "ITEM_LEAF_MISMATCH").await;

    let (first, second) = (begun(&rig).await, begun(&rig).await);
    rig.stop().await;
    let db = rig.database().await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.query(REPLAY).bind(first).bind(second).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    db.close().await;
    rig.start().await;
    let (ended, _) = rig.ended(first).await;
    assert!(ended.error.starts_with("GRANT_SESSION_MISMATCH"), "{}", ended.error);
    rig.stop().await;
}

async fn what_has_not_begun_when_the_grant_expires_does_not_begin(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let wait = json!({ "command": "until test -e go; do sleep 0.02; done", "use_shell": true });
    let items = vec![
        item("write", "file_write", json!({ "path": "a.txt", "content": "a" })),
        item("wait", "shell", wait),
        item("late", "code_gen", json!({ "template": "x" })),
    ];
    let edges = [("write", "wait", DependencyType::Dependency), ("wait", "late", DependencyType::Dependency)];
    let session = rig.approve(&plan(items, &edges)).await;
    let waits = |fact: &Payload| match fact {
        Payload::WorkItemRunChanged(changed) => changed.run.as_ref().is_some_and(|run| run.item_id == "wait"),
        _ => false,
    };
    rig.facts(session, waits).await;
    rig.source.clock().advance(std::time::Duration::from_secs(7200));
    let workspace = rig.workspace(&rig.execution(session).await.id);
    std::fs::write(workspace.join("go"), "").unwrap();
    let (ended, _) = rig.ended(session).await;
    assert!(run(&ended, "late").error.starts_with("GRANT_EXPIRED"), "{ended:#?}");
    assert_eq!(run(&ended, "write").state(), Run::RolledBack);
    // The program that waited has no rollback.
    assert_state(&ended, ExecutionState::RollbackFailed);
    let facts = rig.facts(session, |fact| matches!(fact, Payload::ExecutionEnded(_))).await;
    assert!(facts.iter().any(|event| matches!(&event.payload, Some(Payload::ExecutionRefused(_)))));
    rig.stop().await;
}
