//! Opening a session.

use std::collections::BTreeMap;

use assent_core::id::{PlanKind, SessionId};
use assent_core::{Actor, Digest, Id, OpContext};
use assent_events::append;
use assent_plan::redact::redact;
use assent_plan::{ItemId, Map};
use assent_proto::plan::v1 as pb;
use assent_store::idempotency;
use serde_json::json;

use super::measure::Before;
use super::record::{Ruling, audit, submitted};
use super::{App, View, settle};
use crate::domain::audit::Head;
use crate::domain::decision::{Decision, Ending, ItemState, ItemStatus};
use crate::domain::eligibility::Author;
use crate::domain::options::{Mode, Options};
use crate::domain::session::Session;
use crate::domain::state::{Fact, State, next};
use crate::error::GateError;
use crate::peers::{NewVersion, Version};
use crate::store;

const METHOD: &str = "SubmitForApproval";
/// Who approves what the policy lets pass.
const AUTO: &str = "auto";

/// What is to be reviewed.
pub(crate) enum Plan {
    /// A goal, for the planner.
    Goal { goal: String, context: Map },
    /// A ready-made plan.
    Ready(Box<pb::Plan>),
}

/// A request to review something.
pub(crate) struct Submission {
    pub(crate) plan: Plan,
    pub(crate) options: Options,
    pub(crate) mode: Option<Mode>,
    pub(crate) on_behalf_of: String,
    /// Whether only to tell what would happen.
    pub(crate) validate_only: bool,
    /// Makes it safe to repeat; empty when it is not.
    pub(crate) request_id: String,
    /// Digest of the whole request.
    pub(crate) hash: Digest,
}

impl App {
    /// Opens a session, or finds the one that the same request has opened before.
    pub(crate) async fn submit(&self, ctx: &OpContext, submission: Submission) -> Result<View, GateError> {
        if let Some(session) = self.recall(ctx, &submission).await? {
            return self.view(ctx, session, false).await;
        }
        self.submission_licensed(ctx, &submission.options)?;
        let session_id: SessionId = ctx.new_id();
        tracing::Span::current().record("workflow.id", tracing::field::display(session_id));
        let plan = self.plan(ctx, &submission).await?;
        let wanted = NewVersion { validate_only: submission.validate_only, ..NewVersion::first(plan) };
        let version = self.peers.create_version(ctx, session_id, wanted).await?;
        self.requirement_licensed(&version.risk.requirement)?;
        let session = self.draft(ctx, &submission, session_id, &version)?;
        let at_once = session.options.approves_at_once(session.mode, &session.risk);
        if submission.validate_only {
            let passed = next(Some(session.state), Fact::AutoApproved).filter(|_| at_once);
            let session = Session { state: passed.unwrap_or(session.state), ..session };
            let items = pending(&version.leaves);
            return Ok(View { items, current: Some(version.message), ..View::bare(session) });
        }
        if at_once {
            self.peers.seal(&ctx.acting_as(Actor::system(AUTO)), session.id, session.subject).await?;
        }
        for attempt in 1.. {
            let opened = self.open(ctx, &submission, &session, &version, at_once).await;
            match settle(attempt, opened) {
                Some(Ok(_)) => break,
                Some(Err(error)) => return Err(error),
                // The same request at the same time was faster.
                None => {
                    if let Some(other) = self.recall(ctx, &submission).await? {
                        return self.view(ctx, other, false).await;
                    }
                }
            }
        }
        let current = version.message;
        let versions = vec![pb::PlanVersion { plan: None, ..current.clone() }];
        let session = self.session(session.id).await?;
        Ok(View { current: Some(current), versions, ..self.summary(session).await? })
    }

