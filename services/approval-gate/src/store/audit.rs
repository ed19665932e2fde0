//! Audit entries.

use assent_core::id::{AuditKind, SessionId};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::Map;
use assent_store::{Db, Json, Sql, StoreError, Tx};
use sqlx::FromRow;

use crate::domain::audit::Entry;

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, AFTER];

const INSERT: Sql = Sql::new(
    "INSERT INTO audit_entries (session_id, sequence, id, action, actor, request_id, created_at, details, digest)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);
const AFTER: Sql = Sql::new(
    "SELECT session_id, sequence, id, action, actor, request_id, created_at, details, digest FROM audit_entries
     WHERE session_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
);

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
}

pub(crate) async fn insert(tx: &mut Tx, entry: &Entry, digest: &Digest) -> Result<(), StoreError> {
    let statement = tx.query(INSERT).bind(entry.session_id).bind(entry.sequence).bind(entry.id);
    let statement =
        statement.bind(entry.action.as_str()).bind(Json(&entry.actor)).bind(entry.request_id.as_str());
    statement.bind(entry.time).bind(Json(&entry.details)).bind(*digest).execute().await.map(drop)
}

/// Entries after `sequence` with the digests that are stored with them, oldest first.
pub(crate) async fn after(
    db: &Db,
    session: SessionId,
    sequence: i64,
    limit: i64,
) -> Result<Vec<(Entry, Digest)>, StoreError> {
    let rows: Vec<AuditRow> = db.query(AFTER).bind(session).bind(sequence).bind(limit).all().await?;
    let read = |row: AuditRow| {
        let entry = Entry {
            id: row.id,
            sequence: row.sequence,
            session_id: row.session_id,
            action: row.action,
            actor: row.actor.0,
            request_id: row.request_id,
            time: row.created_at,
            details: row.details.0,
        };
        (entry, row.digest)
    };
    Ok(rows.into_iter().map(read).collect())
}
