//! The table `work_files`: contents that workers have sent, until their attempts end.

use assent_core::Digest;
use assent_store::{Db, Sql, StoreError, Tx};
use sqlx::FromRow;

use super::work::Held;
use super::{corrupt, signed};
use crate::tools::Written;

pub(super) const STATEMENTS: &[Sql] = &[HELD, COUNT, SAVE, OF_ATTEMPT, FORGET];

const HELD: Sql =
    Sql::new("SELECT key FROM work WHERE key = $1 AND fence = $2 AND actor = $3 AND state = 'leased'");
const COUNT: Sql = Sql::new("SELECT count(*) FROM work_files WHERE key = $1 AND path <> $2");
const SAVE: Sql = Sql::new(
    "INSERT INTO work_files (key, path, media_type, size, digest) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (key, path) DO UPDATE SET media_type = excluded.media_type, size = excluded.size,
         digest = excluded.digest",
);
const OF_ATTEMPT: Sql =
    Sql::new("SELECT path, media_type, size, digest FROM work_files WHERE key = $1 ORDER BY path");
const FORGET: Sql = Sql::new("DELETE FROM work_files WHERE key = $1");

#[derive(FromRow)]
struct FileRow {
    path: String,
    media_type: String,
    size: i64,
    digest: Digest,
}

/// Whether a lease holds.
pub(crate) async fn is_held(db: &Db, held: &Held) -> Result<bool, StoreError> {
    let statement = db.query(HELD).bind(held.key.as_str()).bind(held.fence).bind(held.actor.as_str());
    Ok(statement.optional::<(String,)>().await?.is_some())
}

/// As [`is_held`], within `tx`.
pub(crate) async fn is_held_within(tx: &mut Tx, held: &Held) -> Result<bool, StoreError> {
    let statement = tx.query(HELD).bind(held.key.as_str()).bind(held.fence).bind(held.actor.as_str());
    Ok(statement.optional::<(String,)>().await?.is_some())
}

/// How many other paths an attempt has.
pub(crate) async fn others(tx: &mut Tx, key: &str, path: &str) -> Result<i64, StoreError> {
    let (count,): (i64,) = tx.query(COUNT).bind(key).bind(path).one().await?;
    Ok(count)
}

/// Adds a file to an attempt, or replaces what was sent for the same path.
pub(crate) async fn save(tx: &mut Tx, key: &str, file: &Written) -> Result<(), StoreError> {
    let statement = tx.query(SAVE).bind(key).bind(file.path.as_str()).bind(file.media_type.as_str());
    statement.bind(signed(file.size)).bind(file.digest).execute().await.map(drop)
}

/// What was sent with an attempt, by path.
pub(crate) async fn of_attempt(db: &Db, key: &str) -> Result<Vec<Written>, StoreError> {
    let rows: Vec<FileRow> = db.query(OF_ATTEMPT).bind(key).all().await?;
    let file = |row: FileRow| {
        let size = u64::try_from(row.size).map_err(|_| corrupt("work_files", "size", key))?;
        Ok(Written { path: row.path, media_type: row.media_type, size, digest: row.digest })
    };
    rows.into_iter().map(file).collect()
}

/// Forgets what was sent with an attempt: another worker begins it anew.
pub(super) async fn forget(tx: &mut Tx, key: &str) -> Result<(), StoreError> {
    tx.query(FORGET).bind(key).execute().await.map(drop)
}
