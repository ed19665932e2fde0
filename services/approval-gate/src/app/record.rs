//! What every change of a session writes beside the session: audit, decision, grant, facts and a log line.

use assent_core::id::SessionId;
use assent_core::{OpContext, Timestamp};
use assent_plan::{Condition, Map};
use assent_proto::event::v1 as events;
use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_rpc::convert::{Wire, WireEnum};
use assent_store::Tx;
use serde_json::{Value, json};

use super::App;
use super::draft::{Draft, write};
use crate::domain::audit::{Entry, Head};
use crate::domain::decision::{Decision, Ending, ItemState, ItemStatus, Outcome, Subset};
use crate::domain::grant::{Grant, claims};
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::error::GateError;
use crate::grpc::convert::{decision_to_pb, options_to_pb};
use crate::store;

/// A decision that is about to be made by the actor of the context.
pub(super) struct Ruling {
    pub(super) ending: Ending,
    pub(super) reason: String,
    pub(super) approvers: Vec<String>,
    /// What the execution must keep to.
    pub(super) conditions: Vec<Condition>,
    /// Where some items only are approved: which, and what they come to.
    pub(super) subset: Option<Subset>,
}

/// What a ruling came to.
pub(super) struct Decided {
    /// How it came about.
    pub(super) ending: Ending,
    pub(super) decision: Decision,
    /// Every item, as it is decided.
    pub(super) items: Vec<ItemStatus>,
    /// Where something may run.
    pub(super) grant: Option<Grant>,
}

impl Ruling {
    /// A decision that nobody's vote makes.
    pub(super) fn new(ending: Ending, reason: impl Into<String>) -> Self {
        Self { ending, reason: reason.into(), approvers: Vec::new(), conditions: Vec::new(), subset: None }
    }
}

/// The caller's operation as a part of the session's workflow, which may have begun days ago: see docs/tracing.md.
pub(super) fn resumed(ctx: &OpContext, session: &Session) -> OpContext {
    assent_rpc::resume(ctx, session.traceparent.as_deref(), session.id)
}

/// Appends an entry to the session's chain; the session itself must be saved afterwards.
pub(super) async fn audit(
    tx: &mut Tx,
    ctx: &OpContext,
    session: &mut Session,
    action: &str,
    details: Value,
) -> Result<(), GateError> {
    let mut draft = Draft::default();
    draft.audit(ctx, session, action, details)?;
    Ok(write(tx, &[(session.id, &draft)], Vec::new()).await?)
}

/// Appends an entry to the chain of the directory.
pub(super) async fn audit_directory(
    tx: &mut Tx,
    ctx: &OpContext,
    action: &str,
    details: Value,
) -> Result<(), GateError> {
    let chain = store::chain::DIRECTORY;
    let head = store::chain::lock(tx, chain).await?;
    let entry = entry(ctx, chain, head.sequence + 1, action, details);
    let digest = entry.digest(&head.digest)?;
    let head = Head { sequence: entry.sequence, digest };
    tx.write(&[store::audit::insert(&[&(entry, digest)])?]).await?;
    store::chain::save(tx, chain, &head).await?;
    Ok(())
}

/// The next entry of a chain.
pub(super) fn entry(ctx: &OpContext, chain: SessionId, sequence: i64, action: &str, details: Value) -> Entry {
    let details = match details {
        Value::Object(details) => details,
        other => Map::from_iter([("value".to_owned(), other)]),
    };
    Entry {
        id: ctx.new_id(),
        sequence,
        session_id: chain,
        action: action.to_owned(),
        actor: ctx.actor().clone(),
        request_id: ctx.request_id().to_string(),
        trace_id: ctx.trace_id().to_owned(),
        time: ctx.now(),
        details,
    }
}

/// The trace in which a fact became true; empty where there was none.
pub(super) fn trace_of(event: &Event) -> String {
    let trace = event.traceparent.split('-').nth(1).filter(|id| id.len() == 32);
    trace.unwrap_or_default().to_owned()
}

