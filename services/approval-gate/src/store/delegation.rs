//! Delegations.

use assent_core::id::DelegationKind;
use assent_core::{Id, Timestamp};
use assent_store::{Db, Sql, StoreError, Tx};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::Reader;
use crate::domain::directory::Delegation;
use crate::domain::member::person;

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, LOCK, REVOKE, ACTIVE_TO, ACTIVE, LIST, END_ALL];

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, delegator, delegate, starts_at, ends_at, reason, created_by, created_at, revoked_by, \
             revoked_at FROM delegations ",
            $rest
        )
    };
}

const INSERT: Sql = Sql::new(
    "INSERT INTO delegations (id, delegator, delegator_person, delegate, delegate_person, starts_at, ends_at, reason,
         created_by, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
);
const LOCK: Sql = Sql::split(select!("WHERE id = $1 FOR UPDATE"), select!("WHERE id = $1"));
const REVOKE: Sql =
    Sql::new("UPDATE delegations SET revoked_by = $2, revoked_at = $3 WHERE id = $1 AND revoked_at IS NULL");
const ACTIVE_TO: Sql = Sql::new(select!(
    "WHERE delegate_person = $1 AND starts_at <= $2 AND ends_at > $2 AND revoked_at IS NULL
     ORDER BY delegator_person, created_at LIMIT 1000"
));
const ACTIVE: Sql = Sql::new(select!(
    "WHERE starts_at <= $1 AND ends_at > $1 AND revoked_at IS NULL ORDER BY delegate_person, created_at LIMIT 100000"
));
const LIST: Sql = Sql::new(select!(
    "WHERE (CAST($1 AS TEXT) IS NULL OR delegator_person = $1 OR delegate_person = $1)
       AND (NOT $2 OR (starts_at <= $3 AND ends_at > $3 AND revoked_at IS NULL))
       AND (created_at, id) < ($4, $5)
     ORDER BY created_at DESC, id DESC LIMIT $6"
));
const END_ALL: Sql = Sql::new(
    "UPDATE delegations SET revoked_by = $2, revoked_at = $3
     WHERE (delegator_person = $1 OR delegate_person = $1) AND revoked_at IS NULL AND ends_at > $3",
);

/// Which delegations to list.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Filter {
    /// From or to this person.
    pub(crate) person: Option<String>,
    /// Only those in force.
    pub(crate) active: bool,
}

/// What delegations are ordered by.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Key(Timestamp, Id<DelegationKind>);

pub(crate) fn key(delegation: &Delegation) -> Key {
    Key(delegation.created_at, delegation.id)
}

#[derive(FromRow)]
struct DelegationRow {
    id: Id<DelegationKind>,
    delegator: String,
    delegate: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    reason: String,
    created_by: String,
    created_at: Timestamp,
    revoked_by: Option<String>,
    revoked_at: Option<Timestamp>,
}

impl From<DelegationRow> for Delegation {
    fn from(row: DelegationRow) -> Self {
        Self {
            id: row.id,
            delegator: row.delegator,
            delegate: row.delegate,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            reason: row.reason,
            created_by: row.created_by,
            created_at: row.created_at,
            revoked: row.revoked_at.map(|at| (row.revoked_by.unwrap_or_default(), at)),
        }
    }
}

pub(crate) async fn insert(tx: &mut Tx, new: &Delegation) -> Result<(), StoreError> {
    tx.query(INSERT)
        .bind(new.id)
        .bind(new.delegator.as_str())
        .bind(person(&new.delegator))
        .bind(new.delegate.as_str())
        .bind(person(&new.delegate))
        .bind(new.starts_at)
        .bind(new.ends_at)
        .bind(new.reason.as_str())
        .bind(new.created_by.as_str())
        .bind(new.created_at)
        .execute()
        .await
        .map(drop)
}

/// Reads a delegation and keeps others from ending it until the transaction is over.
pub(crate) async fn lock(tx: &mut Tx, id: Id<DelegationKind>) -> Result<Option<Delegation>, StoreError> {
    let row: Option<DelegationRow> = tx.query(LOCK).bind(id).optional().await?;
    Ok(row.map(Delegation::from))
}

pub(crate) async fn revoke(
    tx: &mut Tx,
    id: Id<DelegationKind>,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.query(REVOKE).bind(id).bind(by).bind(now).execute().await.map(drop)
}

/// Ends every delegation from and to somebody; returns how many.
pub(crate) async fn end_all(tx: &mut Tx, id: &str, by: &str, now: Timestamp) -> Result<u64, StoreError> {
    tx.query(END_ALL).bind(person(id)).bind(by).bind(now).execute().await
}

/// Those under which `delegate` may vote for others now.
pub(crate) async fn active_to(
    reader: impl Into<Reader<'_>>,
    delegate: &str,
    now: Timestamp,
) -> Result<Vec<Delegation>, StoreError> {
    let statement = reader.into().query(ACTIVE_TO).bind(person(delegate)).bind(now);
    let rows: Vec<DelegationRow> = statement.all().await?;
    Ok(rows.into_iter().map(Delegation::from).collect())
}

/// Everything in force now, by delegate.
pub(crate) async fn active(db: &Db, now: Timestamp) -> Result<Vec<Delegation>, StoreError> {
    let rows: Vec<DelegationRow> = db.query(ACTIVE).bind(now).all().await?;
    Ok(rows.into_iter().map(Delegation::from).collect())
}

/// Newest first.
pub(crate) async fn list(
    db: &Db,
    filter: &Filter,
    now: Timestamp,
    after: Option<Key>,
    limit: i64,
) -> Result<Vec<Delegation>, StoreError> {
    let Key(before, id) =
        after.unwrap_or_else(|| Key(super::session_list::last(), Id::from_uuid(sqlx::types::Uuid::max())));
    let statement = db.query(LIST).bind(filter.person.as_deref()).bind(filter.active).bind(now);
    let rows: Vec<DelegationRow> = statement.bind(before).bind(id).bind(limit).all().await?;
    Ok(rows.into_iter().map(Delegation::from).collect())
}
