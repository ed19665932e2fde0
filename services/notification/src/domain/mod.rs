//! What is told, to whom over which channel and when, and when it is tried again. Pure.

pub(crate) mod attention;
pub(crate) mod breaker;
pub(crate) mod channel;
pub(crate) mod delivery;
pub(crate) mod details;
pub(crate) mod digest;
pub(crate) mod kind;
pub(crate) mod mention;
pub(crate) mod preferences;
pub(crate) mod quiet;

pub(crate) use attention::{Hold, Policy, Recent, Route, Told};
pub(crate) use breaker::Breaker;
pub(crate) use channel::{Channel, Priority};
pub(crate) use delivery::{Attempt, Blame, Delivery, DeliveryStatus, Next, Retry};
pub(crate) use details::{Details, Entry, quote};
pub(crate) use kind::Kind;
pub(crate) use preferences::Preferences;
pub(crate) use quiet::QuietHours;
