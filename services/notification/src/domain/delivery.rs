//! One notification on its way to one person over one channel.

use std::time::Duration;

use assent_core::id::{DeliveryKind, EventId, SessionId};
use assent_core::{Id, Timestamp};

use super::{Channel, Details, Hold, Priority};

/// Longest time between two attempts, before jitter; also the longest that a channel may ask for.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The recipient of what goes to an address that everybody shares, such as a room.
pub(crate) const EVERYBODY: &str = "*";

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryStatus {
    Pending,
    Delivered,
    Failed,
    Held,
    Merged,
    Dropped,
}

impl DeliveryStatus {
    const ALL: [Self; 6] =
        [Self::Pending, Self::Delivered, Self::Failed, Self::Held, Self::Merged, Self::Dropped];

    /// As in tables and metadata.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Merged => "merged",
            Self::Dropped => "dropped",
        }
    }

    /// As its name says; none for another text.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// One notification on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) id: Id<DeliveryKind>,
    pub(crate) event: EventId,
    pub(crate) session: Option<SessionId>,
    pub(crate) user: String,
    pub(crate) channel: Channel,
    pub(crate) status: DeliveryStatus,
    pub(crate) priority: Priority,
    /// How often it was tried since it was made, or since somebody asked for another round.
    pub(crate) attempts: u32,
    /// How often before.
    pub(crate) earlier_attempts: u32,
    pub(crate) error: Option<String>,
    /// Why it is held.
    pub(crate) hold: Option<Hold>,
    /// The delivery that carries it.
    pub(crate) merged_into: Option<Id<DeliveryKind>>,
    /// Name of a kind; of one that this program may no longer know.
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) details: Details,
    pub(crate) created_at: Timestamp,
    pub(crate) delivered_at: Option<Timestamp>,
    pub(crate) read_at: Option<Timestamp>,
    /// When it is tried, or released.
    pub(crate) next_attempt_at: Option<Timestamp>,
}

/// Whose fault a failed attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The channel's: others will fail, too.
    Channel,
    /// This message's or this address's.
    Message,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The channel took it.
    Accepted,
    /// It did not; another attempt may succeed, not before `wait` where the channel asked for that.
    Refused { error: String, blame: Blame, wait: Option<Duration> },
    /// Another attempt would fail, too.
    Gone(String),
}

impl Attempt {
    /// A refusal without a wish.
    pub(crate) fn refused(blame: Blame, error: impl Into<String>) -> Self {
        Self::Refused { error: error.into(), blame, wait: None }
    }
}

/// What follows an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: it arrived.
    Delivered,
    /// Another attempt after `after`, still without jitter, and never before `least`.
    Again { after: Duration, least: Duration, error: String },
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
            Attempt::Refused { error, wait, .. } if attempts < self.max_attempts => {
                let doubled = 2u32.checked_pow(attempts.saturating_sub(1));
                let after = doubled.and_then(|factor| self.first_delay.checked_mul(factor));
                let least = wait.unwrap_or_default().min(LONGEST);
                Next::Again { after: after.unwrap_or(LONGEST).min(LONGEST), least, error }
            }
            Attempt::Refused { error, .. } | Attempt::Gone(error) => Next::GivenUp { error },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused() -> Attempt {
        Attempt::refused(Blame::Channel, "503")
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

    #[test]
    fn what_the_channel_asks_for_is_kept_within_an_hour() {
        let retry = Retry { max_attempts: 9, first_delay: Duration::from_secs(5) };
        for (asked, kept) in [(7, 7), (86_400, 3600)] {
            let wait = Some(Duration::from_secs(asked));
            let attempt = Attempt::Refused { error: String::new(), blame: Blame::Message, wait };
            let Next::Again { least, .. } = retry.next(1, attempt) else { panic!("given up") };
            assert_eq!(least.as_secs(), kept);
        }
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
