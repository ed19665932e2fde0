//! Entries of the directory.

use std::collections::{BTreeMap, BTreeSet};

use assent_core::{Digest, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use sqlx::FromRow;

use super::Reader;
use crate::domain::directory::User;
use crate::domain::member::person;

pub(crate) const STATEMENTS: &[Sql] = &[OF, OF_ALL, PAGE, ALL, EVERY_ROW, WRITE, REMOVE];

const OF: Sql = Sql::new("SELECT entry, updated_at FROM users WHERE person = $1 AND NOT deleted");
const OF_ALL: Sql = Sql::split(
    "SELECT person, entry, updated_at FROM users
     WHERE person = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST($1 AS JSONB)))) AND NOT deleted",
    "SELECT person, entry, updated_at FROM users WHERE person IN (SELECT value FROM json_each($1)) AND NOT deleted",
);
const PAGE: Sql = Sql::new(
    "SELECT entry, updated_at FROM users WHERE person > $1 AND NOT deleted ORDER BY person LIMIT $2",
);
// As many as a directory of this kind holds; beyond that it belongs into an identity provider.
const ALL: Sql =
    Sql::new("SELECT entry, updated_at FROM users WHERE NOT deleted ORDER BY person LIMIT 100000");
const EVERY_ROW: Sql = Sql::new("SELECT person, file_digest, deleted FROM users");
const WRITE: Sql = Sql::new(
    "INSERT INTO users (person, entry, file_digest, deleted, updated_at) VALUES ($1, $2, $3, FALSE, $4)
     ON CONFLICT (person) DO UPDATE SET entry = excluded.entry, deleted = FALSE, updated_at = excluded.updated_at,
         file_digest = COALESCE(excluded.file_digest, users.file_digest)",
);
// The row stays, so that the file does not bring the entry back unless it changes there.
const REMOVE: Sql = Sql::new(
    "UPDATE users SET deleted = TRUE, entry = $2, updated_at = $3 WHERE person = $1 AND NOT deleted",
);

#[derive(FromRow)]
struct UserRow {
    entry: Json<User>,
    updated_at: Timestamp,
}

#[derive(FromRow)]
struct PersonRow {
    person: String,
    #[sqlx(flatten)]
    user: UserRow,
}

/// An entry, and when it was last written.
pub(crate) type Written = (User, Timestamp);

fn written(row: UserRow) -> Written {
    (row.entry.0, row.updated_at)
}

/// What the file left behind: the person, the digest of the file's entry, and whether the entry is gone.
#[derive(FromRow)]
pub(crate) struct Origin {
    pub(crate) person: String,
    pub(crate) file_digest: Option<Digest>,
    pub(crate) deleted: bool,
}

pub(crate) async fn of(reader: impl Into<Reader<'_>>, id: &str) -> Result<Option<Written>, StoreError> {
    let row: Option<UserRow> = reader.into().query(OF).bind(person(id)).optional().await?;
    Ok(row.map(written))
}

/// Of several people, by person.
pub(crate) async fn of_all(db: &Db, people: &BTreeSet<String>) -> Result<BTreeMap<String, User>, StoreError> {
    let rows: Vec<PersonRow> = db.query(OF_ALL).bind(Json(people)).all().await?;
    Ok(rows.into_iter().map(|row| (row.person, row.user.entry.0)).collect())
}

/// By person, after `after`.
pub(crate) async fn page(db: &Db, after: &str, limit: i64) -> Result<Vec<Written>, StoreError> {
    let rows: Vec<UserRow> = db.query(PAGE).bind(after).bind(limit).all().await?;
    Ok(rows.into_iter().map(written).collect())
}

pub(crate) async fn all(db: &Db) -> Result<Vec<Written>, StoreError> {
    let rows: Vec<UserRow> = db.query(ALL).all().await?;
    Ok(rows.into_iter().map(written).collect())
}

pub(crate) async fn origins(tx: &mut Tx) -> Result<Vec<Origin>, StoreError> {
    tx.query(EVERY_ROW).all().await
}

/// Writes an entry whole; `file` is the digest of the file's entry, where it comes from there.
pub(crate) async fn write(
    tx: &mut Tx,
    user: &User,
    file: Option<Digest>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let statement = tx.query(WRITE).bind(person(&user.id)).bind(Json(user)).bind(file).bind(now);
    statement.execute().await.map(drop)
}

/// Takes an entry out, with everything that it said; false when there is none.
pub(crate) async fn remove(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let gone = User { id: id.to_owned(), ..User::default() };
    let statement = tx.query(REMOVE).bind(person(id)).bind(Json(&gone)).bind(now);
    Ok(statement.execute().await? > 0)
}
