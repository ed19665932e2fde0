//! Typed ids. The text form is a prefix and 32 hexadecimal digits (`ses_0190…`), so that an id pasted
//! into a chat or a log says what it names and the wrong kind is refused before any lookup.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// What an [`Id`] names. Implemented only by the markers of this module.
pub trait Kind: Send + Sync + 'static {
    /// The text before the underscore.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $prefix:literal,)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        impl Kind for $name {
            const PREFIX: &'static str = $prefix;
        }
    )*};
}

// Alphabetical; a prefix, once released, is never reused for something else.
kinds! {
    /// A file or text that an execution produced.
    ArtifactKind => "art",
    /// One entry of the audit chain.
    AuditKind => "aud",
    /// One remark on a plan.
    CommentKind => "cmt",
    /// The outcome of a review.
    DecisionKind => "dec",
    /// One person's right to vote in another's place.
    DelegationKind => "dlg",
    /// One notification on its way to one person over one channel.
    DeliveryKind => "dlv",
    /// One fact that a service published.
    EventKind => "evt",
    /// One execution of an approved version.
    ExecutionKind => "exe",
    /// A signed permission to execute.
    GrantKind => "gra",
    /// A signing key.
    SigningKeyKind => "key",
    /// A plan through all its versions.
    PlanKind => "pln",
    /// One call of one RPC.
    RequestKind => "req",
    /// One run of one work item.
    RunKind => "run",
    /// A review session; also the id of the whole workflow.
    SessionKind => "ses",
    /// The seal that keeps a version from being superseded while a decision is made.
    SealKind => "sea",
    /// One immutable version of a plan.
    VersionKind => "ver",
    /// One person's approval or rejection of one version.
    VoteKind => "vot",
}

/// Id of a review session, and of the workflow that it belongs to.
pub type SessionId = Id<SessionKind>;
/// Id of an event.
pub type EventId = Id<EventKind>;
/// Id of an execution.
pub type ExecutionId = Id<ExecutionKind>;
/// Id of one call; callers see it in error details and logs.
pub type RequestId = Id<RequestKind>;

/// A UUIDv7 that knows what it names.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

impl<K: Kind> Id<K> {
    /// Wraps a UUID that is known to name a `K`.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The bare UUID.
    pub const fn uuid(&self) -> Uuid {
        self.0
    }

    /// Its 32 hexadecimal digits alone: the one form in which both databases read an id within JSON.
    pub fn hex(&self) -> String {
        self.0.simple().to_string()
    }
}

/// A text that is no id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id such as {prefix}_0190163d8694739aaea5966c26f8ad91")]
pub struct ParseIdError {
    /// The prefix that was wanted.
    pub prefix: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_'));
        // One spelling per id: 32 lowercase digits, nothing else that `Uuid` would also read.
        hex.filter(|hex| hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
            .and_then(|hex| Uuid::try_parse(hex).ok())
            .map(Self::from_uuid)
            .ok_or(ParseIdError { prefix: K::PREFIX })
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.0.simple())
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// Written by hand because derives would ask the same of `K`, which is never held.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_refuses_other_kinds_and_spellings() {
        let id = SessionId::from_uuid(Uuid::from_u128(0x0190_163d_8694_739a_aea5_966c_26f8_ad91));
        let text = id.to_string();
        assert_eq!(text, "ses_0190163d8694739aaea5966c26f8ad91");
        assert_eq!(text.parse(), Ok(id));
        for bad in [
            "",
            "ses_",
            "evt_0190163d8694739aaea5966c26f8ad91",
            "ses_0190163D8694739AAEA5966C26F8AD91",
            "ses_0190163d-8694-739a-aea5-966c26f8ad91",
            "0190163d8694739aaea5966c26f8ad91",
            "ses_0190163d8694739aaea5966c26f8ad9é",
        ] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad}");
        }
    }
}
