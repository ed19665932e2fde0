//! What people do about an open session beside voting: withdraw it, ask somebody else, give more time, bring it back.

use assent_core::OpContext;
use assent_core::id::SessionId;
use assent_events::append;
use assent_plan::redact::redact;
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{ApprovalDeadlineExtended, PlanResubmitted, PlanReviewReassigned};
use assent_proto::plan::v1 as plan;
use assent_rpc::convert::Wire;
use assent_store::Tx;
use serde_json::json;

use super::adopt::Made;
use super::measure::Before;
use super::once::retried;
use super::record::{Ruling, audit, resumed};
use super::{App, Once, View};
use crate::domain::deadline::NewDeadline;
use crate::domain::decision::Ending;
use crate::domain::session::Session;
use crate::domain::state::Fact;
use crate::domain::vote::Voter;
use crate::error::GateError;
use crate::peers::NewVersion;
use crate::store;

/// Something that is done to an open session.
pub(crate) enum Change {
    /// It is withdrawn.
    Cancel { reason: String },
    /// Somebody else is asked to look at it.
    Reassign { reviewer: String, reason: String },
    /// There is more time.
    Extend { deadline: NewDeadline, reason: String },
    /// It goes back to review as it is.
    Resubmit { message: String },
}

impl App {
    /// Does it, or finds that the same request has done it before.
    pub(crate) async fn change(
        &self,
        ctx: &OpContext,
        id: SessionId,
        change: Change,
        once: &Once,
    ) -> Result<View, GateError> {
        let session = retried(|| self.try_change(ctx, id, &change, once, None)).await?;
        self.summary(session).await
    }

    /// Brings a session back to review with another plan.
    pub(crate) async fn resubmit_plan(
        &self,
        ctx: &OpContext,
        id: SessionId,
        message: String,
        plan: plan::Plan,
        (request_id, once): (String, &Once),
    ) -> Result<View, GateError> {
        let session = self.session(id).await?;
        session.may_cancel(&self.voter(ctx, "").await?).map_err(GateError::NotEligible)?;
        let mut tx = self.db.begin().await?;
        let done = once.recall::<()>(&mut tx, ctx).await?.is_some();
        drop(tx);
        if done {
            return self.summary(session).await;
        }
        session.after(Fact::Resubmitted, ctx.now()).map_err(GateError::refused(id))?;
        let message = redact(&message).into_owned();
        let wanted = NewVersion {
            plan: plan::Plan { origin: "client".to_owned(), ..plan },
            base: session.subject.version,
            description: if message.is_empty() { "resubmitted".to_owned() } else { message.clone() },
            request_id,
            validate_only: false,
        };
        let version = self.peers.create_version(ctx, id, wanted).await?;
        let made = Made::of(ctx, id, &version)?;
        let change = Change::Resubmit { message };
        let session = retried(|| self.try_change(ctx, id, &change, once, Some(&made))).await?;
        self.summary(session).await
    }

    async fn try_change(
        &self,
        ctx: &OpContext,
        id: SessionId,
        change: &Change,
        once: &Once,
        made: Option<&Made>,
    ) -> Result<Session, GateError> {
        let caller = self.voter(ctx, "").await?;
        let reviewer = match change {
            Change::Reassign { reviewer, .. } => {
                let known =
                    self.find(reviewer).await?.ok_or_else(|| GateError::UnknownUser(reviewer.clone()));
                known.map(|known| Some(Voter::own(known.actor, &known.tags)))?
            }
            _ => None,
        };
        let mut tx = self.db.begin().await?;
        let session = store::session::lock(&mut tx, id).await?;
        let mut session = session.ok_or(GateError::UnknownSession(id))?;
        allowed(&session, &caller, change)?;
        if once.recall::<()>(&mut tx, ctx).await?.is_some() {
            return Ok(session);
        }
        let ctx = &resumed(ctx, &session);
        let before = Before::of(&session);
        let mut ending = None;
        match change {
            Change::Cancel { reason } => {
                let ruling = Ruling::new(Ending::Cancelled, redact(reason));
                ending = Some(self.decide(&mut tx, ctx, &mut session, ruling).await?.ending);
            }
            Change::Reassign { reason, .. } => {
                if let Some(reviewer) = &reviewer {
                    reassign(&mut tx, ctx, &mut session, reviewer, &redact(reason)).await?;
                }
            }
            Change::Extend { deadline, reason } => {
                extend(&mut tx, ctx, &mut session, *deadline, &redact(reason)).await?;
            }
            Change::Resubmit { message } => {
                self.resubmit(&mut tx, ctx, &mut session, &redact(message), made).await?;
            }
        }
        // That it was done is all there is to remember.
        once.remember(&mut tx, ctx, &()).await?;
        self.commit(tx, &mut session).await?;
        self.changed(&session, before, ending);
        Ok(session)
    }

