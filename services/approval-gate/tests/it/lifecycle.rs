//! From submission to decision.

use std::collections::BTreeMap;
use std::pin::pin;

use assent_core::grant::GrantClaims;
use assent_proto::approval::v1 as pb;
use assent_proto::approval::v1::watch_session_response::Message;
use assent_proto::plan::v1::RiskLevel;
use assent_proto::review::v1 as review;
use assent_proto::review::v1::{
    DecisionOutcome, ItemApprovalState, PlanReviewState as State, SubmissionMode,
};
use assent_testkit::{Storage, both_storages};
use futures_util::StreamExt as _;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use tonic::Code;

use crate::rig::{Rig, by, reason, submission};

both_storages!(
    a_reviewed_plan_gets_a_grant_that_anybody_can_check,
    critical_needs_two_admins_and_neither_is_the_requester,
    a_rejection_ends_the_review_without_a_grant,
    low_passes_at_once_only_where_everybody_agrees,
    the_same_request_opens_one_session,
    lists_are_filtered_and_paged,
    waiting_and_watching_see_the_decision,
    a_watch_goes_on_from_where_a_session_was_read,
    refusals_say_why,
);

async fn a_reviewed_plan_gets_a_grant_that_anybody_can_check(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    assert_eq!(session.state(), State::Pending);
    assert_eq!(session.plan.as_ref().unwrap().items.len(), 2);
    assert_eq!(session.plan.as_ref().unwrap().requester, "rob");
    assert_eq!((session.versions.len(), session.estimate.is_some()), (1, true));
    assert!(session.expire_time.is_some());

    let start = pb::StartReviewRequest { session_id: session.id.clone() };
    let started = rig.gate().start_review(by("ada", start)).await.unwrap().into_inner().session.unwrap();
    assert_eq!((started.state(), started.assigned_reviewer.as_str()), (State::InReview, "ada"));

    let answer = rig.approve("ada", &session).await.unwrap();
    assert_eq!(answer.approvals_missing, 0);
    let again = rig.approve("ada", &session).await.unwrap();
    assert_eq!(again.session.unwrap().revision, answer.session.unwrap().revision);

    let decided = rig.get(&session.id).await;
    assert_eq!(decided.state(), State::Approved);
    let decision = decided.decision.unwrap();
    assert_eq!((decision.outcome(), decision.approvers), (DecisionOutcome::Approved, vec!["ada".to_owned()]));
    assert_eq!(decision.approved_items, ["a", "b"]);
    assert!(decided.item_statuses.iter().all(|item| item.state() == ItemApprovalState::Approved));
    assert_eq!(decided.votes.len(), 1);

    let grant = pb::GetGrantRequest { session_id: session.id.clone() };
    let grant = rig.gate().get_grant(by("dev", grant)).await.unwrap().into_inner();
    let keys = rig.gate().get_keys(by("dev", pb::GetKeysRequest {})).await.unwrap().into_inner().keys;
    let mut validation = Validation::new(Algorithm::EdDSA);
    // The test's clock is not the machine's.
    validation.validate_exp = false;
    let key = DecodingKey::from_ed_der(&keys[0].public_key);
    let token = jsonwebtoken::decode::<GrantClaims>(&grant.grant, &key, &validation).unwrap();
    assert_eq!(token.header.kid.as_ref(), Some(&keys[0].key_id));
    let claims = token.claims;
    assert_eq!((claims.sub.to_string(), claims.ver), (session.id.clone(), 1));
    assert_eq!(claims.dig.to_string(), session.digest);
    let leaves: BTreeMap<_, _> = session.versions[0]
        .item_digests
        .iter()
        .map(|i| (i.item_id.clone(), i.digest.parse().unwrap()))
        .collect();
    assert_eq!(claims.items, leaves);
    assert_eq!(claims.exp, grant.expire_time.unwrap().seconds);
    assert_eq!(claims.exp - claims.iat, 7 * 24 * 60 * 60);
    rig.stop().await;
}

async fn critical_needs_two_admins_and_neither_is_the_requester(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::Critical).await;
    let eligible = pb::ListEligibleApproversRequest { session_id: session.id.clone() };
    let names = |answer: pb::ListEligibleApproversResponse| {
        answer.approvers.into_iter().map(|actor| actor.id).collect::<Vec<_>>()
    };
    let before = rig.directory().list_eligible_approvers(by("rob", eligible.clone())).await.unwrap();
    assert_eq!(names(before.into_inner()), ["ada", "ben"]);
    let own = rig.approve("rob", &session).await.unwrap_err();
    assert_eq!(reason(&own, "why"), ("NOT_ELIGIBLE".to_owned(), "REQUESTER".to_owned()));

    assert_eq!(rig.approve("ada", &session).await.unwrap().approvals_missing, 1);
    assert_eq!(rig.approve("ada", &session).await.unwrap().approvals_missing, 1);
    assert_eq!(rig.get(&session.id).await.state(), State::Pending);
    let between = rig.directory().list_eligible_approvers(by("rob", eligible.clone())).await.unwrap();
    assert_eq!(names(between.into_inner()), ["ben"]);
    let changed = rig.reject("ada", &session).await.unwrap_err();
    assert_eq!(reason(&changed, "").0, "VOTE_EXISTS");

    assert_eq!(rig.approve("ben", &session).await.unwrap().approvals_missing, 0);
    let decided = rig.get(&session.id).await;
    assert_eq!(decided.decision.unwrap().approvers, ["ada", "ben"]);
    let after = rig.directory().list_eligible_approvers(by("rob", eligible)).await.unwrap();
    assert!(after.into_inner().approvers.is_empty());
    rig.stop().await;
}

