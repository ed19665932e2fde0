//! A version that people have voted on is kept for good, and whole.

use std::collections::BTreeSet;

use assent_core::id::SessionId;

use super::App;
use crate::domain::Version;
use crate::error::VersioningError;
use crate::store::versions;

impl App {
    /// Those of `versions` of which only the changes are kept. Not those that are missing or damaged: later facts must
    /// not wait for what only an operator can mend.
    pub(super) async fn kept_as_changes(
        &self,
        versions: &BTreeSet<(SessionId, i32)>,
    ) -> Result<Vec<Version>, VersioningError> {
        let mut found = Vec::new();
        if versions.is_empty() {
            return Ok(found);
        }
        for (session, number) in versions::changes(&self.db, versions).await? {
            match self.version(session, number).await {
                Ok(version) => found.push(version),
                Err(VersioningError::NotFound { .. } | VersioningError::Corrupted { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}
