//! The end of the time to decide.

use std::time::Duration;

use assent_proto::plan::v1::RiskLevel;
use assent_proto::review::v1::{DecisionOutcome, PlanReviewState as State};
use assent_testkit::{Storage, both_storages};

use crate::rig::{Rig, reason};

both_storages!(what_nobody_decides_in_time_is_rejected_once, a_decision_that_comes_to_nothing_leaves_no_seal,);

async fn what_nobody_decides_in_time_is_rejected_once(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let kept = rig.submit(RiskLevel::High).await;
    rig.approve("ada", &kept).await.unwrap();
    rig.app.sweep_expired().await.unwrap();
    assert_eq!(rig.get(&session.id).await.state(), State::Pending);

    rig.clock.advance(Duration::from_secs(24 * 60 * 60));
    let late = rig.approve("ada", &session).await.unwrap_err();
    assert_eq!(reason(&late, "state"), ("SESSION_STATE".to_owned(), "timed_out".to_owned()));
    // Beside the sweep that the running gate makes by itself, and which may be at it already.
    let ended = async {
        loop {
            rig.app.sweep_expired().await.unwrap();
            let session = rig.get(&session.id).await;
            if session.state() != State::Pending {
                return session;
            }
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(30), ended).await.unwrap();
    assert_eq!(ended.state(), State::TimedOut);
    let decision = ended.decision.unwrap();
    assert_eq!(
        (decision.outcome(), decision.reason.as_str()),
        (DecisionOutcome::TimedOut, "Approval timeout exceeded")
    );
    assert_eq!(decision.decided_by.unwrap().id, "system:timeout");
    assert_eq!(rig.app.sweep_expired().await.unwrap(), 0);
    assert_eq!(rig.actions(&session.id).await, ["session.submitted", "call.refused", "session.timed_out"]);
    assert_eq!(rig.get(&kept.id).await.state(), State::Approved);
    rig.stop().await;
}

async fn a_decision_that_comes_to_nothing_leaves_no_seal(storage: Storage) {
    let rig = Rig::start(storage).await;
    let decided = rig.submit(RiskLevel::High).await;
    rig.approve("ada", &decided).await.unwrap();
    assert!(rig.play.is_sealed(&decided.id));

    // The time is over when the version is sealed, which shows only inside the transaction.
    let session = rig.submit(RiskLevel::High).await;
    rig.play.seal_slowly(&rig.clock, Duration::from_secs(30 * 24 * 60 * 60));
    let late = rig.approve("ada", &session).await.unwrap_err();
    assert_eq!(reason(&late, "state"), ("SESSION_STATE".to_owned(), "timed_out".to_owned()));
    assert!(!rig.play.is_sealed(&session.id));
    rig.stop().await;
}
