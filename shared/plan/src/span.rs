//! Lengths of time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A length of time in whole milliseconds. Its text form names its units, largest first: `30s`,
/// `1h30m`, `250ms`, `0s`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `millis` milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// `secs` seconds; saturates.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// The number of milliseconds.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// As the standard library sees it.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// The sum; saturates.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Rounds down to whole milliseconds; saturates.
impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, size) in UNITS {
            if rest >= size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

/// A text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a length of time such as 30s, 5m, 1h30m or 250ms")]
pub struct ParseSpanError;

impl FromStr for Span {
    type Err = ParseSpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut rest, mut total, mut last) = (text, 0_u64, u64::MAX);
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, tail) = tail.split_at(letters);
            let size = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
            // Largest first and each once, so that `5m30s` is not mistaken for `30s5m`.
            let size = size.filter(|size| *size < last).ok_or(ParseSpanError)?;
            let number: u64 = number.parse().map_err(|_| ParseSpanError)?;
            total = number.checked_mul(size).and_then(|n| total.checked_add(n)).ok_or(ParseSpanError)?;
            (rest, last) = (tail, size);
        }
        if text.is_empty() { Err(ParseSpanError) } else { Ok(Self(total)) }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_units_and_refuses_the_rest() {
        for (text, millis) in
            [("30s", 30_000), ("1h30m", 5_400_000), ("250ms", 250), ("0s", 0), ("2d", 172_800_000)]
        {
            assert_eq!(text.parse(), Ok(Span(millis)));
        }
        for bad in
            ["", "30", "s", "30 s", "-5s", "1.5h", "30s5m", "5m5m", "1w", "99999999999999999999s", "5é"]
        {
            assert_eq!(bad.parse::<Span>(), Err(ParseSpanError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_form_round_trips(millis: u64) {
            prop_assert_eq!(Span(millis).to_string().parse(), Ok(Span(millis)));
        }
    }
}
