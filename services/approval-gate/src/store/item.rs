//! The approval of each work item.

use assent_core::id::SessionId;
use assent_core::{ContextSource, Digest, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx, Write};
use serde::Serialize;
use sqlx::FromRow;

use super::{Reader, named};
use crate::domain::decision::{ItemState, ItemStatus};

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, OF_SESSION, OF_SESSIONS, DECIDE, CLEAR];

// One statement for a plan of any size.
const INSERT: Sql = Sql::split(
    "INSERT INTO work_item_approval_statuses (id, session_id, work_item_id, state, digest)
     SELECT CAST(item ->> 'id' AS UUID), $1, item ->> 'item_id', item ->> 'state', decode(item ->> 'leaf', 'hex')
     FROM jsonb_array_elements(CAST($2 AS JSONB)) AS item",
    "INSERT INTO work_item_approval_statuses (id, session_id, work_item_id, state, digest)
     SELECT unhex(value ->> 'id'), $1, value ->> 'item_id', value ->> 'state', unhex(value ->> 'leaf')
     FROM json_each($2)",
);
const OF_SESSION: Sql = Sql::new(
    "SELECT work_item_id, state, approved_by, decided_at, notes, digest FROM work_item_approval_statuses
     WHERE session_id = $1 ORDER BY work_item_id",
);
const OF_SESSIONS: Sql = Sql::split(
    "SELECT session_id, work_item_id, state, approved_by, decided_at, notes, digest
     FROM work_item_approval_statuses
     WHERE session_id = ANY (ARRAY(
         SELECT CAST(value AS UUID) FROM jsonb_array_elements_text(CAST($1 AS JSONB)) AS value))
     ORDER BY session_id, work_item_id",
    "SELECT session_id, work_item_id, state, approved_by, decided_at, notes, digest
     FROM work_item_approval_statuses
     WHERE session_id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY session_id, work_item_id",
);
// One statement for items of any number.
const DECIDE: Sql = Sql::split(
    "UPDATE work_item_approval_statuses AS item
     SET state = decided.value ->> 'state', approved_by = decided.value ->> 'decided_by',
         decided_at = CAST(decided.value ->> 'decided_at' AS TIMESTAMPTZ), notes = decided.value ->> 'notes'
     FROM jsonb_array_elements(CAST($1 AS JSONB)) AS decided(value)
     WHERE item.session_id = CAST(decided.value ->> 'session' AS UUID) AND item.work_item_id = decided.value ->> 'item'
       AND item.state = 'pending'
       AND item.session_id = ANY (ARRAY(
           SELECT CAST(value ->> 'session' AS UUID) FROM jsonb_array_elements(CAST($1 AS JSONB)) AS value))",
    "UPDATE work_item_approval_statuses
     SET state = decided.value ->> 'state', approved_by = decided.value ->> 'decided_by',
         decided_at = decided.value ->> 'decided_at', notes = decided.value ->> 'notes'
     FROM json_each($1) AS decided
     WHERE session_id = unhex(decided.value ->> 'session') AND work_item_id = decided.value ->> 'item'
       AND state = 'pending'",
);
const CLEAR: Sql = Sql::new("DELETE FROM work_item_approval_statuses WHERE session_id = $1");

#[derive(Serialize)]
struct NewItem<'a> {
    id: String,
    item_id: &'a str,
    state: ItemState,
    leaf: Digest,
}

#[derive(FromRow)]
struct ItemRow {
    work_item_id: String,
    state: String,
    approved_by: Option<String>,
    decided_at: Option<Timestamp>,
    notes: Option<String>,
    digest: Digest,
}

#[derive(FromRow)]
struct OfSession {
    session_id: SessionId,
    #[sqlx(flatten)]
    item: ItemRow,
}

impl TryFrom<ItemRow> for ItemStatus {
    type Error = StoreError;

    fn try_from(row: ItemRow) -> Result<Self, StoreError> {
        let table = "work_item_approval_statuses";
        Ok(Self {
            state: named(ItemState::parse, &row.state, table, "state", &row.work_item_id)?,
            item_id: row.work_item_id,
            leaf: row.digest,
            decided_by: row.approved_by,
            decided_at: row.decided_at,
            notes: row.notes,
        })
    }
}

pub(crate) async fn insert(
    tx: &mut Tx,
    source: &ContextSource,
    session: SessionId,
    items: &[ItemStatus],
) -> Result<(), StoreError> {
    let rows = items.iter().map(|item| NewItem {
        id: source.new_uuid().simple().to_string(),
        item_id: &item.item_id,
        state: item.state,
        leaf: item.leaf,
    });
    let rows: Vec<_> = rows.collect();
    tx.query(INSERT).bind(session).bind(Json(rows)).execute().await.map(drop)
}

/// Puts the items of a new version in the place of those that were there.
pub(crate) async fn replace(
    tx: &mut Tx,
    source: &ContextSource,
    session: SessionId,
    items: &[ItemStatus],
) -> Result<(), StoreError> {
    tx.query(CLEAR).bind(session).execute().await?;
    insert(tx, source, session, items).await
}

/// By item id.
pub(crate) async fn of_session(
    reader: impl Into<Reader<'_>>,
    session: SessionId,
) -> Result<Vec<ItemStatus>, StoreError> {
    let rows: Vec<ItemRow> = reader.into().query(OF_SESSION).bind(session).all().await?;
    rows.into_iter().map(ItemStatus::try_from).collect()
}

/// Of several sessions, by session and item id.
pub(crate) async fn of_sessions(
    db: &Db,
    sessions: &[SessionId],
) -> Result<Vec<(SessionId, ItemStatus)>, StoreError> {
    let ids: Vec<_> = sessions.iter().map(|id| id.hex()).collect();
    let rows: Vec<OfSession> = db.query(OF_SESSIONS).bind(Json(ids)).all().await?;
    rows.into_iter().map(|row| Ok((row.session_id, ItemStatus::try_from(row.item)?))).collect()
}

/// An item that is decided, on its way to the database.
#[derive(Serialize)]
struct DecidedItem<'a> {
    session: String,
    item: &'a str,
    state: ItemState,
    decided_by: Option<&'a str>,
    decided_at: Option<String>,
    notes: Option<&'a str>,
}

/// Decides items that are undecided, as they say.
pub(crate) fn decide(items: &[(SessionId, &ItemStatus)]) -> Result<Write, StoreError> {
    let rows = items.iter().map(|(session, item)| DecidedItem {
        session: session.hex(),
        item: &item.item_id,
        state: item.state,
        decided_by: item.decided_by.as_deref(),
        decided_at: item.decided_at.map(|at| at.to_string()),
        notes: item.notes.as_deref(),
    });
    Write::new(DECIDE, &rows.collect::<Vec<_>>())
}
