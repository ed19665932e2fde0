//! What callers who come at the same time ask together: one look at their sessions, one question about the policy, and one
//! transaction for their decisions. Each has an answer of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_core::id::SessionId;
use assent_core::{Actor, ActorKind, Digest, OpContext};
use assent_store::{CutOff, StoreError, Together};

use super::App;
use super::draft::{Draft, write};
use crate::domain::carry::Dismissed;
use crate::domain::decision::ItemStatus;
use crate::domain::directory::User;
use crate::domain::member::person;
use crate::domain::session::Session;
use crate::domain::vote::Vote;
use crate::error::GateError;
use crate::store;
use crate::store::session::{Decided, Glance};

/// Callers whose work is done at once, at most.
const MOST: usize = 64;

/// Where callers meet.
pub(crate) struct Meetings {
    looks: Together<Look, Seen, GateError>,
    policies: Together<(), Option<Digest>, GateError>,
    decisions: Together<Decisive, (), GateError>,
}

impl Default for Meetings {
    fn default() -> Self {
        Self { looks: Together::new(MOST), policies: Together::new(MOST), decisions: Together::new(MOST) }
    }
}

/// What somebody who votes wants to see.
struct Look {
    session: SessionId,
    /// Whose entry of the directory; none for those who have none.
    person: Option<String>,
}

/// A session as a voter sees it.
pub(super) struct Seen {
    pub(super) session: Session,
    /// On the current version, oldest first.
    pub(super) votes: Vec<Vote>,
    pub(super) dismissed: Vec<Dismissed>,
    pub(super) items: Vec<ItemStatus>,
    /// What the directory knows of the voter.
    pub(super) user: Option<User>,
}

/// A decision that is put together and not written.
pub(super) struct Decisive {
    /// As the decision leaves it.
    pub(super) session: Session,
    /// The end of its audit chain when it was read. Whatever is done to a session is audited, comments too.
    pub(super) audited: i64,
    pub(super) draft: Draft,
}

impl App {
    /// The session with all that a vote depends on.
    pub(super) async fn seen(&self, id: SessionId, voter: &Actor) -> Result<Seen, GateError> {
        // An entry must not make a person of agents and services.
        let person = (voter.kind == ActorKind::User).then(|| person(&voter.id));
        let look = Arc::new(Look { session: id, person });
        // Nothing was changed, so that the caller may ask again.
        let seen = self.meetings.looks.run(look, |looks| Box::pin(self.look(looks))).await;
        seen.unwrap_or_else(|CutOff| Err(StoreError::Conflict.into()))
    }

    async fn look(&self, looks: Vec<Arc<Look>>) -> Result<Vec<Result<Seen, GateError>>, GateError> {
        let ids: BTreeSet<SessionId> = looks.iter().map(|look| look.session).collect();
        let ids: Vec<SessionId> = ids.into_iter().collect();
        let db = &self.db;
        // The session before what belongs to it: who decides is told when it has moved on.
        let people: BTreeSet<String> = looks.iter().filter_map(|look| look.person.clone()).collect();
        let users = async {
            match people.is_empty() {
                true => Ok(BTreeMap::new()),
                false => store::directory::of_all(db, &people).await,
            }
        };
        let (glances, users) = tokio::try_join!(store::session::glance(db, &ids), users)?;
        let of = |glances: &[Glance], wanted: fn(&Glance) -> bool| -> Vec<SessionId> {
            glances.iter().filter(|glance| wanted(glance)).map(|glance| glance.session.id).collect()
        };
        let (voted, parted) =
            (of(&glances, |glance| glance.has_votes), of(&glances, |glance| glance.has_dismissed));
        let votes = match voted.is_empty() {
            true => BTreeMap::new(),
            false => by_session(store::vote::of_sessions(db, &voted).await?),
        };
        let dismissed = match parted.is_empty() {
            true => BTreeMap::new(),
            false => by_session(store::vote::dismissed_of(db, &parted).await?),
        };
        let items = by_session(store::item::of_sessions(db, &ids).await?);
        let sessions: BTreeMap<_, _> =
            glances.iter().map(|glance| (glance.session.id, &glance.session)).collect();
        let seen = looks.iter().map(|look| {
            let id = look.session;
            let session = sessions.get(&id).map(|session| (*session).clone());
            let session = session.ok_or(GateError::UnknownSession(id))?;
            Ok(Seen {
                session,
                votes: votes.get(&id).cloned().unwrap_or_default(),
                dismissed: dismissed.get(&id).cloned().unwrap_or_default(),
                items: items.get(&id).cloned().unwrap_or_default(),
                user: look.person.as_ref().and_then(|person| users.get(person)).cloned(),
            })
        });
        Ok(seen.collect())
    }

    /// Digest of the policy in force.
    pub(super) async fn policy_in_force(&self, ctx: &OpContext) -> Result<Digest, GateError> {
        let ask = |all: Vec<Arc<()>>| async move {
            let digest = self.peers.policy_digest(ctx).await.ok();
            Ok(all.iter().map(|_| Ok(digest)).collect())
        };
        match self.meetings.policies.run(Arc::new(()), ask).await {
            Ok(Ok(Some(digest))) => Ok(digest),
            // Whoever asked for all may have had less time than the others.
            _ => self.peers.policy_digest(ctx).await,
        }
    }

    /// Writes a decision, if the session is still as it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is not. Within [`CutOff`] it may be written nevertheless.
    pub(super) async fn write_decision(
        &self,
        decisive: Arc<Decisive>,
    ) -> Result<Result<(), GateError>, CutOff> {
        self.meetings.decisions.run(decisive, |all| Box::pin(self.write_decisions(all))).await
    }

    async fn write_decisions(
        &self,
        all: Vec<Arc<Decisive>>,
    ) -> Result<Vec<Result<(), GateError>>, GateError> {
        // Of several on one session the first may stand.
        let mut first = BTreeSet::new();
        let firsts: Vec<bool> = all.iter().map(|decisive| first.insert(decisive.session.id)).collect();
        let wanted: Vec<&Decisive> =
            all.iter().zip(&firsts).filter(|(_, first)| **first).map(|(decisive, _)| &**decisive).collect();

        let mut tx = self.db.begin().await?;
        let decided = wanted.iter().map(|one| Decided { session: &one.session, audited: one.audited });
        let stand = store::session::decide(&mut tx, &decided.collect::<Vec<_>>()).await?;
        if !stand.is_empty() {
            let drafts = wanted.iter().filter(|one| stand.contains(&one.session.id));
            let drafts: Vec<_> = drafts.map(|one| (one.session.id, &one.draft)).collect();
            let ids: Vec<SessionId> = stand.iter().copied().collect();
            write(&mut tx, &drafts, store::opening::clear(&ids)?).await?;
            tx.commit().await?;
        }
        let outcome = |(decisive, first): (&Arc<Decisive>, bool)| match stand.contains(&decisive.session.id) {
            true if first => Ok(()),
            _ => Err(StoreError::Conflict.into()),
        };
        Ok(all.iter().zip(firsts).map(outcome).collect())
    }
}

fn by_session<T>(rows: Vec<(SessionId, T)>) -> BTreeMap<SessionId, Vec<T>> {
    let mut all: BTreeMap<SessionId, Vec<T>> = BTreeMap::new();
    for (session, row) in rows {
        all.entry(session).or_default().push(row);
    }
    all
}
