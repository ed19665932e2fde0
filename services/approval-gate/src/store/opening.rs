//! What open sessions wait for, by whom it could be given, so that finding what somebody can act on is a walk along an
//! index, however many sessions wait.

use std::collections::BTreeSet;

use assent_core::Timestamp;
use assent_core::id::SessionId;
use assent_store::{Db, Json, Sql, StoreError, Tx, Write};
use sqlx::FromRow;

use super::Reader;
use super::session_list::{Key, newest};
use crate::domain::eligibility::Author;
use crate::domain::member::person;

pub(crate) const STATEMENTS: &[Sql] = &[CLEAR, CLEAR_EXCLUDED, INSERT, EXCLUDE, PENDING, ADD_AUTHOR, AUTHORS];

const CLEAR: Sql = Sql::split(
    "DELETE FROM open_requirements
     WHERE session_id = ANY (ARRAY(
         SELECT CAST(value AS UUID) FROM jsonb_array_elements_text(CAST($1 AS JSONB)) AS value))",
    "DELETE FROM open_requirements WHERE session_id IN (SELECT unhex(value) FROM json_each($1))",
);
const CLEAR_EXCLUDED: Sql = Sql::split(
    "DELETE FROM open_exclusions
     WHERE session_id = ANY (ARRAY(
         SELECT CAST(value AS UUID) FROM jsonb_array_elements_text(CAST($1 AS JSONB)) AS value))",
    "DELETE FROM open_exclusions WHERE session_id IN (SELECT unhex(value) FROM json_each($1))",
);
const INSERT: Sql = Sql::split(
    "INSERT INTO open_requirements (voters, created_at, session_id)
     SELECT voters, $2, $1 FROM jsonb_array_elements_text(CAST($3 AS JSONB)) AS wanted(voters)",
    "INSERT INTO open_requirements (voters, created_at, session_id) SELECT value, $2, $1 FROM json_each($3)",
);
const EXCLUDE: Sql = Sql::split(
    "INSERT INTO open_exclusions (session_id, person)
     SELECT $1, person FROM jsonb_array_elements_text(CAST($2 AS JSONB)) AS excluded(person)",
    "INSERT INTO open_exclusions (session_id, person) SELECT $1, value FROM json_each($2)",
);
// For each kind of voters the newest few, each by a walk along the index; then the newest of all. Exclusions are counted
// row by row: as a join, the planner would read all of them.
const PENDING: Sql = Sql::split(
    "SELECT newest.session_id, newest.created_at
     FROM jsonb_array_elements_text(CAST($1 AS JSONB)) AS wanted(voters) CROSS JOIN LATERAL (
         SELECT o.session_id, o.created_at FROM open_requirements o
         WHERE o.voters = wanted.voters AND (o.created_at, o.session_id) < ($2, $3)
           AND (SELECT COUNT(*) FROM open_exclusions x
                WHERE x.session_id = o.session_id AND x.person IN ($4, $5)) = 0
         ORDER BY o.created_at DESC, o.session_id DESC LIMIT $6) AS newest
     GROUP BY newest.session_id, newest.created_at
     ORDER BY newest.created_at DESC, newest.session_id DESC LIMIT $6",
    "SELECT o.session_id, o.created_at FROM json_each($1) AS wanted JOIN open_requirements o ON o.voters = wanted.value
     WHERE (o.created_at, o.session_id) < ($2, $3)
       AND (SELECT COUNT(*) FROM open_exclusions x WHERE x.session_id = o.session_id AND x.person IN ($4, $5)) = 0
     GROUP BY o.session_id, o.created_at ORDER BY o.created_at DESC, o.session_id DESC LIMIT $6",
);
const ADD_AUTHOR: Sql = Sql::new(
    "INSERT INTO session_authors (session_id, version, author) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
);
const AUTHORS: Sql =
    Sql::new("SELECT version, author FROM session_authors WHERE session_id = $1 ORDER BY version");

#[derive(FromRow)]
struct KeyRow {
    session_id: SessionId,
    created_at: Timestamp,
}

/// Who can give what the session waits for, and who cannot. Replaces what stood there.
pub(crate) async fn replace(
    tx: &mut Tx,
    (created_at, session): Key,
    voters: &BTreeSet<String>,
    excluded: &BTreeSet<String>,
) -> Result<(), StoreError> {
    tx.write(&clear(&[session])?).await?;
    tx.query(INSERT).bind(session).bind(created_at).bind(Json(voters)).execute().await?;
    tx.query(EXCLUDE).bind(session).bind(Json(excluded)).execute().await.map(drop)
}

/// The sessions wait for nobody.
pub(crate) fn clear(sessions: &[SessionId]) -> Result<Vec<Write>, StoreError> {
    let ids: Vec<_> = sessions.iter().map(|id| id.hex()).collect();
    Ok(vec![Write::new(CLEAR, &ids)?, Write::new(CLEAR_EXCLUDED, &ids)?])
}

/// Sessions that wait for one of `voters` and for which neither `hand` nor `seat` is excluded, newest first.
pub(crate) async fn pending(
    db: &Db,
    voters: &[String],
    (hand, seat): (&str, &str),
    after: Option<Key>,
    limit: i64,
) -> Result<Vec<Key>, StoreError> {
    let (before, id) = after.unwrap_or_else(newest);
    let statement = db.query(PENDING).bind(Json(voters)).bind(before).bind(id);
    let statement = statement.bind(person(hand)).bind(person(seat)).bind(limit);
    let rows: Vec<KeyRow> = statement.all().await?;
    Ok(rows.into_iter().map(|row| (row.created_at, row.session_id)).collect())
}

/// Notes who made a version.
pub(crate) async fn add_author(tx: &mut Tx, session: SessionId, author: &Author) -> Result<(), StoreError> {
    let statement = tx.query(ADD_AUTHOR).bind(session).bind(author.version).bind(author.id.as_str());
    statement.execute().await.map(drop)
}

/// Who made the versions that this session has seen.
pub(crate) async fn authors(
    reader: impl Into<Reader<'_>>,
    session: SessionId,
) -> Result<Vec<Author>, StoreError> {
    let rows: Vec<(i32, String)> = reader.into().query(AUTHORS).bind(session).all().await?;
    Ok(rows.into_iter().map(|(version, id)| Author { version, id }).collect())
}
