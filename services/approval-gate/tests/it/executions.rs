//! What the executor did, in the audit of the session that allowed it.

use std::time::Duration;

use assent_proto::approval::v1 as pb;
use assent_proto::event::v1 as events;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{Artifact, Execution, ExecutionState};
use assent_proto::plan::v1::RiskLevel;
use assent_testkit::{Storage, both_storages};

use crate::rig::{Rig, by};

both_storages!(executions_are_audited_once_and_in_order);

async fn executions_are_audited_once_and_in_order(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::Medium).await;
    rig.approve("dev", &session).await.unwrap();
    let execution = |state: ExecutionState| {
        Some(Execution { id: "exe_1".to_owned(), state: state.into(), ..Execution::default() })
    };
    let started = events::ExecutionStarted { execution: execution(ExecutionState::Pending) };
    rig.executor_says(&session.id, Payload::ExecutionStarted(started)).await;
    let artifact = Artifact { path: "out.txt".to_owned(), digest: "d".repeat(64), ..Artifact::default() };
    let ended =
        events::ExecutionEnded { execution: execution(ExecutionState::Completed), artifacts: vec![artifact] };
    rig.executor_says(&session.id, Payload::ExecutionEnded(ended)).await;
    // Of a session that nobody knows: left out, and the rest goes on.
    let stray = format!("ses_{}", "0".repeat(32));
    rig.executor_says(&stray, Payload::ExecutionRefused(events::ExecutionRefused::default())).await;
    rig.executor_says(&session.id, Payload::ExecutionRefused(events::ExecutionRefused::default())).await;

    let told = async {
        // The gate follows by itself; nothing rings when it has written.
        while rig.actions(&session.id).await.last().is_none_or(|action| action != "execution.refused") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.unwrap();
    let actions = rig.actions(&session.id).await;
    assert_eq!(actions[4..], ["execution.started", "execution.completed", "execution.refused"]);
    let list = pb::ListEntriesRequest { session_id: session.id.clone(), ..Default::default() };
    let entries = rig.audits().list_entries(by("dev", list)).await.unwrap().into_inner().entries;
    assert_eq!(entries[5].actor.as_ref().unwrap().id, "system:executor");
    let details = assent_proto::json::to_json(&entries[5]).unwrap();
    assert_eq!(details["details"]["artifacts"][0]["path"], "out.txt");
    let verify = pb::VerifyRequest { session_id: session.id.clone() };
    let verdict = rig.audits().verify(by("dev", verify)).await.unwrap().into_inner();
    assert!(verdict.intact, "{verdict:?}");
    rig.stop().await;
}
