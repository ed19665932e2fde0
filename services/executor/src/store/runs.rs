//! The tables `work_item_runs` and `undo_records`.

use assent_core::id::{ExecutionId, RunKind, SessionId};
use assent_core::{Digest, Id, Timestamp};
use assent_plan::{ItemId, Map, Money, WorkItem};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use sqlx::FromRow;

use super::corrupt;
use super::executions::micros;
use crate::domain::{Run, RunState};

pub(super) const STATEMENTS: &[Sql] = &[INSERT, OF_EXECUTION, ITEM, SAVE, KEEP, KEPT];

const INSERT: Sql = Sql::new(
    "INSERT INTO work_item_runs (id, execution_id, item_id, item, state, attempt, error, summary, cost_micros)
     VALUES ($1, $2, $3, $4, $5, 0, $6, '', 0)",
);
const OF_EXECUTION: Sql = Sql::new(
    "SELECT id, item_id, item, state, attempt, started_at, ended_at, retry_at, output, error, summary, cost_micros,
         completed, undo_attempt, amended_by
     FROM work_item_runs WHERE execution_id = $1 ORDER BY id",
);
const ITEM: Sql = Sql::new("SELECT item FROM work_item_runs WHERE id = $1");
const SAVE: Sql = Sql::new(
    "UPDATE work_item_runs SET state = $2, attempt = $3, started_at = $4, ended_at = $5, retry_at = $6, output = $7,
         error = $8, summary = $9, cost_micros = $10, completed = $11, undo_attempt = $12, amended_by = $13
     WHERE id = $1",
);
// The first attempt's record stays: what a later one finds may be its predecessor's work.
const KEEP: Sql = Sql::new(
    "INSERT INTO undo_records (run_id, path, previous) VALUES ($1, $2, $3) ON CONFLICT (run_id, path) DO NOTHING",
);
const KEPT: Sql = Sql::new("SELECT path, previous FROM undo_records WHERE run_id = $1 ORDER BY path");

#[derive(FromRow)]
struct RunRow {
    id: Id<RunKind>,
    item_id: String,
    item: Json<WorkItem>,
    state: String,
    attempt: i64,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    retry_at: Option<Timestamp>,
    output: Option<Json<Map>>,
    error: String,
    summary: String,
    cost_micros: i64,
    completed: Option<i64>,
    undo_attempt: i64,
    amended_by: Option<SessionId>,
}

impl TryFrom<RunRow> for Run {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self, StoreError> {
        let bad = |column| corrupt("work_item_runs", column, row.id);
        let Json(item) = row.item;
        Ok(Self {
            id: row.id,
            item: row.item_id.parse::<ItemId>().map_err(|_| bad("item_id"))?,
            name: item.name,
            tool: item.tool,
            state: RunState::from_name(&row.state).ok_or_else(|| bad("state"))?,
            attempt: u32::try_from(row.attempt).map_err(|_| bad("attempt"))?,
            started_at: row.started_at,
            ended_at: row.ended_at,
            retry_at: row.retry_at,
            output: row.output.map(|Json(output)| output),
            error: row.error,
            summary: row.summary,
            cost: u64::try_from(row.cost_micros).map(Money::from_micros).map_err(|_| bad("cost_micros"))?,
            completed: row.completed,
            undo_attempt: u32::try_from(row.undo_attempt).map_err(|_| bad("undo_attempt"))?,
            amended_by: row.amended_by,
        })
    }
}

/// Adds a run.
pub(crate) async fn insert(
    tx: &mut Tx,
    execution: ExecutionId,
    run: &Run,
    item: &WorkItem,
) -> Result<(), StoreError> {
    let statement = tx.query(INSERT).bind(run.id).bind(execution).bind(run.item.as_str()).bind(Json(item));
    statement.bind(run.state.as_str()).bind(run.error.as_str()).execute().await.map(drop)
}

/// The runs of an execution.
pub(crate) async fn of_execution(db: &Db, execution: ExecutionId) -> Result<Vec<Run>, StoreError> {
    let rows: Vec<RunRow> = db.query(OF_EXECUTION).bind(execution).all().await?;
    rows.into_iter().map(Run::try_from).collect()
}

/// The runs of an execution, as `tx` sees them.
pub(crate) async fn within(tx: &mut Tx, execution: ExecutionId) -> Result<Vec<Run>, StoreError> {
    let rows: Vec<RunRow> = tx.query(OF_EXECUTION).bind(execution).all().await?;
    rows.into_iter().map(Run::try_from).collect()
}

/// The item of a run, as it is stored now.
pub(crate) async fn item(db: &Db, run: Id<RunKind>) -> Result<WorkItem, StoreError> {
    let Json(item) = db.query(ITEM).bind(run).scalar::<Json<WorkItem>>().await?;
    Ok(item)
}

/// Saves where a run stands, in the transaction that guards the execution.
pub(crate) async fn save(tx: &mut Tx, run: &Run) -> Result<(), StoreError> {
    let statement = tx.query(SAVE).bind(run.id).bind(run.state.as_str()).bind(i64::from(run.attempt));
    let statement = statement.bind(run.started_at).bind(run.ended_at).bind(run.retry_at);
    let statement = statement.bind(run.output.as_ref().map(Json)).bind(run.error.as_str());
    let statement = statement.bind(run.summary.as_str()).bind(micros(run.cost)).bind(run.completed);
    let statement = statement.bind(i64::from(run.undo_attempt)).bind(run.amended_by);
    statement.execute().await.map(drop)
}

/// What stood in a file before an item wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The file.
    pub(crate) path: String,
    /// Where its content is kept; none when there was no file.
    pub(crate) previous: Option<Digest>,
}

/// Notes what `run` is about to overwrite, unless an earlier attempt did.
pub(crate) async fn keep(tx: &mut Tx, run: Id<RunKind>, kept: &Kept) -> Result<(), StoreError> {
    tx.query(KEEP).bind(run).bind(kept.path.as_str()).bind(kept.previous).execute().await.map(drop)
}

/// What `run` has overwritten.
pub(crate) async fn kept(db: &Db, run: Id<RunKind>) -> Result<Vec<Kept>, StoreError> {
    let rows: Vec<(String, Option<Digest>)> = db.query(KEPT).bind(run).all().await?;
    Ok(rows.into_iter().map(|(path, previous)| Kept { path, previous }).collect())
}
