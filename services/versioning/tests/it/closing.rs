use std::time::Duration;

use assent_core::id::SessionId;
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{ApprovalTimeout, PlanApproved, PlanRejected};
use assent_proto::plan::v1::PlanVersion;
use assent_proto::review::v1::ApprovalDecision;
use assent_rpc::convert::Wire as _;
use assent_testkit::{Storage, both_storages};
use tonic::Code;

use crate::rig::{Rig, plan, refusal, version};

fn decision(version: &PlanVersion) -> Option<ApprovalDecision> {
    Some(ApprovalDecision {
        version: version.version_number,
        digest: version.digest.clone(),
        ..ApprovalDecision::default()
    })
}

/// Waits until the session is closed, which follows its event within moments.
async fn until_closed(rig: &Rig, session: SessionId, base: i32) {
    let closed = async {
        // An outdated base is refused either way, but for another reason once the session is closed.
        while refusal(&rig.create(version(session, &plan("g", "x"), base - 1)).await.unwrap_err(), "").0
            != "VERSION_SEALED"
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), closed).await.unwrap();
}

async fn a_seal_keeps_the_head_until_it_ends(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.session();
    let first = rig.create(version(session, &plan("g", "a"), 0)).await.unwrap();
    let until = rig.seal(&first).await.unwrap();
    let seen = rig.get(session, None).await.unwrap().seal_expire_time.unwrap();
    assert_eq!(seen, until.to_pb());
    let error = rig.create(version(session, &plan("g", "b"), 1)).await.unwrap_err();
    assert_eq!((error.code(), refusal(&error, "").0.as_str()), (Code::FailedPrecondition, "VERSION_SEALED"));
    rig.wait(Duration::from_secs(30));
    assert_eq!(
        rig.seal(&first).await.unwrap(),
        until.after(Duration::from_secs(30)),
        "a seal can be prolonged"
    );
    // Whoever asked for the first seal cannot end the second.
    rig.release(&first, until).await.unwrap();
    assert!(rig.get(session, None).await.unwrap().seal_expire_time.is_some());
    rig.wait(Duration::from_secs(60));
    assert_eq!(rig.get(session, None).await.unwrap().seal_expire_time, None);
    let until = rig.seal(&first).await.unwrap();
    rig.release(&first, until).await.unwrap();
    assert_eq!(rig.get(session, None).await.unwrap().seal_expire_time, None);
    rig.create(version(session, &plan("g", "b"), 1)).await.unwrap();
    let error = rig.seal(&first).await.unwrap_err();
    assert_eq!(refusal(&error, "head_version"), ("VERSION_CONFLICT".to_owned(), Some("2".to_owned())));
    rig.stop().await;
}

async fn only_the_digest_that_was_seen_can_be_sealed(storage: Storage) {
    let rig = Rig::start(storage).await;
    let mut first = rig.create(version(rig.session(), &plan("g", "a"), 0)).await.unwrap();
    let digest = std::mem::replace(&mut first.digest, "0".repeat(64));
    let error = rig.seal(&first).await.unwrap_err();
    assert_eq!((error.code(), refusal(&error, "head_digest").1), (Code::Aborted, Some(digest)));
    rig.stop().await;
}

async fn a_decided_session_never_changes_again(storage: Storage) {
    let rig = Rig::start(storage).await;
    let (approved, rejected) = (rig.session(), rig.session());
    let first = rig.create(version(approved, &plan("g", "a"), 0)).await.unwrap();
    let other = rig.create(version(rejected, &plan("g", "a"), 0)).await.unwrap();
    rig.seal(&first).await.unwrap();
    // More time to decide closes nothing.
    rig.publish(approved, Payload::ApprovalTimeout(ApprovalTimeout::default())).await;
    rig.publish(approved, Payload::PlanApproved(PlanApproved { decision: decision(&first) })).await;
    rig.publish(rejected, Payload::PlanRejected(PlanRejected { decision: decision(&other) })).await;
    until_closed(&rig, rejected, 1).await;
    rig.wait(Duration::from_secs(86_400));
    for session in [approved, rejected] {
        let error = rig.create(version(session, &plan("g", "b"), 1)).await.unwrap_err();
        assert_eq!(refusal(&error, "").0, "VERSION_SEALED");
    }
    assert_eq!(refusal(&rig.seal(&first).await.unwrap_err(), "").0, "VERSION_SEALED");
    rig.stop().await;
}

both_storages!(
    a_seal_keeps_the_head_until_it_ends,
    only_the_digest_that_was_seen_can_be_sealed,
    a_decided_session_never_changes_again,
);
