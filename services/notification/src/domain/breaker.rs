//! A channel that does not work is left alone for a while: trying costs time and attempts, and helps nobody.

use std::time::Duration;

use assent_core::Timestamp;

use super::{Attempt, Blame};

/// Whether a channel is tried now, and by how many deliveries at once.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    /// Failures in a row that pause the channel.
    failures: u32,
    pause: Duration,
    in_a_row: u32,
    paused_until: Option<Timestamp>,
}

impl Breaker {
    /// A channel that works, until `failures` attempts in a row have failed; then it pauses for `pause`.
    pub(crate) fn new(failures: u32, pause: Duration) -> Self {
        Self { failures: failures.max(1), pause, in_a_row: 0, paused_until: None }
    }

    /// How many deliveries may be tried at once now, of at most `most`: none while it is paused, one to find out
    /// whether it works again.
    pub(crate) fn allows(&self, most: usize, now: Timestamp) -> usize {
        match self.paused_until {
            Some(until) if now < until => 0,
            Some(_) => most.min(1),
            None => most,
        }
    }

    /// Until when it is paused; none when it is not.
    pub(crate) fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.paused_until.filter(|until| now < *until)
    }

    /// Learns how an attempt ended. Returns whether the channel was paused by it.
    pub(crate) fn learn(&mut self, attempt: &Attempt, now: Timestamp) -> bool {
        match attempt {
            Attempt::Refused { blame: Blame::Channel, wait, .. } => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                if self.in_a_row < self.failures && wait.is_none() {
                    return false;
                }
                let fresh = self.paused_until(now).is_none();
                self.paused_until = Some(now.after(wait.unwrap_or_default().clamp(self.shortest(), MOST)));
                fresh
            }
            // Whoever refuses a message works.
            Attempt::Accepted | Attempt::Refused { .. } | Attempt::Gone(_) => {
                (self.in_a_row, self.paused_until) = (0, None);
                false
            }
        }
    }

    /// A channel that asked for a pause gets just that; one that failed, the configured one.
    fn shortest(&self) -> Duration {
        if self.in_a_row >= self.failures { self.pause.min(MOST) } else { Duration::ZERO }
    }
}

/// Longest pause, so that a wrong answer of a channel does not silence it for ever.
const MOST: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    fn failed() -> Attempt {
        Attempt::refused(Blame::Channel, "timed out")
    }

    #[test]
    fn failures_in_a_row_pause_it_and_one_delivery_finds_out() {
        let mut breaker = Breaker::new(3, Duration::from_secs(30));
        for _ in 0..2 {
            assert!(!breaker.learn(&failed(), at(0)));
        }
        assert_eq!(breaker.allows(16, at(0)), 16);
        assert!(breaker.learn(&failed(), at(0)));
        assert_eq!((breaker.allows(16, at(29)), breaker.allows(16, at(30))), (0, 1));
        assert_eq!(breaker.paused_until(at(1)), Some(at(30)));
        assert!(breaker.learn(&failed(), at(31)), "paused anew");
        assert_eq!(breaker.allows(16, at(60)), 0);
        breaker.learn(&Attempt::Accepted, at(61));
        assert_eq!(breaker.allows(16, at(61)), 16);
    }

    #[test]
    fn a_bad_message_says_nothing_against_the_channel() {
        let mut breaker = Breaker::new(1, Duration::from_secs(30));
        breaker.learn(&Attempt::refused(Blame::Message, "400"), at(0));
        breaker.learn(&Attempt::Gone("550".to_owned()), at(0));
        assert_eq!(breaker.allows(16, at(0)), 16);
    }

    #[test]
    fn a_channel_that_asks_for_a_pause_gets_it_at_once() {
        let mut breaker = Breaker::new(5, Duration::from_secs(30));
        let wait = Some(Duration::from_secs(7));
        let asked = Attempt::Refused { error: "429".to_owned(), blame: Blame::Channel, wait };
        assert!(breaker.learn(&asked, at(0)));
        assert_eq!((breaker.allows(16, at(6)), breaker.allows(16, at(7))), (0, 1));
    }
}
