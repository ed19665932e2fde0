//! Following the services that keep state: what they publish is what people are told of.

mod comments;
mod execution;
mod people;
mod review;

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_core::id::{EventId, SessionId};
use assent_core::{OpContext, Timestamp, Violation};
use assent_events::{Cursor, Handled};
use assent_plan::RiskLevel;
use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_proto::review::v1::PlanReviewSession;
use assent_rpc::convert::{Wire as _, WireEnum, read_message};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::app::{App, Mail, Notice, Telling};
use crate::domain::{Channel, Details, Kind, Priority, quote};
use crate::error::NotificationError;

/// Most events of which the gate is asked at the same time.
const ASKED_AT_ONCE: usize = 8;

/// Sessions that events are about; none for one that is gone.
type Reviews = BTreeMap<SessionId, Option<PlanReviewSession>>;

/// A fact with what is known of it.
struct Fact<'a> {
    app: &'a App,
    ctx: &'a OpContext,
    event: &'a Event,
    session: SessionId,
}

/// Handles events of one service: what they need of others is asked for side by side, and what they lead to is written
/// in their order.
pub(crate) async fn handle(
    app: &App,
    events: &[Arc<Event>],
    cursor: &Cursor,
) -> Result<Handled, NotificationError> {
    // As they are after the last of these events, whichever of them made them so.
    let mut sessions: BTreeMap<SessionId, &Event> = BTreeMap::new();
    for event in events.iter().filter(|event| event.payload.as_ref().is_some_and(is_told)) {
        if let Some((_, session)) = read_ids(event) {
            sessions.entry(session).or_insert(event);
        }
    }
    let reads: Vec<_> =
        sessions.into_iter().map(|(session, event)| read_session(app, session, event)).collect();
    let reviews: Reviews = stream::iter(reads).buffered(ASKED_AT_ONCE).try_collect().await?;
    let asked: Vec<_> = events.iter().map(|event| prepared(app, event, &reviews)).collect();
    let mails: Vec<Option<Mail>> = stream::iter(asked).buffered(ASKED_AT_ONCE).try_collect().await?;
    let mails: Vec<Mail> = mails.into_iter().flatten().collect();
    if mails.is_empty() {
        return Ok(Handled::Skipped);
    }
    app.deliver(&mails, Some(cursor)).await?;
    Ok(Handled::Done)
}

async fn read_session(
    app: &App,
    session: SessionId,
    event: &Event,
) -> Result<(SessionId, Option<PlanReviewSession>), NotificationError> {
    Ok((session, app.session(&context(app, event), session).await?))
}

/// What is told of one event; none when that is nothing.
async fn prepared(app: &App, event: &Event, reviews: &Reviews) -> Result<Option<Mail>, NotificationError> {
    let Some(payload) = event.payload.as_ref().filter(|payload| is_told(payload)) else {
        return Ok(None);
    };
    let ctx = context(app, event);
    if let Payload::DelegationCreated(created) = payload {
        let Some(id) = read_id(event) else { return Ok(None) };
        return app.addressed(ctx, id, people::delegated(created)).await;
    }
    let Some((id, session)) = read_ids(event) else { return Ok(None) };
    let fact = Fact { app, ctx: &ctx, event, session };
    let Some(Some(review)) = reviews.get(&session) else { return Ok(None) };
    let telling = telling(&fact, payload, review).await?;
    app.addressed(ctx, id, telling).await
}

async fn telling(
    fact: &Fact<'_>,
    payload: &Payload,
    review: &PlanReviewSession,
) -> Result<Telling, NotificationError> {
    Ok(match payload {
        Payload::PlanSubmittedForApproval(_) => review::submitted(fact, review).await?,
        Payload::ApprovalReminderSent(sent) => review::reminded(fact, review, sent),
        Payload::ApprovalTimeout(timeout) => review::timed_out(fact, review, timeout).await?,
        Payload::PlanModificationRequested(asked) => review::modification(fact, review, asked),
        Payload::PlanVersionCreated(created) => review::new_version(fact, review, created).await?,
        Payload::PlanCorrupted(damage) => review::corrupted(fact, review, damage).await?,
        Payload::PlanApproved(decided) => review::decided(fact, review, decided.decision.as_ref()),
        Payload::PlanPartiallyApproved(decided) => review::decided(fact, review, decided.decision.as_ref()),
        Payload::PlanRejected(decided) => review::decided(fact, review, decided.decision.as_ref()),
        Payload::PlanCancelled(decided) => review::decided(fact, review, decided.decision.as_ref()),
        Payload::PlanCommentAdded(added) => comments::added(fact, review, added).await?,
        Payload::PlanCommentResolved(resolved) => comments::resolved(fact, review, resolved),
        Payload::PlanVotesReviewed(reviewed) => review::lapsed(fact, review, reviewed),
        Payload::BreakGlassUsed(used) => review::break_glass(fact, review, used).await?,
        Payload::GrantRevoked(revoked) => execution::revoked(fact, review, revoked),
        Payload::ExecutionStarted(_) => execution::started(fact, review),
        Payload::ExecutionChanged(changed) => execution::waiting(fact, review, changed),
        Payload::ExecutionEnded(ended) => execution::ended(fact, review, ended),
        Payload::ExecutionRefused(refused) => execution::refused(fact, review, refused),
        _ => Telling::default(),
    })
}

