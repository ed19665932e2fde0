//! Votes, and the decision that the last one makes.

use std::collections::BTreeSet;
use std::sync::Arc;

use assent_core::OpContext;
use assent_core::id::SessionId;
use assent_plan::Condition;
use assent_plan::redact::redact;
use assent_proto::event::v1::PlanVoteCast;
use assent_proto::event::v1::event::Payload;
use assent_store::{CutOff, StoreError};
use serde_json::json;

use super::directory::Known;
use super::draft::{Draft, write};
use super::measure::Before;
use super::once::retried;
use super::partial::with_items;
use super::record::{Decided, Ruling, resumed};
use super::together::{Decisive, Seen};
use super::{App, View};
use crate::domain::decision::{Ending, ItemStatus, Subset};
use crate::domain::eligibility::Author;
use crate::domain::partial::{Needs, Split, split};
use crate::domain::quorum::Voice;
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
    /// Items that were named and cannot run without others that were not.
    pub(crate) skipped: Vec<String>,
}

/// What a ballot would do, as far as can be told before the transaction.
enum Foreseen {
    /// The vote is there already.
    Repeated { missing: u32 },
    /// It counts, and the review goes on.
    Counts { missing: u32 },
    /// It ends the review; `cast` when the vote itself is in already, and only now enough.
    Ends { ruling: Box<Ruling>, cast: bool },
}

