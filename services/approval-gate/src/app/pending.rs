//! What somebody can act on now.

use std::collections::HashMap;

use assent_core::OpContext;
use assent_core::id::SessionId;
use assent_core::page::Page;
use assent_store::Tx;

use super::App;
use super::directory::Known;
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::domain::vote::{Vote, Voter};
use crate::domain::waiting::{Open, keys};
use crate::error::GateError;
use crate::store;
use crate::store::session_list::{Key, Order};

/// A session that waits for the caller.
pub(crate) struct Pending {
    pub(crate) session: Session,
    /// In whose place the caller may vote; none for their own.
    pub(crate) delegator: Option<String>,
    /// "quorum", or the name of the open stage.
    pub(crate) counts_for: Vec<String>,
}

impl App {
    /// A page of sessions that the caller can vote on, newest first, and the token of the next.
    pub(crate) async fn pending(
        &self,
        ctx: &OpContext,
        page: &Page<Key>,
    ) -> Result<(Vec<Pending>, String), GateError> {
        let Known { actor, tags } = self.known(ctx.actor()).await?;
        let mut voters = vec![Voter::own(actor.clone(), &tags)];
        voters.extend(self.delegated_to(&actor, ctx.now()).await?);
        let mut found: Vec<(Key, usize)> = Vec::new();
        for (index, voter) in voters.iter().enumerate() {
            let people = (voter.actor.id.as_str(), voter.seat.id.as_str());
            let wanted = keys(&voter.seat);
            let newest = store::opening::pending(&self.db, &wanted, people, page.after, page.limit()).await?;
            found.extend(newest.into_iter().map(|key| (key, index)));
        }
        // Newest first; for one session the caller's own voice before those of others.
        found.sort_by(|(a, first), (b, second)| b.cmp(a).then(first.cmp(second)));
        let mut newest = found.clone();
        newest.dedup_by_key(|(key, _)| *key);
        newest.truncate(usize::try_from(page.limit()).unwrap_or(usize::MAX));
        let token = page.finish(&mut newest, |(key, _)| *key);

        let ids: Vec<SessionId> = newest.iter().map(|((_, id), _)| *id).collect();
        let mut votes: HashMap<SessionId, Vec<Vote>> = HashMap::new();
        for (id, vote) in store::vote::of_sessions(&self.db, &ids).await? {
            votes.entry(id).or_default().push(vote);
        }
        let sessions = store::session::of(&self.db, &ids).await?;
        let sessions = sessions.into_iter().filter(|session| {
            // Before anybody wrote down that the time is over, it is over.
            matches!(session.state_at(ctx.now()), State::Pending | State::InReview)
        });
        let mut pending = Vec::new();
        for session in sessions {
            let ways =
                found.iter().filter(|((_, id), _)| *id == session.id).map(|(_, index)| &voters[*index]);
            let votes = votes.remove(&session.id).unwrap_or_default();
            let way = ways.into_iter().find_map(|voter| {
                let helped = helped(&session, voter, &votes);
                (!helped.is_empty()).then(|| (voter.delegation.map(|_| voter.seat.id.clone()), helped))
            });
            if let Some((delegator, counts_for)) = way {
                pending.push(Pending { session, delegator, counts_for });
            }
        }
        Ok((pending, token))
    }

    /// Writes down whom an open session waits for; nobody once it is decided.
    pub(super) async fn refresh_open(&self, tx: &mut Tx, session: &Session) -> Result<(), GateError> {
        if !matches!(session.state, State::Pending | State::InReview) {
            return Ok(tx.write(&store::opening::clear(&[session.id])?).await?);
        }
        let votes = store::vote::of_version(&mut *tx, session.id, session.subject.version).await?;
        let authors = store::opening::authors(&mut *tx, session.id).await?;
        let electorate = session.electorate(&authors);
        let tally = session.tally(&authors, &votes, None);
        let open = Open::new(&electorate, &tally);
        let key = store::session_list::key(Order::Newest, session);
        store::opening::replace(tx, key, &open.voters(), &open.excluded(&votes)).await?;
        Ok(())
    }
}

/// What the vote of `voter` would bring nearer; nothing when they may not approve. Authors are left out by the query.
fn helped(session: &Session, voter: &Voter, votes: &[Vote]) -> Vec<String> {
    let electorate = session.electorate(&[]);
    if electorate.may_approve(&voter.actor, &voter.seat).is_err() {
        return Vec::new();
    }
    let tally = session.tally(&[], votes, None);
    Open::new(&electorate, &tally).helped_by(&voter.seat)
}
