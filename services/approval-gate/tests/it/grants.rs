//! Grants after they were issued.

use std::time::Duration;

use assent_core::grant::GrantClaims;
use assent_proto::approval::v1 as pb;
use assent_proto::event::v1::event::Payload;
use assent_proto::plan::v1::RiskLevel;
use assent_proto::review::v1::{PlanReviewSession, PlanReviewState as State};
use assent_testkit::{Storage, both_storages};
use base64::Engine as _;
use tonic::Code;

use crate::rig::{Rig, by, reason};

both_storages!(
    a_grant_holds_until_it_is_taken_back,
    a_grant_expires,
    a_version_after_the_decision_takes_the_grant_back,
);

/// What a token says, whoever signed it.
pub(crate) fn claims(token: &str) -> GrantClaims {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

async fn approved(rig: &Rig) -> (PlanReviewSession, pb::CheckGrantRequest) {
    let session = rig.submit(RiskLevel::High).await;
    rig.approve("ada", &session).await.unwrap();
    let grant = pb::GetGrantRequest { session_id: session.id.clone() };
    let grant = rig.gate().get_grant(by("dev", grant)).await.unwrap().into_inner().grant;
    let check =
        pb::CheckGrantRequest { session_id: session.id.clone(), grant_id: claims(&grant).jti.to_string() };
    (session, check)
}

/// Those of `grants` that may be acted on.
async fn valid(rig: &Rig, grants: &[&str]) -> Vec<String> {
    let grant_ids = grants.iter().map(|&id| id.to_owned()).collect();
    let request = pb::GetValidGrantsRequest { grant_ids };
    rig.gate().get_valid_grants(by("gears", request)).await.unwrap().into_inner().grant_ids
}

async fn a_grant_holds_until_it_is_taken_back(storage: Storage) {
    let rig = Rig::start(storage).await;
    let (session, check) = approved(&rig).await;
    let status = async |check: &pb::CheckGrantRequest| {
        let answer = rig.gate().check_grant(by("gears", check.clone())).await?.into_inner();
        Ok::<_, tonic::Status>((answer.status(), answer.reason))
    };
    assert_eq!(status(&check).await.unwrap(), (pb::GrantStatus::Valid, String::new()));
    let denied = rig.gate().check_grant(by("ada", check.clone())).await.unwrap_err();
    assert_eq!(reason(&denied, "").0, "ROLE_REQUIRED");
    let stranger = pb::CheckGrantRequest { grant_id: format!("gra_{}", "0".repeat(32)), ..check.clone() };
    let unknown = status(&stranger).await.unwrap_err();
    let all = [stranger.grant_id.as_str(), check.grant_id.as_str()];
    assert_eq!(valid(&rig, &all).await, [check.grant_id.as_str()]);
    let nobody = pb::GetValidGrantsRequest { grant_ids: vec!["gra_1".to_owned()] };
    let denied = rig.gate().get_valid_grants(by("ada", nobody.clone())).await.unwrap_err();
    assert_eq!(reason(&denied, "").0, "ROLE_REQUIRED");
    let unreadable = rig.gate().get_valid_grants(by("gears", nobody)).await.unwrap_err();
    assert_eq!(reason(&unreadable, "").0, "REQUEST_INVALID");
    assert_eq!((unknown.code(), reason(&unknown, "").0.as_str()), (Code::NotFound, "GRANT_NOT_FOUND"));

    let revoke = pb::RevokeGrantRequest {
        session_id: session.id.clone(),
        reason: "the customer called".to_owned(),
        request_id: "6f3f7d0e-5c8e-4c9e-9d55-0c5a1f6b7a12".to_owned(),
    };
    let stranger = rig.gate().revoke_grant(by("dev", revoke.clone())).await.unwrap_err();
    assert_eq!(reason(&stranger, "why"), ("NOT_ELIGIBLE".to_owned(), "NOT_INVOLVED".to_owned()));
    let first = rig.gate().revoke_grant(by("rob", revoke.clone())).await.unwrap().into_inner();
    rig.clock.advance(Duration::from_secs(5));
    for who in ["rob", "ada"] {
        let again = rig.gate().revoke_grant(by(who, revoke.clone())).await.unwrap().into_inner();
        assert_eq!(again, first, "{who}");
    }
    let (state, why) = status(&check).await.unwrap();
    assert_eq!((state, why.as_str()), (pb::GrantStatus::Revoked, "the customer called"));
    assert!(valid(&rig, &all).await.is_empty());
    let actions = rig.actions(&session.id).await;
    assert_eq!(actions.iter().filter(|action| *action == "grant.revoked").count(), 1);
    let facts = rig.facts(&session.id, 3).await;
    let Some(Payload::GrantRevoked(revoked)) = &facts[2].payload else { panic!("{facts:?}") };
    assert_eq!((revoked.grant_id.as_str(), revoked.version), (check.grant_id.as_str(), 1));
    rig.stop().await;
}

async fn a_grant_expires(storage: Storage) {
    let rig = Rig::start(storage).await;
    let (_, check) = approved(&rig).await;
    rig.clock.advance(Duration::from_secs(7 * 24 * 60 * 60));
    assert!(valid(&rig, &[&check.grant_id]).await.is_empty());
    let answer = rig.gate().check_grant(by("gears", check)).await.unwrap().into_inner();
    assert_eq!((answer.status(), answer.revoke_time), (pb::GrantStatus::Expired, None));
    rig.stop().await;
}

async fn a_version_after_the_decision_takes_the_grant_back(storage: Storage) {
    let rig = Rig::start(storage).await;
    let (session, check) = approved(&rig).await;
    rig.edit("dev", &session, |plan| plan.goal.push_str(", and more")).await;
    rig.told(&session.id, "grant.revoked").await;
    let answer = rig.gate().check_grant(by("gears", check)).await.unwrap().into_inner();
    let why = "version 2 was made after the decision about version 1";
    assert_eq!((answer.status(), answer.reason.as_str()), (pb::GrantStatus::Revoked, why));
    let decided = rig.get(&session.id).await;
    assert_eq!((decided.state(), decided.current_version), (State::Approved, 1));
    rig.stop().await;
}
