//! Approving some items, and approving under conditions.

use assent_plan::Condition;
use assent_proto::approval::v1 as pb;
use assent_proto::event::v1::event::Payload;
use assent_proto::plan::v1::{Dependency, RiskLevel, WorkItem};
use assent_proto::review::v1::approval_condition::Condition as Asked;
use assent_proto::review::v1::{
    ApprovalCondition, ApprovalRequestOptions, ItemApprovalState, PlanReviewSession, PlanReviewState as State,
};
use assent_proto::types::v1::Money;
use assent_testkit::{Storage, both_storages};

use crate::grants::claims;
use crate::rig::{Rig, by, reason, submission};

both_storages!(
    some_items_run_without_those_that_need_the_others,
    two_approvers_approve_what_both_named,
    conditions_travel_into_decision_and_grant,
    the_rest_riskier_alone_is_refused,
);

/// `a` and `d` stand alone, `b` needs `a`, `c` needs `b`.
fn chain(level: RiskLevel) -> pb::SubmitForApprovalRequest {
    let mut request = submission(level);
    let plan = request.plan.as_mut().unwrap();
    let first = plan.items[0].clone();
    plan.items.extend(["c", "d"].map(|id| WorkItem { id: id.to_owned(), ..first.clone() }));
    let edge =
        |from: &str, to: &str| Dependency { from: from.to_owned(), to: to.to_owned(), ..Default::default() };
    plan.dependencies = vec![edge("a", "b"), edge("b", "c")];
    request
}

async fn granted(rig: &Rig, session: &PlanReviewSession) -> assent_core::grant::GrantClaims {
    let grant = pb::GetGrantRequest { session_id: session.id.clone() };
    claims(&rig.gate().get_grant(by("dev", grant)).await.unwrap().into_inner().grant)
}

async fn some_items_run_without_those_that_need_the_others(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit_as("rob", chain(RiskLevel::High)).await.unwrap();
    let unknown = rig.approve_with("ada", &session, &["a", "x"], Vec::new()).await.unwrap_err();
    assert_eq!(reason(&unknown, "").0, "REQUEST_INVALID");
    let nothing = rig.approve_with("ada", &session, &["c"], Vec::new()).await.unwrap_err();
    assert_eq!(reason(&nothing, "").0, "REQUEST_INVALID");

    let answer = rig.approve_with("ada", &session, &["a", "c", "d"], Vec::new()).await.unwrap();
    assert_eq!((answer.skipped_items, answer.approvals_missing), (vec!["c".to_owned()], 0));
    let decided = rig.get(&session.id).await;
    assert_eq!(decided.state(), State::PartiallyApproved);
    let decision = decided.decision.unwrap();
    assert_eq!(decision.approved_items, ["a", "d"]);
    assert_eq!(
        (decision.rejected_items, decision.skipped_items),
        (vec!["b".to_owned()], vec!["c".to_owned()])
    );
    assert_eq!(
        (decision.estimate.unwrap().total_work_items, decision.risk_level),
        (2, RiskLevel::High.into())
    );
    use ItemApprovalState::{Approved, Rejected, Skipped};
    let states: Vec<_> = decided.item_statuses.iter().map(|item| item.state()).collect();
    assert_eq!(states, [Approved, Rejected, Skipped, Approved]);
    assert_eq!(decided.votes[0].items, ["a", "c", "d"]);
    let claims = granted(&rig, &session).await;
    assert_eq!(claims.items.keys().collect::<Vec<_>>(), ["a", "d"]);
    assert_eq!(claims.dig.to_string(), session.digest);
    let facts = rig.facts(&session.id, 2).await;
    let Some(Payload::PlanPartiallyApproved(told)) = &facts[1].payload else { panic!("{facts:?}") };
    assert_eq!((told.approved_items.len(), told.skipped_items.len()), (2, 2));

    let whole = ApprovalRequestOptions { allow_partial_approval: Some(false), ..Default::default() };
    let request = pb::SubmitForApprovalRequest { options: Some(whole), ..chain(RiskLevel::High) };
    let session = rig.submit_as("rob", request).await.unwrap();
    let refused = rig.approve_with("ada", &session, &["a"], Vec::new()).await.unwrap_err();
    assert_eq!(reason(&refused, "").0, "PARTIAL_NOT_ALLOWED");
    // All of them are no part.
    rig.approve_with("ada", &session, &["a", "b", "c", "d"], Vec::new()).await.unwrap_err();
    rig.approve("ada", &session).await.unwrap();
    rig.stop().await;
}

