//! Waiting for decisions. However many wait, one task of the process follows the log and wakes those whose session was
//! decided; a decision is read once for all who wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use assent_core::id::SessionId;
use assent_events::{Doorbell, LogError, Page};
use tokio::sync::watch;
use tokio::time::Instant;

use super::App;
use crate::domain::decision::Decision;
use crate::domain::state::State;
use crate::error::GateError;
use crate::store;

/// Sessions that the callers of one process may wait for at a time.
const MOST_WAITS: usize = 100_000;
/// How often the log is looked at without a ring, and how often one who waits looks for itself.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LOOK_SELF: Duration = Duration::from_secs(30);
/// Facts that are read at once.
const PAGE: i64 = 500;

/// How a wait ended: the review is over, or the time that the caller wanted to wait is.
#[derive(Debug, Clone)]
pub(crate) struct Waited {
    pub(crate) state: State,
    pub(crate) decision: Option<Decision>,
}

/// Tells the outcome of one session to all who wait for it.
type Bell = watch::Sender<Option<Arc<Waited>>>;

/// Who waits for which session in this process.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<HashMap<SessionId, Bell>>);

impl Waits {
    /// None when too many wait already.
    fn join(&self, id: SessionId) -> Option<watch::Receiver<Option<Arc<Waited>>>> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bells.len() >= MOST_WAITS && !bells.contains_key(&id) {
            bells.retain(|_, bell| bell.receiver_count() > 0);
            if bells.len() >= MOST_WAITS {
                return None;
            }
        }
        Some(bells.entry(id).or_insert_with(|| watch::Sender::new(None)).subscribe())
    }

    /// Of `sessions`, those for which somebody waits.
    fn wanted(&self, mut sessions: Vec<SessionId>) -> Vec<SessionId> {
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|id| bells.get(id).is_some_and(|bell| bell.receiver_count() > 0));
        sessions
    }

    fn tell(&self, id: SessionId, outcome: Waited) {
        if let Some(bell) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
            bell.send_replace(Some(Arc::new(outcome)));
        }
    }

    /// Forgets the session when nobody waits for it any more.
    fn leave(&self, id: SessionId) {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bells.get(&id).is_some_and(|bell| bell.receiver_count() == 0) {
            bells.remove(&id);
        }
    }
}

impl App {
    /// Waits until the session is decided, at most for `timeout`; none when the server stops before.
    pub(crate) async fn wait(&self, id: SessionId, timeout: Duration) -> Result<Option<Waited>, GateError> {
        let deadline = Instant::now() + timeout;
        loop {
            // Before looking, so that a decision right after the look is told.
            let mut told = self.waits.join(id).ok_or(GateError::TooManyWaits)?;
            let now = self.outcome(id).await?;
            if !now.state.is_open() || Instant::now() >= deadline {
                drop(told);
                self.waits.leave(id);
                return Ok(Some(now));
            }
            tokio::select! {
                () = self.watching.shutdown.cancelled() => return Ok(None),
                changed = told.changed() => {
                    let outcome = changed.ok().and_then(|()| told.borrow().clone());
                    if let Some(outcome) = outcome {
                        return Ok(Some(outcome.as_ref().clone()));
                    }
                }
                () = tokio::time::sleep(LOOK_SELF) => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    /// State and decision as they are now.
    async fn outcome(&self, id: SessionId) -> Result<Waited, GateError> {
        let state = self.session(id).await?.state;
        let decision = if state.is_open() { None } else { store::decision::of_session(&self.db, id).await? };
        Ok(Waited { state, decision })
    }

    /// Follows the log from now on and tells those who wait, until the server stops. What is missed, e.g. because the database was
    /// away, those who wait find out by themselves.
    pub(crate) async fn tell_waits(&self, mut doorbell: Doorbell) {
        let mut position = None;
        while !self.watching.shutdown.is_cancelled() {
            doorbell.clear();
            if let Err(error) = self.tell_from(&mut position).await {
                tracing::debug!(%error, "the log cannot be followed for those who wait");
            }
            tokio::select! {
                () = self.watching.shutdown.cancelled() => {}
                () = doorbell.ring() => {}
                () = tokio::time::sleep(self.source.jitter(LOOK_EVERY)) => {}
            }
        }
    }

    async fn tell_from(&self, position: &mut Option<i64>) -> Result<(), GateError> {
        let mut after = match *position {
            Some(position) => position,
            None => self.log.head().await?,
        };
        loop {
            *position = Some(after);
            let Page { events, more, .. } = match self.log.read(after, PAGE, None).await {
                Ok(page) => page,
                Err(LogError::Compacted { oldest }) => {
                    after = oldest - 1;
                    continue;
                }
                Err(LogError::Store(error)) => return Err(error.into()),
            };
            after = events.last().map_or(after, |last| last.position);
            let mut sessions: Vec<SessionId> =
                events.iter().filter_map(|fact| fact.session_id.parse().ok()).collect();
            sessions.sort_unstable();
            sessions.dedup();
            for id in self.waits.wanted(sessions) {
                let outcome = self.outcome(id).await?;
                if !outcome.state.is_open() {
                    self.waits.tell(id, outcome);
                }
            }
            if !more {
                *position = Some(after);
                return Ok(());
            }
        }
    }
}