/// Who votes what, beside what was voted before.
struct Voting<'v> {
    voter: &'v Voter,
    ballot: &'v Ballot,
    authors: &'v [Author],
    votes: &'v [Vote],
    needs: &'v Needs,
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
            let voted = Box::pin(self.try_vote(ctx, id, delegator, &ballot, &mut seal)).await;
            if let Some(seal) = seal {
                self.peers.release(ctx, id, seal).await;
            }
            voted
        };
        retried(attempt).await
    }

    /// Everything that needs others comes before the transaction; that nothing has changed since is checked inside it.
    /// Leaves a `seal` for which there is no decision.
    async fn try_vote(
        &self,
        ctx: &OpContext,
        id: SessionId,
        delegator: &str,
        ballot: &Ballot,
        seal: &mut Option<Seal>,
    ) -> Result<Voted, GateError> {
        let Seen { session, votes, dismissed, items, user } = self.seen(id, ctx.actor()).await?;
        let ctx = &resumed(ctx, &session);
        let known = Known::with(ctx.actor(), user.as_ref());
        let voter = self.voter_in_place_of(ctx, known, delegator).await?;
        let ballot = &with_items(&session, &items, ballot)?;
        let separate = session.risk.requirement.separation_of_duties && ballot.choice == Choice::Approve;
        let authors = if separate { self.authors(ctx, &session).await? } else { Vec::new() };
        let refused = GateError::refused(id);
        let verdict = session.judge(ctx.now(), &voter, ballot, &authors, &votes).map_err(&refused)?;
        let partial = ballot.items.is_some() || votes.iter().any(|vote| vote.items.is_some());
        let needs = if partial { self.needs(ctx, &session).await? } else { Needs::new() };
        let skipped = self.skipped(ballot, &needs)?;
        let voting = Voting { voter: &voter, ballot, authors: &authors, votes: &votes, needs: &needs };
        match self.foresee(ctx, &session, &items, &voting, verdict).await? {
            Foreseen::Repeated { missing } => {
                Ok(Voted { view: self.summary(session).await?, missing, skipped })
            }
            Foreseen::Counts { missing } => {
                let view = self.count(ctx, session, &voting).await?;
                Ok(Voted { view, missing, skipped })
            }
            Foreseen::Ends { ruling, cast } => {
                let seen = Seen { session, votes: Vec::new(), dismissed, items, user: None };
                let view = self.end(ctx, seen, &voting, *ruling, cast, seal).await?;
                Ok(Voted { view, missing: 0, skipped })
            }
        }
    }

    /// Writes down a vote after which the review goes on.
    async fn count(&self, ctx: &OpContext, seen: Session, voting: &Voting<'_>) -> Result<View, GateError> {
        let Voting { voter, ballot, authors, votes, .. } = *voting;
        let mut tx = self.db.begin().await?;
        let session = store::session::lock(&mut tx, seen.id).await?;
        let mut session = session.ok_or(GateError::UnknownSession(seen.id))?;
        // What was judged was this session with these votes.
        if session.revision != seen.revision {
            return Err(StoreError::Conflict.into());
        }
        session.judge(ctx.now(), voter, ballot, authors, votes).map_err(GateError::refused(seen.id))?;
        let (before, mut draft) = (Before::of(&session), Draft::default());
        let vote = cast(ctx, &mut session, voter, ballot, &mut draft)?;
        let fact = PlanVoteCast { vote: Some(vote_to_pb(&vote)) };
        draft.tell(ctx, session.id, Payload::PlanVoteCast(fact));
        draft.vote = Some(vote);
        write(&mut tx, &[(session.id, &draft)], Vec::new()).await?;
        self.commit(tx, &mut session).await?;
        self.changed(&session, before, None);
        self.summary(session).await
    }

    /// Ends the review, with a vote or because one that is `cast` is enough now. Leaves the `seal` for which there is no
    /// decision.
    async fn end(
        &self,
        ctx: &OpContext,
        seen: Seen,
        voting: &Voting<'_>,
        ruling: Ruling,
        is_cast: bool,
        seal: &mut Option<Seal>,
    ) -> Result<View, GateError> {
        let Seen { mut session, items, dismissed, .. } = seen;
        let Voting { voter, ballot, authors, votes, .. } = *voting;
        if ruling.ending != Ending::Rejected {
            // Concerns are audited: what is said from here on makes it another session than that which is decided.
            self.check_concerns(&session).await?;
            // What was approved in an emergency is sealed, and was assessed by the policy of that time.
            if session.after_review_of.is_none() {
                let sealed = self.peers.seal(ctx, session.id, session.subject);
                let (in_force, sealed) = tokio::join!(self.policy_in_force(ctx), sealed);
                // Given back where there is no decision.
                let sealed = sealed.map(|held| *seal = Some(held));
                self.check_policy(ctx, &session, in_force?).await?;
                sealed?;
            }
        }
        // The time may be over meanwhile.
        session.judge(ctx.now(), voter, ballot, authors, votes).map_err(GateError::refused(session.id))?;
        let (before, audited, mut draft) = (Before::of(&session), session.audit.sequence, Draft::default());
        let mut votes = votes.to_vec();
        if !is_cast {
            let vote = cast(ctx, &mut session, voter, ballot, &mut draft)?;
            votes.push(vote.clone());
            draft.vote = Some(vote);
        }
        let Decided { ending, decision, items, grant } =
            self.rule(ctx, &mut session, ruling, items, &mut draft)?;
        let decisive = Arc::new(Decisive { session: session.clone(), audited, draft });
        // From here on it may stand even when the commit seems to fail.
        let held = seal.take();
        match self.write_decision(decisive).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                // Nothing was written, or the error would be another.
                *seal = held.filter(|_| error.is_conflict());
                return Err(error);
            }
            Err(CutOff) => return Err(StoreError::Conflict.into()),
        }
        session.revision += 1;
        self.changed(&session, before, Some(ending));
        Ok(View { votes, dismissed, items, decision: Some(decision), grant, ..View::bare(session) })
    }

    /// What `verdict` comes to, item by item.
    async fn foresee(
        &self,
        ctx: &OpContext,
        session: &Session,
        items: &[ItemStatus],
        voting: &Voting<'_>,
        verdict: Verdict,
    ) -> Result<Foreseen, GateError> {
        let Voting { ballot, authors, votes, needs, .. } = voting;
        let (approvers, cast) = match verdict {
            Verdict::Repeated { missing } => return Ok(Foreseen::Repeated { missing }),
            Verdict::Counts { missing } => return Ok(Foreseen::Counts { missing }),
            Verdict::Rejects => {
                let approvers = session.tally(authors, votes, None).approvers;
                let ruling = Ruling { approvers, ..Ruling::new(Ending::Rejected, ballot.reason.as_str()) };
                return Ok(Foreseen::Ends { ruling: Box::new(ruling), cast: false });
            }
            Verdict::Approves { approvers, cast } => (approvers, cast),
        };
        let counts = |vote: &&Vote| vote.choice == Choice::Approve && approvers.contains(&vote.voter.id);
        let counted: Vec<Vote> = votes.iter().filter(counts).cloned().collect();
        let own = (!cast).then_some(&ballot.conditions);
        let conditions = together(counted.iter().map(|vote| &vote.conditions).chain(own));
        let ruling = |ending, subset| {
            let reason = ballot.reason.clone();
            Foreseen::Ends {
                ruling: Box::new(Ruling { ending, reason, approvers, conditions, subset }),
                cast,
            }
        };
        if ballot.items.is_none() && counted.iter().all(|vote| vote.items.is_none()) {
            return Ok(ruling(Ending::Approved, None));
        }
        let split = split_by(session, items, voting, &counted, cast);
        if split.approved.is_empty() {
            // Enough people, but no item that enough of them want.
            return Ok(if cast {
                Foreseen::Repeated { missing: 1 }
            } else {
                Foreseen::Counts { missing: 1 }
            });
        }
        if split.rejected.is_empty() && split.skipped.is_empty() {
            return Ok(ruling(Ending::Approved, None));
        }
        let subset: Subset = self.subset(ctx, session, needs, split).await?;
        Ok(ruling(Ending::PartiallyApproved, Some(subset)))
    }

    /// Where the policy wants every concern settled first, holds up the vote that would decide.
    async fn check_concerns(&self, session: &Session) -> Result<(), GateError> {
        if !session.risk.requirement.no_open_concerns {
            return Ok(());
        }
        let open = store::comment::open_concerns(&self.db, session.id).await?;
        if open.is_empty() { Ok(()) } else { Err(GateError::OpenConcerns { session: session.id, open }) }
    }
}

