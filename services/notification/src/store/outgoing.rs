//! Deliveries on their way.

use assent_core::Timestamp;
use assent_core::id::EventId;
use assent_store::{Sql, StoreError, Tx};

use super::row::{DeliveryRow, channel_name, status_name};
use crate::domain::{Delivery, DeliveryStatus, Next};

pub(super) const STATEMENTS: &[Sql] = &[INSERT, CLAIM, RECORD];

const INSERT: Sql = Sql::new(
    "INSERT INTO approval_notifications (id, session_id, user_id, channel, status, sent_at, delivered_at, created_at,
         event_id, kind, title, body, next_attempt_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
     ON CONFLICT (event_id, user_id, channel) DO NOTHING",
);
const CLAIM: Sql = Sql::split(
    "UPDATE approval_notifications SET claimed_until = $2
     WHERE id IN (
         SELECT id FROM approval_notifications
         WHERE status = 'pending' AND next_attempt_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
         ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED
     )
     RETURNING id, session_id, user_id, channel, status, sent_at, delivered_at, error_message, retry_count, created_at,
         kind, title, body, read_at, next_attempt_at",
    "UPDATE approval_notifications SET claimed_until = $2
     WHERE id IN (
         SELECT id FROM approval_notifications
         WHERE status = 'pending' AND next_attempt_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
         ORDER BY next_attempt_at LIMIT $3
     )
     RETURNING id, session_id, user_id, channel, status, sent_at, delivered_at, error_message, retry_count, created_at,
         kind, title, body, read_at, next_attempt_at",
);
const RECORD: Sql = Sql::new(
    "UPDATE approval_notifications SET status = $3, sent_at = $4, delivered_at = $5, error_message = $6,
         retry_count = $7, next_attempt_at = $8, claimed_until = NULL
     WHERE id = $1 AND claimed_until = $2",
);

/// Keeps a delivery, unless the same fact was told to the same person over the same channel before.
pub(crate) async fn insert(tx: &mut Tx, event: EventId, delivery: &Delivery) -> Result<bool, StoreError> {
    let statement = tx.query(INSERT).bind(delivery.id).bind(delivery.session).bind(delivery.user.as_str());
    let statement = statement.bind(channel_name(delivery.channel)).bind(status_name(delivery.status));
    let statement =
        statement.bind(delivery.delivered_at).bind(delivery.delivered_at).bind(delivery.created_at);
    let statement = statement.bind(event).bind(delivery.kind.as_str()).bind(delivery.title.as_str());
    let statement = statement.bind(delivery.body.as_str()).bind(delivery.next_attempt_at);
    Ok(statement.execute().await? > 0)
}

/// Takes at most `limit` deliveries that are due, for nobody else to take until `until`.
pub(crate) async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let rows: Vec<DeliveryRow> = tx.query(CLAIM).bind(now).bind(until).bind(limit).all().await?;
    rows.into_iter().map(Delivery::try_from).collect()
}

/// Keeps how attempt number `attempts` of a claimed delivery ended and when the next comes.
///
/// # Errors
/// [`StoreError::Conflict`] when the claim had ended and somebody else took the delivery.
pub(crate) async fn record(
    tx: &mut Tx,
    delivery: &Delivery,
    claimed_until: Timestamp,
    outcome: &Next,
    next_attempt_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (status, delivered_at, error) = match outcome {
        Next::Delivered => (DeliveryStatus::Delivered, Some(now), None),
        Next::Again { error, .. } => (DeliveryStatus::Pending, None, Some(error.as_str())),
        Next::GivenUp { error } => (DeliveryStatus::Failed, None, Some(error.as_str())),
    };
    // The attempts before this one are exactly its retries.
    let retries = i32::try_from(delivery.attempts).unwrap_or(i32::MAX);
    let statement = tx.query(RECORD).bind(delivery.id).bind(claimed_until).bind(status_name(status));
    let statement = statement.bind(now).bind(delivered_at).bind(error).bind(retries).bind(next_attempt_at);
    match statement.execute().await? {
        0 => Err(StoreError::Conflict),
        _ => Ok(()),
    }
}
