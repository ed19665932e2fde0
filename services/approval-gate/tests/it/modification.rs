//! Having the planner change a plan, and bringing a plan back to review.

use std::time::Duration;

use assent_proto::approval::v1 as pb;
use assent_proto::event::v1::event::Payload;
use assent_proto::plan::v1::RiskLevel;
use assent_proto::review::v1::{ModificationState, PlanReviewSession, PlanReviewState as State};
use assent_testkit::{Storage, both_storages};
use tonic::{Response, Status};

use crate::rig::{Rig, by, reason, submission};

both_storages!(
    a_modified_plan_goes_back_to_review,
    what_the_planner_cannot_do_is_said,
    a_session_comes_back_with_words_or_with_a_plan,
);

async fn ask(
    rig: &Rig,
    who: &str,
    session: &PlanReviewSession,
    feedback: &str,
) -> Result<PlanReviewSession, Status> {
    let request = pb::RequestModificationRequest {
        session_id: session.id.clone(),
        version: session.current_version,
        digest: session.digest.clone(),
        feedback: feedback.to_owned(),
        ..Default::default()
    };
    let answer = rig.gate().request_modification(by(who, request)).await.map(Response::into_inner)?;
    Ok(answer.session.unwrap())
}

async fn a_modified_plan_goes_back_to_review(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let denied = ask(&rig, "dev", &session, "check it").await.unwrap_err();
    assert_eq!(reason(&denied, "why").1, "ROLE_TOO_LOW");
    let outdated = PlanReviewSession { digest: "0".repeat(64), ..session.clone() };
    assert_eq!(reason(&ask(&rig, "ada", &outdated, "x").await.unwrap_err(), "").0, "VERSION_CONFLICT");

    let remark = pb::AddCommentRequest {
        session_id: session.id.clone(),
        content: "is that safe?".to_owned(),
        ..Default::default()
    };
    let remark = rig.comments().add_comment(by("ada", remark)).await.unwrap().into_inner().comment.unwrap();
    rig.clock.advance(Duration::from_secs(60 * 60));
    let asked = ask(&rig, "ada", &session, "check it with sk-ant-REDACTED-not-a-key").await.unwrap();
    assert_eq!(asked.state(), State::ModificationRequested);
    let late = rig.approve("ben", &session).await.unwrap_err();
    assert_eq!(reason(&late, "state").1, "modification_requested");

    rig.app.revise_plans().await.unwrap();
    let changed = rig.get_until(&session.id, |session| session.current_version == 2).await;
    assert_eq!(changed.state(), State::Pending);
    let plan = changed.plan.as_ref().unwrap();
    assert_eq!((plan.items.len(), changed.item_statuses.len()), (3, 3));
    let changed = rig
        .get_until(&session.id, |s| s.modification.as_ref().unwrap().state() == ModificationState::Done)
        .await;
    let modification = changed.modification.clone().unwrap();
    assert_eq!((modification.version, modification.requested_by.unwrap().id.as_str()), (2, "ada"));
    assert!(modification.explanation.starts_with("added an item"));
    assert_eq!(modification.answered_comment_ids, [remark.id]);
    // The reviewer is no author, the time starts anew, and the old version is history.
    assert_eq!(changed.versions[0].modified_by.as_ref().unwrap().id, "system:planner");
    assert_eq!(changed.expire_time.unwrap().seconds - session.expire_time.unwrap().seconds, 60 * 60);
    assert_eq!(reason(&rig.approve("ada", &session).await.unwrap_err(), "").0, "VERSION_CONFLICT");
    rig.approve("ada", &changed).await.unwrap();
    let mut actions = rig.actions(&session.id).await;
    // The vote for the old version was refused, and that is on record, too.
    actions.retain(|action| !action.starts_with("comment.") && action != "call.refused");
    let expected = ["plan.modification_requested", "plan.version_created", "plan.modified", "vote.approve"];
    assert_eq!(actions[1..5], expected);
    rig.stop().await;
}

async fn what_the_planner_cannot_do_is_said(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    ask(&rig, "ada", &session, "do the impossible").await.unwrap();
    rig.app.revise_plans().await.unwrap();
    let failed = rig
        .get_until(&session.id, |s| s.modification.as_ref().unwrap().state() == ModificationState::Failed)
        .await;
    assert_eq!(failed.state(), State::ModificationRequested);
    assert!(!failed.modification.unwrap().error.is_empty());
    let facts = rig.facts(&session.id, 3).await;
    assert!(matches!(facts[2].payload, Some(Payload::PlanModificationFailed(_))), "{facts:?}");
    assert_eq!(rig.app.revise_plans().await.unwrap(), 0);
    // Its time runs nevertheless.
    rig.clock.advance(Duration::from_secs(24 * 60 * 60));
    rig.app.sweep_expired().await.unwrap();
    assert_eq!(rig.get_until(&session.id, |s| s.decision.is_some()).await.state(), State::TimedOut);
    rig.stop().await;
}

async fn a_session_comes_back_with_words_or_with_a_plan(storage: Storage) {
    let rig = Rig::start(storage).await;
    let resubmit = |session: &PlanReviewSession, plan| pb::ResubmitRequest {
        session_id: session.id.clone(),
        message: "it is meant so".to_owned(),
        plan,
        request_id: "6f3f7d0e-5c8e-4c9e-9d55-0c5a1f6b7a14".to_owned(),
    };
    let session = rig.submit(RiskLevel::High).await;
    let early = rig.gate().resubmit(by("rob", resubmit(&session, None))).await.unwrap_err();
    assert_eq!(reason(&early, "state"), ("SESSION_STATE".to_owned(), "pending".to_owned()));
    ask(&rig, "ada", &session, "do the impossible").await.unwrap();
    let denied = rig.gate().resubmit(by("ben", resubmit(&session, None))).await;
    // An administrator may.
    assert_eq!(denied.unwrap().into_inner().session.unwrap().state(), State::Pending);
    assert_eq!(rig.get(&session.id).await.current_version, 1);

    let other = rig.submit(RiskLevel::High).await;
    ask(&rig, "ada", &other, "do the impossible").await.unwrap();
    let plan = submission(RiskLevel::Critical).plan.unwrap();
    for _ in 0..2 {
        let request = resubmit(&other, Some(plan.clone()));
        let back = rig.gate().resubmit(by("rob", request)).await.unwrap().into_inner().session.unwrap();
        assert_eq!((back.state(), back.current_version), (State::Pending, 2));
        assert_eq!(back.risk.unwrap().level(), RiskLevel::Critical);
    }
    let abandoned = rig.get(&other.id).await.modification.unwrap();
    assert_ne!(abandoned.state(), ModificationState::Pending);
    rig.stop().await;
}
