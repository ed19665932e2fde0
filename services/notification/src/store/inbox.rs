//! What people read: their inbox, and for administrators the list of all deliveries.

use assent_core::id::{DeliveryKind, SessionId};
use assent_core::{Id, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::row::{DeliveryRow, read};
use crate::domain::Delivery;

pub(super) const STATEMENTS: &[Sql] =
    &[INBOX, ONE, UNREAD, MARK, MARK_ALL, DELIVERIES, DELIVERIES_OF_SESSION];

const INBOX: Sql = Sql::new(
    "SELECT id, event_id, session_id, user_id, channel, status, priority, sent_at, delivered_at, error_message,
         retry_count, earlier_attempts, created_at, kind, title, body, details, hold, merged_into, read_at,
         next_attempt_at
     FROM approval_notifications
     WHERE user_id = $1 AND channel = 'in_app' AND (created_at, id) < ($2, $3) AND (NOT $4 OR read_at IS NULL)
     ORDER BY created_at DESC, id DESC LIMIT $5",
);
const ONE: Sql = Sql::new(
    "SELECT id, event_id, session_id, user_id, channel, status, priority, sent_at, delivered_at, error_message,
         retry_count, earlier_attempts, created_at, kind, title, body, details, hold, merged_into, read_at,
         next_attempt_at
     FROM approval_notifications WHERE id = $1 AND user_id = $2 AND channel = 'in_app'",
);
const UNREAD: Sql = Sql::new(
    "SELECT count(*) FROM approval_notifications WHERE user_id = $1 AND channel = 'in_app' AND read_at IS NULL",
);
const MARK: Sql = Sql::split(
    "UPDATE approval_notifications SET read_at = $2
     WHERE user_id = $1 AND channel = 'in_app' AND read_at IS NULL
         AND id IN (SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($3) AS value)",
    "UPDATE approval_notifications SET read_at = $2
     WHERE user_id = $1 AND channel = 'in_app' AND read_at IS NULL
         AND id IN (SELECT unhex(value) FROM json_each($3))",
);
const MARK_ALL: Sql = Sql::new(
    "UPDATE approval_notifications SET read_at = $2 WHERE user_id = $1 AND channel = 'in_app' AND read_at IS NULL",
);
const DELIVERIES: Sql = Sql::new(
    "SELECT id, event_id, session_id, user_id, channel, status, priority, sent_at, delivered_at, error_message,
         retry_count, earlier_attempts, created_at, kind, title, body, details, hold, merged_into, read_at,
         next_attempt_at
     FROM approval_notifications
     WHERE (created_at, id) < ($1, $2) AND (NOT $3 OR status = 'failed')
     ORDER BY created_at DESC, id DESC LIMIT $4",
);
const DELIVERIES_OF_SESSION: Sql = Sql::new(
    "SELECT id, event_id, session_id, user_id, channel, status, priority, sent_at, delivered_at, error_message,
         retry_count, earlier_attempts, created_at, kind, title, body, details, hold, merged_into, read_at,
         next_attempt_at
     FROM approval_notifications
     WHERE (created_at, id) < ($1, $2) AND (NOT $3 OR status = 'failed') AND session_id = $5
     ORDER BY created_at DESC, id DESC LIMIT $4",
);

/// Place in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place(pub(crate) Timestamp, pub(crate) Id<DeliveryKind>);

impl Place {
    /// The place of a delivery.
    pub(crate) fn of(delivery: &Delivery) -> Self {
        Self(delivery.created_at, delivery.id)
    }

    /// After every place that `now` or earlier can be.
    pub(crate) fn end(now: Timestamp) -> Self {
        // Replicas' clocks differ, by less than an hour.
        Self(now.after(std::time::Duration::from_secs(3600)), Id::from_uuid(Uuid::max()))
    }
}

/// At most `limit` notifications of `user` before `place`, newest first.
pub(crate) async fn of_user(
    db: &Db,
    user: &str,
    place: Place,
    unread_only: bool,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let statement = db.query(INBOX).bind(user).bind(place.0).bind(place.1).bind(unread_only).bind(limit);
    read(statement.all().await?)
}

/// One notification of `user`; none when it is gone or another's.
pub(crate) async fn one(db: &Db, id: Id<DeliveryKind>, user: &str) -> Result<Option<Delivery>, StoreError> {
    let row: Option<DeliveryRow> = db.query(ONE).bind(id).bind(user).optional().await?;
    row.map(Delivery::try_from).transpose()
}

/// How many notifications `user` has not read.
pub(crate) async fn count_unread(db: &Db, user: &str) -> Result<i64, StoreError> {
    db.query(UNREAD).bind(user).scalar().await
}

/// Marks those of `ids` that are `user`'s; returns how many were unread.
pub(crate) async fn mark(
    tx: &mut Tx,
    user: &str,
    ids: &[Id<DeliveryKind>],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.hex()).collect();
    tx.query(MARK).bind(user).bind(now).bind(Json(ids)).execute().await
}

/// Marks all of `user`'s; returns how many were unread.
pub(crate) async fn mark_all(tx: &mut Tx, user: &str, now: Timestamp) -> Result<u64, StoreError> {
    tx.query(MARK_ALL).bind(user).bind(now).execute().await
}

/// At most `limit` deliveries before `place`, newest first: all, or those of one session.
pub(crate) async fn all(
    db: &Db,
    session: Option<SessionId>,
    place: Place,
    failed_only: bool,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let sql = if session.is_some() { DELIVERIES_OF_SESSION } else { DELIVERIES };
    let statement = db.query(sql).bind(place.0).bind(place.1).bind(failed_only).bind(limit);
    let statement = match session {
        Some(session) => statement.bind(session),
        None => statement,
    };
    read(statement.all().await?)
}
