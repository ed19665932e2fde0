//! Requests that were answered before. A caller that sends the same `request_id` again gets the
//! first answer, and nothing happens twice.

use std::time::Duration;

use assent_core::{Code, Digest, Fault, Reason, Timestamp, Violation};

use crate::db::Db;
use crate::error::StoreError;
use crate::migrate::Migrations;
use crate::sql::Sql;
use crate::tx::Tx;

/// How long answers are kept.
pub const KEPT: Duration = Duration::from_hours(24);

/// The table `request_ids`, which every service with a `request_id` in its API migrates beside its own.
pub static MIGRATIONS: Migrations = Migrations {
    name: "requests",
    postgres: sqlx::migrate!("migrations/postgres"),
    sqlite: sqlx::migrate!("migrations/sqlite"),
};

/// Every statement of this module.
pub const STATEMENTS: &[Sql] = &[RECALL, REMEMBER, FORGET];

const RECALL: Sql = Sql::new(
    "SELECT request_hash, response FROM request_ids WHERE actor = $1 AND method = $2 AND request_id = $3",
);
const REMEMBER: Sql = Sql::new(
    "INSERT INTO request_ids (actor, method, request_id, request_hash, response, created_at)
     VALUES ($1, $2, $3, $4, $5, $6)",
);
const FORGET: Sql = Sql::new("DELETE FROM request_ids WHERE created_at < $1");

/// Why a request cannot be answered from memory, nor be carried out.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// The id was used for another request.
    #[error("request_id was used before with another content; use a new one for a new request")]
    Reused,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for IdempotencyError {
    fn code(&self) -> Code {
        match self {
            Self::Reused => Code::InvalidArgument,
            Self::Store(error) => error.code(),
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Reused => Reason::new("REQUEST_ID_REUSED"),
            Self::Store(error) => error.reason(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Reused => vec![Violation::new("request_id", "REQUEST_ID_REUSED", self.to_string())],
            Self::Store(_) => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Reused => None,
            Self::Store(error) => error.retry_after(),
        }
    }
}

/// The answer that `actor` got when it sent this request to `method` before; `None` when it did not.
///
/// # Errors
/// [`IdempotencyError::Reused`] when `hash`, the digest of the request, is not that of the first one.
pub async fn recall(
    tx: &mut Tx,
    actor: &str,
    method: &str,
    request_id: &str,
    hash: Digest,
) -> Result<Option<Vec<u8>>, IdempotencyError> {
    let found: Option<(Digest, Vec<u8>)> =
        tx.query(RECALL).bind(actor).bind(method).bind(request_id).optional().await?;
    match found {
        Some((first, _)) if first != hash => Err(IdempotencyError::Reused),
        Some((_, response)) => Ok(Some(response)),
        None => Ok(None),
    }
}

/// Keeps the answer, in the transaction that did the work.
///
/// # Errors
/// [`StoreError::Conflict`] when the same request was carried out at the same time: roll back, and
/// the caller's retry finds the other's answer.
pub async fn remember(
    tx: &mut Tx,
    actor: &str,
    method: &str,
    request_id: &str,
    hash: Digest,
    response: &[u8],
    now: Timestamp,
) -> Result<(), StoreError> {
    let statement = tx.query(REMEMBER).bind(actor).bind(method).bind(request_id).bind(hash);
    statement.bind(response).bind(now).execute().await.map(drop)
}

/// Drops the answers given before `time`; returns how many. Services call it with now less [`KEPT`].
pub async fn forget_before(db: &Db, time: Timestamp) -> Result<u64, StoreError> {
    let mut tx = db.begin().await?;
    let forgotten = tx.query(FORGET).bind(time).execute().await?;
    tx.commit().await?;
    Ok(forgotten)
}
