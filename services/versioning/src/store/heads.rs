//! The table `plan_heads`.

use std::collections::{BTreeMap, BTreeSet};

use assent_core::id::SessionId;
use assent_core::{Digest, Timestamp};
use assent_store::{Db, Json, Sql, Statement, StoreError, Tx};
use serde::Serialize;
use sqlx::FromRow;

use crate::domain::{Closing, Head, HeadState};

pub(super) const STATEMENTS: &[Sql] = &[LOAD, LOCK, LOCK_ALL, INSERT, ADVANCE, UPDATE, UPDATE_ALL];

const LOAD: Sql = Sql::new(
    "SELECT session_id, head_version, head_digest, seal_expires_at, closed, corrupted_version FROM plan_heads WHERE session_id = $1",
);
const LOCK: Sql = Sql::split(
    "SELECT session_id, head_version, head_digest, seal_expires_at, closed, corrupted_version FROM plan_heads WHERE session_id = $1
     FOR UPDATE",
    "SELECT session_id, head_version, head_digest, seal_expires_at, closed, corrupted_version FROM plan_heads WHERE session_id = $1",
);
// In one order, so that two who lock several wait for each other in one direction only.
const LOCK_ALL: Sql = Sql::split(
    "SELECT session_id, head_version, head_digest, seal_expires_at, closed, corrupted_version FROM plan_heads
     WHERE session_id = ANY (ARRAY(
         SELECT CAST(value AS UUID) FROM jsonb_array_elements_text(CAST($1 AS JSONB)) AS value))
     ORDER BY session_id FOR UPDATE",
    "SELECT session_id, head_version, head_digest, seal_expires_at, closed, corrupted_version FROM plan_heads
     WHERE session_id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY session_id",
);
const INSERT: Sql = Sql::new(
    "INSERT INTO plan_heads (session_id, head_version, head_digest, seal_expires_at, closed, updated_at,
         corrupted_version)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (session_id) DO NOTHING",
);
const ADVANCE: Sql = Sql::new(
    "UPDATE plan_heads SET head_version = $2, head_digest = $3, seal_expires_at = $4, closed = $5, updated_at = $6,
         corrupted_version = $7
     WHERE session_id = $1 AND head_version = $8 AND head_digest = $9 AND seal_expires_at IS NOT DISTINCT FROM $10
       AND closed IS NOT DISTINCT FROM $11 AND corrupted_version IS NOT DISTINCT FROM $12",
);
const UPDATE: Sql = Sql::new(
    "UPDATE plan_heads SET head_version = $2, head_digest = $3, seal_expires_at = $4, closed = $5, updated_at = $6,
         corrupted_version = $7
     WHERE session_id = $1",
);
const UPDATE_ALL: Sql = Sql::split(
    "UPDATE plan_heads AS head
     SET head_version = CAST(kept.value ->> 'version' AS INTEGER), head_digest = decode(kept.value ->> 'digest', 'hex'),
         seal_expires_at = CAST(kept.value ->> 'seal' AS TIMESTAMPTZ), closed = kept.value ->> 'closed',
         updated_at = $2, corrupted_version = CAST(kept.value ->> 'corrupted' AS INTEGER)
     FROM jsonb_array_elements(CAST($1 AS JSONB)) AS kept(value)
     WHERE head.session_id = CAST(kept.value ->> 'session' AS UUID)
       AND head.session_id = ANY (ARRAY(
           SELECT CAST(value ->> 'session' AS UUID) FROM jsonb_array_elements(CAST($1 AS JSONB)) AS value))",
    "UPDATE plan_heads
     SET head_version = kept.value ->> 'version', head_digest = unhex(kept.value ->> 'digest'),
         seal_expires_at = kept.value ->> 'seal', closed = kept.value ->> 'closed', updated_at = $2,
         corrupted_version = kept.value ->> 'corrupted'
     FROM json_each($1) AS kept WHERE session_id = unhex(kept.value ->> 'session')",
);

/// The head of `session`; none before its first version.
pub(crate) async fn load(db: &Db, session: SessionId) -> Result<Option<Head>, StoreError> {
    db.query(LOAD).bind(session).optional::<HeadRow>().await?.map(Head::try_from).transpose()
}

/// The same, and nobody else changes it until `tx` ends.
pub(crate) async fn lock(tx: &mut Tx, session: SessionId) -> Result<Option<Head>, StoreError> {
    tx.query(LOCK).bind(session).optional::<HeadRow>().await?.map(Head::try_from).transpose()
}

