//! How times, amounts, levels and states are said.

use std::time::Duration;

use assent_core::Timestamp;
use assent_plan::Money;
use assent_proto::plan::v1::RiskLevel;
use assent_proto::types::v1 as types;

use super::style::Tone;

/// Our time for the wire's; none when absent or out of range.
pub(crate) fn decode(time: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    let time = time?;
    let micros = time.seconds.checked_mul(1_000_000)?.checked_add(i64::from(time.nanos) / 1000)?;
    Timestamp::from_micros(micros)
}

/// Date and time of day in UTC.
pub(crate) fn moment(time: Option<&prost_types::Timestamp>) -> String {
    decode(time).map_or_else(|| "-".to_owned(), |t| t.utc().format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// Time of day in UTC, for lines that follow each other.
pub(crate) fn short_time(time: Option<&prost_types::Timestamp>) -> String {
    decode(time).map_or_else(|| "-".to_owned(), |t| t.utc().format("%H:%M:%S").to_string())
}

/// A point in time and how far away it is.
pub(crate) fn deadline(time: Option<&prost_types::Timestamp>, now: Timestamp) -> String {
    let Some(end) = decode(time) else { return "none".to_owned() };
    let left = if end > now { format!("in {}", span(end.since(now))) } else { "over".to_owned() };
    format!("{} ({left})", moment(time))
}

/// Time from one point to another; none when either is missing.
pub(crate) fn elapsed(
    from: Option<&prost_types::Timestamp>,
    to: Option<&prost_types::Timestamp>,
) -> Option<Duration> {
    Some(decode(to)?.since(decode(from)?))
}

/// A short duration, e.g. `12ms` or `0.8s`.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration < Duration::from_millis(100) {
        format!("{}ms", duration.as_millis())
    } else if duration < Duration::from_secs(60) {
        format!("{:.1}s", duration.as_secs_f64())
    } else {
        span(duration)
    }
}

fn span(duration: Duration) -> String {
    let whole = duration.as_secs();
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{whole}s"),
        (0, 0, _) => format!("{minutes}m {:02}s", whole % 60),
        (0, _, _) => format!("{hours}h {minutes:02}m"),
        _ => format!("{days}d {hours:02}h"),
    }
}

/// An amount with cents at least, e.g. `$0.05`.
pub(crate) fn amount(money: Option<&types::Money>) -> String {
    let micros = money.map_or(0, |m| m.micros);
    let text = Money::from_micros(u64::try_from(micros).unwrap_or_default()).to_string();
    match text.split_once('.') {
        None => format!("${text}.00"),
        Some((whole, cents)) => format!("${whole}.{cents:0<2}"),
    }
}

/// A number of bytes.
pub(crate) fn size(bytes: i64) -> String {
    if bytes < 1000 { format!("{bytes} B") } else { format!("{:.1} kB", bytes as f64 / 1000.0) }
}

/// A risk level and its tone. One that is not known counts as the worst.
pub(crate) fn level(number: i32) -> (&'static str, Tone) {
    match RiskLevel::try_from(number) {
        Ok(RiskLevel::Low) => ("LOW", Tone::Good),
        Ok(RiskLevel::Medium) => ("MEDIUM", Tone::Warn),
        Ok(RiskLevel::High) => ("HIGH", Tone::Bad),
        Ok(RiskLevel::Critical) => ("CRITICAL", Tone::Bad),
        Ok(RiskLevel::Unspecified) | Err(_) => ("UNKNOWN", Tone::Bad),
    }
}

/// The short form of an enum value's name, e.g. `IN_REVIEW` of `PLAN_REVIEW_STATE_IN_REVIEW`.
pub(crate) fn state<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_times_and_durations() {
        let money = |micros| amount(Some(&types::Money { currency: "USD".to_owned(), micros }));
        assert_eq!(
            [money(50_000), money(12_000_000), money(1_500_000), money(1)],
            ["$0.05", "$12.00", "$1.50", "$0.000001"]
        );
        assert_eq!(amount(None), "$0.00");
        assert_eq!(seconds(Duration::from_millis(12)), "12ms");
        assert_eq!(seconds(Duration::from_millis(840)), "0.8s");
        assert_eq!(seconds(Duration::from_secs(125)), "2m 05s");
        let at = |seconds| prost_types::Timestamp { seconds, nanos: 0 };
        let now = Timestamp::from_micros(0).unwrap();
        assert_eq!(deadline(Some(&at(7 * 3600)), now), "1970-01-01 07:00:00 UTC (in 7h 00m)");
        assert_eq!(deadline(Some(&at(0)), now), "1970-01-01 00:00:00 UTC (over)");
        assert_eq!(deadline(None, now), "none");
        assert_eq!(moment(Some(&at(i64::MAX))), "-");
    }
}
