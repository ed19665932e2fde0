//! Rows as deliveries.

use assent_core::id::{DeliveryKind, EventId, SessionId};
use assent_core::{Id, Timestamp};
use assent_store::{Json, StoreError};
use serde::Serialize;
use sqlx::FromRow;

use crate::domain::{Channel, Delivery, DeliveryStatus, Details, Hold, Priority};

#[derive(FromRow)]
pub(super) struct DeliveryRow {
    id: Id<DeliveryKind>,
    event_id: EventId,
    session_id: Option<SessionId>,
    user_id: String,
    channel: String,
    status: String,
    priority: String,
    sent_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    error_message: Option<String>,
    retry_count: i32,
    earlier_attempts: i32,
    created_at: Timestamp,
    kind: String,
    title: String,
    body: String,
    details: Json<Details>,
    hold: Option<String>,
    merged_into: Option<Id<DeliveryKind>>,
    read_at: Option<Timestamp>,
    next_attempt_at: Option<Timestamp>,
}

/// A delivery that is to be kept, with ids that both databases read.
#[derive(Serialize)]
pub(super) struct NewRow<'d> {
    id: String,
    event_id: String,
    session_id: Option<String>,
    user_id: &'d str,
    channel: &'static str,
    status: &'static str,
    priority: &'static str,
    delivered_at: Option<String>,
    created_at: String,
    kind: &'d str,
    title: &'d str,
    body: &'d str,
    details: &'d Details,
    hold: Option<&'static str>,
    next_attempt_at: Option<String>,
}

impl<'d> From<&'d Delivery> for NewRow<'d> {
    fn from(delivery: &'d Delivery) -> Self {
        let time = |time: Timestamp| time.to_string();
        Self {
            id: delivery.id.hex(),
            event_id: delivery.event.hex(),
            session_id: delivery.session.map(|session| session.hex()),
            user_id: &delivery.user,
            channel: delivery.channel.name(),
            status: delivery.status.name(),
            priority: delivery.priority.name(),
            delivered_at: delivery.delivered_at.map(time),
            created_at: time(delivery.created_at),
            kind: &delivery.kind,
            title: &delivery.title,
            body: &delivery.body,
            details: &delivery.details,
            hold: delivery.hold.map(|hold| hold.name()),
            next_attempt_at: delivery.next_attempt_at.map(time),
        }
    }
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let corrupt =
            |column| StoreError::Corrupt { table: "approval_notifications", column, id: row.id.to_string() };
        let retries = u32::try_from(row.retry_count).map_err(|_| corrupt("retry_count"))?;
        let hold = row.hold.as_deref().map(|name| Hold::from_name(name).ok_or_else(|| corrupt("hold")));
        Ok(Self {
            id: row.id,
            event: row.event_id,
            session: row.session_id,
            channel: Channel::from_name(&row.channel).ok_or_else(|| corrupt("channel"))?,
            status: DeliveryStatus::from_name(&row.status).ok_or_else(|| corrupt("status"))?,
            priority: Priority::from_name(&row.priority).ok_or_else(|| corrupt("priority"))?,
            attempts: if row.sent_at.is_some() { retries + 1 } else { 0 },
            earlier_attempts: u32::try_from(row.earlier_attempts).map_err(|_| corrupt("earlier_attempts"))?,
            hold: hold.transpose()?,
            user: row.user_id,
            error: row.error_message,
            merged_into: row.merged_into,
            kind: row.kind,
            title: row.title,
            body: row.body,
            details: row.details.0,
            created_at: row.created_at,
            delivered_at: row.delivered_at,
            read_at: row.read_at,
            next_attempt_at: row.next_attempt_at,
        })
    }
}

pub(super) fn read(rows: Vec<DeliveryRow>) -> Result<Vec<Delivery>, StoreError> {
    rows.into_iter().map(Delivery::try_from).collect()
}
