//! Votes, and the decision that the last one makes.

use std::collections::BTreeSet;

use assent_core::OpContext;
use assent_core::id::SessionId;
use assent_events::append;
use assent_plan::Condition;
use assent_plan::redact::redact;
use assent_proto::event::v1::PlanVoteCast;
use assent_proto::event::v1::event::Payload;
use assent_store::{StoreError, Tx};
use serde_json::json;

use super::measure::Before;
use super::once::retried;
use super::record::{Decided, Ruling, audit, resumed};
use super::{App, View};
use crate::domain::decision::{Ending, Subset};
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
            let voted = self.try_vote(ctx, id, delegator, &ballot, &mut seal).await;
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
        let session = self.session(id).await?;
        let ctx = &resumed(ctx, &session);
        let voter = self.voter(ctx, delegator).await?;
        let ballot = &self.with_items(&session, ballot).await?;
        let separate = session.risk.requirement.separation_of_duties && ballot.choice == Choice::Approve;
        let authors = if separate { self.authors(ctx, &session).await? } else { Vec::new() };
        let votes = store::vote::of_version(&self.db, id, session.subject.version).await?;
        let refused = GateError::refused(id);
        let verdict = session.judge(ctx.now(), &voter, ballot, &authors, &votes).map_err(&refused)?;
        let partial = ballot.items.is_some() || votes.iter().any(|vote| vote.items.is_some());
        let needs = if partial { self.needs(ctx, &session).await? } else { Needs::new() };
        let skipped = self.skipped(ballot, &needs)?;
        let voting = Voting { voter: &voter, ballot, authors: &authors, votes: &votes, needs: &needs };
        let foreseen = self.foresee(ctx, &session, &voting, verdict).await?;
        if let Foreseen::Repeated { missing } = foreseen {
            return Ok(Voted { view: self.summary(session).await?, missing, skipped });
        }
        let (foreseen_in, subject, policy) = (session.state, session.subject, session.risk.policy_digest);
        let runs = matches!(&foreseen, Foreseen::Ends { ruling, .. } if ruling.ending != Ending::Rejected);
        if runs {
            self.check_concerns(&self.db, &session).await?;
        }
        // What was approved in an emergency is sealed, and was assessed by the policy of that time.
        if runs && session.after_review_of.is_none() {
            self.check_policy(ctx, &session).await?;
            *seal = Some(self.peers.seal(ctx, id, subject).await?);
        }

        let mut tx = self.db.begin().await?;
        let session = store::session::lock(&mut tx, id).await?;
        let mut session = session.ok_or(GateError::UnknownSession(id))?;
        let given = store::vote::of_version(&mut tx, id, session.subject.version).await?;
        // What was asked of others was about this version, this policy and these votes. The state is compared too:
        // the votes were read after it, and may be those of a decision that it does not show.
        let same = session.state == foreseen_in && session.subject == subject && given == votes;
        if !same || session.risk.policy_digest != policy {
            return Err(StoreError::Conflict.into());
        }
        session.judge(ctx.now(), &voter, ballot, &authors, &given).map_err(&refused)?;
        let before = Before::of(&session);
        let mut votes = given;
        let (missing, decided) = match foreseen {
            Foreseen::Ends { ruling, cast } => {
                if !cast {
                    votes.push(self.cast(&mut tx, ctx, &mut session, voter, ballot).await?);
                }
                if runs {
                    self.check_concerns(&mut tx, &session).await?;
                }
                let decided = self.decide(&mut tx, ctx, &mut session, *ruling).await?;
                // From here on it may stand even when the commit seems to fail.
                *seal = None;
                (0, Some(decided))
            }
            Foreseen::Counts { missing } | Foreseen::Repeated { missing } => {
                let vote = self.cast(&mut tx, ctx, &mut session, voter, ballot).await?;
                let cast = Payload::PlanVoteCast(PlanVoteCast { vote: Some(vote_to_pb(&vote)) });
                append(&mut tx, ctx, Some(id), cast).await?;
                votes.push(vote);
                (missing, None)
            }
        };
        self.commit(tx, &mut session).await?;
        self.changed(&session, before, decided.as_ref().map(|decided| decided.ending));
        Ok(Voted { view: self.after_vote(session, votes, decided).await?, missing, skipped })
    }

    /// What [`App::summary`] would read, as far as it is known here.
    async fn after_vote(
        &self,
        session: Session,
        votes: Vec<Vote>,
        decided: Option<Decided>,
    ) -> Result<View, GateError> {
        let Some(Decided { decision, items, grant, .. }) = decided else {
            return self.summary(session).await;
        };
        let dismissed = store::vote::dismissed(&self.db, session.id).await?;
        Ok(View { votes, dismissed, items, decision: Some(decision), grant, ..View::bare(session) })
    }

    /// What `verdict` comes to, item by item.
    async fn foresee(
        &self,
        ctx: &OpContext,
        session: &Session,
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
        let split = self.split(session, voting, &counted, cast).await?;
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

    /// What the votes that count, with the new one as the last unless it is `cast` already, make of each item.
    async fn split(
        &self,
        session: &Session,
        voting: &Voting<'_>,
        counted: &[Vote],
        cast: bool,
    ) -> Result<Split, GateError> {
        let Voting { voter, ballot, authors, needs, .. } = voting;
        let items = store::item::of_session(&self.db, session.id).await?;
        let items: BTreeSet<String> = items.into_iter().map(|item| item.item_id).collect();
        let own = (!cast).then(|| ballot.items.clone());
        let named: Vec<_> = counted.iter().map(|vote| vote.items.clone()).chain(own).collect();
        let voice = Voice { hand: &voter.actor, seat: &voter.seat };
        let enough = |places: &[usize]| {
            let chosen: Vec<Vote> = places.iter().filter_map(|place| counted.get(*place)).cloned().collect();
            let own = places.contains(&counted.len()).then_some(voice);
            session.tally(authors, &chosen, own).missing() == 0
        };
        Ok(split(&items, needs, &named, enough))
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
            items: ballot.items.clone(),
            conditions: ballot.conditions.clone(),
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
            "items": vote.items,
            "conditions": vote.conditions,
        });
        if let Some(delegation) = vote.delegation {
            details["delegator"] = vote.seat.id.clone().into();
            details["delegation"] = delegation.to_string().into();
        }
        audit(tx, ctx, session, action, details).await?;
        Ok(vote)
    }
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
