//! What becomes of an approved plan.

use assent_proto::event::v1::{ExecutionChanged, ExecutionEnded, ExecutionRefused, GrantRevoked};
use assent_proto::execution::v1::ExecutionState;
use assent_proto::review::v1::PlanReviewSession;

use super::Fact;
use super::people::{askers, others};
use crate::app::{Addressed, Notice, Recipients, Telling};
use crate::domain::{Kind, quote};

fn one(notice: Notice, recipients: Recipients) -> Telling {
    Telling { notices: vec![Addressed { notice, recipients }], ..Telling::default() }
}

/// It runs.
pub(super) fn started(fact: &Fact<'_>, review: &PlanReviewSession) -> Telling {
    one(fact.notice(Kind::ExecutionStarted, review, |_| {}), askers(review))
}

/// Action of an execution that cannot go on without a person.
pub(super) const WAITING: &str = "waiting";

/// It waits for somebody, because something lies outside of what was approved.
pub(super) fn waiting(fact: &Fact<'_>, review: &PlanReviewSession, changed: &ExecutionChanged) -> Telling {
    let notice = fact.notice(Kind::ExecutionWaiting, review, |details| {
        details.reason = quote(&changed.reason);
    });
    one(notice, others(review, fact.author()))
}

/// It has ended, well or not.
pub(super) fn ended(fact: &Fact<'_>, review: &PlanReviewSession, ended: &ExecutionEnded) -> Telling {
    let Some(execution) = ended.execution.as_ref() else { return Telling::default() };
    let kind = match execution.state() {
        ExecutionState::Completed => Kind::ExecutionCompleted,
        ExecutionState::Failed => Kind::ExecutionFailed,
        ExecutionState::RolledBack => Kind::ExecutionRolledBack,
        ExecutionState::RollbackFailed => Kind::ExecutionRollbackFailed,
        ExecutionState::Cancelled => Kind::ExecutionCancelled,
        _ => return Telling::default(),
    };
    let notice = fact.notice(kind, review, |details| {
        details.reason = quote(&execution.error);
        details.artifacts = ended.artifacts.len();
    });
    one(notice, askers(review))
}

/// A permission was taken back.
pub(super) fn revoked(fact: &Fact<'_>, review: &PlanReviewSession, revoked: &GrantRevoked) -> Telling {
    let notice = fact.notice(Kind::GrantRevoked, review, |details| {
        details.reason = quote(&revoked.reason);
        details.version = revoked.version;
    });
    one(notice, others(review, fact.author()))
}

/// Something does not match what was approved: an alarm.
pub(super) fn refused(fact: &Fact<'_>, review: &PlanReviewSession, refused: &ExecutionRefused) -> Telling {
    let notice = fact.notice(Kind::ExecutionRefused, review, |details| {
        details.reason = quote(&refused.message);
    });
    let mut recipients = askers(review);
    recipients.extend(fact.app.rules.alarm_recipients.iter().cloned());
    one(notice, recipients)
}
