//! An admin approves alone, in an emergency: at once, with an alarm, and with a review afterwards that stays open until
//! those whom the policy asks for have signed.

use assent_core::id::SessionId;
use assent_core::{ActorKind, OpContext};
use assent_events::append;
use assent_plan::redact::redact;
use assent_proto::approval::v1 as pb;
use assent_proto::event::v1::BreakGlassUsed;
use assent_proto::event::v1::event::Payload;
use assent_proto::plan::v1::Plan;
use assent_store::{StoreError, Tx};
use serde_json::json;

use super::App;
use super::measure::Before;
use super::once::{Once, retried};
use super::record::{Ruling, audit, log_change, resumed, submitted};
use crate::domain::audit::Head;
use crate::domain::decision::{Ending, ItemState, ItemStatus};
use crate::domain::eligibility::{Author, Ineligible};
use crate::domain::options::{Mode, Options};
use crate::domain::session::Session;
use crate::domain::state::{Fact, State};
use crate::domain::vote::Subject;
use crate::error::GateError;
use crate::grpc::convert::{decision_to_pb, session_to_pb};
use crate::store;

impl App {
    /// Approves what the caller saw, without anybody else.
    pub(crate) async fn break_glass(
        &self,
        ctx: &OpContext,
        once: &Once,
        id: SessionId,
        subject: Subject,
        reason: &str,
    ) -> Result<pb::BreakGlassResponse, GateError> {
        let admin = self.require_admin(ctx).await?;
        if admin.kind != ActorKind::User {
            return Err(GateError::NotEligible(Ineligible::NotAPerson));
        }
        let ctx = &ctx.acting_as(admin);
        let reason = redact(reason);
        retried(|| self.try_break_glass(ctx, once, id, subject, &reason)).await
    }

    async fn try_break_glass(
        &self,
        ctx: &OpContext,
        once: &Once,
        id: SessionId,
        subject: Subject,
        reason: &str,
    ) -> Result<pb::BreakGlassResponse, GateError> {
        let mut tx = self.db.begin().await?;
        if let Some(answer) = once.recall(&mut tx, ctx).await? {
            return Ok(answer);
        }
        drop(tx);
        let session = self.session(id).await?;
        let ctx = &resumed(ctx, &session);
        let refused = GateError::refused(id);
        session.after(Fact::Approved, ctx.now()).map_err(&refused)?;
        if session.after_review_of.is_some() {
            return Err(GateError::NotEligible(Ineligible::AfterReview));
        }
        let authors = self.authors(ctx, &session).await?;
        session.electorate(&authors).is_separate(&ctx.actor().id).map_err(GateError::NotEligible)?;
        if session.subject != subject {
            return Err(GateError::Outdated(session.subject));
        }
        self.peers.seal(ctx, id, subject).await?;
        let plan = self.peers.version(ctx, id, subject.version).await?.plan;

        let mut tx = self.db.begin().await?;
        let session = store::session::lock(&mut tx, id).await?;
        let mut session = session.ok_or(GateError::UnknownSession(id))?;
        if session.subject != subject {
            return Err(StoreError::Conflict.into());
        }
        let before = Before::of(&session);
        let ruling = Ruling::new(Ending::BrokenGlass, reason);
        let decision = self.decide(&mut tx, ctx, &mut session, ruling).await?.decision;
        let mut after = after_review(ctx, &session);
        self.open_after_review(&mut tx, ctx, &mut after, &session, &authors, plan).await?;
        let alarm = BreakGlassUsed {
            decision: Some(decision_to_pb(&decision)),
            after_review_session_id: after.id.to_string(),
        };
        append(&mut tx, ctx, Some(id), Payload::BreakGlassUsed(alarm)).await?;
        self.save(&mut tx, &mut after).await?;
        self.save(&mut tx, &mut session).await?;
        let answer = pb::BreakGlassResponse {
            session: Some(session_to_pb(&session)),
            after_review_session_id: after.id.to_string(),
        };
        once.remember(&mut tx, ctx, &answer).await?;
        tx.commit().await?;
        tracing::warn!(workflow_id = %id, admin = ctx.actor().id, after_review = %after.id, "break_glass_used");
        self.changed(&session, before, Some(Ending::BrokenGlass));
        log_change(&after, None);
        Ok(answer)
    }

    async fn open_after_review(
        &self,
        tx: &mut Tx,
        ctx: &OpContext,
        after: &mut Session,
        session: &Session,
        authors: &[Author],
        plan: Option<Plan>,
    ) -> Result<(), GateError> {
        store::session::insert(tx, after).await?;
        let items = store::item::of_session(&mut *tx, session.id).await?;
        let pending = items.into_iter().map(|item| ItemStatus {
            state: ItemState::Pending,
            decided_by: None,
            decided_at: None,
            notes: None,
            ..item
        });
        store::item::insert(tx, ctx.source(), after.id, &pending.collect::<Vec<_>>()).await?;
        // Everybody behind the plan, beside the admin, who stands as the requester.
        let behind = [&session.requester.id, &session.on_behalf_of];
        let behind = behind.into_iter().filter(|id| !id.is_empty()).zip([-1, -2]);
        let behind = behind.map(|(id, version)| Author { version, id: id.clone() });
        for author in authors.iter().cloned().chain(behind) {
            store::opening::add_author(tx, after.id, &author).await?;
        }
        let details = json!({
            "after_review_of": session.id,
            "plan": after.plan_id,
            "version": after.subject.version,
            "digest": after.subject.digest,
            "risk_level": after.risk.level,
            "policy_digest": after.risk.policy_digest,
        });
        audit(tx, ctx, after, "session.after_review_opened", details).await?;
        append(tx, ctx, Some(after.id), submitted(after, plan)).await?;
        Ok(())
    }
}

/// The review afterwards: of the same version, by the same people, without an end.
fn after_review(ctx: &OpContext, session: &Session) -> Session {
    let mut risk = session.risk.clone();
    risk.requirement.separation_of_duties = true;
    risk.requirement.no_open_concerns = false;
    Session {
        id: ctx.new_id(),
        state: State::Pending,
        revision: 1,
        risk,
        requester: ctx.actor().clone(),
        on_behalf_of: String::new(),
        mode: Mode::ReviewAlways,
        // What has run cannot be signed in part.
        options: Options {
            priority: session.options.priority,
            allow_partial_approval: false,
            ..Options::default()
        },
        assigned_reviewer: None,
        after_review_of: Some(session.id),
        created_at: ctx.now(),
        updated_at: ctx.now(),
        expires_at: None,
        wake_at: None,
        escalation_step: 0,
        reminders_sent: 0,
        overdue_since: None,
        modification: None,
        revise_at: None,
        traceparent: ctx.traceparent().map(str::to_owned),
        audit: Head::START,
        ..session.clone()
    }
}