/// Those of several sessions, and nobody else changes them until `tx` ends.
pub(crate) async fn lock_all(
    tx: &mut Tx,
    sessions: &BTreeSet<SessionId>,
) -> Result<BTreeMap<SessionId, Head>, StoreError> {
    let ids: Vec<_> = sessions.iter().map(|id| id.hex()).collect();
    let rows: Vec<HeadRow> = tx.query(LOCK_ALL).bind(Json(ids)).all().await?;
    rows.into_iter().map(|row| Ok((row.session_id, Head::try_from(row)?))).collect()
}

/// Keeps the head that follows `seen`, the first one when there was none, and locks it; false, and nothing is changed,
/// when somebody else has changed the head since it was seen.
pub(crate) async fn advance(
    tx: &mut Tx,
    session: SessionId,
    seen: Option<&Head>,
    next: &Head,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let statement = match seen {
        None => bound(tx.query(INSERT), session, next, now),
        Some(seen) => {
            let (seal, closed) = state_columns(seen.state);
            let statement = bound(tx.query(ADVANCE), session, next, now).bind(seen.version).bind(seen.digest);
            statement.bind(seal).bind(closed).bind(seen.corrupted)
        }
    };
    Ok(statement.execute().await? > 0)
}

/// Keeps a head that was locked.
pub(crate) async fn update(
    tx: &mut Tx,
    session: SessionId,
    head: &Head,
    now: Timestamp,
) -> Result<(), StoreError> {
    bound(tx.query(UPDATE), session, head, now).execute().await.map(drop)
}

/// A head on its way to the database.
#[derive(Serialize)]
struct KeptHead {
    session: String,
    version: i32,
    digest: Digest,
    seal: Option<String>,
    closed: Option<&'static str>,
    corrupted: Option<i32>,
}

/// Keeps heads that were locked.
pub(crate) async fn update_all(
    tx: &mut Tx,
    heads: &BTreeMap<SessionId, Head>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows = heads.iter().map(|(session, head)| {
        let (seal, closed) = state_columns(head.state);
        KeptHead {
            session: session.hex(),
            version: head.version,
            digest: head.digest,
            seal: seal.map(|until| until.to_string()),
            closed,
            corrupted: head.corrupted,
        }
    });
    let rows: Vec<_> = rows.collect();
    tx.query(UPDATE_ALL).bind(Json(rows)).bind(now).execute().await.map(drop)
}

/// With the arguments that all statements start with.
fn bound<'t>(statement: Statement<'t>, session: SessionId, head: &Head, now: Timestamp) -> Statement<'t> {
    let (seal, closed) = state_columns(head.state);
    let statement = statement.bind(session).bind(head.version).bind(head.digest);
    statement.bind(seal).bind(closed).bind(now).bind(head.corrupted)
}

const fn state_columns(state: HeadState) -> (Option<Timestamp>, Option<&'static str>) {
    match state {
        HeadState::Open => (None, None),
        HeadState::Sealed { until } => (Some(until), None),
        HeadState::Closed(closing) => (None, Some(closing_name(closing))),
    }
}

const fn closing_name(closing: Closing) -> &'static str {
    match closing {
        Closing::Decided => "decided",
        Closing::Ended => "closed",
    }
}

#[derive(FromRow)]
struct HeadRow {
    session_id: SessionId,
    head_version: i32,
    head_digest: Digest,
    seal_expires_at: Option<Timestamp>,
    closed: Option<String>,
    corrupted_version: Option<i32>,
}

impl TryFrom<HeadRow> for Head {
    type Error = StoreError;

    fn try_from(row: HeadRow) -> Result<Self, StoreError> {
        let state = match (row.closed.as_deref(), row.seal_expires_at) {
            (None, None) => HeadState::Open,
            (None, Some(until)) => HeadState::Sealed { until },
            (Some("decided"), _) => HeadState::Closed(Closing::Decided),
            (Some("closed"), _) => HeadState::Closed(Closing::Ended),
            (Some(_), _) => {
                let id = row.session_id.to_string();
                return Err(StoreError::Corrupt { table: "plan_heads", column: "closed", id });
            }
        };
        Ok(Self {
            version: row.head_version,
            digest: row.head_digest,
            state,
            corrupted: row.corrupted_version,
        })
    }
}
