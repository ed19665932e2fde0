//! What happens to a review.

use assent_proto::event::v1::{
    ApprovalReminderSent, ApprovalTimeout, BreakGlassUsed, PlanCorrupted, PlanModificationRequested,
    PlanVersionCreated, PlanVotesReviewed,
};
use assent_proto::plan::v1::TimeoutAction;
use assent_proto::review::v1::{ApprovalDecision, DecisionOutcome, PlanReviewSession, PlanReviewState};

use super::people::{askers, display, others, reviewers, without};
use super::{Fact, asking, channel};
use crate::app::{Addressed, Notice, Recipients, Telling};
use crate::domain::{Kind, quote};
use crate::error::NotificationError;

fn one(notice: Notice, recipients: Recipients) -> Telling {
    Telling { notices: vec![Addressed { notice, recipients }], ..Telling::default() }
}

/// A plan waits for those who can decide.
pub(super) async fn submitted(
    fact: &Fact<'_>,
    review: &PlanReviewSession,
) -> Result<Telling, NotificationError> {
    ask(fact, review, Kind::ApprovalRequested).await
}

/// Asks those who can decide now, and plans to tell them when the time is nearly over.
async fn ask(fact: &Fact<'_>, review: &PlanReviewSession, kind: Kind) -> Result<Telling, NotificationError> {
    let eligible = fact.app.eligible(fact.ctx, fact.session).await?;
    let recipients = eligible.ids();
    let notice = Notice { delegators: eligible.delegators, ..asking(kind, fact.session, review) };
    let soon = fact.app.rules.expiring_soon;
    let expiring = notice.details.until.filter(|_| !recipients.is_empty() && !soon.is_zero()).map(|until| {
        let left = until.since(fact.ctx.now());
        (fact.session, until.before(soon.min(left / 4)))
    });
    Ok(Telling { expiring, ..one(notice, recipients) })
}

/// The gate says whom it reminds, and where.
pub(super) fn reminded(fact: &Fact<'_>, review: &PlanReviewSession, sent: &ApprovalReminderSent) -> Telling {
    let mut notice = asking(Kind::Reminder, fact.session, review);
    notice.named.extend(channel(sent.channel).filter(|_| notice.named.is_empty()));
    one(notice, sent.recipients.iter().cloned().collect())
}

/// The time to decide is over: that decides, or others are asked, or the same again.
pub(super) async fn timed_out(
    fact: &Fact<'_>,
    review: &PlanReviewSession,
    timeout: &ApprovalTimeout,
) -> Result<Telling, NotificationError> {
    if timeout.decision.is_some() {
        return Ok(decided(fact, review, timeout.decision.as_ref()));
    }
    match timeout.action_taken() {
        TimeoutAction::Escalate => ask(fact, review, Kind::Escalated).await,
        TimeoutAction::Remind | TimeoutAction::Hold => ask(fact, review, Kind::Reminder).await,
        TimeoutAction::Unspecified | TimeoutAction::Cancel | TimeoutAction::Proceed => Ok(Telling::default()),
    }
}

/// A reviewer asks for changes.
pub(super) fn modification(
    fact: &Fact<'_>,
    review: &PlanReviewSession,
    asked: &PlanModificationRequested,
) -> Telling {
    let request = asked.request.as_ref();
    let notice = fact.notice(Kind::ModificationRequested, review, |details| {
        details.reason = quote(request.map_or("", |request| request.feedback.as_str()));
        details.version = request.map_or(details.version, |request| request.version);
    });
    one(notice, without(askers(review), fact.author()))
}

