//! A version that people have voted on is kept for good, and whole.

use assent_core::id::SessionId;

use super::App;
use crate::domain::Version;
use crate::error::VersioningError;
use crate::store::versions;

impl App {
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
