//! Waiting for decisions.

use assent_proto::approval::v1 as pb;
use assent_proto::plan::v1::RiskLevel;
use assent_proto::review::v1::PlanReviewState as State;
use assent_testkit::{Storage, both_storages};
use futures_util::future::join_all;

use crate::rig::{Rig, by};

both_storages!(everybody_who_waits_hears_of_their_own_decision);

async fn everybody_who_waits_hears_of_their_own_decision(storage: Storage) {
    let rig = Rig::start(storage).await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(rig.submit(RiskLevel::High).await);
    }
    let wait = |id: &str, seconds| {
        let timeout = Some(prost_types::Duration { seconds, nanos: 0 });
        let request = pb::WaitForDecisionRequest { session_id: id.to_owned(), timeout };
        let mut gate = rig.gate();
        async move { gate.wait_for_decision(by("bot", request)).await.unwrap().into_inner() }
    };
    // The last session is never decided: who waits for it is told so when the time is over.
    let mut waits = Vec::new();
    for _ in 0..20 {
        waits.extend(sessions[..3].iter().map(|session| wait(&session.id, 60)));
    }
    waits.push(wait(&sessions[3].id, 1));
    let decide = async {
        rig.approve("ada", &sessions[0]).await.unwrap();
        rig.reject("ada", &sessions[1]).await.unwrap();
        let cancel = pb::CancelRequest {
            session_id: sessions[2].id.clone(),
            reason: "no".to_owned(),
            ..Default::default()
        };
        rig.gate().cancel(by("rob", cancel)).await.unwrap();
    };
    let (answers, ()) = futures_util::future::join(join_all(waits), decide).await;
    for (at, answer) in answers.iter().enumerate() {
        let expected = if at == 60 {
            State::Pending
        } else {
            [State::Approved, State::Rejected, State::Cancelled][at % 3]
        };
        assert_eq!((answer.state(), answer.decision.is_some()), (expected, at != 60), "{at}");
    }
    rig.stop().await;
}
