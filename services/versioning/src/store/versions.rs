//! The table `plan_versions`.

use std::collections::BTreeSet;

use assent_core::id::{SessionId, VersionKind};
use assent_core::{Digest, Id, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;

use crate::domain::chain::{Kept, Link};
use crate::domain::content::{content_of, record_of};
use crate::domain::delta::delta;
use crate::domain::{Version, VersionInfo};

pub(super) const STATEMENTS: &[Sql] =
    &[INSERT, CHAIN, SALVAGE, PAGE, BASE, STORE_WHOLE, PIN, PRUNABLE, DELETE, IS_CHANGE, CHANGES];

// Texts, so that Postgres keeps them as they are instead of taking them apart and putting them together again.
const INSERT: Sql = Sql::split(
    "INSERT INTO plan_versions (id, session_id, version_number, plan_json, estimate_json, risk_json, changes_json,
         change_description, modified_by, actor_json, digest, created_at, content_digest, record_digest)
     VALUES ($1, $2, $3, CAST($4 AS JSON), CAST($5 AS JSON), CAST($6 AS JSON), CAST($7 AS JSON), $8, $9, $10, $11, $12,
         $13, $14)",
    "INSERT INTO plan_versions (id, session_id, version_number, plan_json, estimate_json, risk_json, changes_json,
         change_description, modified_by, actor_json, digest, created_at, content_digest, record_digest)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
);
/// All that is kept of a version but its plan. JSON comes as text, whatever has become of it, so that a damaged row
/// does not hide the others.
macro_rules! columns {
    () => {
        "id, session_id, version_number, CAST(estimate_json AS TEXT) AS estimate_json,
         CAST(risk_json AS TEXT) AS risk_json, CAST(changes_json AS TEXT) AS changes_json, change_description,
         CAST(actor_json AS TEXT) AS actor_json, digest, created_at, content_digest, record_digest"
    };
}
// From the nearest version that is kept whole; from the first when there is none, so that it is not taken for missing.
const CHAIN: Sql = Sql::new(concat!(
    "SELECT ",
    columns!(),
    ", CAST(plan_json AS TEXT) AS plan_json
     FROM plan_versions
     WHERE session_id = $1 AND version_number <= $2 AND version_number >= COALESCE(
         (SELECT MAX(version_number) FROM plan_versions
          WHERE session_id = $1 AND version_number <= $2 AND plan_json IS NOT NULL), 0)
     ORDER BY version_number",
));
const SALVAGE: Sql = Sql::new(concat!(
    "SELECT ",
    columns!(),
    ", CAST(plan_json AS TEXT) AS plan_json FROM plan_versions WHERE session_id = $1 ORDER BY version_number",
));
const PAGE: Sql = Sql::new(concat!(
    "SELECT ",
    columns!(),
    ", CAST(NULL AS TEXT) AS plan_json
     FROM plan_versions WHERE session_id = $1 AND version_number < $2 ORDER BY version_number DESC LIMIT $3",
));
const BASE: Sql = Sql::new(concat!(
    "SELECT ",
    columns!(),
    ", CAST(NULL AS TEXT) AS plan_json
     FROM plan_versions
     WHERE session_id = $1 AND version_number < $2 AND version_number >= COALESCE(
         (SELECT MAX(version_number) FROM plan_versions
          WHERE session_id = $1 AND version_number < $2 AND plan_json IS NOT NULL), 0)
     ORDER BY version_number",
));
const STORE_WHOLE: Sql = Sql::split(
    "UPDATE plan_versions SET plan_json = CAST($3 AS JSON), estimate_json = CAST($4 AS JSON),
         risk_json = CAST($5 AS JSON), changes_json = CAST($6 AS JSON)
     WHERE session_id = $1 AND version_number = $2",
    "UPDATE plan_versions SET plan_json = $3, estimate_json = $4, risk_json = $5, changes_json = $6
     WHERE session_id = $1 AND version_number = $2",
);
// Written so that Postgres does not go by the index of what is not pinned, which is full of what was not a moment ago.
const PIN: Sql = Sql::split(
    "UPDATE plan_versions AS kept SET pinned_at = $2
     FROM json_to_recordset(CAST($1 AS JSON)) AS wanted (session UUID, number INTEGER)
     WHERE kept.session_id = wanted.session AND kept.version_number = wanted.number
       AND COALESCE(kept.pinned_at, 'infinity') = 'infinity'",
    "UPDATE plan_versions SET pinned_at = $2 FROM json_each($1) AS wanted
     WHERE session_id = unhex(wanted.value ->> 'session') AND version_number = wanted.value ->> 'number'
       AND pinned_at IS NULL",
);
// Only of closed sessions: while people may still vote, everybody who made a version is excluded from that.
const PRUNABLE: Sql = Sql::new(
    "SELECT v.session_id, v.version_number FROM plan_versions v
     JOIN plan_heads h ON h.session_id = v.session_id
     WHERE v.pinned_at IS NULL AND v.created_at < $1 AND v.version_number > 1
       AND v.version_number <= h.head_version - $2 AND h.closed IS NOT NULL AND h.corrupted_version IS NULL
     ORDER BY v.session_id, v.version_number DESC LIMIT $3",
);
const DELETE: Sql =
    Sql::new("DELETE FROM plan_versions WHERE session_id = $1 AND version_number = $2 AND pinned_at IS NULL");