/// Appends a finished entry.
pub(super) async fn append_entry(tx: &mut Tx, session: &mut Session, entry: Entry) -> Result<(), GateError> {
    let digest = entry.digest(&session.audit.digest)?;
    session.audit = Head { sequence: entry.sequence, digest };
    tx.write(&[store::audit::insert(&[&(entry, digest)])?]).await?;
    Ok(())
}

/// Tells the log of a change that is committed.
pub(super) fn log_change(session: &Session, from: Option<State>) {
    tracing::info!(
        workflow_id = %session.id,
        of = "review",
        from_state = from.map_or("none", State::as_str),
        to_state = session.state.as_str(),
        risk_level = session.risk.level.as_str(),
        step_count = session.step_count,
        "workflow_state_change"
    );
}

/// The fact that a plan waits for review.
pub(super) fn submitted(session: &Session, plan: Option<assent_proto::plan::v1::Plan>) -> Payload {
    Payload::PlanSubmittedForApproval(events::PlanSubmittedForApproval {
        plan,
        options: Some(options_to_pb(&session.options)),
        version: session.subject.version,
        digest: session.subject.digest.to_string(),
        risk_level: session.risk.level.number(),
        expire_time: session.expires_at.map(|time| time.to_pb()),
    })
}

impl App {
    /// Ends the review: state, decision, items, grant, audit and fact, all in the caller's transaction. The session's
    /// row must be there before, and be saved afterwards.
    pub(super) async fn decide(
        &self,
        tx: &mut Tx,
        ctx: &OpContext,
        session: &mut Session,
        ruling: Ruling,
    ) -> Result<Decided, GateError> {
        let items = store::item::of_session(&mut *tx, session.id).await?;
        let mut draft = Draft::default();
        let decided = self.rule(ctx, session, ruling, items, &mut draft)?;
        write(tx, &[(session.id, &draft)], Vec::new()).await?;
        Ok(decided)
    }

    /// What ends the review of `session`, whose `items` these are: the session's new state, and in `draft` the rest.
    pub(super) fn rule(
        &self,
        ctx: &OpContext,
        session: &mut Session,
        ruling: Ruling,
        mut items: Vec<ItemStatus>,
        draft: &mut Draft,
    ) -> Result<Decided, GateError> {
        let (now, ending) = (ctx.now(), ruling.ending);
        session.state = session.after(ending.fact(), now).map_err(GateError::refused(session.id))?;
        session.updated_at = now;
        session.wake_at = None;
        session.abandon_modification();
        for item in items.iter_mut().filter(|item| item.state == ItemState::Pending) {
            let left_out = ruling.subset.as_ref().and_then(|subset| subset.split.left_out(&item.item_id));
            item.state = left_out.unwrap_or(ending.items());
            item.decided_by = Some(ctx.actor().id.clone());
            item.decided_at = Some(now);
            item.notes = Some(ruling.reason.clone());
        }
        let of = |state| {
            let of = items.iter().filter(|item| item.state == state);
            of.map(|item| item.item_id.clone()).collect::<Vec<_>>()
        };
        let decision = Decision {
            id: ctx.new_id(),
            outcome: ending.outcome(),
            subject: session.subject,
            decided_by: ctx.actor().clone(),
            decided_at: now,
            reason: ruling.reason,
            approved_items: of(ItemState::Approved),
            rejected_items: of(ItemState::Rejected),
            skipped_items: of(ItemState::Skipped),
            approvers: ruling.approvers,
            conditions: ruling.conditions,
            estimate: ruling.subset.as_ref().map(|subset| subset.estimate.clone()),
            risk_level: ruling.subset.as_ref().map(|subset| subset.risk_level),
            policy_digest: session.risk.policy_digest,
            break_glass: ending == Ending::BrokenGlass,
        };
        let details = json!({
            "decision": decision.id,
            "outcome": decision.outcome,
            "version": decision.subject.version,
            "digest": decision.subject.digest,
            "reason": decision.reason,
            "approvers": decision.approvers,
            "policy_digest": decision.policy_digest,
            "approved_items": decision.approved_items,
            "rejected_items": decision.rejected_items,
            "skipped_items": decision.skipped_items,
            "conditions": decision.conditions,
        });
        draft.audit(ctx, session, ending.action(), details)?;
        // What is signed afterwards has been granted before.
        let runs = matches!(decision.outcome, Outcome::Approved | Outcome::PartiallyApproved);
        let mut grant = None;
        if runs && session.after_review_of.is_none() {
            grant = Some(self.grant(ctx, session, &items, &decision, draft)?);
        }
        draft.tell(ctx, session.id, decided(session, ending, &decision));
        draft.items.clone_from(&items);
        draft.decision = Some(decision.clone());
        draft.grant.clone_from(&grant);
        Ok(Decided { ending, decision, items, grant })
    }

