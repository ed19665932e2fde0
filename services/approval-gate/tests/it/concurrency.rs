//! Everybody at once.

use assent_proto::plan::v1::RiskLevel;
use assent_proto::review::v1::PlanReviewState as State;
use assent_testkit::{Storage, both_storages};
use futures_util::future::join_all;

use crate::directory::delegate;
use crate::rig::Rig;

both_storages!(
    votes_at_the_same_time_make_one_decision,
    one_person_counts_once_whoever_votes_for_them,
    replicas_share_one_key,
);

async fn votes_at_the_same_time_make_one_decision(storage: Storage) {
    let rig = Rig::start(storage).await;
    for _ in 0..4 {
        let session = rig.submit(RiskLevel::Critical).await;
        let voters = ["ada", "ben", "ada", "ben", "ada", "ben"];
        let answers = join_all(voters.map(|who| rig.approve(who, &session))).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let decided = rig.get(&session.id).await;
        assert_eq!((decided.state(), decided.votes.len()), (State::Approved, 2));
        let mut approvers = decided.decision.unwrap().approvers;
        approvers.sort();
        assert_eq!(approvers, ["ada", "ben"]);
        let actions = rig.actions(&session.id).await;
        let once = ["session.submitted", "vote.approve", "vote.approve", "session.approved", "grant.issued"];
        assert_eq!(actions, once);
    }
    // Approval and rejection at once: one of them wins, and there is one decision.
    let session = rig.submit(RiskLevel::High).await;
    let (yes, no) =
        futures_util::future::join(rig.approve("ada", &session), rig.reject("ben", &session)).await;
    assert!(yes.is_ok() != no.is_ok(), "{yes:?} {no:?}");
    rig.stop().await;
}

async fn one_person_counts_once_whoever_votes_for_them(storage: Storage) {
    let rig = Rig::start(storage).await;
    delegate(&rig, "ben", ("", "dev"), (0, 2)).await.unwrap();
    delegate(&rig, "ben", ("", "ada"), (0, 2)).await.unwrap();
    for _ in 0..4 {
        let session = rig.submit(RiskLevel::Critical).await;
        let hands = ["ben", "dev", "ada", "dev", "ben"];
        let answers = join_all(hands.map(|hand| rig.approve_for(hand, "ben", &session))).await;
        assert!(answers.iter().any(Result::is_ok), "{answers:?}");
        let open = rig.get(&session.id).await;
        assert_eq!((open.state(), open.votes.len()), (State::Pending, 1), "{:?}", open.votes);
    }
    rig.stop().await;
}

async fn replicas_share_one_key(storage: Storage) {
    let rig = Rig::start(storage).await;
    let request = crate::rig::by("dev", assent_proto::approval::v1::GetKeysRequest {});
    // The rig builds two gates on one database.
    assert_eq!(rig.gate().get_keys(request).await.unwrap().into_inner().keys.len(), 1);
    rig.stop().await;
}
