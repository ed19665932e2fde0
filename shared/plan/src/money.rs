//! Amounts of money.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICROS: u64 = 1_000_000;

/// An exact amount in US dollars, never negative, in whole millionths. Its text form is the shortest
/// decimal number: `0.05`, `12`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

impl Money {
    /// ISO 4217 code of every amount.
    pub const CURRENCY: &'static str = "USD";
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount, so that it fits the signed 64-bit columns of both databases.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// An amount in millionths of a dollar; saturates at [`Money::MAX`].
    pub const fn from_micros(micros: u64) -> Self {
        if micros > Self::MAX.0 { Self::MAX } else { Self(micros) }
    }

    /// Millionths of a dollar.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The sum; saturates.
    pub const fn plus(self, other: Self) -> Self {
        Self::from_micros(self.0.saturating_add(other.0))
    }

    /// The difference; zero when `other` is more.
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This amount `numerator`/`denominator` times, rounded up to a whole millionth: an estimate must
    /// not hide a cost. A zero denominator yields zero.
    pub fn scaled(self, numerator: u64, denominator: u64) -> Self {
        if denominator == 0 {
            return Self::ZERO;
        }
        let micros = (u128::from(self.0) * u128::from(numerator)).div_ceil(u128::from(denominator));
        Self::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Dollars as a float: for display, metrics and CEL, not for sums.
    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / MICROS as f64
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / MICROS, self.0 % MICROS);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{rest:06}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// A text that is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an amount in US dollars such as 0.05, not negative, with at most six decimals")]
pub struct ParseMoneyError;

impl FromStr for Money {
    type Err = ParseMoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return Err(ParseMoneyError);
        }
        let micros = format!("{whole}{fraction:0<6}").parse().map_err(|_| ParseMoneyError)?;
        if micros > Self::MAX.0 { Err(ParseMoneyError) } else { Ok(Self(micros)) }
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;

        impl Visitor<'_> for Amount {
            type Value = Money;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount in US dollars such as 0.05")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Money, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, dollars: u64) -> Result<Money, E> {
                dollars.to_string().parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, dollars: i64) -> Result<Money, E> {
                dollars.to_string().parse().map_err(E::custom)
            }

            // People write `max_cost: 0.05` without quotes; the shortest decimal that reads back as
            // the same float is what they wrote.
            fn visit_f64<E: de::Error>(self, dollars: f64) -> Result<Money, E> {
                dollars.to_string().parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Amount)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (json, micros) in
            [("\"0.05\"", 50_000), ("0.05", 50_000), ("12", 12_000_000), ("\"0.000001\"", 1), ("0.0", 0)]
        {
            assert_eq!(serde_json::from_str::<Money>(json).unwrap(), Money(micros), "{json}");
        }
        for bad in
            ["\"\"", "\".5\"", "\"1.\"", "-1", "-0.5", "\"1e3\"", "0.0000001", "\"99999999999999\"", "1e40"]
        {
            assert!(serde_json::from_str::<Money>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn scaling_rounds_up_and_saturates() {
        assert_eq!(Money(10).scaled(1, 3), Money(4));
        assert_eq!(Money::MAX.scaled(2, 1), Money::MAX);
        assert_eq!(Money::MAX.plus(Money(1)), Money::MAX);
        assert_eq!(Money(1).minus(Money(2)), Money::ZERO);
    }

    proptest! {
        #[test]
        fn text_form_round_trips(micros in 0..=Money::MAX.0) {
            prop_assert_eq!(Money(micros).to_string().parse(), Ok(Money(micros)));
        }
    }
}