    fn grant(
        &self,
        ctx: &OpContext,
        session: &mut Session,
        items: &[ItemStatus],
        decision: &Decision,
        draft: &mut Draft,
    ) -> Result<Grant, GateError> {
        let (now, ttl) = (decision.decided_at, self.config.grant_ttl());
        let (id, subject) = (ctx.new_id(), decision.subject);
        let mut claims = claims(id, session.id, subject, items, &decision.conditions, now, ttl)?;
        claims.amends.clone_from(&session.options.amends);
        let (key_id, token) = self.signer.sign(&claims)?;
        let grant = Grant {
            id: claims.jti,
            key_id,
            token,
            issued_at: now,
            // As the token says it, in whole seconds.
            expires_at: Timestamp::from_micros(claims.exp.saturating_mul(1_000_000)).unwrap_or(now),
            revoked: None,
        };
        let details = json!({
            "grant": grant.id,
            "key": grant.key_id,
            "version": claims.ver,
            "digest": claims.dig,
            "items": claims.items.len(),
            "conditions": claims.conditions.len(),
            "expires_at": grant.expires_at.to_string(),
        });
        draft.audit(ctx, session, "grant.issued", details)?;
        Ok(grant)
    }

    /// Saves the session that `tx` holds, and commits.
    pub(super) async fn commit(&self, mut tx: Tx, session: &mut Session) -> Result<(), GateError> {
        self.save(&mut tx, session).await?;
        Ok(tx.commit().await?)
    }

    /// Saves the session that `tx` holds, and whom it waits for now.
    pub(super) async fn save(&self, tx: &mut Tx, session: &mut Session) -> Result<(), GateError> {
        self.refresh_open(tx, session).await?;
        Ok(store::session::save(tx, session).await?)
    }
}

fn decided(session: &Session, ending: Ending, decision: &Decision) -> Payload {
    let message = Some(decision_to_pb(decision));
    if let (Some(of), Ending::Approved) = (session.after_review_of, ending) {
        return Payload::AfterReviewSigned(events::AfterReviewSigned {
            decision: message,
            after_review_of: of.to_string(),
        });
    }
    match ending {
        Ending::AutoApproved | Ending::Approved | Ending::Proceeded | Ending::BrokenGlass => {
            Payload::PlanApproved(events::PlanApproved { decision: message })
        }
        Ending::PartiallyApproved => {
            let others = [decision.rejected_items.as_slice(), decision.skipped_items.as_slice()];
            Payload::PlanPartiallyApproved(events::PlanPartiallyApproved {
                decision: message,
                approved_items: decision.approved_items.clone(),
                skipped_items: others.concat(),
            })
        }
        Ending::Rejected => Payload::PlanRejected(events::PlanRejected { decision: message }),
        Ending::TimedOut => Payload::ApprovalTimeout(events::ApprovalTimeout {
            action_taken: assent_proto::plan::v1::TimeoutAction::Cancel.into(),
            decision: message,
            reason: decision.reason.clone(),
            ..events::ApprovalTimeout::default()
        }),
        Ending::Cancelled => Payload::PlanCancelled(events::PlanCancelled { decision: message }),
    }
}
