//! Deliveries on their way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use assent_core::id::{DeliveryKind, SessionId};
use assent_core::{Id, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use sqlx::FromRow;

use super::row::{DeliveryRow, NewRow, read};
use crate::domain::{Channel, Delivery, DeliveryStatus, Kind, Next, Recent};
use crate::store::attempts;

pub(super) const STATEMENTS: &[Sql] = &[
    INSERT,
    FIND,
    CLAIM,
    CLAIM_ONE,
    UNCLAIM,
    RECORD,
    RECORD_DELIVERED,
    RENEW,
    RECENT,
    DROP,
    HELD,
    RELEASE,
    MERGE,
    WAITING,
    DUE,
];

// A list of deliveries in one statement however long it is: which were not there before.
const INSERT: Sql = Sql::split(
    "INSERT INTO approval_notifications (id, event_id, session_id, user_id, channel, status, priority, sent_at,
         delivered_at, created_at, kind, title, body, details, hold, next_attempt_at)
     SELECT id, event_id, session_id, user_id, channel, status, priority, delivered_at, delivered_at, created_at, kind,
         title, body, details, hold, next_attempt_at
     FROM jsonb_to_recordset(CAST($1 AS JSONB)) AS row (id UUID, event_id UUID, session_id UUID, user_id TEXT,
         channel TEXT, status TEXT, priority TEXT, delivered_at TIMESTAMPTZ, created_at TIMESTAMPTZ, kind TEXT,
         title TEXT, body TEXT, details JSONB, hold TEXT, next_attempt_at TIMESTAMPTZ)
     ON CONFLICT (event_id, user_id, channel) DO NOTHING RETURNING id",
    "INSERT INTO approval_notifications (id, event_id, session_id, user_id, channel, status, priority, sent_at,
         delivered_at, created_at, kind, title, body, details, hold, next_attempt_at)
     SELECT unhex(value ->> 'id'), unhex(value ->> 'event_id'), unhex(value ->> 'session_id'), value ->> 'user_id',
         value ->> 'channel', value ->> 'status', value ->> 'priority', value ->> 'delivered_at',
         value ->> 'delivered_at', value ->> 'created_at', value ->> 'kind', value ->> 'title', value ->> 'body',
         value -> 'details', value ->> 'hold', value ->> 'next_attempt_at'
     FROM json_each($1) WHERE true
     ON CONFLICT (event_id, user_id, channel) DO NOTHING RETURNING id",
);
const FIND: Sql = Sql::new(
    "SELECT id, event_id, session_id, user_id, channel, status, priority, sent_at, delivered_at, error_message,
         retry_count, earlier_attempts, created_at, kind, title, body, details, hold, merged_into, read_at,
         next_attempt_at
     FROM approval_notifications WHERE id = $1",
);
const CLAIM: Sql = Sql::split(
    "UPDATE approval_notifications SET claimed_until = $3
     WHERE id IN (
         SELECT id FROM approval_notifications
         WHERE channel = $1 AND status = 'pending' AND next_attempt_at <= $2
             AND (claimed_until IS NULL OR claimed_until <= $2)
         ORDER BY next_attempt_at LIMIT $4 FOR UPDATE SKIP LOCKED
     )
     RETURNING id, event_id, session_id, user_id, channel, status, priority, sent_at, delivered_at, error_message,
         retry_count, earlier_attempts, created_at, kind, title, body, details, hold, merged_into, read_at,
         next_attempt_at",
    "UPDATE approval_notifications SET claimed_until = $3
     WHERE id IN (
         SELECT id FROM approval_notifications
         WHERE channel = $1 AND status = 'pending' AND next_attempt_at <= $2
             AND (claimed_until IS NULL OR claimed_until <= $2)
         ORDER BY next_attempt_at LIMIT $4
     )
     RETURNING id, event_id, session_id, user_id, channel, status, priority, sent_at, delivered_at, error_message,
         retry_count, earlier_attempts, created_at, kind, title, body, details, hold, merged_into, read_at,
         next_attempt_at",
);
const CLAIM_ONE: Sql = Sql::new("UPDATE approval_notifications SET claimed_until = $2 WHERE id = $1");
const UNCLAIM: Sql =
    Sql::new("UPDATE approval_notifications SET claimed_until = NULL WHERE id = $1 AND claimed_until = $2");
