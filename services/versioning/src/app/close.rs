//! The approval gate's outcomes close heads for good.

use assent_core::id::SessionId;
use assent_core::{Digest, Timestamp};
use assent_events::{Cursor, Handled};

use super::App;
use crate::domain::Closing;
use crate::error::VersioningError;
use crate::store::{heads, versions};

/// What the approval gate said about a session.
pub(crate) struct Outcome {
    pub(crate) session: SessionId,
    pub(crate) closing: Closing,
    /// The version that it is about, and its digest, where it names them.
    pub(crate) about: Option<(i32, Digest)>,
}

impl App {
    /// Lets no version follow any more, in one transaction with the consumer's position.
    pub(crate) async fn close(
        &self,
        outcome: &Outcome,
        cursor: &Cursor,
        now: Timestamp,
    ) -> Result<Handled, VersioningError> {
        let session = outcome.session;
        let about = outcome.about.map(|(number, _)| number);
        let changes = match about {
            Some(number) => self.kept_as_changes(session, number).await?,
            None => None,
        };
        let mut tx = self.db.begin().await?;
        let Some(head) = heads::lock(&mut tx, session).await? else {
            tracing::warn!(session.id = %session, "an outcome names a session that has no version");
            return Ok(Handled::Skipped);
        };
        if outcome.closing == Closing::Decided && outcome.about != Some((head.version, head.digest)) {
            // What was signed is the decided version; the newer one can no longer be approved.
            tracing::error!(session.id = %session, decided = about, head = head.version, "a decision is about a version that is not the head");
        }
        heads::update(&mut tx, session, &head.close(outcome.closing), now).await?;
        if let Some(version) = &changes {
            versions::store_whole(&mut tx, version).await?;
        }
        if let Some(number) = about {
            versions::pin(&mut tx, session, number, now).await?;
        }
        cursor.advance(&mut tx).await?;
        tx.commit().await?;
        Ok(Handled::Done)
    }
}
