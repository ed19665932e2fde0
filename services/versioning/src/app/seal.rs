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

impl App {
    /// Seals the head, if it is the version named; returns when the seal ends.
    pub(crate) async fn seal(
        &self,
        ctx: &OpContext,
        command: SealVersion,
    ) -> Result<Timestamp, VersioningError> {
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
        Ok(until)
    }

    /// Ends the seal of a version whose decision came to nothing; doing so again changes nothing.
    pub(crate) async fn release(
        &self,
        ctx: &OpContext,
        session: SessionId,
        number: i32,
        digest: Digest,
    ) -> Result<(), VersioningError> {
        let mut tx = self.db.begin().await?;
        let head = heads::lock(&mut tx, session).await?;
        let head = head.ok_or(VersioningError::NotFound { session, number: None })?;
        let released = head
            .release(number, digest)
            .map_err(|error| VersioningError::of_head(session, Some(&head), error))?;
        heads::update(&mut tx, session, &released, ctx.now()).await?;
        Ok(tx.commit().await?)
    }
}
