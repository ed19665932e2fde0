//! What is done about an open session beside voting.

use std::time::Duration;

use assent_proto::approval::v1 as pb;
use assent_proto::event::v1::event::Payload;
use assent_proto::plan::v1::RiskLevel;
use assent_proto::review::v1::{DecisionOutcome, PlanReviewState as State, SubmissionMode};
use assent_testkit::{Storage, both_storages};

use crate::rig::{Rig, by, reason, submission, submission_under};

both_storages!(
    a_request_is_withdrawn_once,
    time_is_given_by_those_involved,
    another_reviewer_is_asked,
    a_trial_stores_nothing,
    direct_runs_what_the_policy_lets_run,
    requesters_have_modes_of_their_own,
);

const REPEAT: &str = "6f3f7d0e-5c8e-4c9e-9d55-0c5a1f6b7a13";

async fn a_request_is_withdrawn_once(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let request = pb::CancelRequest {
        session_id: session.id.clone(),
        reason: "done by hand".to_owned(),
        request_id: REPEAT.to_owned(),
    };
    let stranger = rig.gate().cancel(by("dev", request.clone())).await.unwrap_err();
    assert_eq!(reason(&stranger, "why"), ("NOT_ELIGIBLE".to_owned(), "NOT_INVOLVED".to_owned()));
    for _ in 0..2 {
        let answer = rig.gate().cancel(by("rob", request.clone())).await.unwrap().into_inner();
        let cancelled = answer.session.unwrap();
        assert_eq!(cancelled.state(), State::Cancelled);
        let decision = cancelled.decision.unwrap();
        assert_eq!(
            (decision.outcome(), decision.reason.as_str()),
            (DecisionOutcome::Cancelled, "done by hand")
        );
        assert_eq!(decision.rejected_items, ["a", "b"]);
    }
    let again = pb::CancelRequest { request_id: String::new(), ..request };
    let late = rig.gate().cancel(by("rob", again)).await.unwrap_err();
    assert_eq!(reason(&late, "state"), ("SESSION_STATE".to_owned(), "cancelled".to_owned()));
    assert_eq!(rig.actions(&session.id).await, ["session.submitted", "session.cancelled"]);
    let facts = rig.facts(&session.id, 2).await;
    assert!(matches!(facts[1].payload, Some(Payload::PlanCancelled(_))), "{facts:?}");
    rig.stop().await;
}

async fn time_is_given_by_those_involved(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let seconds =
        |session: &assent_proto::review::v1::PlanReviewSession| session.expire_time.unwrap().seconds;
    let extend = |extension: i64| pb::ExtendDeadlineRequest {
        session_id: session.id.clone(),
        extension: Some(prost_types::Duration { seconds: extension, nanos: 0 }),
        ..Default::default()
    };
    let denied = rig.gate().extend_deadline(by("dev", extend(60))).await.unwrap_err();
    assert_eq!(reason(&denied, "why").1, "NOT_INVOLVED");
    let longer =
        rig.gate().extend_deadline(by("ada", extend(60))).await.unwrap().into_inner().session.unwrap();
    assert_eq!(seconds(&longer), seconds(&session) + 60);
    for far in [0, 91 * 24 * 60 * 60] {
        let refused = rig.gate().extend_deadline(by("ada", extend(far))).await.unwrap_err();
        assert_eq!(reason(&refused, "").0, "REQUEST_INVALID", "{far}");
    }
    // The old deadline passes, and nothing happens.
    rig.clock.advance(Duration::from_secs(24 * 60 * 60));
    rig.app.sweep_expired().await.unwrap();
    assert_eq!(rig.get(&session.id).await.state(), State::Pending);
    rig.clock.advance(Duration::from_secs(60));
    rig.app.sweep_expired().await.unwrap();
    assert_eq!(rig.get_until(&session.id, |s| s.decision.is_some()).await.state(), State::TimedOut);
    rig.stop().await;
}

async fn another_reviewer_is_asked(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let start = pb::StartReviewRequest { session_id: session.id.clone() };
    rig.gate().start_review(by("ada", start)).await.unwrap();
    let reassign = |reviewer: &str| pb::ReassignRequest {
        session_id: session.id.clone(),
        reviewer: reviewer.to_owned(),
        ..Default::default()
    };
    let unable = rig.gate().reassign(by("ada", reassign("dev"))).await.unwrap_err();
    assert_eq!(reason(&unable, "why").1, "ROLE_TOO_LOW");
    let answer = rig.gate().reassign(by("ada", reassign("ben"))).await.unwrap().into_inner();
    let session = answer.session.unwrap();
    assert_eq!((session.state(), session.assigned_reviewer.as_str()), (State::Pending, "ben"));
    let facts = rig.facts(&session.id, 3).await;
    let Some(Payload::PlanReviewReassigned(told)) = &facts[2].payload else { panic!("{facts:?}") };
    assert_eq!((told.reviewer_id.as_str(), told.previous_reviewer_id.as_str()), ("ben", "ada"));
    rig.stop().await;
}

async fn a_trial_stores_nothing(storage: Storage) {
    let rig = Rig::start(storage).await;
    let trial = |level| pb::SubmitForApprovalRequest {
        validate_only: true,
        mode: SubmissionMode::ReviewByRisk.into(),
        ..submission(level)
    };
    let high = rig.submit_as("rob", trial(RiskLevel::High)).await.unwrap();
    assert_eq!((high.id.as_str(), high.state(), high.revision), ("", State::Pending, 0));
    assert_eq!(high.risk.unwrap().requirement.unwrap().roles, ["lead"]);
    assert_eq!((high.plan.unwrap().items.len(), high.item_statuses.len()), (2, 2));
    assert!(high.estimate.is_some() && high.expire_time.is_some());
    let low = rig.submit_as("rob", trial(RiskLevel::Low)).await.unwrap();
    assert_eq!((low.state(), low.decision, low.grant), (State::Approved, None, None));
    let list = pb::ListSessionsRequest::default();
    assert!(rig.gate().list_sessions(by("dev", list)).await.unwrap().into_inner().sessions.is_empty());
    rig.stop().await;
}

async fn direct_runs_what_the_policy_lets_run(storage: Storage) {
    let rig = Rig::start(storage).await;
    let direct = |level, allowed: bool| pb::SubmitForApprovalRequest {
        mode: SubmissionMode::Direct.into(),
        ..submission_under(level, serde_json::json!({ "direct": allowed }))
    };
    let state = async |request| rig.submit_as("bot", request).await.unwrap().state();
    assert_eq!(state(direct(RiskLevel::Medium, true)).await, State::Approved);
    assert_eq!(state(direct(RiskLevel::Medium, false)).await, State::Pending);
    assert_eq!(state(direct(RiskLevel::High, true)).await, State::Pending);
    let by_risk = SubmissionMode::ReviewByRisk.into();
    let by_risk = pb::SubmitForApprovalRequest { mode: by_risk, ..direct(RiskLevel::Medium, true) };
    assert_eq!(state(by_risk).await, State::Pending);
    rig.stop().await;
}

async fn requesters_have_modes_of_their_own(storage: Storage) {
    let config = assent_approval_gate::Config {
        requester_modes: vec!["bot=review_by_risk".to_owned()],
        ..Default::default()
    };
    let rig = Rig::start_with(storage, config).await;
    let state = async |who| rig.submit_as(who, submission(RiskLevel::Low)).await.unwrap().state();
    assert_eq!(state("bot").await, State::Approved);
    assert_eq!(state("rob").await, State::Pending);
    rig.stop().await;
}
