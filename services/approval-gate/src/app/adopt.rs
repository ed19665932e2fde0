//! A new version of the plan becomes what the session is about.

use std::collections::BTreeMap;

use assent_core::id::SessionId;
use assent_core::{Actor, Digest, OpContext, Timestamp};
use assent_events::{Cursor, Handled, append};
use assent_plan::{ItemId, RiskAssessment};
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{Event, PlanVersionAdopted};
use assent_proto::plan::v1 as pb;
use assent_rpc::convert::{Wire as _, read_message};
use assent_store::Tx;
use prost_types::value::Kind;
use serde_json::json;

use super::App;
use super::anchor::{anchors_of, estimate_digest};
use super::grant::revoke;
use super::measure::Before;
use super::record::{append_entry, resumed, trace_of};
use super::submit::pending;
use crate::domain::audit::Entry;
use crate::domain::carry::{Content, carries};
use crate::domain::comment::Anchors;
use crate::domain::eligibility::Author;
use crate::domain::session::{NewVersion, Session};
use crate::domain::state::State;
use crate::domain::vote::Subject;
use crate::error::GateError;
use crate::peers::{Version, cost_high};
use crate::store;

/// A version as its author made it known.
pub(super) struct Made {
    session: SessionId,
    author: Actor,
    time: Timestamp,
    pub(super) version: NewVersion,
    leaves: BTreeMap<ItemId, Digest>,
    estimate: Digest,
    description: String,
    /// The leaf of each dependency; none where that is not known.
    edges: Option<BTreeMap<(String, String), Digest>>,
    /// The fact that told of it; empty where this service had it made.
    event: String,
    trace_id: String,
}

impl App {
    /// Lets an open session go on with a version that was made of its plan: what it is about, its risk and who must
    /// agree, and its items change with the consumer's position. Votes count for it only where it changes nothing of what
    /// they cover. A session that is decided loses its grant.
    pub(crate) async fn adopt_version(&self, event: &Event, cursor: &Cursor) -> Result<Handled, GateError> {
        let Some(mut made) = read(event) else { return Ok(Handled::Skipped) };
        // The first version comes before its session, which begins with it.
        if made.version.subject.version <= 1 {
            return Ok(Handled::Skipped);
        }
        made.edges = self.edges_of(&made).await?;
        let mut tx = self.db.begin().await?;
        let Some(mut session) = store::session::lock(&mut tx, made.session).await? else {
            // Nobody knows a session's id before it is there.
            return Ok(Handled::Skipped);
        };
        let before = Before::of(&session);
        if !self.adopt_in(&mut tx, &mut session, &made).await?
            && !self.supersede(&mut tx, &mut session, &made).await?
        {
            return Ok(Handled::Skipped);
        }
        cursor.advance(&mut tx).await?;
        self.commit(tx, &mut session).await?;
        self.changed(&session, before, None);
        Ok(Handled::Done)
    }

    /// Goes on with a version in the caller's transaction; false when it is not newer, or when nothing can be decided any
    /// more. The session must be saved afterwards.
    pub(super) async fn adopt_in(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        made: &Made,
    ) -> Result<bool, GateError> {
        let (before, previous) = (session.state, session.subject.version);
        let (old_digest, old_level) = (session.subject.digest, session.risk.level);
        let old: BTreeMap<_, _> = store::item::of_session(&mut *tx, session.id)
            .await?
            .into_iter()
            .map(|item| (item.item_id, item.leaf))
            .collect();
        let votes = store::vote::of_version(&mut *tx, session.id, previous).await?;
        if !session.adopt(&made.version, made.time) {
            return Ok(false);
        }
        if before == State::ModificationRequested {
            // Whoever made it, the change that was asked for has been answered.
            session.abandon_modification();
            session.restart_clock(made.time, self.config.default_timeout());
        }
        let pending = pending(&made.leaves);
        store::item::replace(tx, &self.source, session.id, &pending).await?;
        let anchors = Anchors {
            plan: made.version.subject.digest,
            estimate: made.estimate,
            items: made.leaves.iter().map(|(id, leaf)| (id.to_string(), *leaf)).collect(),
            edges: made.edges.clone().unwrap_or_default(),
        };
        let stale = self.mark_stale(tx, session.id, &anchors, made.edges.is_some()).await?;
        let details = json!({
            "goal": session.goal,
            "version": session.subject.version,
            "previous_version": previous,
            "digest": session.subject.digest,
            "risk_level": session.risk.level,
            "policy_digest": session.risk.policy_digest,
            "items": session.step_count,
            "description": made.description,
            "stale_comments": stale,
            "event": made.event,
        });
        let author = Author { version: session.subject.version, id: made.author.id.clone() };
        let entry = Entry {
            id: self.source.new_id(),
            sequence: session.audit.sequence + 1,
            session_id: session.id,
            action: "plan.version_created".to_owned(),
            actor: made.author.clone(),
            request_id: String::new(),
            trace_id: made.trace_id.clone(),
            time: made.time,
            details: details.as_object().cloned().unwrap_or_default(),
        };
        append_entry(tx, session, entry).await?;
        store::opening::add_author(tx, session.id, &author).await?;
        let fact = PlanVersionAdopted {
            version: session.subject.version,
            digest: session.subject.digest.to_pb(),
            previous_version: previous,
        };
        let by_author = self.source.operation(made.author.clone());
        append(tx, &by_author, Some(session.id), Payload::PlanVersionAdopted(fact)).await?;
        let new: BTreeMap<_, _> = pending.iter().map(|item| (item.item_id.clone(), item.leaf)).collect();
        let content = |digest, level, items| Content { digest, level, items };
        let ctx = resumed(&self.source.operation(Actor::system("approval-gate")), session);
        let fate = carries(
            &content(old_digest, old_level, &old),
            &content(session.subject.digest, session.risk.level, &new),
        );
        match fate {
            Ok(()) => self.keep(tx, &ctx, session, votes).await?,
            Err(why) => self.dismiss(tx, &ctx, session, votes, &why).await?,
        }
        Ok(true)
    }

