//! The approval of each work item.

use std::collections::BTreeSet;

use assent_core::id::SessionId;
use assent_core::{ContextSource, Digest, Timestamp};
use assent_store::{Json, Sql, StoreError, Tx};
use serde::Serialize;
use sqlx::FromRow;

use super::{Reader, named};
use crate::domain::decision::{ItemState, ItemStatus};

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, OF_SESSION, DECIDE, DECIDE_SOME, CLEAR];

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
const DECIDE: Sql = Sql::new(
    "UPDATE work_item_approval_statuses SET state = $2, approved_by = $3, decided_at = $4, notes = $5
     WHERE session_id = $1 AND state = 'pending'
     RETURNING work_item_id, state, approved_by, decided_at, notes, digest",
);
// The items are a list in JSON.
const DECIDE_SOME: Sql = Sql::split(
    "UPDATE work_item_approval_statuses SET state = $2, approved_by = $3, decided_at = $4, notes = $5
     WHERE session_id = $1 AND state = 'pending'
       AND work_item_id IN (SELECT jsonb_array_elements_text(CAST($6 AS JSONB)))",
    "UPDATE work_item_approval_statuses SET state = $2, approved_by = $3, decided_at = $4, notes = $5
     WHERE session_id = $1 AND state = 'pending' AND work_item_id IN (SELECT value FROM json_each($6))",
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

/// Decides every item that is undecided, and returns them by item id.
pub(crate) async fn decide(
    tx: &mut Tx,
    session: SessionId,
    state: ItemState,
    by: &str,
    at: Timestamp,
    notes: &str,
) -> Result<Vec<ItemStatus>, StoreError> {
    let statement = tx.query(DECIDE).bind(session).bind(state.as_str()).bind(by).bind(at).bind(notes);
    let mut rows: Vec<ItemRow> = statement.all().await?;
    rows.sort_by(|a, b| a.work_item_id.cmp(&b.work_item_id));
    rows.into_iter().map(ItemStatus::try_from).collect()
}

/// Decides those of `items` that are undecided.
pub(crate) async fn decide_some(
    tx: &mut Tx,
    session: SessionId,
    items: &BTreeSet<String>,
    state: ItemState,
    by: &str,
    at: Timestamp,
    notes: &str,
) -> Result<(), StoreError> {
    let statement = tx.query(DECIDE_SOME).bind(session).bind(state.as_str()).bind(by).bind(at).bind(notes);
    statement.bind(Json(items)).execute().await.map(drop)
}
