//! Whether a message goes out now: people who are told too much stop reading.

use std::time::Duration;

use assent_core::Timestamp;

use super::{Channel, Kind, Preferences, Priority};

/// What holds for everybody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Between two messages to a person about the same session, unless they hurry; zero for none.
    pub(crate) window: Duration,
    /// How often digests go out; zero for no digests.
    pub(crate) digest_every: Duration,
    /// Most messages to a person over one channel within an hour; urgent ones come on top.
    pub(crate) hourly_cap: u32,
}

/// Why a message waits to be sent with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Hold {
    Digest,
    QuietHours,
    Cap,
    Window,
}

impl Hold {
    const ALL: [Self; 4] = [Self::Digest, Self::QuietHours, Self::Cap, Self::Window];

    /// As in tables and templates.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::QuietHours => "quiet_hours",
            Self::Cap => "cap",
            Self::Window => "window",
        }
    }

    /// As its name says; none for another text.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hold| hold.name() == name)
    }

    /// For people: what it waits for.
    pub(crate) const fn explain(self) -> &'static str {
        match self {
            Self::Digest => "waits for the next digest",
            Self::QuietHours => "waits for the end of quiet hours",
            Self::Cap => "waits because too much was sent within the hour",
            Self::Window => "waits because something was just sent about the same session",
        }
    }
}

/// What a person was sent over a channel within the last hour.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Recent {
    pub(crate) count: u32,
    /// When the first of them was made.
    pub(crate) first: Option<Timestamp>,
    /// When the last of them about the same session was made.
    pub(crate) last_of_session: Option<Timestamp>,
}

/// What is to be told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) kind: Kind,
    pub(crate) priority: Priority,
    pub(crate) channel: Channel,
    /// Whether the requester named the channel.
    pub(crate) named: bool,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Now,
    Hold {
        until: Timestamp,
        hold: Hold,
    },
    /// It stays in the inbox.
    Never,
}

const HOUR: Duration = Duration::from_secs(60 * 60);

impl Policy {
    /// What becomes of a message to somebody who wants `preferences` and got `recent`.
    pub(crate) fn route(
        &self,
        told: Told,
        preferences: &Preferences,
        recent: Recent,
        now: Timestamp,
    ) -> Route {
        let Told { kind, priority, channel, named } = told;
        // Programs want everything and at once.
        if matches!(channel, Channel::InApp | Channel::Webhook) {
            return Route::Now;
        }
        if !preferences.wants(channel, kind, priority, named) {
            return Route::Never;
        }
        let quiet = |at| {
            let hours = preferences.quiet_hours.as_ref().filter(|hours| priority < hours.break_through);
            hours.and_then(|hours| hours.release(at))
        };
        if let Some(until) = quiet(now) {
            return Route::Hold { until, hold: Hold::QuietHours };
        }
        if preferences.digest && !priority.is_immediate() && !self.digest_every.is_zero() {
            let until = next_tick(now, self.digest_every);
            return Route::Hold { until: quiet(until).unwrap_or(until), hold: Hold::Digest };
        }
        if priority < Priority::Urgent && recent.count >= self.hourly_cap {
            let until = recent.first.unwrap_or(now).after(HOUR).max(now);
            return Route::Hold { until: quiet(until).unwrap_or(until), hold: Hold::Cap };
        }
        let crowded = recent.last_of_session.filter(|last| now.since(*last) < self.window);
        match crowded {
            Some(last) if !priority.is_immediate() => {
                Route::Hold { until: last.after(self.window), hold: Hold::Window }
            }
            _ => Route::Now,
        }
    }
}

