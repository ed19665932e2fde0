//! The table `plan_versions`.

use assent_core::id::{SessionId, VersionKind};
use assent_core::{Digest, Id, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use sqlx::FromRow;

use crate::domain::chain::{Kept, Link};
use crate::domain::content::{content_of, record_of};
use crate::domain::delta::delta;
use crate::domain::{Version, VersionInfo};

pub(super) const STATEMENTS: &[Sql] =
    &[INSERT, CHAIN, SALVAGE, PAGE, BASE, STORE_WHOLE, PIN, PRUNABLE, DELETE, IS_CHANGE];

const INSERT: Sql = Sql::new(
    "INSERT INTO plan_versions (id, session_id, version_number, plan_json, estimate_json, risk_json, changes_json,
         change_description, modified_by, actor_json, digest, created_at, content_digest, record_digest)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
);
// From the nearest version that is kept whole; from the first when there is none, so that it is not taken for missing.
const CHAIN: Sql = Sql::new(
    "SELECT id, session_id, version_number, estimate_json, risk_json, changes_json, change_description, actor_json,
         digest, created_at, content_digest, record_digest, plan_json
     FROM plan_versions
     WHERE session_id = $1 AND version_number <= $2 AND version_number >= COALESCE(
         (SELECT MAX(version_number) FROM plan_versions
          WHERE session_id = $1 AND version_number <= $2 AND plan_json IS NOT NULL), 0)
     ORDER BY version_number",
);
// Postgres keeps nothing but well-formed JSON; in SQLite it is text, and damaged text must not hide the other rows.
const SALVAGE: Sql = Sql::split(
    "SELECT id, session_id, version_number, estimate_json, risk_json, changes_json, change_description, actor_json,
         digest, created_at, content_digest, record_digest, plan_json
     FROM plan_versions WHERE session_id = $1 ORDER BY version_number",
    "SELECT id, session_id, version_number,
         CASE WHEN json_valid(estimate_json) THEN estimate_json ELSE 'null' END AS estimate_json,
         CASE WHEN json_valid(risk_json) THEN risk_json ELSE 'null' END AS risk_json,
         CASE WHEN json_valid(changes_json) THEN changes_json ELSE 'null' END AS changes_json,
         change_description,
         CASE WHEN json_valid(actor_json) THEN actor_json ELSE 'null' END AS actor_json,
         digest, created_at, content_digest, record_digest,
         CASE WHEN json_valid(plan_json) THEN plan_json END AS plan_json
     FROM plan_versions WHERE session_id = $1 ORDER BY version_number",
);
const PAGE: Sql = Sql::split(
    "SELECT id, session_id, version_number, estimate_json, risk_json, changes_json, change_description, actor_json,
         digest, created_at, content_digest, record_digest, CAST(NULL AS JSONB) AS plan_json
     FROM plan_versions WHERE session_id = $1 AND version_number < $2 ORDER BY version_number DESC LIMIT $3",
    "SELECT id, session_id, version_number, estimate_json, risk_json, changes_json, change_description, actor_json,
         digest, created_at, content_digest, record_digest, NULL AS plan_json
     FROM plan_versions WHERE session_id = $1 AND version_number < $2 ORDER BY version_number DESC LIMIT $3",
);
const BASE: Sql = Sql::split(
    "SELECT id, session_id, version_number, estimate_json, risk_json, changes_json, change_description, actor_json,
         digest, created_at, content_digest, record_digest, CAST(NULL AS JSONB) AS plan_json
     FROM plan_versions
     WHERE session_id = $1 AND version_number < $2 AND version_number >= COALESCE(
         (SELECT MAX(version_number) FROM plan_versions
          WHERE session_id = $1 AND version_number < $2 AND plan_json IS NOT NULL), 0)
     ORDER BY version_number",
    "SELECT id, session_id, version_number, estimate_json, risk_json, changes_json, change_description, actor_json,
         digest, created_at, content_digest, record_digest, NULL AS plan_json
     FROM plan_versions
     WHERE session_id = $1 AND version_number < $2 AND version_number >= COALESCE(
         (SELECT MAX(version_number) FROM plan_versions
          WHERE session_id = $1 AND version_number < $2 AND plan_json IS NOT NULL), 0)
     ORDER BY version_number",
);
const STORE_WHOLE: Sql = Sql::new(
    "UPDATE plan_versions SET plan_json = $3, estimate_json = $4, risk_json = $5, changes_json = $6
     WHERE session_id = $1 AND version_number = $2",
);
const PIN: Sql = Sql::new(
    "UPDATE plan_versions SET pinned_at = $3
     WHERE session_id = $1 AND version_number = $2 AND pinned_at IS NULL",
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

/// Keeps a new version: whole, or as what changed since `previous`, the one before.
pub(crate) async fn insert(
    tx: &mut Tx,
    version: &Version,
    previous: Option<&VersionInfo>,
) -> Result<(), StoreError> {
    let info = &version.info;
    let (estimate, risk) = match previous {
        None => (json(&info.estimate)?, json(&info.risk)?),
        Some(old) => (difference(&old.estimate, &info.estimate)?, difference(&old.risk, &info.risk)?),
    };
    let plan = previous.is_none().then_some(Json(&version.plan));
    let statement = tx.query(INSERT).bind(info.id).bind(info.session).bind(info.number);
    let statement = statement.bind(plan).bind(Json(estimate)).bind(Json(risk));
    let statement = statement.bind(Json(&info.changes)).bind(info.change_description.as_str());
    let statement = statement.bind(info.author.id.as_str()).bind(Json(&info.author));
    let statement = statement.bind(info.digest).bind(info.created_at);
    let content = content_of(&version.plan).map_err(unwritable)?;
    statement.bind(content).bind(record_of(info).map_err(unwritable)?).execute().await.map(drop)
}

fn unwritable(error: serde_json::Error) -> StoreError {
    StoreError::Encode(error.into())
}

fn json(record: &impl Serialize) -> Result<Value, StoreError> {
    serde_json::to_value(record).map_err(unwritable)
}

fn difference(old: &impl Serialize, new: &impl Serialize) -> Result<Value, StoreError> {
    Ok(serde_json::json!({ "delta": delta(&json(old)?, &json(new)?) }))
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
    let whole = |link: &Link| matches!(link.estimate, Some(Kept::Whole(_)));
    if let Some(oldest) = links.last().filter(|link| !whole(link)) {
        let rows: Vec<Row> = db.query(BASE).bind(session).bind(oldest.number).all().await?;
        links.extend(rows.into_iter().rev().map(Link::from));
    }
    Ok((links, wanted))
}

/// Keeps a version whole that was kept as changes, or was damaged.
pub(crate) async fn store_whole(tx: &mut Tx, version: &Version) -> Result<(), StoreError> {
    let info = &version.info;
    let statement = tx.query(STORE_WHOLE).bind(info.session).bind(info.number).bind(Json(&version.plan));
    let statement = statement.bind(Json(&info.estimate)).bind(Json(&info.risk)).bind(Json(&info.changes));
    statement.execute().await.map(drop)
}

/// Keeps a version from ever being removed.
pub(crate) async fn pin(
    tx: &mut Tx,
    session: SessionId,
    number: i32,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.query(PIN).bind(session).bind(number).bind(now).execute().await.map(drop)
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

type Raw = Json<Box<RawValue>>;

#[derive(FromRow)]
struct Row {
    id: Id<VersionKind>,
    session_id: SessionId,
    version_number: i32,
    plan_json: Option<Raw>,
    estimate_json: Raw,
    risk_json: Raw,
    changes_json: Raw,
    change_description: String,
    actor_json: Raw,
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
            plan: row.plan_json.as_ref().and_then(read),
            changes: read(&row.changes_json),
            estimate: kept(&row.estimate_json),
            risk: kept(&row.risk_json),
            change_description: row.change_description,
            author: read(&row.actor_json),
            created_at: row.created_at,
        }
    }
}

fn read<T: DeserializeOwned>(json: &Raw) -> Option<T> {
    serde_json::from_str(json.0.get()).ok()
}

fn kept(json: &Raw) -> Option<Kept> {
    let mut value: Value = read(json)?;
    match value.get_mut("delta") {
        Some(delta) => Some(Kept::Delta(delta.take())),
        None => Some(Kept::Whole(value)),
    }
}
