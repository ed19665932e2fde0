//! Waiting longer after each failure.

use std::time::Duration;

use assent_core::ContextSource;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// Delays that double from 0.1 s to 10 s, with jitter, until something succeeds.
#[derive(Debug)]
pub struct Backoff {
    source: ContextSource,
    failures: u32,
}

impl Backoff {
    /// Nothing has failed yet.
    pub fn new(source: ContextSource) -> Self {
        Self { source, failures: 0 }
    }

    /// Forgets earlier failures; returns whether there were any.
    pub fn reset(&mut self) -> bool {
        std::mem::take(&mut self.failures) > 0
    }

    /// How long to wait after one more failure.
    pub fn next_delay(&mut self) -> Duration {
        let factor = 2u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.source.jitter(FIRST.saturating_mul(factor).min(LONGEST))
    }

    /// Whether the failure that comes next is the first of its row, hence worth a log line.
    pub fn is_fresh(&self) -> bool {
        self.failures == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit_and_start_over() {
        let mut backoff = Backoff::new(ContextSource::seeded(assent_core::Clock::System, 1));
        let delays: Vec<_> = std::iter::repeat_with(|| backoff.next_delay()).take(100).collect();
        assert!(delays[0] <= FIRST && delays[9] > FIRST * 16);
        assert!(delays.iter().all(|delay| *delay <= LONGEST && *delay >= FIRST / 2));
        assert!(backoff.reset() && backoff.is_fresh() && !backoff.reset());
    }
}