const RECORD: Sql = Sql::new(
    "UPDATE approval_notifications SET status = $3, sent_at = $4, delivered_at = $5, error_message = $6,
         retry_count = $7, next_attempt_at = $8, claimed_until = NULL
     WHERE id = $1 AND claimed_until = $2 AND status = 'pending'",
);
// As RECORD for many that arrived: their retries are the attempts before this one.
const RECORD_DELIVERED: Sql = Sql::split(
    "UPDATE approval_notifications SET status = 'delivered', sent_at = $3, delivered_at = $3, error_message = NULL,
         retry_count = CASE WHEN sent_at IS NULL THEN 0 ELSE retry_count + 1 END, next_attempt_at = NULL,
         claimed_until = NULL
     WHERE id = ANY (ARRAY(SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($1) AS value))
         AND claimed_until = $2 AND status = 'pending'
     RETURNING id",
    "UPDATE approval_notifications SET status = 'delivered', sent_at = $3, delivered_at = $3, error_message = NULL,
         retry_count = CASE WHEN sent_at IS NULL THEN 0 ELSE retry_count + 1 END, next_attempt_at = NULL,
         claimed_until = NULL
     WHERE id IN (SELECT unhex(value) FROM json_each($1)) AND claimed_until = $2 AND status = 'pending'
     RETURNING id",
);
const RENEW: Sql = Sql::new(
    "UPDATE approval_notifications SET status = 'pending', next_attempt_at = $2, claimed_until = NULL, sent_at = NULL,
         retry_count = 0, earlier_attempts = $3
     WHERE id = $1 AND status = 'failed'",
);
// What was sent lately or is about to be; a digest counts once.
const RECENT: Sql = Sql::split(
    "SELECT user_id, channel, count(*) AS sent, min(created_at) AS first_at,
         max(CASE WHEN session_id = $3 THEN created_at END) AS last_of_session
     FROM approval_notifications
     WHERE user_id = ANY (ARRAY(SELECT jsonb_array_elements_text($1))) AND channel IN ('email', 'slack', 'teams')
         AND created_at > $2 AND status IN ('pending', 'delivered', 'failed')
     GROUP BY user_id, channel",
    "SELECT user_id, channel, count(*) AS sent, min(created_at) AS first_at,
         max(CASE WHEN session_id = $3 THEN created_at END) AS last_of_session
     FROM approval_notifications
     WHERE user_id IN (SELECT value FROM json_each($1)) AND channel IN ('email', 'slack', 'teams')
         AND created_at > $2 AND status IN ('pending', 'delivered', 'failed')
     GROUP BY user_id, channel",
);
// Not what is being sent at this moment, and not what goes to programs.
const DROP: Sql = Sql::split(
    "UPDATE approval_notifications
     SET status = 'dropped', next_attempt_at = NULL, error_message = 'the session was decided before it was sent'
     WHERE session_id = $1 AND status IN ('pending', 'held') AND channel <> 'webhook'
         AND (claimed_until IS NULL OR claimed_until <= $2) AND kind IN (SELECT jsonb_array_elements_text($3))",
    "UPDATE approval_notifications
     SET status = 'dropped', next_attempt_at = NULL, error_message = 'the session was decided before it was sent'
     WHERE session_id = $1 AND status IN ('pending', 'held') AND channel <> 'webhook'
         AND (claimed_until IS NULL OR claimed_until <= $2) AND kind IN (SELECT value FROM json_each($3))",
);
const HELD: Sql = Sql::split(
    "SELECT id, event_id, session_id, user_id, channel, status, priority, sent_at, delivered_at, error_message,
         retry_count, earlier_attempts, created_at, kind, title, body, details, hold, merged_into, read_at,
         next_attempt_at
     FROM approval_notifications
     WHERE status = 'held' AND next_attempt_at <= $1
     ORDER BY user_id, channel, created_at LIMIT $2 FOR UPDATE SKIP LOCKED",
    "SELECT id, event_id, session_id, user_id, channel, status, priority, sent_at, delivered_at, error_message,
         retry_count, earlier_attempts, created_at, kind, title, body, details, hold, merged_into, read_at,
         next_attempt_at
     FROM approval_notifications
     WHERE status = 'held' AND next_attempt_at <= $1
     ORDER BY user_id, channel, created_at LIMIT $2",
);
const RELEASE: Sql = Sql::new(
    "UPDATE approval_notifications SET status = 'pending', next_attempt_at = $2 WHERE id = $1 AND status = 'held'",
);
const MERGE: Sql = Sql::new(
    "UPDATE approval_notifications SET status = 'merged', next_attempt_at = NULL, merged_into = $2
     WHERE id = $1 AND status = 'held'",
);
const WAITING: Sql = Sql::new(
    "SELECT channel, count(*) AS waiting FROM approval_notifications WHERE status = 'pending' GROUP BY channel",
);

