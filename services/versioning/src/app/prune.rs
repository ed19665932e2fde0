//! Versions that must stay, and those that nobody needs any more.

use assent_core::id::SessionId;
use assent_store::idempotency;

use super::App;
use crate::error::VersioningError;
use crate::store::{heads, versions};

/// Versions that one run removes at most.
const BATCH: i64 = 500;

impl App {
    /// Forgets the answers to requests that are too old to be repeated.
    pub(crate) async fn forget_requests(&self) -> Result<(), VersioningError> {
        let before = self.source.now().before(idempotency::KEPT);
        idempotency::forget_before(&self.db, before).await?;
        Ok(())
    }

    /// Removes versions of ended sessions that are older than the configuration wants and were never voted on;
    /// returns how many.
    pub(crate) async fn prune(&self) -> Result<usize, VersioningError> {
        let before = self.source.now().before(self.config.keep_time());
        let newest = self.config.keep_versions;
        let mut removed = 0;
        for (session, number) in versions::prunable(&self.db, before, newest, BATCH).await? {
            match self.remove(session, number).await {
                Ok(gone) => removed += usize::from(gone),
                // What is damaged has been reported, and must not keep the others.
                Err(error @ VersioningError::Corrupted { .. }) => {
                    tracing::warn!(session.id = %session, version = number, %error, "a version is not removed");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    /// Removes one version, after the one that was kept as changes to it is kept whole.
    async fn remove(&self, session: SessionId, number: i32) -> Result<bool, VersioningError> {
        let next = match versions::is_change(&self.db, session, number + 1).await? {
            true => Some(self.version(session, number + 1).await?),
            false => None,
        };
        let mut tx = self.db.begin().await?;
        heads::lock(&mut tx, session).await?;
        if let Some(next) = next {
            versions::store_whole(&mut tx, &next).await?;
        }
        let gone = versions::delete(&mut tx, session, number).await?;
        tx.commit().await?;
        Ok(gone)
    }
}
