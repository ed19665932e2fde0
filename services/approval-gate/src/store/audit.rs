//! Audit entries.

use assent_core::id::{AuditKind, SessionId};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::Map;
use assent_store::{Db, Json, Sql, StoreError, Tx, Write};
use serde::Serialize;
use sqlx::FromRow;

use crate::domain::audit::Entry;

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, AFTER, REFUSALS, SESSIONS];

// One statement for entries of any number.
const INSERT: Sql = Sql::split(
    "INSERT INTO audit_entries (session_id, sequence, id, action, actor, request_id, created_at, details, digest,
         trace_id)
     SELECT CAST(value ->> 'session' AS UUID), CAST(value ->> 'sequence' AS BIGINT), CAST(value ->> 'id' AS UUID),
         value ->> 'action', value -> 'actor', value ->> 'request_id', CAST(value ->> 'time' AS TIMESTAMPTZ),
         value -> 'details', decode(value ->> 'digest', 'hex'), value ->> 'trace_id'
     FROM jsonb_array_elements(CAST($1 AS JSONB)) AS value",
    "INSERT INTO audit_entries (session_id, sequence, id, action, actor, request_id, created_at, details, digest,
         trace_id)
     SELECT unhex(value ->> 'session'), value ->> 'sequence', unhex(value ->> 'id'), value ->> 'action',
         value ->> 'actor', value ->> 'request_id', value ->> 'time', value ->> 'details', unhex(value ->> 'digest'),
         value ->> 'trace_id'
     FROM json_each($1)",
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

/// An entry on its way to the database.
#[derive(Serialize)]
struct NewEntry<'a> {
    session: String,
    sequence: i64,
    id: String,
    action: &'a str,
    actor: &'a Actor,
    request_id: &'a str,
    time: String,
    details: &'a Map,
    digest: Digest,
    trace_id: &'a str,
}

/// Keeps entries, each with its digest.
pub(crate) fn insert(entries: &[&(Entry, Digest)]) -> Result<Write, StoreError> {
    let rows = entries.iter().map(|(entry, digest)| NewEntry {
        session: entry.session_id.hex(),
        sequence: entry.sequence,
        id: entry.id.hex(),
        action: &entry.action,
        actor: &entry.actor,
        request_id: &entry.request_id,
        time: entry.time.to_string(),
        details: &entry.details,
        digest: *digest,
        trace_id: &entry.trace_id,
    });
    Write::new(INSERT, &rows.collect::<Vec<_>>())
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
