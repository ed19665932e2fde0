//! Grants.

use assent_core::id::{GrantKind, SessionId, SigningKeyKind};
use assent_core::{Id, Timestamp};
use assent_store::{Sql, StoreError, Tx};
use sqlx::FromRow;

use super::Reader;
use crate::domain::grant::{Grant, Revocation};

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, OF_SESSION, REVOKE];

const INSERT: Sql = Sql::new(
    "INSERT INTO grants (session_id, id, key_id, token, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
);
const OF_SESSION: Sql = Sql::new(
    "SELECT id, key_id, token, issued_at, expires_at, revoked_at, revoked_by, revoke_reason FROM grants
     WHERE session_id = $1",
);
const REVOKE: Sql = Sql::new(
    "UPDATE grants SET revoked_at = $2, revoked_by = $3, revoke_reason = $4 WHERE id = $1 AND revoked_at IS NULL",
);

#[derive(FromRow)]
struct GrantRow {
    id: Id<GrantKind>,
    key_id: Id<SigningKeyKind>,
    token: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
    revoked_by: String,
    revoke_reason: String,
}

impl From<GrantRow> for Grant {
    fn from(row: GrantRow) -> Self {
        Self {
            id: row.id,
            key_id: row.key_id,
            token: row.token,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            revoked: row.revoked_at.map(|at| Revocation {
                at,
                by: row.revoked_by,
                reason: row.revoke_reason,
            }),
        }
    }
}

pub(crate) async fn insert(tx: &mut Tx, session: SessionId, grant: &Grant) -> Result<(), StoreError> {
    let statement =
        tx.query(INSERT).bind(session).bind(grant.id).bind(grant.key_id).bind(grant.token.as_str());
    statement.bind(grant.issued_at).bind(grant.expires_at).execute().await.map(drop)
}

pub(crate) async fn of_session(
    reader: impl Into<Reader<'_>>,
    session: SessionId,
) -> Result<Option<Grant>, StoreError> {
    let row: Option<GrantRow> = reader.into().query(OF_SESSION).bind(session).optional().await?;
    Ok(row.map(Grant::from))
}

/// Notes that a grant was taken back; one that was before stays as it is.
pub(crate) async fn revoke(
    tx: &mut Tx,
    id: Id<GrantKind>,
    revocation: &Revocation,
) -> Result<(), StoreError> {
    let statement = tx.query(REVOKE).bind(id).bind(revocation.at).bind(revocation.by.as_str());
    statement.bind(revocation.reason.as_str()).execute().await.map(drop)
}
