//! The grants that the approval gate stands by, as it said a moment ago.
//!
//! While items begin under them, all of them are asked about together and again and again, so that no item has to wait
//! for an answer of its own; and whoever hears that one was taken back forgets it at once.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use assent_core::Id;
use assent_core::id::GrantKind;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::App;

/// How long what the gate said holds, from when it was asked: for revocations that nobody hears of.
const FRESH: Duration = Duration::from_secs(1);
/// How often it is asked about what is in use.
const EVERY: Duration = Duration::from_millis(500);
/// Under what is in use something began within that time.
const IN_USE: Duration = Duration::from_secs(5);
/// Most that are asked about in one call.
const MOST: usize = 1000;

/// Grants by their id.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    known: Mutex<BTreeMap<Id<GrantKind>, Stood>>,
    added: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Stood {
    /// When the gate was asked, before it said so.
    asked: Instant,
    /// When something last began, or was about to.
    used: Instant,
}

impl Standing {
    /// Whether the gate stood by `grant` a moment ago. Something is about to begin under it.
    pub(crate) fn is_fresh(&self, grant: Id<GrantKind>) -> bool {
        let mut known = self.known();
        let Some(stood) = known.get_mut(&grant) else { return false };
        stood.used = Instant::now();
        stood.asked.elapsed() < FRESH
    }

    /// The gate, asked at `asked`, stands by `grant`, under which something is about to begin.
    pub(crate) fn stood(&self, grant: Id<GrantKind>, asked: Instant) {
        self.known().insert(grant, Stood { asked, used: Instant::now() });
        self.added.notify_one();
    }

    /// It may have been taken back: ask.
    pub(crate) fn forget(&self, grant: Id<GrantKind>) {
        self.known().remove(&grant);
    }

    /// Those that are in use; the others are forgotten.
    fn in_use(&self) -> Vec<Id<GrantKind>> {
        let mut known = self.known();
        known.retain(|_, stood| stood.used.elapsed() < IN_USE);
        known.keys().copied().collect()
    }

    /// The gate, asked at `asked`, stands by `grants`. What was forgotten since stays so.
    fn still(&self, grants: impl IntoIterator<Item = Id<GrantKind>>, asked: Instant) {
        let mut known = self.known();
        for grant in grants {
            if let Some(stood) = known.get_mut(&grant) {
                stood.asked = stood.asked.max(asked);
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Id<GrantKind>, Stood>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what is in use fresh, until `stop`. Where the gate does not answer it ages, and whoever needs it asks.
pub(crate) async fn keep_fresh(app: Arc<App>, stop: CancellationToken) -> Result<(), Infallible> {
    loop {
        let grants = app.standing.in_use();
        for some in grants.chunks(MOST) {
            let asked = Instant::now();
            match app.keys.valid(&app.context(None), some).await {
                Ok(valid) => app.standing.still(valid, asked),
                Err(error) => {
                    tracing::debug!(%error, "the approval gate does not say which grants it stands by")
                }
            }
        }
        let next = async {
            if grants.is_empty() {
                app.standing.added.notified().await;
            }
            tokio::time::sleep(EVERY).await;
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = next => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use assent_core::ContextSource;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_for_a_moment_and_not_after_it_was_forgotten() {
        let (standing, source) = (Standing::default(), ContextSource::system());
        let (one, other) = (source.new_id(), source.new_id());
        assert!(!standing.is_fresh(one));
        standing.stood(one, Instant::now());
        standing.stood(other, Instant::now());
        tokio::time::advance(EVERY).await;
        assert!(standing.is_fresh(one));
        let asked = Instant::now();
        // It is taken back while the gate is asked.
        standing.forget(other);
        standing.still([one, other], asked);
        tokio::time::advance(EVERY).await;
        assert!(standing.is_fresh(one) && !standing.is_fresh(other));
        tokio::time::advance(EVERY).await;
        assert!(!standing.is_fresh(one), "nobody said so for as long as an answer holds");
        assert_eq!(standing.in_use(), [one]);
        tokio::time::advance(IN_USE).await;
        assert!(standing.in_use().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_no_younger_than_its_question() {
        let (standing, source) = (Standing::default(), ContextSource::system());
        let (grant, asked) = (source.new_id(), Instant::now());
        tokio::time::advance(FRESH).await;
        standing.stood(grant, asked);
        assert!(!standing.is_fresh(grant));
        // Of two answers the younger one counts, in whatever order they come.
        standing.stood(grant, Instant::now());
        standing.still([grant], asked);
        assert!(standing.is_fresh(grant));
    }
}
