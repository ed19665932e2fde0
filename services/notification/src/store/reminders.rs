//! What is to be said at a certain time.

use assent_core::Timestamp;
use assent_core::id::{EventId, SessionId};
use assent_store::{Sql, StoreError, Tx};
use sqlx::FromRow;

use crate::domain::Kind;

pub(super) const STATEMENTS: &[Sql] = &[PLAN, FORGET, CLAIM, DONE];

const PLAN: Sql = Sql::new(
    "INSERT INTO notification_reminders (session_id, kind, due_at, event_id) VALUES ($1, $2, $3, $4)
     ON CONFLICT (session_id, kind) DO UPDATE
         SET due_at = excluded.due_at, event_id = excluded.event_id, claimed_until = NULL",
);
const FORGET: Sql = Sql::new("DELETE FROM notification_reminders WHERE session_id = $1");
const CLAIM: Sql = Sql::split(
    "UPDATE notification_reminders SET claimed_until = $2
     WHERE (session_id, kind) IN (
         SELECT session_id, kind FROM notification_reminders
         WHERE due_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
         ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
     )
     RETURNING session_id, event_id",
    "UPDATE notification_reminders SET claimed_until = $2
     WHERE (session_id, kind) IN (
         SELECT session_id, kind FROM notification_reminders
         WHERE due_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
         ORDER BY due_at LIMIT $3
     )
     RETURNING session_id, event_id",
);
// Not one that was planned anew in the meantime.
const DONE: Sql = Sql::new("DELETE FROM notification_reminders WHERE session_id = $1 AND event_id = $2");

/// A reminder that is due.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Reminder {
    #[sqlx(rename = "session_id")]
    pub(crate) session: SessionId,
    /// Names what is told by it.
    #[sqlx(rename = "event_id")]
    pub(crate) event: EventId,
}

/// Plans a reminder, in the place of an earlier one of this kind.
pub(crate) async fn plan(
    tx: &mut Tx,
    session: SessionId,
    kind: Kind,
    due_at: Timestamp,
    event: EventId,
) -> Result<(), StoreError> {
    tx.query(PLAN).bind(session).bind(kind.name()).bind(due_at).bind(event).execute().await.map(drop)
}

/// Forgets all reminders of a session.
pub(crate) async fn forget(tx: &mut Tx, session: SessionId) -> Result<(), StoreError> {
    tx.query(FORGET).bind(session).execute().await.map(drop)
}

/// Takes at most `limit` reminders that are due, for nobody else to take until `until`.
pub(crate) async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Reminder>, StoreError> {
    tx.query(CLAIM).bind(now).bind(until).bind(limit).all().await
}

/// Forgets a reminder once it was said.
pub(crate) async fn done(tx: &mut Tx, reminder: &Reminder) -> Result<(), StoreError> {
    tx.query(DONE).bind(reminder.session).bind(reminder.event).execute().await.map(drop)
}
