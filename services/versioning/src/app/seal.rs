//! The head stays what it is while a decision on it is made.

use std::time::Duration;

use assent_core::id::SessionId;
use assent_core::{Digest, OpContext, Timestamp};

use super::App;
use crate::error::VersioningError;
use crate::store::{heads, versions};

/// How long a seal holds when nobody says.
const USUAL_LEASE: Duration = Duration::from_secs(60);
/// Longest time that a seal may be asked for.
pub(crate) const LONGEST_LEASE: Duration = Duration::from_secs(600);

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

impl App {
    /// Seals the head, if it is the version named.
    pub(crate) async fn seal(&self, ctx: &OpContext, command: SealVersion) -> Result<Seal, VersioningError> {
        let SealVersion { session, number, digest, lease } = command;
        self.sound_head(session).await?;
        let mut tx = self.db.begin().await?;
        let head = heads::lock(&mut tx, session).await?;
        let head = head.ok_or(VersioningError::NotFound { session, number: None })?;
        if number > head.version {
            return Err(VersioningError::NotFound { session, number: Some(number) });
        }
        let now = ctx.now();
        let (sealed, until) = head
            .seal(number, digest, lease.unwrap_or(USUAL_LEASE), now)
            .map_err(|error| VersioningError::of_head(session, Some(&head), error))?;
        heads::update(&mut tx, session, &sealed, now).await?;
        // The vote that it is for is heard of later.
        versions::pin(&mut tx, session, number, now).await?;
        tx.commit().await?;
        Ok(Seal { until, prolonged: head.sealed_until(now).is_some() })
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
