//! The ways out. Each is a courier that tries once; when it is tried again is decided elsewhere.

mod actions;
mod card;
mod email;
mod http;
mod slack;
mod slack_message;
mod teams;
mod webhook;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use assent_core::Timestamp;

use crate::contacts::Contact;
use crate::domain::{Attempt, Channel, Delivery};

pub(crate) use actions::{Click, Signing, read_click};
pub(crate) use http::{Guard, endpoint};
pub(crate) use slack_message::Vote;

pub(crate) use email::Email;
pub(crate) use slack::Slack;
pub(crate) use teams::Teams;
pub(crate) use webhook::Webhook;

/// An attempt that is being made.
pub(crate) type Attempting<'a> = Pin<Box<dyn Future<Output = Attempt> + Send + 'a>>;

/// Carries messages over one channel.
pub(crate) trait Courier: Send + Sync {
    /// Which.
    fn channel(&self) -> Channel;

    /// Whether it reaches each person by an address of theirs; else there is one that all share.
    fn reach(&self, contact: &Contact) -> Reach;

    /// Tries once. Holds nobody up for longer than the configured time.
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Attempting<'a>;
}

/// How a channel gets to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// By an address of the person, or by one endpoint that takes a message for each.
    Personal,
    /// By an address that everybody shares: one message is enough for all.
    Shared,
    /// Not at all.
    Nowhere,
}

/// What is carried, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) delivery: Delivery,
    pub(crate) contact: Contact,
    pub(crate) now: Timestamp,
}

/// The couriers that are configured.
#[derive(Clone, Default)]
pub(crate) struct Couriers(Vec<Arc<dyn Courier>>);

impl Couriers {
    pub(crate) fn new(couriers: Vec<Arc<dyn Courier>>) -> Self {
        Self(couriers)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<dyn Courier>> {
        self.0.iter()
    }

    pub(crate) fn of(&self, channel: Channel) -> Option<&Arc<dyn Courier>> {
        self.0.iter().find(|courier| courier.channel() == channel)
    }
}
