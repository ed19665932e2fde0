//! How long to wait before asking again. Pure.

use std::time::Duration;

/// Longest wait; a server that wants more is not waited for.
const LONGEST: Duration = Duration::from_secs(30);

/// The wait after failed attempt `attempt` (from 0): what the server asked for, else twice as long each time. None
/// when it would be too long.
pub(super) fn delay(attempt: u32, retry_after: Option<Duration>, first: Duration) -> Option<Duration> {
    let own = first.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(LONGEST);
    match retry_after {
        Some(asked) if asked > LONGEST => None,
        Some(asked) => Some(asked.max(own.min(first))),
        None => Some(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_the_servers_word_counts() {
        let first = Duration::from_millis(500);
        let own: Vec<_> =
            (0..8).filter_map(|attempt| delay(attempt, None, first)).map(|d| d.as_millis()).collect();
        assert_eq!(own, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(delay(80, None, first), Some(LONGEST));
        assert_eq!(delay(0, Some(Duration::from_secs(7)), first), Some(Duration::from_secs(7)));
        // `Retry-After: 0` does not mean at once and for ever.
        assert_eq!(delay(5, Some(Duration::ZERO), first), Some(first));
        assert_eq!(delay(0, Some(Duration::from_secs(31)), first), None);
    }
}