/// Whoever was asked about a version before has to look again.
pub(super) async fn new_version(
    fact: &Fact<'_>,
    review: &PlanReviewSession,
    created: &PlanVersionCreated,
) -> Result<Telling, NotificationError> {
    let open = matches!(
        review.state(),
        PlanReviewState::Pending | PlanReviewState::InReview | PlanReviewState::ModificationRequested
    );
    let Some(version) = created.version.as_ref().filter(|_| open) else { return Ok(Telling::default()) };
    let mut recipients = fact.app.approvers(fact.ctx, fact.session).await?;
    recipients.append(&mut reviewers(review));
    let before = review.votes.iter().filter(|vote| vote.version < version.version_number);
    let lapsed = before.filter_map(|vote| vote.voter.as_ref()).map(|voter| quote(display(voter))).collect();
    let notice = fact.notice(Kind::NewVersion, review, |details| {
        details.version = version.version_number;
        details.lapsed = lapsed;
    });
    Ok(one(notice, without(recipients, fact.author())))
}

/// Whoever voted in vain is told why.
pub(super) fn lapsed(fact: &Fact<'_>, review: &PlanReviewSession, reviewed: &PlanVotesReviewed) -> Telling {
    let told = reviewed.dismissed.iter().filter_map(|dismissed| {
        let voter = dismissed.vote.as_ref()?.voter.as_ref()?;
        let notice = fact.notice(Kind::VoteLapsed, review, |details| {
            details.version = reviewed.version;
            details.reason = quote(&dismissed.message);
        });
        Some(Addressed { notice, recipients: Recipients::from([voter.id.clone()]) })
    });
    Telling { notices: told.collect(), ..Telling::default() }
}

/// An alarm, for those who keep the system, those who would have been asked and those who asked.
pub(super) async fn break_glass(
    fact: &Fact<'_>,
    review: &PlanReviewSession,
    used: &BreakGlassUsed,
) -> Result<Telling, NotificationError> {
    let mut recipients = fact.app.approvers(fact.ctx, fact.session).await?;
    recipients.append(&mut others(review, fact.author()));
    recipients.extend(fact.app.rules.alarm_recipients.iter().cloned());
    let notice = fact.notice(Kind::BreakGlass, review, |details| {
        details.reason = quote(used.decision.as_ref().map_or("", |decision| decision.reason.as_str()));
    });
    Ok(Telling { settled: Some(fact.session), ..one(notice, without(recipients, fact.author())) })
}

/// An alarm, for those who keep the system and those who rely on the plan.
pub(super) async fn corrupted(
    fact: &Fact<'_>,
    review: &PlanReviewSession,
    damage: &PlanCorrupted,
) -> Result<Telling, NotificationError> {
    let mut recipients = fact.app.approvers(fact.ctx, fact.session).await?;
    recipients.append(&mut askers(review));
    recipients.extend(fact.app.rules.alarm_recipients.iter().cloned());
    let notice = fact.notice(Kind::CorruptionAlarm, review, |details| {
        details.version = damage.version;
        details.reason = quote(&damage.problem);
    });
    Ok(one(notice, recipients))
}

/// The outcome, for those who asked and those who took part; nobody is asked any more.
pub(super) fn decided(
    fact: &Fact<'_>,
    review: &PlanReviewSession,
    decision: Option<&ApprovalDecision>,
) -> Telling {
    let settled = Some(fact.session);
    let kind = decision.and_then(|decision| match decision.outcome() {
        DecisionOutcome::Approved => Some(Kind::Approved),
        DecisionOutcome::PartiallyApproved => Some(Kind::PartiallyApproved),
        DecisionOutcome::Rejected => Some(Kind::Rejected),
        DecisionOutcome::TimedOut => Some(Kind::TimedOut),
        DecisionOutcome::Cancelled => Some(Kind::Cancelled),
        DecisionOutcome::Unspecified => None,
    });
    let (Some(kind), Some(decision)) = (kind, decision) else {
        return Telling { settled, ..Telling::default() };
    };
    let by = decision.decided_by.as_ref();
    let notice = fact.notice(kind, review, |details| {
        if let Some(by) = by {
            details.by = quote(display(by));
        }
        details.reason = quote(&decision.reason);
        details.skipped = details.items.saturating_sub(decision.approved_items.len());
    });
    let recipients = others(review, by.map_or("", |by| by.id.as_str()));
    Telling { settled, ..one(notice, recipients) }
}