const DUE: Sql = Sql::new(
    "SELECT channel, count(*) AS waiting, min(next_attempt_at) AS since FROM approval_notifications
     WHERE status = 'pending' AND next_attempt_at <= $1 GROUP BY channel",
);

/// How far back it matters what somebody was sent.
const LATELY: Duration = Duration::from_secs(60 * 60);

/// What is due on one channel and not sent.
#[derive(FromRow)]
pub(crate) struct Due {
    pub(crate) channel: String,
    pub(crate) waiting: i64,
    /// Since when the first of them has been due.
    pub(crate) since: Timestamp,
}

/// What is due and not sent, by channel.
pub(crate) async fn due(db: &Db, now: Timestamp) -> Result<Vec<Due>, StoreError> {
    db.query(DUE).bind(now).all().await
}

/// Keeps deliveries, but those of which the same fact was told to the same person over the same channel before; returns
/// the new ones.
pub(crate) async fn insert(
    tx: &mut Tx,
    deliveries: &[Delivery],
) -> Result<BTreeSet<Id<DeliveryKind>>, StoreError> {
    let rows: Vec<NewRow<'_>> = deliveries.iter().map(NewRow::from).collect();
    let fresh: Vec<(Id<DeliveryKind>,)> = tx.query(INSERT).bind(Json(&rows)).all().await?;
    Ok(fresh.into_iter().map(|(id,)| id).collect())
}

/// A delivery by its id.
pub(crate) async fn find(tx: &mut Tx, id: Id<DeliveryKind>) -> Result<Option<Delivery>, StoreError> {
    let row: Option<DeliveryRow> = tx.query(FIND).bind(id).optional().await?;
    row.map(Delivery::try_from).transpose()
}

/// Takes at most `limit` deliveries of a channel that are due, for nobody else to take until `until`.
pub(crate) async fn claim(
    tx: &mut Tx,
    channel: Channel,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    read(tx.query(CLAIM).bind(channel.name()).bind(now).bind(until).bind(limit).all().await?)
}

/// Takes one delivery, whether or not it is due.
pub(crate) async fn claim_one(tx: &mut Tx, id: Id<DeliveryKind>, until: Timestamp) -> Result<(), StoreError> {
    tx.query(CLAIM_ONE).bind(id).bind(until).execute().await.map(drop)
}

/// Gives a claim back.
pub(crate) async fn unclaim(tx: &mut Tx, id: Id<DeliveryKind>, until: Timestamp) -> Result<(), StoreError> {
    tx.query(UNCLAIM).bind(id).bind(until).execute().await.map(drop)
}

/// Keeps how the next attempt of a claimed delivery ended and when another comes. False when the claim had ended and
/// somebody else took the delivery.
pub(crate) async fn record(
    tx: &mut Tx,
    delivery: &Delivery,
    claimed_until: Timestamp,
    outcome: &Next,
    next_attempt_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (status, delivered_at, error) = match outcome {
        Next::Delivered => (DeliveryStatus::Delivered, Some(now), None),
        Next::Again { error, .. } => (DeliveryStatus::Pending, None, Some(error.as_str())),
        Next::GivenUp { error } => (DeliveryStatus::Failed, None, Some(error.as_str())),
    };
    // The attempts before this one are exactly its retries.
    let retries = i32::try_from(delivery.attempts).unwrap_or(i32::MAX);
    let statement = tx.query(RECORD).bind(delivery.id).bind(claimed_until).bind(status.name());
    let statement = statement.bind(now).bind(delivered_at).bind(error).bind(retries).bind(next_attempt_at);
    if statement.execute().await? == 0 {
        return Ok(false);
    }
    attempts::insert(tx, delivery.id, this_attempt(delivery), now, error.unwrap_or_default()).await?;
    Ok(true)
}