async fn a_rejection_ends_the_review_without_a_grant(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    // Separation of duties keeps nobody from saying no.
    let answer = rig.reject("rob", &session).await.unwrap().session.unwrap();
    assert_eq!(answer.state(), State::Rejected);
    assert_eq!(answer.decision.unwrap().rejected_items, ["a", "b"]);
    let late = rig.approve("ada", &session).await.unwrap_err();
    assert_eq!((late.code(), reason(&late, "state").1.as_str()), (Code::FailedPrecondition, "rejected"));
    let grant = pb::GetGrantRequest { session_id: session.id.clone() };
    let none = rig.gate().get_grant(by("dev", grant)).await.unwrap_err();
    assert_eq!(reason(&none, "state"), ("SESSION_STATE".to_owned(), "rejected".to_owned()));
    let actions = ["session.submitted", "vote.reject", "session.rejected", "call.refused"];
    assert_eq!(rig.actions(&session.id).await, actions);
    rig.stop().await;
}

async fn low_passes_at_once_only_where_everybody_agrees(storage: Storage) {
    let rig = Rig::start(storage).await;
    let by_risk = |level| pb::SubmitForApprovalRequest {
        mode: SubmissionMode::ReviewByRisk.into(),
        ..submission(level)
    };
    let passed = rig.submit_as("bot", by_risk(RiskLevel::Low)).await.unwrap();
    assert_eq!(passed.state(), State::Approved);
    assert_eq!(passed.expire_time, None);
    assert_eq!(passed.decision.unwrap().decided_by.unwrap().id, "system:auto");
    let actions = rig.actions(&passed.id).await;
    assert_eq!(actions, ["session.submitted", "session.auto_approved", "grant.issued"]);

    let explicit =
        review::ApprovalRequestOptions { require_explicit_approval: Some(true), ..Default::default() };
    for request in [
        submission(RiskLevel::Low),
        by_risk(RiskLevel::Medium),
        pb::SubmitForApprovalRequest { mode: SubmissionMode::Direct.into(), ..submission(RiskLevel::High) },
        pb::SubmitForApprovalRequest { options: Some(explicit), ..by_risk(RiskLevel::Low) },
    ] {
        assert_eq!(rig.submit_as("bot", request).await.unwrap().state(), State::Pending);
    }
    rig.stop().await;
}

async fn the_same_request_opens_one_session(storage: Storage) {
    let rig = Rig::start(storage).await;
    let request = pb::SubmitForApprovalRequest {
        request_id: "6f3f7d0e-5c8e-4c9e-9d55-0c5a1f6b7a11".to_owned(),
        ..submission(RiskLevel::High)
    };
    let both = futures_util::future::join(
        rig.submit_as("rob", request.clone()),
        rig.submit_as("rob", request.clone()),
    );
    let (first, second) = both.await;
    let first = first.unwrap();
    assert_eq!(first.id, second.unwrap().id);
    assert_eq!(rig.submit_as("rob", request.clone()).await.unwrap().id, first.id);
    let other = pb::SubmitForApprovalRequest { on_behalf_of: "dev".to_owned(), ..request };
    let refused = rig.submit_as("rob", other).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused, "").0.as_str()),
        (Code::InvalidArgument, "REQUEST_ID_REUSED")
    );
    rig.stop().await;
}

async fn lists_are_filtered_and_paged(storage: Storage) {
    let rig = Rig::start(storage).await;
    let mut ids = Vec::new();
    for level in [RiskLevel::High, RiskLevel::Medium, RiskLevel::High] {
        ids.insert(0, rig.submit(level).await.id);
        rig.clock.advance(std::time::Duration::from_secs(1));
    }
    let list = async |request: pb::ListSessionsRequest| {
        let page = rig.gate().list_sessions(by("dev", request)).await.unwrap().into_inner();
        (page.sessions.into_iter().map(|s| s.id).collect::<Vec<_>>(), page.next_page_token)
    };
    let (first, token) = list(pb::ListSessionsRequest { page_size: 2, ..Default::default() }).await;
    let (second, end) =
        list(pb::ListSessionsRequest { page_size: 2, page_token: token, ..Default::default() }).await;
    assert_eq!([first, second].concat(), ids);
    assert_eq!(end, "");
    let high = pb::ListSessionsRequest { risk_level: RiskLevel::High.into(), ..Default::default() };
    assert_eq!(list(high).await.0, [ids[0].clone(), ids[2].clone()]);
    let states = vec![State::Pending.into(), State::Approved.into()];
    let open = pb::ListSessionsRequest { states, requester: "rob".to_owned(), ..Default::default() };
    assert_eq!(list(open).await.0.len(), 3);
    let states = vec![State::InReview.into()];
    assert!(list(pb::ListSessionsRequest { states, ..Default::default() }).await.0.is_empty());
    rig.stop().await;
}