const IS_CHANGE: Sql = Sql::new(
    "SELECT COUNT(*) FROM plan_versions WHERE session_id = $1 AND version_number = $2 AND plan_json IS NULL",
);
const CHANGES: Sql = Sql::split(
    "SELECT kept.session_id, kept.version_number
     FROM json_to_recordset(CAST($1 AS JSON)) AS wanted (session UUID, number INTEGER)
     JOIN plan_versions AS kept ON kept.session_id = wanted.session AND kept.version_number = wanted.number
     WHERE kept.plan_json IS NULL",
    "SELECT kept.session_id, kept.version_number FROM json_each($1) AS wanted
     JOIN plan_versions AS kept ON kept.session_id = unhex(wanted.value ->> 'session')
         AND kept.version_number = wanted.value ->> 'number'
     WHERE kept.plan_json IS NULL",
);

/// Keeps a new version: whole, or as what changed since `previous`, the one before.
pub(crate) async fn insert(
    tx: &mut Tx,
    version: &Version,
    previous: Option<&VersionInfo>,
) -> Result<(), StoreError> {
    let info = &version.info;
    let (estimate, risk) = match previous {
        None => (text(&info.estimate)?, text(&info.risk)?),
        Some(old) => (difference(&old.estimate, &info.estimate)?, difference(&old.risk, &info.risk)?),
    };
    let plan = previous.is_none().then(|| text(&version.plan)).transpose()?;
    let statement = tx.query(INSERT).bind(info.id).bind(info.session).bind(info.number);
    let statement = statement.bind(plan).bind(estimate).bind(risk);
    let statement = statement.bind(text(&info.changes)?).bind(info.change_description.as_str());
    let statement = statement.bind(info.author.id.as_str()).bind(Json(&info.author));
    let statement = statement.bind(info.digest).bind(info.created_at);
    let content = content_of(&version.plan).map_err(unwritable)?;
    statement.bind(content).bind(record_of(info).map_err(unwritable)?).execute().await.map(drop)
}

fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Encode(error.into())
}

fn text(record: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(unwritable)
}

fn difference<T: Serialize + PartialEq>(old: &T, new: &T) -> Result<String, StoreError> {
    if old == new {
        return text(&Difference { delta: Value::Null });
    }
    let json = |record| serde_json::to_value(record).map_err(unwritable);
    text(&Difference { delta: delta(&json(old)?, &json(new)?) })
}

/// What version `number` is read from: the nearest version before it that is kept whole, and all up to it. The last
/// is another one when there is no such version.
pub(crate) async fn chain(db: &Db, session: SessionId, number: i32) -> Result<Vec<Link>, StoreError> {
    let rows: Vec<Row> = db.query(CHAIN).bind(session).bind(number).all().await?;
    Ok(rows.into_iter().map(Link::from).collect())
}

/// Every version of `session` in order, with whatever of it can be read.
pub(crate) async fn salvage(db: &Db, session: SessionId) -> Result<Vec<Link>, StoreError> {
    let rows: Vec<Row> = db.query(SALVAGE).bind(session).all().await?;
    Ok(rows.into_iter().map(Link::from).collect())
}