    async fn resubmit(
        &self,
        tx: &mut Tx,
        ctx: &OpContext,
        session: &mut Session,
        message: &str,
        made: Option<&Made>,
    ) -> Result<(), GateError> {
        let state = session.after(Fact::Resubmitted, ctx.now());
        match made {
            // The fact of the new version may have been faster; then only the words are missing.
            Some(made) if session.subject != made.version.subject => {
                state.map_err(GateError::refused(session.id))?;
                self.adopt_in(tx, session, made).await?;
            }
            Some(_) => {}
            None => session.state = state.map_err(GateError::refused(session.id))?,
        }
        session.abandon_modification();
        session.restart_clock(ctx.now(), self.config.default_timeout());
        session.updated_at = ctx.now();
        let version = session.subject.version;
        audit(tx, ctx, session, "session.resubmitted", json!({ "version": version, "message": message }))
            .await?;
        let told = PlanResubmitted {
            version,
            message: message.to_owned(),
            expire_time: session.expires_at.map(|time| time.to_pb()),
        };
        append(tx, ctx, Some(session.id), Payload::PlanResubmitted(told)).await?;
        Ok(())
    }
}

/// Whether the caller may do it, in whatever state the session is.
fn allowed(session: &Session, caller: &Voter, change: &Change) -> Result<(), GateError> {
    let allowed = match change {
        Change::Cancel { .. } | Change::Resubmit { .. } => session.may_cancel(caller),
        Change::Reassign { .. } | Change::Extend { .. } => session.may_arrange(caller),
    };
    allowed.map_err(GateError::NotEligible)
}

async fn extend(
    tx: &mut Tx,
    ctx: &OpContext,
    session: &mut Session,
    asked: NewDeadline,
    reason: &str,
) -> Result<(), GateError> {
    let now = ctx.now();
    session.state = session.after(Fact::Extended, now).map_err(GateError::refused(session.id))?;
    let until = session.extended(asked, now).map_err(|bad| GateError::deadline(asked, bad))?;
    let previous = session.expires_at;
    session.set_deadline(Some(until));
    session.overdue_since = None;
    session.updated_at = now;
    let text = |time: Option<assent_core::Timestamp>| time.map(|time| time.to_string());
    let details = json!({ "expires_at": text(Some(until)), "previous": text(previous), "reason": reason });
    audit(tx, ctx, session, "session.extended", details).await?;
    let told = ApprovalDeadlineExtended {
        expire_time: Some(until.to_pb()),
        previous_expire_time: previous.map(|time| time.to_pb()),
        reason: reason.to_owned(),
    };
    append(tx, ctx, Some(session.id), Payload::ApprovalDeadlineExtended(told)).await?;
    Ok(())
}

async fn reassign(
    tx: &mut Tx,
    ctx: &OpContext,
    session: &mut Session,
    reviewer: &Voter,
    reason: &str,
) -> Result<(), GateError> {
    session.state = session.after(Fact::Reassigned, ctx.now()).map_err(GateError::refused(session.id))?;
    session.electorate(&[]).may_reject(&reviewer.actor, &reviewer.seat).map_err(GateError::NotEligible)?;
    let previous = session.assigned_reviewer.replace(reviewer.actor.id.clone()).unwrap_or_default();
    session.updated_at = ctx.now();
    let details = json!({ "reviewer": reviewer.actor.id, "previous_reviewer": previous, "reason": reason });
    audit(tx, ctx, session, "review.reassigned", details).await?;
    let told = PlanReviewReassigned {
        reviewer_id: reviewer.actor.id.clone(),
        previous_reviewer_id: previous,
        reason: reason.to_owned(),
    };
    append(tx, ctx, Some(session.id), Payload::PlanReviewReassigned(told)).await?;
    Ok(())
}
