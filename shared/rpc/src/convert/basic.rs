//! Ids, digests, times, money and actors.

use std::time::Duration;

use assent_core::{Actor, Digest, Id, Kind, Timestamp};
use assent_plan::{ItemId, Money, Span};
use assent_proto::types::v1 as types;

use super::{Field, Refused, Wire, WireEnum};

impl<K: Kind> Wire for Id<K> {
    type Pb = String;

    fn to_pb(&self) -> String {
        self.to_string()
    }

    fn read(pb: String, at: &Field<'_>) -> Result<Self, Refused> {
        pb.parse().map_err(|e: assent_core::id::ParseIdError| at.refuse("MALFORMED_ID", e.to_string()))
    }
}

impl Wire for ItemId {
    type Pb = String;

    fn to_pb(&self) -> String {
        self.to_string()
    }

    fn read(pb: String, at: &Field<'_>) -> Result<Self, Refused> {
        pb.parse().map_err(|e: assent_plan::item::ParseItemIdError| at.refuse("MALFORMED_ID", e.to_string()))
    }
}

impl Wire for Digest {
    type Pb = String;

    fn to_pb(&self) -> String {
        self.to_string()
    }

    fn read(pb: String, at: &Field<'_>) -> Result<Self, Refused> {
        pb.parse()
            .map_err(|e: assent_core::digest::ParseDigestError| at.refuse("MALFORMED_DIGEST", e.to_string()))
    }
}

const MICROS: i64 = 1_000_000;

/// First and last second of the years 1 to 9999, all that the contract's timestamps may name.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Nothing finer than microseconds is kept. A time after the year 9999, which only a sum that saturated
/// can be, is written as the last moment of that year.
impl Wire for Timestamp {
    type Pb = prost_types::Timestamp;

    fn to_pb(&self) -> Self::Pb {
        let last = SECONDS.end() * MICROS + (MICROS - 1);
        let micros = self.micros().clamp(SECONDS.start() * MICROS, last);
        // Below 10^9, so it fits.
        let nanos = i32::try_from(micros.rem_euclid(MICROS) * 1_000).unwrap_or_default();
        Self::Pb { seconds: micros.div_euclid(MICROS), nanos }
    }

    fn read(pb: Self::Pb, at: &Field<'_>) -> Result<Self, Refused> {
        Some(&pb)
            .filter(|pb| SECONDS.contains(&pb.seconds) && (0..1_000_000_000).contains(&pb.nanos))
            .and_then(|pb| Self::from_micros(pb.seconds * MICROS + i64::from(pb.nanos) / 1_000))
            .ok_or_else(|| at.refuse("OUT_OF_RANGE", "must be a time of the years 1 to 9999"))
    }
}

/// The longest duration of the contract, about 10,000 years.
const MAX_SECONDS: u64 = 315_576_000_000;

/// A longer duration than the contract's longest is written as it is, so that its reader refuses it: cut short
/// without a word, it would be another limit than the one that somebody set.
impl Wire for Duration {
    type Pb = prost_types::Duration;

    fn to_pb(&self) -> Self::Pb {
        Self::Pb {
            seconds: i64::try_from(self.as_secs()).unwrap_or(i64::MAX),
            // Below 10^9, so it fits.
            nanos: i32::try_from(self.subsec_nanos()).unwrap_or_default(),
        }
    }

    fn read(pb: Self::Pb, at: &Field<'_>) -> Result<Self, Refused> {
        u64::try_from(pb.seconds)
            .ok()
            .zip(u32::try_from(pb.nanos).ok().filter(|nanos| *nanos < 1_000_000_000))
            .map(|(seconds, nanos)| Self::new(seconds, nanos))
            .filter(|duration| *duration <= Self::from_secs(MAX_SECONDS))
            .ok_or_else(|| at.refuse("OUT_OF_RANGE", "must not be negative, nor longer than 10,000 years"))
    }
}

/// As a [`Duration`]; read down to whole milliseconds.
impl Wire for Span {
    type Pb = prost_types::Duration;

    fn to_pb(&self) -> Self::Pb {
        self.duration().to_pb()
    }

    fn read(pb: Self::Pb, at: &Field<'_>) -> Result<Self, Refused> {
        Duration::read(pb, at).map(Self::from)
    }
}

impl Wire for Money {
    type Pb = types::Money;

    fn to_pb(&self) -> types::Money {
        // No amount is larger than `Money::MAX`, which is `i64::MAX`.
        let micros = i64::try_from(self.micros()).unwrap_or(i64::MAX);
        types::Money { currency: Self::CURRENCY.to_owned(), micros }
    }

    fn read(pb: types::Money, at: &Field<'_>) -> Result<Self, Refused> {
        let currency = match pb.currency.as_str() {
            "" | Self::CURRENCY => Ok(()),
            _ => Err(at.field("currency").refuse("UNSUPPORTED_CURRENCY", "must be USD or empty")),
        };
        let micros = at.field("micros").unsigned(pb.micros);
        currency.and(micros.map(Self::from_micros))
    }
}

/// The way in which the identity was proved stays behind: an actor read from a message is a record of who
/// did something, never a caller.
impl Wire for Actor {
    type Pb = types::Actor;

    fn to_pb(&self) -> types::Actor {
        types::Actor {
            id: self.id.clone(),
            kind: self.kind.number(),
            name: self.name.clone(),
            roles: self.roles.clone(),
            groups: self.groups.clone(),
        }
    }

    fn read(pb: types::Actor, at: &Field<'_>) -> Result<Self, Refused> {
        let kind = at.field("kind").choice(pb.kind);
        let id =
            if pb.id.is_empty() { Err(at.field("id").refuse("REQUIRED", "must be set")) } else { Ok(pb.id) };
        Ok(Self {
            id: id?,
            kind: kind?,
            name: pb.name,
            roles: pb.roles,
            groups: pb.groups,
            credential: String::new(),
            on_behalf_of: String::new(),
        })
    }
}
