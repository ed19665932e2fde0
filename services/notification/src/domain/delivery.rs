//! One notification on its way to one person over one channel.

use std::time::Duration;

use assent_core::id::{DeliveryKind, SessionId};
use assent_core::{Id, Timestamp};

/// Longest time between two attempts, before jitter.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Where people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// The inbox: delivered when it is written.
    InApp,
    /// An HTTP endpoint.
    Webhook,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryStatus {
    Pending,
    Delivered,
    Failed,
}

/// One notification on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) id: Id<DeliveryKind>,
    pub(crate) session: SessionId,
    pub(crate) user: String,
    pub(crate) channel: Channel,
    pub(crate) status: DeliveryStatus,
    /// How often it was tried.
    pub(crate) attempts: u32,
    pub(crate) error: Option<String>,
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) created_at: Timestamp,
    pub(crate) delivered_at: Option<Timestamp>,
    pub(crate) read_at: Option<Timestamp>,
    pub(crate) next_attempt_at: Option<Timestamp>,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The channel took it.
    Accepted,
    /// It did not; another attempt may succeed.
    Refused(String),
    /// The channel wants no more of it.
    Gone(String),
}

/// What follows an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: it arrived.
    Delivered,
    /// Another attempt after this time, still without jitter.
    Again { after: Duration, error: String },
    /// Nothing: it is given up.
    GivenUp { error: String },
}

/// How often and how soon it is tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    pub(crate) max_attempts: u32,
    pub(crate) first_delay: Duration,
}

impl Retry {
    /// What follows attempt number `attempts`, counted from 1.
    pub(crate) fn next(&self, attempts: u32, attempt: Attempt) -> Next {
        match attempt {
            Attempt::Accepted => Next::Delivered,
            Attempt::Refused(error) if attempts < self.max_attempts => {
                let doubled = 2u32.checked_pow(attempts.saturating_sub(1));
                let after = doubled.and_then(|factor| self.first_delay.checked_mul(factor));
                Next::Again { after: after.unwrap_or(LONGEST).min(LONGEST), error }
            }
            Attempt::Refused(error) | Attempt::Gone(error) => Next::GivenUp { error },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused() -> Attempt {
        Attempt::Refused("503".to_owned())
    }

    #[test]
    fn delays_double_up_to_an_hour() {
        let retry = Retry { max_attempts: 100, first_delay: Duration::from_secs(5) };
        let delays: Vec<_> = [1, 2, 3, 11, 99]
            .map(|attempts| match retry.next(attempts, refused()) {
                Next::Again { after, .. } => after.as_secs(),
                other => panic!("unexpected {other:?}"),
            })
            .into();
        assert_eq!(delays, [5, 10, 20, 3600, 3600]);
        assert!(matches!(retry.next(1, Attempt::Gone("410".to_owned())), Next::GivenUp { .. }));
    }

    proptest! {
        #[test]
        fn a_channel_that_always_refuses_is_asked_exactly_max_attempts_times(max in 1..50u32, first in 0..10_000u64) {
            let retry = Retry { max_attempts: max, first_delay: Duration::from_secs(first) };
            let mut attempts = 1;
            let mut longest = Duration::ZERO;
            while let Next::Again { after, .. } = retry.next(attempts, refused()) {
                prop_assert!(after >= longest && after <= LONGEST);
                (attempts, longest) = (attempts + 1, after);
            }
            prop_assert_eq!(attempts, max);
        }
    }
}