async fn two_approvers_approve_what_both_named(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit_as("bot", chain(RiskLevel::Critical)).await.unwrap();
    let first = rig.approve_with("ada", &session, &["a", "b"], Vec::new()).await.unwrap();
    assert_eq!(first.approvals_missing, 1);
    // Enough people, and nothing that enough of them want.
    let second = rig.approve_with("ben", &session, &["d"], Vec::new()).await.unwrap();
    assert_eq!((second.approvals_missing, second.session.unwrap().state()), (1, State::Pending));
    let changed = rig.approve_with("ada", &session, &["d"], Vec::new()).await.unwrap_err();
    assert_eq!(reason(&changed, "").0, "VOTE_EXISTS");
    rig.approve("rob", &session).await.unwrap();
    let mut decision = rig.get(&session.id).await.decision.unwrap();
    decision.approvers.sort();
    assert_eq!(decision.approved_items, ["a", "b", "d"]);
    assert_eq!(
        (decision.rejected_items, decision.approvers),
        (vec!["c".to_owned()], vec!["ada".to_owned(), "ben".to_owned(), "rob".to_owned()])
    );
    rig.stop().await;
}

async fn conditions_travel_into_decision_and_grant(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit_as("bot", chain(RiskLevel::Critical)).await.unwrap();
    let condition = |asked| ApprovalCondition { condition: Some(asked) };
    let limit = condition(Asked::MaxCost(Money { currency: "USD".to_owned(), micros: 5_000_000 }));
    let dry = condition(Asked::DryRunFirst(true));
    let bad = condition(Asked::Expression("1 <".to_owned()));
    let refused = rig.approve_with("ada", &session, &[], vec![bad]).await.unwrap_err();
    assert_eq!(reason(&refused, "").0, "REQUEST_INVALID");
    rig.approve_with("ada", &session, &[], vec![limit.clone(), dry.clone()]).await.unwrap();
    rig.approve_with("ben", &session, &[], vec![dry.clone()]).await.unwrap();
    let decided = rig.get(&session.id).await;
    assert_eq!(decided.state(), State::Approved);
    assert_eq!(decided.decision.unwrap().conditions, [limit, dry]);
    let carried = granted(&rig, &session).await.conditions;
    let read: Vec<_> = carried.iter().map(|json| Condition::of_json(json).unwrap()).collect();
    assert_eq!(
        read,
        [Condition::MaxCost(assent_plan::Money::from_micros(5_000_000)), Condition::DryRunFirst]
    );
    rig.stop().await;
}

async fn the_rest_riskier_alone_is_refused(storage: Storage) {
    let rig = Rig::start(storage).await;
    // The stand-in finds a plan as risky as its first item.
    let mut request = submission(RiskLevel::Medium);
    request.plan.as_mut().unwrap().items[1].declared_risk = RiskLevel::High.into();
    let session = rig.submit_as("rob", request).await.unwrap();
    let refused = rig.approve_with("dev", &session, &["b"], Vec::new()).await.unwrap_err();
    assert_eq!(reason(&refused, "subset"), ("SUBSET_RISK_HIGHER".to_owned(), "high".to_owned()));
    assert_eq!(rig.get(&session.id).await.votes.len(), 0);
    rig.stop().await;
}
