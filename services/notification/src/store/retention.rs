//! Removing what is old enough.

use assent_core::Timestamp;
use assent_store::{Sql, StoreError, Tx};

pub(super) const STATEMENTS: &[Sql] = &[REMOVE];

// Their attempts go with them. What still waits stays, however old it is.
const REMOVE: Sql = Sql::split(
    "DELETE FROM approval_notifications WHERE id IN (
         SELECT id FROM approval_notifications
         WHERE created_at < $1 AND status NOT IN ('pending', 'held')
         ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
     )",
    "DELETE FROM approval_notifications WHERE id IN (
         SELECT id FROM approval_notifications
         WHERE created_at < $1 AND status NOT IN ('pending', 'held')
         ORDER BY created_at LIMIT $2
     )",
);

/// Removes at most `limit` deliveries that were made before `before` and wait for nothing; returns how many.
pub(crate) async fn remove(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.query(REMOVE).bind(before).bind(limit).execute().await
}
