//! How attempts ended.

use assent_core::id::DeliveryKind;
use assent_core::{Id, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use serde_json::{Value, json};

pub(super) const STATEMENTS: &[Sql] = &[INSERT, INSERT_SUCCESSES, OF];

const INSERT: Sql = Sql::new(
    "INSERT INTO notification_attempts (delivery_id, attempt, ended_at, error) VALUES ($1, $2, $3, $4)
     ON CONFLICT (delivery_id, attempt) DO NOTHING",
);
const INSERT_SUCCESSES: Sql = Sql::split(
    "INSERT INTO notification_attempts (delivery_id, attempt, ended_at, error)
     SELECT id, number, $2, '' FROM jsonb_to_recordset(CAST($1 AS JSONB)) AS row (id UUID, number INT)
     ON CONFLICT (delivery_id, attempt) DO NOTHING",
    "INSERT INTO notification_attempts (delivery_id, attempt, ended_at, error)
     SELECT unhex(value ->> 'id'), value ->> 'number', $2, '' FROM json_each($1) WHERE true
     ON CONFLICT (delivery_id, attempt) DO NOTHING",
);
// The last few of each.
const OF: Sql = Sql::split(
    "SELECT delivery_id, ended_at, error FROM (
         SELECT delivery_id, attempt, ended_at, error,
             row_number() OVER (PARTITION BY delivery_id ORDER BY attempt DESC) AS place
         FROM notification_attempts
         WHERE delivery_id IN (SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($1) AS value)
     ) AS numbered WHERE place <= 20 ORDER BY delivery_id, attempt",
    "SELECT delivery_id, ended_at, error FROM (
         SELECT delivery_id, attempt, ended_at, error,
             row_number() OVER (PARTITION BY delivery_id ORDER BY attempt DESC) AS place
         FROM notification_attempts
         WHERE delivery_id IN (SELECT unhex(value) FROM json_each($1))
     ) AS numbered WHERE place <= 20 ORDER BY delivery_id, attempt",
);

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PastAttempt {
    pub(crate) ended_at: Timestamp,
    /// Empty when the channel took it.
    pub(crate) error: String,
}

/// Keeps how attempt `number` of a delivery ended.
pub(super) async fn insert(
    tx: &mut Tx,
    delivery: Id<DeliveryKind>,
    number: u32,
    now: Timestamp,
    error: &str,
) -> Result<(), StoreError> {
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    tx.query(INSERT).bind(delivery).bind(number).bind(now).bind(error).execute().await.map(drop)
}

/// Keeps that these attempts, by delivery and number, succeeded.
pub(super) async fn insert_successes(
    tx: &mut Tx,
    attempts: &[(Id<DeliveryKind>, u32)],
    now: Timestamp,
) -> Result<(), StoreError> {
    if attempts.is_empty() {
        return Ok(());
    }
    let row = |(id, number): &(Id<DeliveryKind>, u32)| json!({ "id": id.hex(), "number": i32::try_from(*number).unwrap_or(i32::MAX) });
    let rows: Vec<Value> = attempts.iter().map(row).collect();
    tx.query(INSERT_SUCCESSES).bind(Json(rows)).bind(now).execute().await.map(drop)
}

/// The last attempts of `deliveries`, oldest first.
pub(crate) async fn of(
    db: &Db,
    deliveries: &[Id<DeliveryKind>],
) -> Result<Vec<(Id<DeliveryKind>, PastAttempt)>, StoreError> {
    let ids: Vec<_> = deliveries.iter().map(|id| id.hex()).collect();
    let rows: Vec<(Id<DeliveryKind>, Timestamp, String)> = db.query(OF).bind(Json(ids)).all().await?;
    let read = |(id, ended_at, error)| (id, PastAttempt { ended_at, error });
    Ok(rows.into_iter().map(read).collect())
}
