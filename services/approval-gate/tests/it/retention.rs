//! What is old enough goes, and nothing else.

use std::time::Duration;

use assent_approval_gate::Removed;
use assent_proto::approval::v1 as pb;
use assent_proto::event::v1 as events;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{Execution, ExecutionState};
use assent_proto::plan::v1::RiskLevel;
use assent_testkit::{Storage, both_storages};

use crate::rig::{Rig, by, reason};

both_storages!(what_ended_long_ago_is_removed_and_its_audit_later, what_runs_or_may_still_run_is_kept,);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn kept(rig: &Rig, id: &str) -> bool {
    let request = pb::GetSessionRequest { session_id: id.to_owned(), ..Default::default() };
    match rig.gate().get_session(by("dev", request)).await {
        Ok(_) => true,
        Err(status) => {
            assert_eq!(reason(&status, "").0, "SESSION_NOT_FOUND");
            false
        }
    }
}

async fn verified(rig: &Rig, id: &str) -> Result<pb::VerifyResponse, tonic::Status> {
    let request = pb::VerifyRequest { session_id: id.to_owned() };
    rig.audits().verify(by("dev", request)).await.map(tonic::Response::into_inner)
}

async fn what_ended_long_ago_is_removed_and_its_audit_later(storage: Storage) {
    let rig = Rig::start(storage).await;
    let rejected = rig.submit(RiskLevel::High).await;
    rig.reject("ada", &rejected).await.unwrap();
    let approved = rig.submit(RiskLevel::High).await;
    rig.approve("ada", &approved).await.unwrap();
    let forgotten = rig.submit(RiskLevel::High).await;

    rig.clock.advance(6 * DAY);
    rig.app.sweep_expired().await.unwrap();
    assert_eq!(rig.app.remove_old().await.unwrap(), Removed::default());
    rig.clock.advance(DAY + DAY / 2);
    assert_eq!(rig.app.remove_old().await.unwrap().sessions, 1);
    assert!(!kept(&rig, &rejected.id).await);
    assert!(kept(&rig, &approved.id).await && kept(&rig, &forgotten.id).await);

    // Its audit is still whole, and says who removed it.
    let audit = verified(&rig, &rejected.id).await.unwrap();
    assert!(audit.intact, "{audit:?}");
    let actions = ["session.submitted", "vote.reject", "session.rejected", "session.removed"];
    assert_eq!(rig.actions(&rejected.id).await, actions);
    let removed = |fact: &Payload| matches!(fact, Payload::SessionRemoved(removed) if removed.votes == 1);
    rig.fact(&rejected.id, removed).await;

    rig.clock.advance(30 * DAY);
    assert_eq!(rig.app.remove_old().await.unwrap().sessions, 2);
    assert!(!kept(&rig, &approved.id).await && !kept(&rig, &forgotten.id).await);
    assert!(verified(&rig, &approved.id).await.unwrap().intact);

    rig.clock.advance(2556 * DAY);
    assert_eq!(rig.app.remove_old().await.unwrap(), Removed { sessions: 0, audits: 3 });
    assert_eq!(reason(&verified(&rig, &approved.id).await.unwrap_err(), "").0, "SESSION_NOT_FOUND");
    rig.fact(&approved.id, |fact| matches!(fact, Payload::AuditRemoved(removed) if removed.entries == 5))
        .await;
    rig.stop().await;
}

async fn what_runs_or_may_still_run_is_kept(storage: Storage) {
    let rig = Rig::start(storage).await;
    let waiting = {
        let options = assent_proto::review::v1::ApprovalRequestOptions {
            approval_timeout: Some(prost_types::Duration { seconds: 89 * 24 * 60 * 60, nanos: 0 }),
            ..Default::default()
        };
        let request = pb::SubmitForApprovalRequest {
            options: Some(options),
            ..crate::rig::submission(RiskLevel::High)
        };
        rig.submit_as("rob", request).await.unwrap()
    };
    let running = rig.submit(RiskLevel::High).await;
    rig.approve("ada", &running).await.unwrap();
    let execution = |state: ExecutionState| {
        Some(Execution { id: "exe_1".to_owned(), state: state.into(), ..Execution::default() })
    };
    let started = events::ExecutionStarted { execution: execution(ExecutionState::Pending) };
    rig.executor_says(&running.id, Payload::ExecutionStarted(started)).await;
    rig.told(&running.id, "execution.started").await;
    rig.clock.advance(60 * DAY);
    assert_eq!(rig.app.remove_old().await.unwrap().sessions, 0);
    assert!(kept(&rig, &running.id).await && kept(&rig, &waiting.id).await);

    let ended =
        events::ExecutionEnded { execution: execution(ExecutionState::Completed), artifacts: Vec::new() };
    rig.executor_says(&running.id, Payload::ExecutionEnded(ended)).await;
    rig.told(&running.id, "execution.completed").await;
    rig.clock.advance(29 * DAY);
    assert_eq!(rig.app.remove_old().await.unwrap().sessions, 0);
    rig.clock.advance(2 * DAY);
    rig.app.sweep_expired().await.unwrap();
    assert_eq!(rig.app.remove_old().await.unwrap().sessions, 1);
    assert!(!kept(&rig, &running.id).await && kept(&rig, &waiting.id).await);
    rig.stop().await;
}