    async fn recall(&self, ctx: &OpContext, submission: &Submission) -> Result<Option<SessionId>, GateError> {
        if submission.request_id.is_empty() || submission.validate_only {
            return Ok(None);
        }
        let mut tx = self.db.begin().await?;
        let (actor, hash) = (&ctx.actor().id, submission.hash);
        let answer = idempotency::recall(&mut tx, actor, METHOD, &submission.request_id, hash).await?;
        Ok(answer.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|id| id.parse().ok()))
    }

    /// The plan as it goes to versioning, with what only the server may say.
    async fn plan(&self, ctx: &OpContext, submission: &Submission) -> Result<pb::Plan, GateError> {
        let mut plan = match &submission.plan {
            Plan::Goal { goal, context } => self.peers.create_plan(ctx, goal, context).await?,
            Plan::Ready(plan) => pb::Plan { origin: "client".to_owned(), ..plan.as_ref().clone() },
        };
        if plan.id.is_empty() {
            plan.id = ctx.new_id::<PlanKind>().to_string();
        }
        plan.requester.clone_from(&ctx.actor().id);
        plan.on_behalf_of.clone_from(&submission.on_behalf_of);
        Ok(plan)
    }

    /// The session as it begins.
    fn draft(
        &self,
        ctx: &OpContext,
        submission: &Submission,
        id: SessionId,
        version: &Version,
    ) -> Result<Session, GateError> {
        let now = ctx.now();
        let unusable = |problem: &str| GateError::Answer { peer: "versioning", problem: problem.to_owned() };
        let plan = version.message.plan.as_ref().ok_or_else(|| unusable("the version has no plan"))?;
        let plan_id: Id<PlanKind> = plan.id.parse().map_err(|_| unusable("the plan has no id"))?;
        let mut options = submission.options.clone();
        options.reviewer_message = redact(&options.reviewer_message).into_owned();
        let mode = options.mode(submission.mode, self.config.mode_of(&ctx.actor().id));
        let waits = !options.approves_at_once(mode, &version.risk);
        let deadline = options.deadline(now, &version.risk, self.config.default_timeout());
        Ok(Session {
            id,
            plan_id,
            goal: plan.goal.clone(),
            state: next(None, Fact::Submitted).unwrap_or(State::Pending),
            revision: 1,
            subject: version.subject,
            step_count: i32::try_from(version.leaves.len()).unwrap_or(i32::MAX),
            risk: version.risk.clone(),
            cost_high: version.cost_high,
            after_review_of: None,
            requester: ctx.actor().clone(),
            on_behalf_of: submission.on_behalf_of.clone(),
            mode,
            options,
            assigned_reviewer: None,
            created_at: now,
            updated_at: now,
            expires_at: waits.then_some(deadline),
            wake_at: waits.then_some(deadline),
            escalation_step: 0,
            reminders_sent: 0,
            overdue_since: None,
            modification: None,
            revise_at: None,
            traceparent: ctx.traceparent().map(str::to_owned),
            audit: Head::START,
        })
    }

    async fn open(
        &self,
        ctx: &OpContext,
        submission: &Submission,
        draft: &Session,
        version: &Version,
        at_once: bool,
    ) -> Result<Option<Decision>, GateError> {
        let mut session = draft.clone();
        let mut tx = self.db.begin().await?;
        store::session::insert(&mut tx, &session).await?;
        let author = Author { version: session.subject.version, id: ctx.actor().id.clone() };
        store::opening::add_author(&mut tx, session.id, &author).await?;
        store::item::insert(&mut tx, ctx.source(), session.id, &pending(&version.leaves)).await?;
        let details = json!({
            "plan": session.plan_id,
            "goal": session.goal,
            "version": session.subject.version,
            "digest": session.subject.digest,
            "risk_level": session.risk.level,
            "policy_digest": session.risk.policy_digest,
            "mode": session.mode,
            "on_behalf_of": session.on_behalf_of,
            "items": session.step_count,
        });
        audit(&mut tx, ctx, &mut session, "session.submitted", details).await?;
        append(&mut tx, ctx, Some(session.id), submitted(&session, version.message.plan.clone())).await?;
        let mut decision = None;
        if at_once {
            let reason = "the policy lets plans of this risk run without a person";
            let ruling = Ruling::new(Ending::AutoApproved, reason);
            let auto = ctx.acting_as(Actor::system(AUTO));
            decision = Some(self.decide(&mut tx, &auto, &mut session, ruling).await?.decision);
        }
        if !submission.request_id.is_empty() {
            let (actor, id) = (&ctx.actor().id, session.id.to_string());
            let (request_id, hash) = (&submission.request_id, submission.hash);
            idempotency::remember(&mut tx, actor, METHOD, request_id, hash, id.as_bytes(), ctx.now()).await?;
        }
        self.commit(tx, &mut session).await?;
        self.opened(draft);
        if decision.is_some() {
            self.changed(&session, Before::of(draft), Some(Ending::AutoApproved));
        }
        Ok(decision)
    }
}

/// The items of a version before anything is decided.
pub(super) fn pending(leaves: &BTreeMap<ItemId, Digest>) -> Vec<ItemStatus> {
    let status = |(id, leaf): (&ItemId, &Digest)| ItemStatus {
        item_id: id.to_string(),
        leaf: *leaf,
        state: ItemState::Pending,
        decided_by: None,
        decided_at: None,
        notes: None,
    };
    leaves.iter().map(status).collect()
}
