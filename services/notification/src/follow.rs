//! Following the approval gate and the executor: what they publish is what people are told of.

use assent_core::OpContext;
use assent_core::id::{EventId, SessionId};
use assent_events::{Cursor, Handled};
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{Event, ExecutionEnded, ExecutionRefused, PlanSubmittedForApproval};
use assent_proto::execution::v1::ExecutionState;
use assent_proto::plan::v1::NotificationChannel;
use assent_proto::review::v1::{ApprovalDecision, DecisionOutcome, PlanReviewSession};
use assent_rpc::convert::{Wire as _, read_message};

use crate::app::{App, Fact, Recipients};
use crate::domain::Notice;
use crate::domain::notice::Submission;
use crate::error::NotificationError;

/// Handles one event of either service.
pub(crate) async fn handle(app: &App, event: &Event, cursor: &Cursor) -> Result<Handled, NotificationError> {
    let Some(payload) = event.payload.as_ref().filter(|payload| is_told(payload)) else {
        return Ok(Handled::Skipped);
    };
    let Some((id, session)) = read_ids(event) else { return Ok(Handled::Skipped) };
    let ctx = context(app, event);
    let fact = Fact { event: id, session, ctx: &ctx, webhook: wants_webhook(payload) };
    let (recipients, notice) = match payload {
        Payload::PlanSubmittedForApproval(plan) => {
            (app.approvers(&ctx, session).await?, requested(session, plan, event))
        }
        _ => {
            let Some(review) = app.session(&ctx, session).await? else { return Ok(Handled::Skipped) };
            let Some(notice) = outcome(session, payload, &review) else { return Ok(Handled::Skipped) };
            (askers(&review), notice)
        }
    };
    app.tell(&fact, &recipients, &notice, cursor).await
}

fn is_told(payload: &Payload) -> bool {
    matches!(
        payload,
        Payload::PlanSubmittedForApproval(_)
            | Payload::PlanApproved(_)
            | Payload::PlanRejected(_)
            | Payload::ApprovalTimeout(_)
            | Payload::ExecutionEnded(_)
            | Payload::ExecutionRefused(_)
    )
}

fn read_ids(event: &Event) -> Option<(EventId, SessionId)> {
    let read = read_message("", |at| {
        let id = at.field("id").read(event.id.clone());
        let session = at.field("session_id").read(event.session_id.clone());
        Ok((id?, session?))
    });
    // Repeating an event that cannot be read would hold up all others for ever.
    read.inspect_err(|problems| {
        tracing::error!(event.id, ?problems, "an event cannot be read; it is passed over")
    })
    .ok()
}

/// What is done about an event belongs to the trace of the call that caused it.
fn context(app: &App, event: &Event) -> OpContext {
    let own = app.operation();
    let traceparent = Some(event.traceparent.as_str()).filter(|parent| !parent.is_empty());
    OpContext::new(own.actor().clone(), own.request_id(), traceparent, app.source.clone())
}

/// A requester may have named the channels for the request; the inbox gets it all the same.
fn wants_webhook(payload: &Payload) -> bool {
    let Payload::PlanSubmittedForApproval(plan) = payload else { return true };
    let named = plan.options.as_ref().map(|options| options.notify_on.as_slice()).unwrap_or_default();
    named.is_empty() || named.contains(&NotificationChannel::Webhook.into())
}

fn requested(session: SessionId, submitted: &PlanSubmittedForApproval, event: &Event) -> Notice {
    let plan = submitted.plan.as_ref();
    let message = submitted.options.as_ref().map(|options| options.reviewer_message.as_str());
    let risk = submitted.risk_level().as_str_name().trim_start_matches("RISK_LEVEL_");
    let expires_at = submitted.expire_time.and_then(|time| assent_core::Timestamp::from_pb(time, "").ok());
    let requester = event.actor.as_ref().map(|actor| match actor.name.as_str() {
        "" => actor.id.as_str(),
        name => name,
    });
    let submission = Submission {
        goal: plan.map(|plan| plan.goal.as_str()).unwrap_or_default(),
        risk,
        items: plan.map_or(0, |plan| plan.items.len()),
        version: submitted.version,
        requester: requester.unwrap_or("Somebody"),
        message: message.unwrap_or_default(),
        expires_at,
    };
    Notice::approval_requested(session, &submission)
}

/// Who asked, and for whom.
fn askers(review: &PlanReviewSession) -> Recipients {
    let requester = review.requester.as_ref().map(|actor| actor.id.clone());
    let everybody = requester.into_iter().chain([review.on_behalf_of.clone()]);
    everybody.filter(|id| !id.is_empty()).collect()
}

fn outcome(session: SessionId, payload: &Payload, review: &PlanReviewSession) -> Option<Notice> {
    let goal = review.plan.as_ref().map(|plan| plan.goal.as_str()).unwrap_or_default();
    match payload {
        Payload::PlanApproved(fact) => decided(session, goal, fact.decision.as_ref()?),
        Payload::PlanRejected(fact) => decided(session, goal, fact.decision.as_ref()?),
        // Without a decision the time to decide was only prolonged.
        Payload::ApprovalTimeout(fact) => decided(session, goal, fact.decision.as_ref()?),
        Payload::ExecutionEnded(fact) => ended(session, goal, fact),
        Payload::ExecutionRefused(ExecutionRefused { message, .. }) => {
            Some(Notice::execution(session, "execution_refused", goal, 0, message))
        }
        _ => None,
    }
}

fn decided(session: SessionId, goal: &str, decision: &ApprovalDecision) -> Option<Notice> {
    let kind = match decision.outcome() {
        DecisionOutcome::Approved => "approved",
        DecisionOutcome::Rejected => "rejected",
        DecisionOutcome::TimedOut => "timed_out",
        DecisionOutcome::Unspecified | DecisionOutcome::PartiallyApproved | DecisionOutcome::Cancelled => {
            return None;
        }
    };
    let by = decision.decided_by.as_ref().map(|actor| actor.id.as_str());
    Some(Notice::decided(session, kind, goal, by.unwrap_or_default(), &decision.reason))
}

fn ended(session: SessionId, goal: &str, fact: &ExecutionEnded) -> Option<Notice> {
    let execution = fact.execution.as_ref()?;
    let kind = match execution.state() {
        ExecutionState::Completed => "execution_completed",
        ExecutionState::Failed => "execution_failed",
        ExecutionState::RolledBack => "execution_rolled_back",
        ExecutionState::RollbackFailed => "execution_rollback_failed",
        ExecutionState::Cancelled => "execution_cancelled",
        ExecutionState::Unspecified
        | ExecutionState::Pending
        | ExecutionState::Running
        | ExecutionState::Paused
        | ExecutionState::Waiting
        | ExecutionState::RollingBack => return None,
    };
    Some(Notice::execution(session, kind, goal, fact.artifacts.len(), &execution.error))
}
