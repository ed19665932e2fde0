use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{
    ApprovalTimeout, ExecutionEnded, PlanApproved, PlanRejected, PlanSubmittedForApproval,
};
use assent_proto::execution::v1::{Artifact, Execution, ExecutionState};
use assent_proto::notification::v1 as pb;
use assent_proto::plan::v1::NotificationChannel;
use assent_proto::plan::v1::{Plan, RiskLevel};
use assent_proto::review::v1::{ApprovalDecision, DecisionOutcome};
use assent_proto::types::v1::Actor;
use assent_testkit::{Storage, both_storages};
use tonic::Code;

use crate::rig::Rig;

pub(crate) fn submitted(goal: &str) -> Payload {
    Payload::PlanSubmittedForApproval(PlanSubmittedForApproval {
        plan: Some(Plan { goal: goal.to_owned(), ..Plan::default() }),
        version: 1,
        risk_level: RiskLevel::High.into(),
        ..PlanSubmittedForApproval::default()
    })
}

fn decision(outcome: DecisionOutcome) -> Option<ApprovalDecision> {
    Some(ApprovalDecision {
        outcome: outcome.into(),
        decided_by: Some(Actor { id: "bob".to_owned(), ..Actor::default() }),
        reason: "because password=\"hunter2\"".to_owned(),
        ..ApprovalDecision::default()
    })
}

async fn those_who_may_decide_are_asked_once(storage: Storage) {
    let rig = Rig::start(storage, None).await;
    let session = rig.session();
    rig.gate_says(session, submitted("Export all users")).await;
    for user in ["bob", "cem"] {
        let [told] = rig.inbox_of(user, 1).await.try_into().unwrap();
        assert_eq!((told.kind.as_str(), told.session_id), ("approval_requested", session.to_string()));
        assert_eq!(told.title, "Approval requested (HIGH): Export all users");
    }
    // A second fact behind the first: when it is there, a repetition of the first would be, too.
    let rig = rig.restart(None).await;
    rig.gate_says(session, submitted("Another")).await;
    assert_eq!(rig.inbox_of("bob", 2).await[0].title, "Approval requested (HIGH): Another");
    assert!(rig.inbox("ada", pb::ListInboxRequest::default()).await.notifications.is_empty());
    rig.stop().await;
}

async fn those_who_asked_are_told_the_outcome_and_the_end(storage: Storage) {
    let rig = Rig::start(storage, None).await;
    let session = rig.session();
    rig.gate_says(
        session,
        Payload::PlanApproved(PlanApproved { decision: decision(DecisionOutcome::Approved) }),
    )
    .await;
    rig.inbox_of("ada", 1).await;
    rig.gate_says(
        session,
        Payload::PlanRejected(PlanRejected { decision: decision(DecisionOutcome::Rejected) }),
    )
    .await;
    rig.inbox_of("ada", 2).await;
    let timeout =
        ApprovalTimeout { decision: decision(DecisionOutcome::TimedOut), ..ApprovalTimeout::default() };
    rig.gate_says(session, Payload::ApprovalTimeout(ApprovalTimeout::default())).await;
    rig.gate_says(session, Payload::ApprovalTimeout(timeout)).await;
    rig.inbox_of("ada", 3).await;
    let execution = Execution {
        state: ExecutionState::RolledBack.into(),
        error: "exit code 1".to_owned(),
        ..Execution::default()
    };
    let ended = ExecutionEnded { execution: Some(execution), artifacts: vec![Artifact::default()] };
    rig.executor_says(session, Payload::ExecutionEnded(ended)).await;
    let told = rig.inbox_of("ada", 4).await;
    let kinds: Vec<_> = told.iter().rev().map(|n| n.kind.as_str()).collect();
    assert_eq!(kinds, ["approved", "rejected", "timed_out", "execution_rolled_back"]);
    assert!(told.iter().all(|n| n.title.ends_with(": Export all users")));
    assert!(told[2].body.contains("Reason: because password=[REDACTED]"), "{}", told[2].body);
    assert!(told[0].body.contains("Error: exit code 1"), "{}", told[0].body);
    assert_eq!(rig.inbox_of("agent", 4).await.len(), 4);
    rig.stop().await;
}

async fn an_inbox_is_paged_counted_marked_and_ones_own(storage: Storage) {
    let rig = Rig::start(storage, None).await;
    for goal in ["1", "2", "3"] {
        rig.gate_says(rig.session(), submitted(goal)).await;
    }
    let all = rig.inbox_of("bob", 3).await;
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListInboxRequest { page_size: 2, page_token, unread_only: false };
        let page = rig.inbox("bob", request).await;
        assert_eq!(page.unread, 3);
        seen.extend(page.notifications);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, all);
    assert_eq!(rig.mark_read("cem", &[&all[0].id]).await, 0, "not his");
    assert_eq!(rig.mark_read("bob", &[&all[0].id]).await, 1);
    assert_eq!(rig.mark_read("bob", &[&all[0].id]).await, 0);
    let unread = rig.inbox("bob", pb::ListInboxRequest { unread_only: true, ..Default::default() }).await;
    assert_eq!((unread.unread, unread.notifications), (2, all[1..].to_vec()));
    assert_eq!(rig.mark_read("bob", &[]).await, 2);
    let page = rig.inbox("bob", pb::ListInboxRequest::default()).await;
    assert!(page.unread == 0 && page.notifications.iter().all(|n| n.read_time.is_some()));
    rig.inbox_of("cem", 3).await;
    assert_eq!(rig.inbox("cem", pb::ListInboxRequest::default()).await.unread, 3);
    rig.stop().await;
}

async fn deliveries_are_for_administrators(storage: Storage) {
    let rig = Rig::start(storage, None).await;
    let session = rig.session();
    rig.gate_says(session, submitted("g")).await;
    rig.gate_says(rig.session(), submitted("h")).await;
    rig.inbox_of("bob", 2).await;
    let of_session = pb::ListDeliveriesRequest { session_id: session.to_string(), ..Default::default() };
    let deliveries = rig.deliveries("admin", of_session).await.unwrap();
    let mut users: Vec<_> = deliveries.iter().map(|d| d.user_id.as_str()).collect();
    users.sort_unstable();
    assert_eq!(users, ["bob", "cem"]);
    assert!(deliveries.iter().all(|d| d.channel() == NotificationChannel::InApp
        && d.status() == pb::DeliveryStatus::Delivered
        && d.attempts == 1));
    assert_eq!(rig.deliveries("admin", Default::default()).await.unwrap().len(), 4);
    let error = rig.deliveries("lead", Default::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    rig.stop().await;
}

both_storages!(
    those_who_may_decide_are_asked_once,
    those_who_asked_are_told_the_outcome_and_the_end,
    an_inbox_is_paged_counted_marked_and_ones_own,
    deliveries_are_for_administrators,
);
