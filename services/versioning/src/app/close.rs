//! The approval gate's outcomes close heads for good.

use std::collections::{BTreeMap, BTreeSet};

use assent_core::id::SessionId;
use assent_core::{Digest, Timestamp};
use assent_events::{Cursor, Handled};

use super::App;
use crate::domain::{Closing, Head};
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
        let about = said.iter().filter_map(|one| match one {
            Said::Voted(session, number) => Some((*session, *number)),
            Said::Ended(outcome) => outcome.about.map(|(number, _)| (outcome.session, number)),
        });
        // A first version is kept whole and stays as it is.
        let about: BTreeSet<(SessionId, i32)> = about.filter(|(_, number)| *number > 1).collect();
        let whole = self.kept_as_changes(&about).await?;
        let ended = || {
            said.iter().filter_map(|one| match one {
                Said::Ended(outcome) => Some(outcome),
                Said::Voted(..) => None,
            })
        };
        let mut tx = self.db.begin().await?;
        for version in &whole {
            versions::store_whole(&mut tx, version).await?;
        }
        let sessions: BTreeSet<SessionId> = ended().map(|outcome| outcome.session).collect();
        if !sessions.is_empty() {
            let mut heads = heads::lock_all(&mut tx, &sessions).await?;
            for outcome in ended() {
                close(&mut heads, outcome);
            }
            heads::update_all(&mut tx, &heads, now).await?;
        }
        if !about.is_empty() {
            versions::pin(&mut tx, &about, now).await?;
        }
        cursor.advance(&mut tx).await?;
        tx.commit().await?;
        Ok(Handled::Done)
    }
}

/// Lets no version follow any more.
fn close(heads: &mut BTreeMap<SessionId, Head>, outcome: &Outcome) {
    let session = outcome.session;
    let about = outcome.about.map(|(number, _)| number);
    let Some(head) = heads.get_mut(&session) else {
        tracing::warn!(session.id = %session, "an outcome names a session that has no version");
        return;
    };
    if outcome.closing == Closing::Decided && outcome.about != Some((head.version, head.digest)) {
        // What was signed is the decided version; the newer one can no longer be approved.
        tracing::error!(session.id = %session, decided = about, head = head.version, "a decision is about a version that is not the head");
    }
    *head = head.close(outcome.closing);
}
