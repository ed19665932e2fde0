//! The evidence bundle of a session.

use assent_core::id::SessionId;
use assent_core::{OpContext, Timestamp, Violation};
use assent_evidence::bundle::{
    AuditPart, CommentPart, DecisionPart, DiffPart, KeptEntry, LogPart, LoggedEntry, Parts, PolicyPart,
    SessionPart, VersionPart, VotePart, seal,
};
use assent_evidence::{Jwk, executions, log};
use assent_plan::{Plan, PlanEstimate, RiskAssessment, diff};
use assent_proto::plan::v1 as pb;
use assent_rpc::convert::{Wire, read_message};
use assent_store::StoreError;

use super::App;
use super::once::retried;
use crate::domain::comment::Comment;
use crate::domain::decision::Decision;
use crate::domain::session::Session;
use crate::domain::vote::Vote;
use crate::error::GateError;
use crate::store;
use crate::store::audit::Kept;

/// Entries that are read at once.
const BATCH: i64 = 500;

impl App {
    /// The bytes of the bundle of a session, as of one moment.
    pub(crate) async fn evidence(&self, ctx: &OpContext, id: SessionId) -> Result<Vec<u8>, GateError> {
        let parts = retried(|| self.gather(ctx, id)).await?;
        let iat = ctx.now().micros().div_euclid(1_000_000);
        let sign = |manifest: &_| self.signer.sign(manifest).map(|(_, token)| token);
        seal(&parts, iat, sign).map_err(GateError::from)
    }

    /// # Errors
    /// [`StoreError::Conflict`] when something happened in the session meanwhile.
    async fn gather(&self, ctx: &OpContext, id: SessionId) -> Result<Parts, GateError> {
        let session = self.session(id).await?;
        let versions = self.version_parts(ctx, session.plan_session()).await?;
        let votes = store::vote::of_session(&self.db, id).await?;
        let comments = store::comment::of_session(&self.db, id).await?;
        let decision = store::decision::of_session(&self.db, id).await?;
        let grant = store::grant::of_session(&self.db, id).await?;
        let entries = self.whole_chain(id).await?;
        let log = self.log_part(&entries).await?;
        let keys = self.public_keys().await?;
        let after = self.session(id).await?;
        if (after.revision, after.audit) != (session.revision, session.audit) {
            return Err(StoreError::Conflict.into());
        }
        let kept = |kept: Kept| KeptEntry { entry: kept.entry, digest: kept.digest };
        let entries: Vec<_> = entries.into_iter().map(kept).collect();
        let about = decision.as_ref().map_or(session.subject.version, |decision| decision.subject.version);
        let diffs = versions.windows(2).map(|pair| DiffPart {
            from: pair[0].number,
            to: pair[1].number,
            changes: diff(&pair[0].plan, &pair[1].plan),
        });
        Ok(Parts {
            diffs: diffs.collect(),
            policy: policy(&session, &versions, about),
            versions,
            votes: votes.into_iter().map(vote_part).collect(),
            comments: comments.into_iter().map(comment_part).collect(),
            decision: decision.map(decision_part),
            grant: grant.map(|grant| grant.token),
            executions: executions(&entries),
            audit: AuditPart { entries, head: session.audit },
            log,
            keys: keys.0.iter().map(|(id, key)| Jwk::new(*id, key)).collect(),
            session: session_part(session),
        })
    }

    /// Every version that is kept, with its plan, oldest first.
    async fn version_parts(&self, ctx: &OpContext, id: SessionId) -> Result<Vec<VersionPart>, GateError> {
        let mut numbers: Vec<_> = self
            .peers
            .versions(ctx, id, true)
            .await?
            .into_iter()
            .map(|version| version.version_number)
            .collect();
        numbers.sort_unstable();
        let mut parts = Vec::with_capacity(numbers.len());
        for number in numbers {
            parts.push(version_part(self.peers.version(ctx, id, number).await?)?);
        }
        Ok(parts)
    }

    async fn whole_chain(&self, id: SessionId) -> Result<Vec<Kept>, GateError> {
        let mut chain: Vec<Kept> = Vec::new();
        loop {
            let after = chain.last().map_or(0, |kept| kept.entry.sequence);
            let entries = store::audit::after(&self.db, id, after, BATCH).await?;
            if entries.is_empty() {
                return Ok(chain);
            }
            chain.extend(entries);
        }
    }

