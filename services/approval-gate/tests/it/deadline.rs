//! The end of the time to decide.

use std::time::Duration;

use assent_proto::approval::v1::SubmitForApprovalRequest;
use assent_proto::event::v1::event::Payload;
use assent_proto::plan::v1::{RiskLevel, TimeoutAction};
use assent_proto::review::v1::{ApprovalRequestOptions, DecisionOutcome, PlanReviewState as State};
use assent_testkit::{Storage, both_storages};

use crate::rig::{Rig, reason, submission, submission_under};

both_storages!(
    what_nobody_decides_in_time_is_rejected_once,
    only_a_low_plan_proceeds,
    escalation_goes_up_the_chain_and_ends,
    reminders_come_a_few_times_also_after_downtime,
    what_is_held_waits_and_is_marked,
    a_decision_that_comes_to_nothing_leaves_no_seal,
);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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

fn with(action: TimeoutAction) -> Option<ApprovalRequestOptions> {
    Some(ApprovalRequestOptions { timeout_action: action.into(), ..Default::default() })
}

/// What the facts say about the end of the time.
async fn timeouts(rig: &Rig, id: &str, count: usize) -> Vec<(TimeoutAction, bool)> {
    let facts = rig.facts(id, count).await;
    let told = facts.into_iter().filter_map(|fact| match fact.payload {
        Some(Payload::ApprovalTimeout(timeout)) => Some((timeout.action_taken(), timeout.decision.is_some())),
        _ => None,
    });
    told.collect()
}

async fn only_a_low_plan_proceeds(storage: Storage) {
    let rig = Rig::start(storage).await;
    let submit = async |level| {
        let request = SubmitForApprovalRequest { options: with(TimeoutAction::Proceed), ..submission(level) };
        rig.submit_as("rob", request).await.unwrap()
    };
    let (low, medium) = (submit(RiskLevel::Low).await, submit(RiskLevel::Medium).await);
    rig.clock.advance(DAY);
    rig.app.sweep_expired().await.unwrap();
    let low = rig.get_until(&low.id, |session| session.decision.is_some()).await;
    assert_eq!(low.state(), State::Approved);
    assert_eq!(low.decision.unwrap().decided_by.unwrap().id, "system:timeout");
    assert!(low.grant.is_some());
    let medium = rig.get_until(&medium.id, |session| session.decision.is_some()).await;
    assert_eq!(medium.state(), State::TimedOut);
    let reason = medium.decision.unwrap().reason;
    assert_eq!(reason, "Approval timeout exceeded; only LOW plans may proceed, and this one is MEDIUM");
    assert_eq!(timeouts(&rig, &low.id, 3).await, [(TimeoutAction::Proceed, false)]);
    rig.stop().await;
}

async fn escalation_goes_up_the_chain_and_ends(storage: Storage) {
    let rig = Rig::start(storage).await;
    let policy = serde_json::json!({
        "timeout": "60s", "timeout_action": "TIMEOUT_ACTION_ESCALATE",
        "escalation": [
            { "to": { "users": ["ada"] }, "timeout": "10s" }, { "to": { "roles": ["admin"] }, "timeout": "20s" },
        ],
    });
    let session = rig.submit_as("rob", submission_under(RiskLevel::High, policy)).await.unwrap();
    for (step, wait, next) in [(1, 60, 10), (2, 10, 20)] {
        rig.clock.advance(Duration::from_secs(wait));
        rig.app.sweep_expired().await.unwrap();
        let now = rig.get_until(&session.id, |session| session.escalation_step == step).await;
        assert_eq!(now.state(), State::Pending);
        let seconds = rig.clock.now().micros() / 1_000_000;
        assert_eq!(now.expire_time.unwrap().seconds - seconds, next, "step {step}");
    }
    rig.clock.advance(Duration::from_secs(20));
    rig.app.sweep_expired().await.unwrap();
    let ended = rig.get_until(&session.id, |session| session.decision.is_some()).await;
    assert_eq!(ended.state(), State::TimedOut);
    let expected = ["session.submitted", "session.escalated", "session.escalated", "session.timed_out"];
    assert_eq!(rig.actions(&session.id).await, expected);
    let told =
        [(TimeoutAction::Escalate, false), (TimeoutAction::Escalate, false), (TimeoutAction::Cancel, true)];
    assert_eq!(timeouts(&rig, &session.id, 4).await, told);
    rig.stop().await;
}

async fn reminders_come_a_few_times_also_after_downtime(storage: Storage) {
    let rig = Rig::start(storage).await;
    let policy = serde_json::json!({ "timeout": "60s", "reminders": 2 });
    let request = SubmitForApprovalRequest {
        options: with(TimeoutAction::Remind),
        ..submission_under(RiskLevel::High, policy)
    };
    let session = rig.submit_as("rob", request).await.unwrap();
    // However long nobody looked, one end of the time is one reminder.
    for (sent, wait) in [(1, 6000), (2, 60)] {
        rig.clock.advance(Duration::from_secs(wait));
        rig.app.sweep_expired().await.unwrap();
        let now = rig.get_until(&session.id, |session| session.reminders_sent >= sent).await;
        assert_eq!((now.reminders_sent, now.state()), (sent, State::Pending));
    }
    let facts = rig.facts(&session.id, 5).await;
    let Some(Payload::ApprovalReminderSent(reminder)) = &facts[2].payload else { panic!("{facts:?}") };
    assert_eq!(reminder.recipients, ["ada", "ben"]);
    rig.approve("ada", &session).await.unwrap();
    rig.clock.advance(DAY);
    rig.app.sweep_expired().await.unwrap();
    assert_eq!(rig.get(&session.id).await.state(), State::Approved);
    rig.stop().await;
}

async fn what_is_held_waits_and_is_marked(storage: Storage) {
    let rig = Rig::start(storage).await;
    let request =
        SubmitForApprovalRequest { options: with(TimeoutAction::Hold), ..submission(RiskLevel::High) };
    let session = rig.submit_as("rob", request).await.unwrap();
    rig.clock.advance(DAY);
    rig.app.sweep_expired().await.unwrap();
    let held = rig.get_until(&session.id, |session| session.overdue_since.is_some()).await;
    assert_eq!((held.state(), held.expire_time), (State::Pending, None));
    assert_eq!(held.overdue_since, session.expire_time);
    assert_eq!(rig.app.sweep_expired().await.unwrap(), 0);
    rig.clock.advance(DAY);
    rig.approve("ada", &session).await.unwrap();
    assert_eq!(rig.get(&session.id).await.state(), State::Approved);
    rig.stop().await;
}
