//! Hours in which somebody is not to be disturbed, in the time of where they are.

use assent_core::Timestamp;
use chrono::{Days, LocalResult, NaiveDateTime, NaiveTime, TimeZone as _};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::Priority;

/// From `start` to `end`, every day; over midnight where the end is not after the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QuietHours {
    pub(crate) start: NaiveTime,
    pub(crate) end: NaiveTime,
    /// Where they are.
    pub(crate) time_zone: Tz,
    /// What hurries as much is sent all the same.
    pub(crate) break_through: Priority,
}

impl QuietHours {
    /// When what would be sent at `now` may be sent; none when that is at once.
    pub(crate) fn release(&self, now: Timestamp) -> Option<Timestamp> {
        let local = now.utc().with_timezone(&self.time_zone).naive_local();
        let (time, over_midnight) = (local.time(), self.end <= self.start);
        let quiet = if over_midnight {
            time >= self.start || time < self.end
        } else {
            time >= self.start && time < self.end
        };
        if !quiet {
            return None;
        }
        let tomorrow = over_midnight && time >= self.start;
        let date = local.date().checked_add_days(Days::new(u64::from(tomorrow)))?;
        Some(self.at(date.and_time(self.end)).max(now))
    }

    /// A local time as a point in time. One that is skipped when clocks go forward is an hour later.
    fn at(&self, local: NaiveDateTime) -> Timestamp {
        let utc = match self.time_zone.from_local_datetime(&local) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.to_utc(),
            LocalResult::None => {
                let later = local + chrono::TimeDelta::hours(1);
                self.time_zone.from_local_datetime(&later).earliest().map_or(local.and_utc(), |t| t.to_utc())
            }
        };
        Timestamp::new(utc)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::new(text.parse().unwrap())
    }

    fn quiet(start: &str, end: &str, zone: &str) -> QuietHours {
        let read = |text| NaiveTime::parse_from_str(text, "%H:%M").unwrap();
        QuietHours {
            start: read(start),
            end: read(end),
            time_zone: zone.parse().unwrap(),
            break_through: Priority::Urgent,
        }
    }

    #[test]
    fn nights_end_in_the_morning_of_the_place() {
        let night = quiet("22:00", "07:00", "Europe/Berlin");
        assert_eq!(night.release(time("2026-01-05T20:59:59Z")), None);
        assert_eq!(night.release(time("2026-01-05T21:00:00Z")), Some(time("2026-01-06T06:00:00Z")));
        assert_eq!(night.release(time("2026-01-06T05:59:59Z")), Some(time("2026-01-06T06:00:00Z")));
        assert_eq!(night.release(time("2026-01-06T06:00:00Z")), None);
        // Clocks go forward at two.
        assert_eq!(night.release(time("2026-03-28T22:00:00Z")), Some(time("2026-03-29T05:00:00Z")));
        let skipped = quiet("23:00", "02:30", "Europe/Berlin");
        assert_eq!(skipped.release(time("2026-03-29T00:30:00Z")), Some(time("2026-03-29T01:30:00Z")));
    }

    #[test]
    fn days_end_on_the_same_day() {
        let noon = quiet("12:00", "13:00", "UTC");
        assert_eq!(noon.release(time("2026-01-05T12:30:00Z")), Some(time("2026-01-05T13:00:00Z")));
        assert_eq!(noon.release(time("2026-01-05T13:00:00Z")), None);
    }

    proptest! {
        #[test]
        fn what_is_held_is_released_within_a_day_and_a_bit(
            start in 0..1440_u32, end in 0..1440_u32, at in 0..100_000_000_i64, zone in 0..chrono_tz::TZ_VARIANTS.len()
        ) {
            let minute = |m: u32| NaiveTime::from_hms_opt(m / 60, m % 60, 0).unwrap();
            let hours = QuietHours {
                start: minute(start),
                end: minute(end),
                time_zone: chrono_tz::TZ_VARIANTS[zone],
                break_through: Priority::Urgent,
            };
            let now = Timestamp::from_micros((1_700_000_000 + at) * 1_000_000).unwrap();
            if let Some(release) = hours.release(now) {
                prop_assert!(release >= now && release.since(now).as_secs() <= 26 * 3600);
            }
        }
    }
}
