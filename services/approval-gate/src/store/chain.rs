//! Ends of the audit chains that belong to no session.

use assent_core::Digest;
use assent_core::id::SessionId;
use assent_store::{Db, Sql, StoreError, Tx};
use sqlx::FromRow;
use sqlx::types::Uuid;

use crate::domain::audit::Head;

pub(crate) const STATEMENTS: &[Sql] = &[BEGIN, LOCK, HEAD, SAVE];

const BEGIN: Sql = Sql::new(
    "INSERT INTO audit_chains (session_id, audit_sequence, audit_head) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
);
// On SQLite the transaction itself is the lock.
const LOCK: Sql = Sql::split(
    "SELECT audit_sequence, audit_head FROM audit_chains WHERE session_id = $1 FOR UPDATE",
    "SELECT audit_sequence, audit_head FROM audit_chains WHERE session_id = $1",
);
const HEAD: Sql = Sql::new("SELECT audit_sequence, audit_head FROM audit_chains WHERE session_id = $1");
const SAVE: Sql =
    Sql::new("UPDATE audit_chains SET audit_sequence = $2, audit_head = $3 WHERE session_id = $1");

/// Stands in the place of a session in the chain of the directory.
pub(crate) const DIRECTORY: SessionId = SessionId::from_uuid(Uuid::nil());

#[derive(FromRow)]
struct HeadRow {
    audit_sequence: i64,
    audit_head: Digest,
}

impl From<HeadRow> for Head {
    fn from(row: HeadRow) -> Self {
        Self { sequence: row.audit_sequence, digest: row.audit_head }
    }
}

/// The end of a chain, held until the transaction is over. Begins the chain where there is none.
pub(crate) async fn lock(tx: &mut Tx, chain: SessionId) -> Result<Head, StoreError> {
    let statement = tx.query(BEGIN).bind(chain).bind(Head::START.sequence).bind(Head::START.digest);
    statement.execute().await?;
    tx.query(LOCK).bind(chain).one::<HeadRow>().await.map(Head::from)
}

pub(crate) async fn save(tx: &mut Tx, chain: SessionId, head: &Head) -> Result<(), StoreError> {
    tx.query(SAVE).bind(chain).bind(head.sequence).bind(head.digest).execute().await.map(drop)
}

/// The end of a chain; its start where nothing was written.
pub(crate) async fn head(db: &Db, chain: SessionId) -> Result<Head, StoreError> {
    let row: Option<HeadRow> = db.query(HEAD).bind(chain).optional().await?;
    Ok(row.map_or(Head::START, Head::from))
}