/// Keeps that the next attempt of each of these deliveries, all claimed until the same time, succeeded. Returns those
/// whose claim held until now.
pub(crate) async fn record_delivered(
    tx: &mut Tx,
    deliveries: &[&Delivery],
    claimed_until: Timestamp,
    now: Timestamp,
) -> Result<BTreeSet<Id<DeliveryKind>>, StoreError> {
    let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.id.hex()).collect();
    let statement = tx.query(RECORD_DELIVERED).bind(Json(ids)).bind(claimed_until).bind(now);
    let kept: Vec<(Id<DeliveryKind>,)> = statement.all().await?;
    let kept: BTreeSet<_> = kept.into_iter().map(|(id,)| id).collect();
    let own: Vec<_> = deliveries.iter().filter(|delivery| kept.contains(&delivery.id)).collect();
    let numbered: Vec<_> = own.iter().map(|delivery| (delivery.id, this_attempt(delivery))).collect();
    attempts::insert_successes(tx, &numbered, now).await?;
    Ok(kept)
}

/// Which attempt the one after those that are kept is.
fn this_attempt(delivery: &Delivery) -> u32 {
    delivery.earlier_attempts.saturating_add(delivery.attempts).saturating_add(1)
}

/// Makes a delivery that was given up due again, with all its attempts before it.
pub(crate) async fn renew(tx: &mut Tx, delivery: &Delivery, now: Timestamp) -> Result<(), StoreError> {
    let earlier = delivery.earlier_attempts.saturating_add(delivery.attempts);
    let earlier = i32::try_from(earlier).unwrap_or(i32::MAX);
    match tx.query(RENEW).bind(delivery.id).bind(now).bind(earlier).execute().await? {
        0 => Err(StoreError::Conflict),
        _ => Ok(()),
    }
}

#[derive(FromRow)]
struct RecentRow {
    user_id: String,
    channel: String,
    sent: i64,
    first_at: Timestamp,
    last_of_session: Option<Timestamp>,
}

/// What each of `users` was sent within the last hour, by channel, and when about `session`.
pub(crate) async fn recent(
    tx: &mut Tx,
    users: &[&str],
    session: Option<SessionId>,
    now: Timestamp,
) -> Result<BTreeMap<(String, Channel), Recent>, StoreError> {
    let statement = tx.query(RECENT).bind(Json(users)).bind(now.before(LATELY)).bind(session);
    let rows: Vec<RecentRow> = statement.all().await?;
    let read = |row: RecentRow| {
        let recent = Recent {
            count: u32::try_from(row.sent).unwrap_or(u32::MAX),
            first: Some(row.first_at),
            last_of_session: row.last_of_session,
        };
        Channel::from_name(&row.channel).map(|channel| ((row.user_id, channel), recent))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Drops what asks for a decision on `session` and has not been sent.
pub(crate) async fn drop_asking(tx: &mut Tx, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
    let kinds: Vec<_> = Kind::ALL.iter().filter(|kind| kind.asks()).map(|kind| kind.name()).collect();
    tx.query(DROP).bind(session).bind(now).bind(Json(kinds)).execute().await.map(drop)
}

/// At most `limit` deliveries that were held until now; on Postgres nobody else gets them.
pub(crate) async fn held(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<Delivery>, StoreError> {
    read(tx.query(HELD).bind(now).bind(limit).all().await?)
}

/// Lets a held delivery go as it is.
pub(crate) async fn release(tx: &mut Tx, id: Id<DeliveryKind>, now: Timestamp) -> Result<(), StoreError> {
    tx.query(RELEASE).bind(id).bind(now).execute().await.map(drop)
}

/// Lets a held delivery go as part of another.
pub(crate) async fn merge(
    tx: &mut Tx,
    id: Id<DeliveryKind>,
    into: Id<DeliveryKind>,
) -> Result<(), StoreError> {
    tx.query(MERGE).bind(id).bind(into).execute().await.map(drop)
}

/// How many deliveries wait to be sent, by the name of the channel.
pub(crate) async fn waiting(db: &Db) -> Result<Vec<(String, i64)>, StoreError> {
    db.query(WAITING).all().await
}