/// What the votes that count, with the new one as the last unless it is `cast` already, make of each item.
fn split_by(
    session: &Session,
    items: &[ItemStatus],
    voting: &Voting<'_>,
    counted: &[Vote],
    cast: bool,
) -> Split {
    let Voting { voter, ballot, authors, needs, .. } = voting;
    let items: BTreeSet<String> = items.iter().map(|item| item.item_id.clone()).collect();
    let own = (!cast).then(|| ballot.items.clone());
    let named: Vec<_> = counted.iter().map(|vote| vote.items.clone()).chain(own).collect();
    let voice = Voice { hand: &voter.actor, seat: &voter.seat };
    let enough = |places: &[usize]| {
        let chosen: Vec<Vote> = places.iter().filter_map(|place| counted.get(*place)).cloned().collect();
        let own = places.contains(&counted.len()).then_some(voice);
        session.tally(authors, &chosen, own).missing() == 0
    };
    split(&items, needs, &named, enough)
}

/// The vote, audited.
fn cast(
    ctx: &OpContext,
    session: &mut Session,
    voter: &Voter,
    ballot: &Ballot,
    draft: &mut Draft,
) -> Result<Vote, GateError> {
    let vote = Vote {
        id: ctx.new_id(),
        subject: ballot.subject,
        voter: voter.actor.clone(),
        seat: voter.seat.clone(),
        delegation: voter.delegation,
        given_on: None,
        choice: ballot.choice,
        reason: ballot.reason.clone(),
        created_at: ctx.now(),
        items: ballot.items.clone(),
        conditions: ballot.conditions.clone(),
    };
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
        "items": vote.items,
        "conditions": vote.conditions,
    });
    if let Some(delegation) = vote.delegation {
        details["delegator"] = vote.seat.id.clone().into();
        details["delegation"] = delegation.to_string().into();
    }
    draft.audit(ctx, session, action, details)?;
    Ok(vote)
}

/// Every condition of everybody, each once.
fn together<'c>(lists: impl Iterator<Item = &'c Vec<Condition>>) -> Vec<Condition> {
    let mut all = Vec::new();
    for condition in lists.flatten() {
        if !all.contains(condition) {
            all.push(condition.clone());
        }
    }
    all
}
