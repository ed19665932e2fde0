//! Rows as deliveries.

use assent_core::id::{DeliveryKind, SessionId};
use assent_core::{Id, Timestamp};
use assent_store::StoreError;
use sqlx::FromRow;

use crate::domain::{Channel, Delivery, DeliveryStatus};

#[derive(FromRow)]
pub(super) struct DeliveryRow {
    id: Id<DeliveryKind>,
    session_id: SessionId,
    user_id: String,
    channel: String,
    status: String,
    sent_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    error_message: Option<String>,
    retry_count: i32,
    created_at: Timestamp,
    kind: String,
    title: String,
    body: String,
    read_at: Option<Timestamp>,
    next_attempt_at: Option<Timestamp>,
}

pub(super) const fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::InApp => "in_app",
        Channel::Webhook => "webhook",
    }
}

pub(super) const fn status_name(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Pending => "pending",
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Failed => "failed",
    }
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let corrupt =
            |column| StoreError::Corrupt { table: "approval_notifications", column, id: row.id.to_string() };
        let channel =
            [Channel::InApp, Channel::Webhook].into_iter().find(|c| channel_name(*c) == row.channel);
        let status = [DeliveryStatus::Pending, DeliveryStatus::Delivered, DeliveryStatus::Failed]
            .into_iter()
            .find(|s| status_name(*s) == row.status);
        let retries = u32::try_from(row.retry_count).map_err(|_| corrupt("retry_count"))?;
        Ok(Self {
            id: row.id,
            session: row.session_id,
            channel: channel.ok_or_else(|| corrupt("channel"))?,
            status: status.ok_or_else(|| corrupt("status"))?,
            attempts: if row.sent_at.is_some() { retries + 1 } else { 0 },
            user: row.user_id,
            error: row.error_message,
            kind: row.kind,
            title: row.title,
            body: row.body,
            created_at: row.created_at,
            delivered_at: row.delivered_at,
            read_at: row.read_at,
            next_attempt_at: row.next_attempt_at,
        })
    }
}
