//! Saying that somebody looks at a plan.

use assent_core::OpContext;
use assent_core::id::SessionId;
use assent_events::append;
use assent_proto::event::v1::PlanReviewStarted;
use assent_proto::event::v1::event::Payload;
use serde_json::json;

use super::measure::Before;
use super::record::{audit, resumed};
use super::{App, View, settle};
use crate::domain::session::Session;
use crate::error::GateError;
use crate::store;

impl App {
    /// Takes a session into review, with the caller as its reviewer.
    pub(crate) async fn start_review(&self, ctx: &OpContext, id: SessionId) -> Result<View, GateError> {
        let mut attempt = 1;
        let session = loop {
            if let Some(settled) = settle(attempt, self.try_start_review(ctx, id).await) {
                break settled?;
            }
            attempt += 1;
        };
        self.summary(session).await
    }

    async fn try_start_review(&self, ctx: &OpContext, id: SessionId) -> Result<Session, GateError> {
        let reviewer = self.voter(ctx, "").await?;
        let mut tx = self.db.begin().await?;
        let session = store::session::lock(&mut tx, id).await?;
        let mut session = session.ok_or(GateError::UnknownSession(id))?;
        let ctx = &resumed(ctx, &session);
        let before = Before::of(&session);
        let state = session.may_start_review(&reviewer, ctx.now()).map_err(GateError::refused(id))?;
        let reviewer = reviewer.actor.id;
        if state == before.state && session.assigned_reviewer.as_ref() == Some(&reviewer) {
            return Ok(session);
        }
        session.state = state;
        session.assigned_reviewer = Some(reviewer.clone());
        session.updated_at = ctx.now();
        let details = json!({ "version": session.subject.version, "digest": session.subject.digest });
        audit(&mut tx, ctx, &mut session, "review.started", details).await?;
        let started = Payload::PlanReviewStarted(PlanReviewStarted { reviewer_id: reviewer });
        append(&mut tx, ctx, Some(id), started).await?;
        self.commit(tx, &mut session).await?;
        self.changed(&session, before, None);
        Ok(session)
    }
}
