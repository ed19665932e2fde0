//! Who votes: themself, or in the place of somebody who delegated. And who made the plan.

use std::collections::BTreeMap;

use assent_core::id::SessionId;
use assent_core::{Actor, ActorKind, OpContext, Timestamp};

use super::App;
use super::directory::Known;
use crate::domain::directory::Delegation;
use crate::domain::eligibility::{Author, Ineligible};
use crate::domain::member::person;
use crate::domain::session::Session;
use crate::domain::vote::{Vote, Voter, people};
use crate::error::GateError;
use crate::store;

/// One way in which somebody may vote on a session.
pub(crate) struct Eligible {
    pub(crate) voter: Voter,
    /// The quorum, and stages.
    pub(crate) counts_for: Vec<String>,
    pub(crate) escalated: bool,
}

impl App {
    /// The caller as a voter: with a voice of their own, or with that of `delegator`.
    ///
    /// # Errors
    /// When no delegation allows that now.
    pub(super) async fn voter(&self, ctx: &OpContext, delegator: &str) -> Result<Voter, GateError> {
        let known = self.known(ctx.actor()).await?;
        self.voter_in_place_of(ctx, known, delegator).await
    }

    /// The same for a caller of whom is known what there is to know.
    pub(super) async fn voter_in_place_of(
        &self,
        ctx: &OpContext,
        known: Known,
        delegator: &str,
    ) -> Result<Voter, GateError> {
        let Known { actor, tags } = known;
        if delegator.trim().is_empty() || person(delegator) == person(&actor.id) {
            return Ok(Voter::own(actor, &tags));
        }
        let voters = self.delegated_to(&actor, ctx.now()).await?;
        let found = voters.into_iter().find(|voter| voter.seat.is(delegator));
        found.ok_or(GateError::NotEligible(Ineligible::NoDelegation))
    }

    /// Every voice that `actor` may vote with besides their own.
    pub(super) async fn delegated_to(&self, actor: &Actor, now: Timestamp) -> Result<Vec<Voter>, GateError> {
        let mut voters: Vec<Voter> = Vec::new();
        if actor.kind != ActorKind::User {
            return Ok(voters);
        }
        for delegation in store::delegation::active_to(&self.db, &actor.id, now).await? {
            if voters.iter().any(|voter| voter.seat.is(&delegation.delegator)) {
                continue;
            }
            // What the delegator is now, not what they were when they delegated.
            if let Some(known) = self.find(&delegation.delegator).await? {
                voters.extend(in_place_of(&known, actor, &delegation));
            }
        }
        Ok(voters)
    }

    /// Who made the versions of the session's plan.
    pub(super) async fn authors(&self, ctx: &OpContext, session: &Session) -> Result<Vec<Author>, GateError> {
        match session.after_review_of {
            None => self.peers.authors(ctx, session.id).await,
            // The versions are at rest; who made them was noted when the review opened.
            Some(_) => Ok(store::opening::authors(&self.db, session.id).await?),
        }
    }

    /// Everybody who may approve now and has not voted: in person, or in another's place.
    pub(super) async fn eligible_voters(
        &self,
        ctx: &OpContext,
        session: &Session,
        authors: &[Author],
        votes: &[Vote],
    ) -> Result<Vec<Eligible>, GateError> {
        let known = self.everybody_and_caller(ctx).await?;
        let everybody: BTreeMap<_, _> =
            known.into_iter().map(|known| (person(&known.actor.id), known)).collect();
        let electorate = session.electorate(authors);
        let used: Vec<_> = votes.iter().flat_map(|vote| people(&vote.voter, &vote.seat)).collect();
        let own = everybody.values().map(|known| Voter::own(known.actor.clone(), &known.tags));
        let mut voters: Vec<_> = own.collect();
        for delegation in store::delegation::active(&self.db, ctx.now()).await? {
            let known = everybody.get(&person(&delegation.delegator));
            if let (Some(known), Some(delegate)) = (known, everybody.get(&person(&delegation.delegate))) {
                voters.extend(in_place_of(known, &delegate.actor, &delegation));
            }
        }
        let eligible = |voter: Voter| {
            let fresh = !people(&voter.actor, &voter.seat).iter().any(|person| used.contains(person));
            let may = fresh && electorate.may_approve(&voter.actor, &voter.seat).is_ok();
            may.then(|| Eligible {
                counts_for: electorate.counts_for(&voter.seat).into_iter().map(str::to_owned).collect(),
                escalated: electorate.is_escalated(&voter.seat),
                voter,
            })
        };
        let mut eligible: Vec<_> = voters.into_iter().filter_map(eligible).collect();
        eligible.sort_by_key(|one| {
            let own = one.voter.delegation.is_none();
            (person(&one.voter.actor.id), !own, one.voter.seat.person())
        });
        Ok(eligible)
    }

    /// Known people who may approve a session and have not voted; nobody once it is decided.
    pub(crate) async fn eligible(&self, ctx: &OpContext, id: SessionId) -> Result<Vec<Eligible>, GateError> {
        let session = self.session(id).await?;
        if !session.state_at(ctx.now()).is_open() {
            return Ok(Vec::new());
        }
        let votes = store::vote::of_version(&self.db, id, session.subject.version).await?;
        let authors = self.authors(ctx, &session).await?;
        self.eligible_voters(ctx, &session, &authors, &votes).await
    }
}

/// `delegate` with the voice of `known`, who must be a person.
fn in_place_of(known: &Known, delegate: &Actor, delegation: &Delegation) -> Option<Voter> {
    let seat = known.member();
    let is_person = known.actor.kind == ActorKind::User;
    is_person.then(|| Voter { actor: delegate.clone(), seat, delegation: Some(delegation.id) })
}