async fn waiting_and_watching_see_the_decision(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let wait = |seconds| pb::WaitForDecisionRequest {
        session_id: session.id.clone(),
        timeout: Some(prost_types::Duration { seconds, nanos: 0 }),
    };
    let undecided = rig.gate().wait_for_decision(by("bot", wait(0))).await.unwrap().into_inner();
    assert_eq!((undecided.state(), undecided.decision), (State::Pending, None));

    let watch = pb::WatchSessionRequest { session_id: session.id.clone(), after_position: 0 };
    let stream = rig.gate().watch_session(by("bot", watch)).await.unwrap().into_inner();
    let mut client = rig.gate();
    let waiting = client.wait_for_decision(by("bot", wait(60)));
    let (answer, approved) = futures_util::future::join(waiting, rig.approve("ada", &session)).await;
    approved.unwrap();
    assert_eq!(answer.unwrap().into_inner().decision.unwrap().outcome(), DecisionOutcome::Approved);

    let types = stream.filter_map(async |told| match told.unwrap().message {
        Some(Message::Event(event)) => Some(event.r#type),
        _ => None,
    });
    let types: Vec<_> = types.take(2).collect().await;
    assert_eq!(types, ["plan_submitted_for_approval", "plan_approved"]);
    rig.stop().await;
}

async fn a_watch_goes_on_from_where_a_session_was_read(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    // Until the submission has its place in the log, a reader would be told of it again.
    rig.facts(&session.id, 1).await;
    let read = async |brief_versions| {
        let request = pb::GetSessionRequest { session_id: session.id.clone(), brief_versions };
        rig.gate().get_session(by("dev", request)).await.unwrap().into_inner()
    };
    let position = read(false).await.position;
    assert_eq!(rig.explain(&session.id).await.position, position);
    rig.approve("ada", &session).await.unwrap();
    let watch = pb::WatchSessionRequest { session_id: session.id.clone(), after_position: position };
    let stream = rig.gate().watch_session(by("dev", watch)).await.unwrap().into_inner();
    let mut events = pin!(stream.filter_map(async |told| match told.unwrap().message {
        Some(Message::Event(event)) => Some(event.r#type),
        _ => None,
    }));
    assert_eq!(events.next().await.unwrap(), "plan_approved");

    // Which versions are told in full is asked of the service that keeps them; everything else is the same.
    let [whole, brief] = [read(false).await.session.unwrap(), read(true).await.session.unwrap()];
    assert!(whole.versions.iter().all(|version| version.estimate.is_some()));
    assert!(brief.versions.iter().all(|version| version.estimate.is_none() && version.changes.is_empty()));
    assert_eq!(review::PlanReviewSession { versions: whole.versions.clone(), ..brief }, whole);
    rig.stop().await;
}

async fn refusals_say_why(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let why = |status: tonic::Status| (status.code(), reason(&status, "why").1);
    let denied = |why: &str| (Code::PermissionDenied, why.to_owned());
    assert_eq!(why(rig.approve("dev", &session).await.unwrap_err()), denied("ROLE_TOO_LOW"));
    assert_eq!(why(rig.approve("bot", &session).await.unwrap_err()), denied("NOT_A_PERSON"));
    assert_eq!(why(rig.reject("dev", &session).await.unwrap_err()), denied("ROLE_TOO_LOW"));

    let other = review::PlanReviewSession { digest: "0".repeat(64), ..session.clone() };
    let outdated = rig.approve("ada", &other).await.unwrap_err();
    assert_eq!(outdated.code(), Code::Aborted);
    assert_eq!(reason(&outdated, "digest"), ("VERSION_CONFLICT".to_owned(), session.digest.clone()));

    let stranger = review::PlanReviewSession { id: format!("ses_{}", "0".repeat(32)), ..session.clone() };
    let unknown = rig.approve("ada", &stranger).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown, "").0.as_str()), (Code::NotFound, "SESSION_NOT_FOUND"));

    let named = review::ApprovalRequestOptions {
        authorized_approvers: vec!["ben".to_owned()],
        show_estimates: Some(false),
        ..Default::default()
    };
    let request = pb::SubmitForApprovalRequest { options: Some(named), ..submission(RiskLevel::High) };
    let narrowed = rig.submit_as("rob", request).await.unwrap();
    assert_eq!(narrowed.estimate, None);
    assert_eq!(why(rig.approve("ada", &narrowed).await.unwrap_err()), denied("NOT_AUTHORIZED"));
    rig.approve("ben", &narrowed).await.unwrap();

    assert_eq!(rig.get(&session.id).await.revision, session.revision);
    rig.stop().await;
}