    /// The way from each entry that the newest signed head covers to that head.
    async fn log_part(&self, entries: &[Kept]) -> Result<LogPart, GateError> {
        let Some(head) = store::log::newest_head(&self.db).await? else { return Ok(LogPart::default()) };
        let size = u64::try_from(head.tree_size).unwrap_or_default();
        let places: Vec<(i64, u64)> = entries
            .iter()
            .filter_map(|kept| Some((kept.entry.sequence, u64::try_from(kept.position?).ok()?)))
            .filter(|(_, index)| *index < size)
            .collect();
        let mut wanted: Vec<_> = places
            .iter()
            .flat_map(|(_, index)| log::wanted(|nodes| log::inclusion(*index, size, &mut { nodes })))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let known = store::log::nodes(&self.db, &wanted).await?;
        let prove = |(sequence, index): (i64, u64)| {
            let proof = log::inclusion(index, size, &mut |node| known.get(&node).copied());
            Ok(LoggedEntry { sequence, proof: proof.ok_or(GateError::LogDamaged)? })
        };
        let entries = places.into_iter().map(prove).collect::<Result<_, GateError>>()?;
        Ok(LogPart { head: Some(head.token), entries })
    }
}

fn version_part(version: pb::PlanVersion) -> Result<VersionPart, GateError> {
    let read = read_message("", |at| {
        Ok(VersionPart {
            number: version.version_number,
            digest: at.field("digest").read(version.digest)?,
            author: at.field("modified_by").required(version.modified_by)?,
            created_at: at.field("create_time").optional::<Timestamp>(version.create_time)?,
            description: version.change_description,
            plan: at.field("plan").required::<Plan>(version.plan)?,
            estimate: version.estimate.and_then(|estimate| PlanEstimate::from_pb(estimate, "estimate").ok()),
            risk: at.field("risk").required::<RiskAssessment>(version.risk)?,
        })
    });
    let unusable = |violations: Vec<Violation>| GateError::Answer {
        peer: "versioning",
        problem: assent_core::fault::summary(&violations),
    };
    read.map_err(unusable)
}

fn policy(session: &Session, versions: &[VersionPart], about: i32) -> PolicyPart {
    let assessed = versions.iter().find(|version| version.number == about);
    let risk = assessed.map_or(&session.risk, |version| &version.risk);
    PolicyPart { version: about, digest: risk.policy_digest, requirement: risk.requirement.clone() }
}

fn session_part(session: Session) -> SessionPart {
    SessionPart {
        id: session.id,
        plan_id: session.plan_id,
        goal: session.goal,
        state: session.state.to_string(),
        version: session.subject.version,
        digest: session.subject.digest,
        requester: session.requester,
        on_behalf_of: session.on_behalf_of,
        created_at: session.created_at,
    }
}

fn vote_part(vote: Vote) -> VotePart {
    VotePart {
        id: vote.id,
        version: vote.subject.version,
        digest: vote.subject.digest,
        voter: vote.voter,
        voice: vote.seat.id,
        given_on: vote.given_on,
        choice: vote.choice.to_string(),
        reason: vote.reason,
        created_at: vote.created_at,
    }
}

fn comment_part(comment: Comment) -> CommentPart {
    let target = &comment.anchor.target;
    let shown = comment.deleted_at.is_none() && comment.hidden.is_none();
    CommentPart {
        id: comment.id,
        parent: comment.parent,
        kind: comment.kind.to_string(),
        scope: target.scope().to_string(),
        item: target.item().to_owned(),
        edge_to: target.edge_to().to_owned(),
        version: comment.anchor.version,
        created_at: comment.created_at,
        content: shown.then_some(comment.content),
        resolved: comment.resolved.is_some(),
        author: comment.author,
    }
}

fn decision_part(decision: Decision) -> DecisionPart {
    DecisionPart {
        id: decision.id,
        outcome: decision.outcome.to_string(),
        version: decision.subject.version,
        digest: decision.subject.digest,
        decided_by: decision.decided_by,
        decided_at: decision.decided_at,
        reason: decision.reason,
        approved_items: decision.approved_items,
        approvers: decision.approvers,
    }
}
