//! Grants.

use assent_core::id::{GrantKind, SessionId, SigningKeyKind};
use assent_core::{Id, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx, Write};
use serde::Serialize;
use sqlx::FromRow;

use super::Reader;
use crate::domain::grant::{Grant, Revocation};

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, OF_SESSION, STANDING, REVOKE];

// One statement for grants of any number.
const INSERT: Sql = Sql::split(
    "INSERT INTO grants (session_id, id, key_id, token, issued_at, expires_at)
     SELECT CAST(value ->> 'session' AS UUID), CAST(value ->> 'id' AS UUID), CAST(value ->> 'key' AS UUID),
         value ->> 'token', CAST(value ->> 'issued_at' AS TIMESTAMPTZ), CAST(value ->> 'expires_at' AS TIMESTAMPTZ)
     FROM jsonb_array_elements(CAST($1 AS JSONB)) AS value",
    "INSERT INTO grants (session_id, id, key_id, token, issued_at, expires_at)
     SELECT unhex(value ->> 'session'), unhex(value ->> 'id'), unhex(value ->> 'key'), value ->> 'token',
         value ->> 'issued_at', value ->> 'expires_at'
     FROM json_each($1)",
);
const OF_SESSION: Sql = Sql::new(
    "SELECT id, key_id, token, issued_at, expires_at, revoked_at, revoked_by, revoke_reason FROM grants
     WHERE session_id = $1",
);
const STANDING: Sql = Sql::split(
    "SELECT id, expires_at, revoked_at FROM grants
     WHERE id = ANY (ARRAY(
         SELECT CAST(value AS UUID) FROM jsonb_array_elements_text(CAST($1 AS JSONB)) AS value))",
    "SELECT id, expires_at, revoked_at FROM grants WHERE id IN (SELECT unhex(value) FROM json_each($1))",
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

/// A grant on its way to the database.
#[derive(Serialize)]
struct NewGrant<'a> {
    session: String,
    id: String,
    key: String,
    token: &'a str,
    issued_at: String,
    expires_at: String,
}

pub(crate) fn insert(grants: &[(SessionId, &Grant)]) -> Result<Write, StoreError> {
    let rows = grants.iter().map(|(session, grant)| NewGrant {
        session: session.hex(),
        id: grant.id.hex(),
        key: grant.key_id.hex(),
        token: &grant.token,
        issued_at: grant.issued_at.to_string(),
        expires_at: grant.expires_at.to_string(),
    });
    Write::new(INSERT, &rows.collect::<Vec<_>>())
}

pub(crate) async fn of_session(
    reader: impl Into<Reader<'_>>,
    session: SessionId,
) -> Result<Option<Grant>, StoreError> {
    let row: Option<GrantRow> = reader.into().query(OF_SESSION).bind(session).optional().await?;
    Ok(row.map(Grant::from))
}

/// What says whether a grant stands.
#[derive(FromRow)]
pub(crate) struct Stands {
    pub(crate) id: Id<GrantKind>,
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// Of those of `ids` that there are.
pub(crate) async fn standing(db: &Db, ids: &[Id<GrantKind>]) -> Result<Vec<Stands>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.hex()).collect();
    db.query(STANDING).bind(Json(ids)).all().await
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
