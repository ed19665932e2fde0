//! What is told, and when a post is tried again. Pure.

pub(crate) mod delivery;
pub(crate) mod notice;

pub(crate) use delivery::{Attempt, Channel, Delivery, DeliveryStatus, Next, Retry};
pub(crate) use notice::Notice;
