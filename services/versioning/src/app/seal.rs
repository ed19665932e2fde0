//! The head stays what it is while a decision on it is made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_core::id::SessionId;
use assent_core::{Digest, OpContext, Timestamp};
use assent_store::Together;

use super::App;
use crate::domain::Head;
use crate::error::VersioningError;
use crate::store::heads;

/// How long a seal holds when nobody says.
const USUAL_LEASE: Duration = Duration::from_secs(60);
/// Longest time that a seal may be asked for.
pub(crate) const LONGEST_LEASE: Duration = Duration::from_secs(600);

/// Seals that are given at once, at most.
const MOST: usize = 64;

/// Where those meet who want a seal.
pub(crate) type Seals = Together<Wish, Seal, VersioningError>;

/// Nobody wants one yet.
pub(crate) fn seals() -> Seals {
    Together::new(MOST)
}

/// Which version to seal.
pub(crate) struct SealVersion {
    pub(crate) session: SessionId,
    pub(crate) number: i32,
    pub(crate) digest: Digest,
    /// At most [`LONGEST_LEASE`].
    pub(crate) lease: Option<Duration>,
}

/// A seal that was granted.
pub(crate) struct Seal {
    pub(crate) until: Timestamp,
    /// Whether one held already.
    pub(crate) prolonged: bool,
}

/// Which seal to end.
pub(crate) struct ReleaseSeal {
    pub(crate) session: SessionId,
    pub(crate) number: i32,
    pub(crate) digest: Digest,
    /// The one that ends then; whichever holds when none.
    pub(crate) until: Option<Timestamp>,
}

/// A seal that somebody wants, and when.
pub(crate) struct Wish {
    command: SealVersion,
    now: Timestamp,
}

impl Wish {
    /// The head with the seal, where it can have one.
    fn grant(&self, head: Option<&Head>) -> Result<(Head, Seal), VersioningError> {
        let SealVersion { session, number, digest, lease } = self.command;
        let head = head.ok_or(VersioningError::NotFound { session, number: None })?;
        if number > head.version {
            return Err(VersioningError::NotFound { session, number: Some(number) });
        }
        let (sealed, until) = head
            .seal(number, digest, lease.unwrap_or(USUAL_LEASE), self.now)
            .map_err(|error| VersioningError::of_head(session, Some(head), error))?;
        Ok((sealed, Seal { until, prolonged: head.sealed_until(self.now).is_some() }))
    }
}

impl App {
    /// Seals the head, if it is the version named.
    pub(crate) async fn seal(&self, ctx: &OpContext, command: SealVersion) -> Result<Seal, VersioningError> {
        let session = command.session;
        let wish = Arc::new(Wish { command, now: ctx.now() });
        match self.seal_together(Arc::clone(&wish)).await {
            // What has been repaired meanwhile is no reason to stop.
            Err(VersioningError::Corrupted { .. }) => {
                self.sound_head(session).await?;
                self.seal_together(wish).await
            }
            sealed => sealed,
        }
    }

    async fn seal_together(&self, wish: Arc<Wish>) -> Result<Seal, VersioningError> {
        loop {
            let seals = self.seals.run(Arc::clone(&wish), |wishes| Box::pin(self.seal_all(wishes)));
            // After a cut it is done again: to seal what is sealed prolongs it.
            if let Ok(sealed) = seals.await {
                return sealed;
            }
        }
    }

    /// Seals the heads that callers want sealed at the same time, in one transaction.
    async fn seal_all(
        &self,
        wishes: Vec<Arc<Wish>>,
    ) -> Result<Vec<Result<Seal, VersioningError>>, VersioningError> {
        let sessions = wishes.iter().map(|wish| wish.command.session).collect();
        let mut tx = self.db.begin().await?;
        let mut heads = heads::lock_all(&mut tx, &sessions).await?;
        let mut changed = BTreeMap::new();
        let mut outcomes = Vec::with_capacity(wishes.len());
        for wish in &wishes {
            let session = wish.command.session;
            let outcome = wish.grant(heads.get(&session));
            outcomes.push(outcome.map(|(sealed, seal)| {
                heads.insert(session, sealed);
                changed.insert(session, sealed);
                seal
            }));
        }
        if let Some(now) = wishes.iter().map(|wish| wish.now).max()
            && !changed.is_empty()
        {
            heads::update_all(&mut tx, &changed, now).await?;
            tx.commit().await?;
        }
        Ok(outcomes)
    }

    /// Ends the seal of a version whose decision came to nothing; doing so again changes nothing.
    pub(crate) async fn release(&self, ctx: &OpContext, command: ReleaseSeal) -> Result<(), VersioningError> {
        let ReleaseSeal { session, number, digest, until } = command;
        let mut tx = self.db.begin().await?;
        let head = heads::lock(&mut tx, session).await?;
        let head = head.ok_or(VersioningError::NotFound { session, number: None })?;
        let released = head
            .release(number, digest, until)
            .map_err(|error| VersioningError::of_head(session, Some(&head), error))?;
        heads::update(&mut tx, session, &released, ctx.now()).await?;
        Ok(tx.commit().await?)
    }
}
