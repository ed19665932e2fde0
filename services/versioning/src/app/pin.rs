//! A version that people have voted on is kept for good, and whole.

use assent_core::Timestamp;
use assent_core::id::SessionId;
use assent_events::{Cursor, Handled};

use super::App;
use crate::domain::Version;
use crate::error::VersioningError;
use crate::store::versions;

impl App {
    /// Keeps a version that was voted on, in one transaction with the consumer's position.
    pub(crate) async fn keep_voted(
        &self,
        session: SessionId,
        number: i32,
        cursor: &Cursor,
        now: Timestamp,
    ) -> Result<Handled, VersioningError> {
        let version = self.kept_as_changes(session, number).await?;
        let mut tx = self.db.begin().await?;
        if let Some(version) = version {
            versions::store_whole(&mut tx, &version).await?;
        }
        versions::pin(&mut tx, session, number, now).await?;
        cursor.advance(&mut tx).await?;
        tx.commit().await?;
        Ok(Handled::Done)
    }

    /// A version of which only the changes are kept. None where it is whole, and where it is missing or damaged: later
    /// facts must not wait for what only an operator can mend.
    pub(super) async fn kept_as_changes(
        &self,
        session: SessionId,
        number: i32,
    ) -> Result<Option<Version>, VersioningError> {
        if !versions::is_change(&self.db, session, number).await? {
            return Ok(None);
        }
        match self.version(session, number).await {
            Ok(version) => Ok(Some(version)),
            Err(VersioningError::NotFound { .. } | VersioningError::Corrupted { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