/// The next of the times that are whole multiples of `every` from the epoch, so that all replicas agree.
fn next_tick(now: Timestamp, every: Duration) -> Timestamp {
    let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1);
    let tick = now.micros().div_euclid(every).saturating_add(1).saturating_mul(every);
    Timestamp::from_micros(tick).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::QuietHours;

    const POLICY: Policy =
        Policy { window: Duration::from_secs(60), digest_every: Duration::from_secs(900), hourly_cap: 3 };

    /// 2026-01-05T09:00:01Z
    fn now() -> Timestamp {
        Timestamp::from_micros(1_767_603_601_000_000).unwrap()
    }

    fn told(priority: Priority) -> Told {
        Told { kind: Kind::ApprovalRequested, priority, channel: Channel::Email, named: false }
    }

    fn route(priority: Priority, preferences: &Preferences, recent: Recent) -> Route {
        POLICY.route(told(priority), preferences, recent, now())
    }

    #[test]
    fn what_hurries_goes_at_once_and_the_rest_with_the_next_digest() {
        let (preferences, recent) = (Preferences::default(), Recent::default());
        assert_eq!(route(Priority::High, &preferences, recent), Route::Now);
        let until = now().after(Duration::from_secs(899));
        for priority in [Priority::Low, Priority::Normal] {
            assert_eq!(route(priority, &preferences, recent), Route::Hold { until, hold: Hold::Digest });
        }
        let webhook = Told { channel: Channel::Webhook, ..told(Priority::Low) };
        assert_eq!(POLICY.route(webhook, &preferences, recent, now()), Route::Now);
    }

    #[test]
    fn without_digests_messages_about_one_session_keep_their_distance() {
        let preferences = Preferences { digest: false, ..Preferences::default() };
        let last = now().before(Duration::from_secs(20));
        let recent = Recent { count: 1, first: Some(last), last_of_session: Some(last) };
        let until = last.after(Duration::from_secs(60));
        assert_eq!(route(Priority::Normal, &preferences, recent), Route::Hold { until, hold: Hold::Window });
        assert_eq!(route(Priority::High, &preferences, recent), Route::Now);
        let other = Recent { last_of_session: None, ..recent };
        assert_eq!(route(Priority::Normal, &preferences, other), Route::Now);
    }

    #[test]
    fn a_crowded_hour_is_summed_up_at_its_end() {
        let first = now().before(Duration::from_secs(600));
        let recent = Recent { count: 3, first: Some(first), last_of_session: None };
        let until = first.after(HOUR);
        let preferences = Preferences::default();
        assert_eq!(route(Priority::High, &preferences, recent), Route::Hold { until, hold: Hold::Cap });
        assert_eq!(route(Priority::Urgent, &preferences, recent), Route::Now);
    }

    #[test]
    fn quiet_hours_hold_what_does_not_break_through() {
        let quiet = QuietHours {
            start: "08:00:00".parse().unwrap(),
            end: "10:00:00".parse().unwrap(),
            time_zone: chrono_tz::UTC,
            break_through: Priority::Urgent,
        };
        let preferences = Preferences { quiet_hours: Some(quiet), ..Preferences::default() };
        let until = now().after(Duration::from_secs(3599));
        assert_eq!(
            route(Priority::High, &preferences, Recent::default()),
            Route::Hold { until, hold: Hold::QuietHours }
        );
        assert_eq!(route(Priority::Urgent, &preferences, Recent::default()), Route::Now);
    }

    #[test]
    fn what_is_muted_stays_in_the_inbox_unless_the_requester_names_the_channel() {
        let preferences = Preferences { muted_channels: [Channel::Email].into(), ..Preferences::default() };
        assert_eq!(route(Priority::Urgent, &preferences, Recent::default()), Route::Never);
        let named = Told { named: true, ..told(Priority::Urgent) };
        assert_eq!(POLICY.route(named, &preferences, Recent::default(), now()), Route::Now);
        let preferences =
            Preferences { muted_kinds: ["approval_requested".to_owned()].into(), ..Preferences::default() };
        assert_eq!(POLICY.route(named, &preferences, Recent::default(), now()), Route::Never);
        let preferences = Preferences { min_priority: Priority::High, ..Preferences::default() };
        assert_eq!(route(Priority::Normal, &preferences, Recent::default()), Route::Never);
    }

    proptest! {
        #[test]
        fn nothing_is_held_for_ever(priority in 0..4_usize, count in 0..10_u32, age in 0..3600_u64, digest: bool) {
            let priority = [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent][priority];
            let first = Some(now().before(Duration::from_secs(age)));
            let recent = Recent { count, first, last_of_session: first };
            let preferences = Preferences { digest, ..Preferences::default() };
            if let Route::Hold { until, .. } = route(priority, &preferences, recent) {
                prop_assert!(priority < Priority::Urgent && until >= now());
                prop_assert!(until.since(now()) <= HOUR);
            }
        }
    }
}