/// Whether anybody may be told of it: asked before the gate is.
fn is_told(payload: &Payload) -> bool {
    match payload {
        Payload::PlanVersionCreated(created) => {
            created.version.as_ref().is_some_and(|v| v.version_number > 1)
        }
        Payload::ExecutionChanged(changed) => changed.action == execution::WAITING,
        Payload::PlanSubmittedForApproval(_)
        | Payload::ApprovalReminderSent(_)
        | Payload::ApprovalTimeout(_)
        | Payload::PlanModificationRequested(_)
        | Payload::PlanCorrupted(_)
        | Payload::PlanApproved(_)
        | Payload::PlanPartiallyApproved(_)
        | Payload::PlanRejected(_)
        | Payload::PlanCancelled(_)
        | Payload::PlanVotesReviewed(_)
        | Payload::BreakGlassUsed(_)
        | Payload::GrantRevoked(_)
        | Payload::DelegationCreated(_)
        | Payload::PlanCommentAdded(_)
        | Payload::PlanCommentResolved(_)
        | Payload::ExecutionStarted(_)
        | Payload::ExecutionEnded(_)
        | Payload::ExecutionRefused(_) => true,
        _ => false,
    }
}

fn read_ids(event: &Event) -> Option<(EventId, SessionId)> {
    if event.session_id.is_empty() {
        return None;
    }
    let session = read_message("session_id", |at| at.read(event.session_id.clone()));
    Some((read_id(event)?, passed_over(event, session)?))
}

fn read_id(event: &Event) -> Option<EventId> {
    passed_over(event, read_message("id", |at| at.read(event.id.clone())))
}

/// Repeating an event that cannot be read would hold up all others for ever.
fn passed_over<T>(event: &Event, read: Result<T, Vec<Violation>>) -> Option<T> {
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

impl Fact<'_> {
    /// Who made it true, for display.
    fn by(&self) -> String {
        quote(self.event.actor.as_ref().map_or("", people::display))
    }

    /// Id of who made it true.
    fn author(&self) -> &str {
        self.event.actor.as_ref().map_or("", |actor| actor.id.as_str())
    }

    /// A notice about the session, with what `more` knows.
    fn notice(&self, kind: Kind, review: &PlanReviewSession, more: impl FnOnce(&mut Details)) -> Notice {
        let mut notice = about(kind, self.session, review);
        notice.details.by = self.by();
        more(&mut notice.details);
        notice
    }
}

/// A notice that asks for a decision on a session, by whatever channels were named for that.
pub(crate) fn asking(kind: Kind, session: SessionId, review: &PlanReviewSession) -> Notice {
    let mut notice = about(kind, session, review);
    notice.details.by = quote(review.requester.as_ref().map_or("Somebody", people::display));
    let asked = review.options.as_ref().map(|options| options.notify_on.as_slice()).unwrap_or_default();
    let policy = review.risk.as_ref().and_then(|risk| risk.requirement.as_ref());
    let policy = policy.map(|requirement| requirement.channels.as_slice()).unwrap_or_default();
    let named = if asked.is_empty() { policy } else { asked };
    notice.named = named.iter().filter_map(|number| channel(*number)).collect();
    notice
}

fn channel(number: i32) -> Option<Channel> {
    <Channel as WireEnum>::Pb::try_from(number).ok().and_then(Channel::from_pb)
}

/// A notice about a session, as it now is.
fn about(kind: Kind, session: SessionId, review: &PlanReviewSession) -> Notice {
    let plan = review.plan.as_ref();
    let level = review.risk.as_ref().and_then(|risk| RiskLevel::from_pb(risk.level()));
    let details = Details {
        goal: quote(plan.map_or("", |plan| plan.goal.as_str())),
        risk: level
            .map(|level| level.to_pb().as_str_name().trim_start_matches("RISK_LEVEL_").to_owned())
            .unwrap_or_default(),
        version: review.current_version,
        digest: review.digest.clone(),
        items: plan.map_or(0, |plan| plan.items.len()),
        message: quote(&review.reviewer_message),
        until: review.expire_time.and_then(|time| Timestamp::from_pb(time, "").ok()),
        ..Details::default()
    };
    let asked = Priority::from_pb(review.priority()).unwrap_or_default();
    Notice {
        kind,
        priority: kind.priority(asked, level >= Some(RiskLevel::High)),
        session: Some(session),
        details,
        text: None,
        delegators: BTreeMap::new(),
        named: Vec::new(),
    }
}
