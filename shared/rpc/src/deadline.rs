//! Until when a caller waits: told by `grpc-timeout`, kept here, and passed on to whoever is called for it.

use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderValue;
use tokio::time::Instant;

pub(crate) const TIMEOUT: &str = "grpc-timeout";

tokio::task_local! {
    /// When the caller whom this task serves stops waiting; set by the door.
    pub(crate) static DEADLINE: Option<Instant>;
}

/// What is left for whoever is called by this task; none when nobody set a limit.
pub(crate) fn left() -> Option<Duration> {
    let deadline = DEADLINE.try_with(|deadline| *deadline).ok().flatten()?;
    Some(deadline.saturating_duration_since(Instant::now()))
}

/// The limit in the head of a call: up to eight digits and a unit
/// (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>). One that cannot be read is none.
pub(crate) fn read(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 60 * 60),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// The other way round, in milliseconds.
pub(crate) fn write(headers: &mut HeaderMap, left: Duration) {
    let millis = left.as_millis().clamp(1, 99_999_999);
    if let Ok(value) = HeaderValue::from_str(&format!("{millis}m")) {
        headers.insert(TIMEOUT, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &'static str) -> Option<Duration> {
        read(&HeaderMap::from_iter([(TIMEOUT.parse().unwrap(), HeaderValue::from_static(text))]))
    }

    #[test]
    fn limits_are_read_and_written_as_grpc_has_them() {
        assert_eq!(of("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(of("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for bad in ["", "S", "1", "123456789S", "-1S", "1s", "+1S", "1 S"] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
        let mut headers = HeaderMap::new();
        write(&mut headers, Duration::from_millis(1500));
        assert_eq!(read(&headers), Some(Duration::from_millis(1500)));
        write(&mut headers, Duration::ZERO);
        assert_eq!(read(&headers), Some(Duration::from_millis(1)));
    }
}
