//! The approval gate's outcomes close heads for good.

use assent_core::id::SessionId;
use assent_core::{Digest, Timestamp};
use assent_events::{Cursor, Handled};
use assent_store::Tx;

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

/// What a version means to others from now on.
pub(crate) enum Said {
    /// People voted on this version of a session.
    Voted(SessionId, i32),
    /// The approval gate has ended a review.
    Ended(Outcome),
}

impl App {
    /// Keeps whole what people voted on, and lets no version follow what has ended; in one transaction with the
    /// consumer's position.
    pub(crate) async fn settle(
        &self,
        said: &[Said],
        cursor: &Cursor,
        now: Timestamp,
    ) -> Result<Handled, VersioningError> {
        if said.is_empty() {
            return Ok(Handled::Skipped);
        }
        let mut whole = Vec::new();
        for one in said {
            let about = match one {
                Said::Voted(session, number) => Some((*session, *number)),
                Said::Ended(outcome) => outcome.about.map(|(number, _)| (outcome.session, number)),
            };
            whole.push(match about {
                Some((session, number)) => self.kept_as_changes(session, number).await?,
                None => None,
            });
        }
        let mut tx = self.db.begin().await?;
        for (one, whole) in said.iter().zip(&whole) {
            if let Some(version) = whole {
                versions::store_whole(&mut tx, version).await?;
            }
            match one {
                Said::Voted(session, number) => versions::pin(&mut tx, *session, *number, now).await?,
                Said::Ended(outcome) => close(&mut tx, outcome, now).await?,
            }
        }
        cursor.advance(&mut tx).await?;
        tx.commit().await?;
        Ok(Handled::Done)
    }
}

/// Lets no version follow any more.
async fn close(tx: &mut Tx, outcome: &Outcome, now: Timestamp) -> Result<(), VersioningError> {
    let session = outcome.session;
    let about = outcome.about.map(|(number, _)| number);
    let Some(head) = heads::lock(tx, session).await? else {
        tracing::warn!(session.id = %session, "an outcome names a session that has no version");
        return Ok(());
    };
    if outcome.closing == Closing::Decided && outcome.about != Some((head.version, head.digest)) {
        // What was signed is the decided version; the newer one can no longer be approved.
        tracing::error!(session.id = %session, decided = about, head = head.version, "a decision is about a version that is not the head");
    }
    heads::update(tx, session, &head.close(outcome.closing), now).await?;
    if let Some(number) = about {
        versions::pin(tx, session, number, now).await?;
    }
    Ok(())
}
