//! Audit entries.

use assent_core::id::{AuditKind, SessionId};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::Map;
use assent_store::{Db, Json, Sql, StoreError, Tx};
use sqlx::FromRow;

use crate::domain::audit::Entry;

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, AFTER, REFUSALS, SESSIONS];

const INSERT: Sql = Sql::new(
    "INSERT INTO audit_entries (session_id, sequence, id, action, actor, request_id, created_at, details, digest,
         trace_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
);
const AFTER: Sql = Sql::new(
    "SELECT session_id, sequence, id, action, actor, request_id, created_at, details, digest, trace_id, position
     FROM audit_entries WHERE session_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
);
const REFUSALS: Sql = Sql::new(
    "SELECT count(*) FROM audit_entries WHERE session_id = $1 AND action = 'call.refused' AND created_at > $2",
);
// The first entry of each chain; ids of sessions sort by time.
const SESSIONS: Sql = Sql::new(
    "SELECT session_id FROM audit_entries
     WHERE sequence = 1 AND session_id > $1 AND created_at >= $2 AND created_at < $3 ORDER BY session_id LIMIT $4",
);

/// An entry as it is kept.
pub(crate) struct Kept {
    pub(crate) entry: Entry,
    /// The digest that is stored with it.
    pub(crate) digest: Digest,
    /// Its place in the log over all chains; none before the log has taken it in.
    pub(crate) position: Option<i64>,
}

#[derive(FromRow)]
struct AuditRow {
    session_id: SessionId,
    sequence: i64,
    id: Id<AuditKind>,
    action: String,
    actor: Json<Actor>,
    request_id: String,
    created_at: Timestamp,
    details: Json<Map>,
    digest: Digest,
    trace_id: String,
    position: Option<i64>,
}

pub(crate) async fn insert(tx: &mut Tx, entry: &Entry, digest: &Digest) -> Result<(), StoreError> {
    let statement = tx.query(INSERT).bind(entry.session_id).bind(entry.sequence).bind(entry.id);
    let statement =
        statement.bind(entry.action.as_str()).bind(Json(&entry.actor)).bind(entry.request_id.as_str());
    let statement = statement.bind(entry.time).bind(Json(&entry.details)).bind(*digest);
    statement.bind(entry.trace_id.as_str()).execute().await.map(drop)
}

/// Entries after `sequence`, oldest first.
pub(crate) async fn after(
    db: &Db,
    session: SessionId,
    sequence: i64,
    limit: i64,
) -> Result<Vec<Kept>, StoreError> {
    let rows: Vec<AuditRow> = db.query(AFTER).bind(session).bind(sequence).bind(limit).all().await?;
    let read = |row: AuditRow| {
        let entry = Entry {
            id: row.id,
            sequence: row.sequence,
            session_id: row.session_id,
            action: row.action,
            actor: row.actor.0,
            request_id: row.request_id,
            trace_id: row.trace_id,
            time: row.created_at,
            details: row.details.0,
        };
        Kept { entry, digest: row.digest, position: row.position }
    };
    Ok(rows.into_iter().map(read).collect())
}

/// How many refused calls on a session were audited after `since`.
pub(crate) async fn refusals(tx: &mut Tx, session: SessionId, since: Timestamp) -> Result<i64, StoreError> {
    tx.query(REFUSALS).bind(session).bind(since).scalar().await
}

/// Sessions after `after` whose audit begins in a span of time, oldest first.
pub(crate) async fn sessions(
    db: &Db,
    after: SessionId,
    (start, end): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<SessionId>, StoreError> {
    let statement = db.query(SESSIONS).bind(after).bind(start).bind(end).bind(limit);
    let rows: Vec<(SessionId,)> = statement.all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