    /// Takes back the grant of a session that was decided about an earlier version: what runs is what the plan is, or
    /// nothing. False when there is nothing to take back. The session must be saved afterwards.
    async fn supersede(&self, tx: &mut Tx, session: &mut Session, made: &Made) -> Result<bool, GateError> {
        let (decided, newer) = (session.subject.version, made.version.subject.version);
        if newer <= decided {
            return Ok(false);
        }
        let grant = store::grant::of_session(&mut *tx, session.id).await?;
        let Some(grant) = grant.filter(|grant| grant.revoked.is_none()) else { return Ok(false) };
        let ctx = resumed(&self.source.operation(Actor::system("approval-gate")), session);
        let reason = format!("version {newer} was made after the decision about version {decided}");
        revoke(tx, &ctx, session, &grant, &reason).await?;
        Ok(true)
    }

    /// The leaf of each dependency of a version, which its fact does not carry; asked for only where a thread is about
    /// one.
    async fn edges_of(&self, made: &Made) -> Result<Option<BTreeMap<(String, String), Digest>>, GateError> {
        if !store::comment::has_edges(&self.db, made.session).await? {
            return Ok(None);
        }
        let ctx = self.source.operation(Actor::system("approval-gate"));
        let version = self.peers.version(&ctx, made.session, made.version.subject.version).await?;
        Ok(Some(anchors_of(version)?.edges))
    }
}

impl Made {
    /// A version that this service has just had made by the caller of `ctx`.
    pub(super) fn of(ctx: &OpContext, session: SessionId, version: &Version) -> Result<Self, GateError> {
        let goal = version.message.plan.as_ref().map(|plan| plan.goal.clone());
        let anchors = anchors_of(version.message.clone())?;
        Ok(Self {
            session,
            author: ctx.actor().clone(),
            time: ctx.now(),
            version: NewVersion {
                subject: version.subject,
                risk: version.risk.clone(),
                step_count: i32::try_from(version.leaves.len()).unwrap_or(i32::MAX),
                cost_high: version.cost_high,
                goal,
            },
            leaves: version.leaves.clone(),
            description: version.message.change_description.clone(),
            estimate: anchors.estimate,
            edges: Some(anchors.edges),
            event: String::new(),
            trace_id: ctx.trace_id().to_owned(),
        })
    }
}

fn read(event: &Event) -> Option<Made> {
    let Payload::PlanVersionCreated(fact) = event.payload.as_ref()? else { return None };
    let version = fact.version.clone()?;
    let Ok(estimate) = estimate_digest(version.estimate.clone()) else {
        tracing::error!(
            event.id,
            "the estimate of a new plan version cannot be read; the version is passed over"
        );
        return None;
    };
    let read = read_message("", |at| {
        let leaves: BTreeMap<ItemId, Digest> = at.field("item_digests").read(version.item_digests)?;
        let risk: RiskAssessment = at.field("risk").required(version.risk)?;
        let subject =
            Subject { version: version.version_number, digest: at.field("digest").read(version.digest)? };
        let cost_high = cost_high(version.estimate.as_ref());
        let step_count = i32::try_from(leaves.len()).unwrap_or(i32::MAX);
        Ok(Made {
            session: at.field("session_id").read(event.session_id.clone())?,
            author: at.field("modified_by").required(version.modified_by)?,
            time: at.field("time").required(event.time)?,
            version: NewVersion { subject, risk, step_count, cost_high, goal: new_goal(&version.changes) },
            leaves,
            estimate,
            description: version.change_description,
            edges: None,
            event: event.id.clone(),
            trace_id: trace_of(event),
        })
    });
    // Repeating an event that cannot be read would hold up all others for ever. Nothing is approved by passing over it:
    // versioning seals only its own newest version.
    read.inspect_err(|problems| {
        tracing::error!(event.id, ?problems, "a new plan version cannot be read; it is passed over");
    })
    .ok()
}

/// What the plan is for from now on, where that changed.
fn new_goal(changes: &[pb::PlanChange]) -> Option<String> {
    let goal = changes.iter().find(|change| change.affected_item_id.is_empty() && change.field == "goal")?;
    match goal.new_value.as_ref()?.kind.as_ref()? {
        Kind::StringValue(goal) => Some(goal.clone()),
        _ => None,
    }
}