/// At most `limit` versions with numbers below `before`, without plans, and behind them those that their records are
/// kept as differences from; newest first.
pub(crate) async fn page(
    db: &Db,
    session: SessionId,
    before: i32,
    limit: i64,
) -> Result<(Vec<Link>, usize), StoreError> {
    let rows: Vec<Row> = db.query(PAGE).bind(session).bind(before).bind(limit).all().await?;
    let mut links: Vec<Link> = rows.into_iter().map(Link::from).collect();
    let wanted = links.len();
    let whole = |link: &Link| matches!(link.estimate, Kept::Whole(_));
    if let Some(oldest) = links.last().filter(|link| !whole(link)) {
        let rows: Vec<Row> = db.query(BASE).bind(session).bind(oldest.number).all().await?;
        links.extend(rows.into_iter().rev().map(Link::from));
    }
    Ok((links, wanted))
}

/// Keeps a version whole that was kept as changes, or was damaged.
pub(crate) async fn store_whole(tx: &mut Tx, version: &Version) -> Result<(), StoreError> {
    let info = &version.info;
    let statement = tx.query(STORE_WHOLE).bind(info.session).bind(info.number).bind(text(&version.plan)?);
    let statement = statement.bind(text(&info.estimate)?).bind(text(&info.risk)?).bind(text(&info.changes)?);
    statement.execute().await.map(drop)
}

/// A version by session and number.
#[derive(Serialize)]
struct Place {
    session: String,
    number: i32,
}

fn places(versions: &BTreeSet<(SessionId, i32)>) -> Json<Vec<Place>> {
    Json(versions.iter().map(|(session, number)| Place { session: session.hex(), number: *number }).collect())
}

/// Keeps versions from ever being removed.
pub(crate) async fn pin(
    tx: &mut Tx,
    versions: &BTreeSet<(SessionId, i32)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.query(PIN).bind(places(versions)).bind(now).execute().await.map(drop)
}

/// Those of `versions` of which only the changes are kept.
pub(crate) async fn changes(
    db: &Db,
    versions: &BTreeSet<(SessionId, i32)>,
) -> Result<Vec<(SessionId, i32)>, StoreError> {
    db.query(CHANGES).bind(places(versions)).all().await
}

/// At most `limit` versions that nobody needs: never voted on, made before `before`, and not among the `newest` of
/// their session, which is closed. Later versions of a session come first.
pub(crate) async fn prunable(
    db: &Db,
    before: Timestamp,
    newest: i32,
    limit: i64,
) -> Result<Vec<(SessionId, i32)>, StoreError> {
    db.query(PRUNABLE).bind(before).bind(newest).bind(limit).all().await
}

/// Removes a version, unless it has been pinned.
pub(crate) async fn delete(tx: &mut Tx, session: SessionId, number: i32) -> Result<bool, StoreError> {
    Ok(tx.query(DELETE).bind(session).bind(number).execute().await? > 0)
}

/// Whether there is such a version, and only its changes are kept.
pub(crate) async fn is_change(db: &Db, session: SessionId, number: i32) -> Result<bool, StoreError> {
    let count: i64 = db.query(IS_CHANGE).bind(session).bind(number).scalar().await?;
    Ok(count > 0)
}

#[derive(FromRow)]
struct Row {
    id: Id<VersionKind>,
    session_id: SessionId,
    version_number: i32,
    plan_json: Option<String>,
    estimate_json: String,
    risk_json: String,
    changes_json: String,
    change_description: String,
    actor_json: String,
    digest: Digest,
    content_digest: Option<Digest>,
    record_digest: Option<Digest>,
    created_at: Timestamp,
}

impl From<Row> for Link {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            session: row.session_id,
            number: row.version_number,
            digest: row.digest,
            content: row.content_digest,
            record: row.record_digest,
            plan: row.plan_json.as_deref().and_then(read),
            changes: read(&row.changes_json),
            estimate: kept(row.estimate_json),
            risk: kept(row.risk_json),
            change_description: row.change_description,
            author: read(&row.actor_json),
            created_at: row.created_at,
        }
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}

/// What is kept whole stays a text: hardly ever is more of it wanted than the record that it holds.
fn kept(json: String) -> Kept {
    // No record has such a member.
    if json.starts_with("{\"delta\"")
        && let Some(Difference { delta }) = read(&json)
    {
        return Kept::Delta(delta);
    }
    Kept::Whole(json)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    delta: Value,
}
