//! Grants.

use assent_core::id::{GrantKind, SessionId, SigningKeyKind};
use assent_core::{Id, Timestamp};
use assent_store::{Db, Sql, StoreError, Tx};
use sqlx::FromRow;

use crate::domain::grant::Grant;

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, OF_SESSION];

const INSERT: Sql = Sql::new(
    "INSERT INTO grants (session_id, id, key_id, token, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
);
const OF_SESSION: Sql =
    Sql::new("SELECT id, key_id, token, issued_at, expires_at FROM grants WHERE session_id = $1");

#[derive(FromRow)]
struct GrantRow {
    id: Id<GrantKind>,
    key_id: Id<SigningKeyKind>,
    token: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

pub(crate) async fn insert(tx: &mut Tx, session: SessionId, grant: &Grant) -> Result<(), StoreError> {
    let statement =
        tx.query(INSERT).bind(session).bind(grant.id).bind(grant.key_id).bind(grant.token.as_str());
    statement.bind(grant.issued_at).bind(grant.expires_at).execute().await.map(drop)
}

pub(crate) async fn of_session(db: &Db, session: SessionId) -> Result<Option<Grant>, StoreError> {
    let row: Option<GrantRow> = db.query(OF_SESSION).bind(session).optional().await?;
    Ok(row.map(|GrantRow { id, key_id, token, issued_at, expires_at }| Grant {
        id,
        key_id,
        token,
        issued_at,
        expires_at,
    }))
}
