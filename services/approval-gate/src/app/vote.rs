//! Votes, and the decision that the last one makes.

use assent_core::OpContext;
use assent_core::id::SessionId;
use assent_events::append;
use assent_plan::redact::redact;
use assent_proto::event::v1::PlanVoteCast;
use assent_proto::event::v1::event::Payload;
use assent_store::{StoreError, Tx};
use serde_json::json;

use super::once::retried;
use super::record::{Ruling, audit, log_change};
use super::{App, View};
use crate::domain::decision::Ending;
use crate::domain::session::{Session, Verdict};
use crate::domain::vote::{Ballot, Choice, Vote, Voter};
use crate::error::GateError;
use crate::grpc::convert::vote_to_pb;
use crate::peers::Seal;
use crate::store;

/// What came of a vote.
pub(crate) struct Voted {
    pub(crate) view: View,
    /// Approvals that are still missing.
    pub(crate) missing: u32,
}

impl App {
    /// Counts the caller's vote, be it their own or given in the place of `delegator`.
    pub(crate) async fn vote(
        &self,
        ctx: &OpContext,
        id: SessionId,
        delegator: &str,
        ballot: Ballot,
    ) -> Result<Voted, GateError> {
        let ballot = Ballot { reason: redact(&ballot.reason).into_owned(), ..ballot };
        let attempt = || async {
            let mut seal = None;
            let voted = self.try_vote(ctx, id, delegator, &ballot, &mut seal).await;
            if let Some(seal) = seal {
                self.peers.release(ctx, id, seal).await;
            }
            voted
        };
        let (session, missing) = retried(attempt).await?;
        Ok(Voted { view: self.summary(session).await?, missing })
    }

    /// Everything that needs others comes before the transaction; what was found then is judged again inside it.
    /// Leaves a `seal` for which there is no decision.
    async fn try_vote(
        &self,
        ctx: &OpContext,
        id: SessionId,
        delegator: &str,
        ballot: &Ballot,
        seal: &mut Option<Seal>,
    ) -> Result<(Session, u32), GateError> {
        let session = self.session(id).await?;
        let voter = self.voter(ctx, delegator).await?;
        let separate = session.risk.requirement.separation_of_duties && ballot.choice == Choice::Approve;
        let authors = if separate { self.authors(ctx, &session).await? } else { Vec::new() };
        let votes = store::vote::of_version(&self.db, id, session.subject.version).await?;
        let refused = GateError::refused(id);
        let foreseen = session.judge(ctx.now(), &voter, ballot, &authors, &votes).map_err(&refused)?;
        if let Verdict::Repeated { missing } = foreseen {
            return Ok((session, missing));
        }
        if matches!(foreseen, Verdict::Approves { .. }) {
            self.check_concerns(&self.db, &session).await?;
        }
        let (seals, subject) = (matches!(foreseen, Verdict::Approves { .. }), session.subject);
        // What was approved in an emergency is sealed, and was assessed by the policy of that time.
        if seals && session.after_review_of.is_none() {
            self.check_policy(ctx, &session).await?;
            *seal = Some(self.peers.seal(ctx, id, subject).await?);
        }

        let mut tx = self.db.begin().await?;
        let policy = session.risk.policy_digest;
        let session = store::session::lock(&mut tx, id).await?;
        let mut session = session.ok_or(GateError::UnknownSession(id))?;
        if session.subject != subject || session.risk.policy_digest != policy {
            // What was asked of others was about another version, or another policy.
            return Err(StoreError::Conflict.into());
        }
        let votes = store::vote::of_version(&mut tx, id, session.subject.version).await?;
        let verdict = session.judge(ctx.now(), &voter, ballot, &authors, &votes).map_err(&refused)?;
        let (ending, cast, missing) = match verdict {
            Verdict::Repeated { missing } => return Ok((session, missing)),
            Verdict::Counts { missing } => (None, true, missing),
            // Another vote came in between: the version must be sealed first.
            Verdict::Approves { .. } if !seals => return Err(StoreError::Conflict.into()),
            Verdict::Approves { approvers, cast } => {
                self.check_concerns(&mut tx, &session).await?;
                (Some((Ending::Approved, approvers)), !cast, 0)
            }
            Verdict::Rejects => {
                let approvers = session.tally(&authors, &votes, None).approvers;
                (Some((Ending::Rejected, approvers)), true, 0)
            }
        };
        let before = session.state;
        let vote =
            if cast { Some(self.cast(&mut tx, ctx, &mut session, voter, ballot).await?) } else { None };
        match ending {
            Some((ending, approvers)) => {
                let ruling = Ruling { ending, reason: ballot.reason.clone(), approvers };
                self.decide(&mut tx, ctx, &mut session, ruling).await?;
                // From here on it may stand even when the commit seems to fail.
                *seal = None;
            }
            None => {
                let cast = PlanVoteCast { vote: vote.as_ref().map(vote_to_pb) };
                append(&mut tx, ctx, Some(id), Payload::PlanVoteCast(cast)).await?;
            }
        }
        self.commit(tx, &mut session).await?;
        if session.state != before {
            log_change(&session, Some(before));
        }
        Ok((session, missing))
    }

    /// Where the policy wants every concern settled first, holds up the vote that would decide.
    async fn check_concerns(
        &self,
        reader: impl Into<store::Reader<'_>>,
        session: &Session,
    ) -> Result<(), GateError> {
        if !session.risk.requirement.no_open_concerns {
            return Ok(());
        }
        let open = store::comment::open_concerns(reader, session.id).await?;
        if open.is_empty() { Ok(()) } else { Err(GateError::OpenConcerns { session: session.id, open }) }
    }

    async fn cast(
        &self,
        tx: &mut Tx,
        ctx: &OpContext,
        session: &mut Session,
        voter: Voter,
        ballot: &Ballot,
    ) -> Result<Vote, GateError> {
        let vote = Vote {
            id: ctx.new_id(),
            subject: ballot.subject,
            voter: voter.actor,
            seat: voter.seat,
            delegation: voter.delegation,
            given_on: None,
            choice: ballot.choice,
            reason: ballot.reason.clone(),
            created_at: ctx.now(),
        };
        store::vote::insert(tx, session.id, &vote).await?;
        session.updated_at = vote.created_at;
        let action = match vote.choice {
            Choice::Approve => "vote.approve",
            Choice::Reject => "vote.reject",
        };
        let mut details = json!({
            "vote": vote.id,
            "version": vote.subject.version,
            "digest": vote.subject.digest,
            "reason": vote.reason,
        });
        if let Some(delegation) = vote.delegation {
            details["delegator"] = vote.seat.id.clone().into();
            details["delegation"] = delegation.to_string().into();
        }
        audit(tx, ctx, session, action, details).await?;
        Ok(vote)
    }
}
