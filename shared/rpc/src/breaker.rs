//! When to leave a peer alone for a moment.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which a peer is left alone.
const FAILURES: u32 = 5;
/// For how long at first; it doubles with each trial that fails.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What a call is to the breaker that lets it through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// One of many.
    Freely,
    /// The only one of its time: whether others may call depends on what becomes of it.
    OnTrial,
}

/// Counts what became of the calls to one peer. Open, it lets one call through after each pause, to see.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Until when nobody calls; calls pass when it is none or over.
    closed_until: Option<Instant>,
}

impl State {
    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(FAILURES).min(8);
        (FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE)
    }
}

impl Breaker {
    /// Whether a call may be tried now.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn admit(&self, now: Instant) -> Result<Admitted, Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.closed_until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // The one that tries; the others wait for what becomes of it, or for another pause.
                state.closed_until = Some(now + state.pause());
                Ok(Admitted::OnTrial)
            }
            None => Ok(Admitted::Freely),
        }
    }

    /// The peer answered, whatever it said.
    pub(crate) fn succeeded(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// No answer came; for how long the peer is left alone now, if it is.
    pub(crate) fn failed(&self, now: Instant) -> Option<Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures < FAILURES {
            return None;
        }
        let pause = state.pause();
        state.closed_until = Some(now + pause);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_never_answers_is_left_alone_and_tried_now_and_then() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES {
            assert_eq!(breaker.admit(start), Ok(Admitted::Freely));
            breaker.failed(start);
        }
        assert_eq!(breaker.admit(start), Err(FIRST_PAUSE));
        let later = start + FIRST_PAUSE;
        assert_eq!(breaker.admit(later), Ok(Admitted::OnTrial));
        // One tries, not all.
        assert!(breaker.admit(later).is_err());
        breaker.failed(later);
        assert_eq!(breaker.admit(later), Err(FIRST_PAUSE * 2));
        for _ in 0..100 {
            breaker.failed(later);
        }
        assert_eq!(breaker.admit(later), Err(LONGEST_PAUSE));
        assert_eq!(breaker.admit(later + LONGEST_PAUSE), Ok(Admitted::OnTrial));
        breaker.succeeded();
        assert_eq!(breaker.admit(later), Ok(Admitted::Freely));
        breaker.failed(later);
        assert_eq!(breaker.admit(later), Ok(Admitted::Freely));
    }
}
