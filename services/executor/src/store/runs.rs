//! The tables `work_item_runs` and `undo_records`.

use std::collections::HashMap;

use assent_core::id::{ExecutionId, RunKind, SessionId};
use assent_core::{Digest, Id, Timestamp};
use assent_plan::{ItemId, Map, Money, WorkItem};
use assent_store::{Db, Json, Sql, StoreError, Tx, Write};
use serde::Serialize;
use sqlx::FromRow;

use super::corrupt;
use super::executions::micros;
use crate::domain::pins::Pins;
use crate::domain::{Run, RunState};

pub(super) const STATEMENTS: &[Sql] =
    &[INSERT_ALL, OF_EXECUTION, ITEM, NAMED, SAVE, ITEMS, REPLACE, KEEP, KEPT];

// A list of rows, in one statement however long it is.
const INSERT_ALL: Sql = Sql::split(
    "INSERT INTO work_item_runs (id, execution_id, item_id, item, state, attempt, started_at, error, summary,
         cost_micros, tool_digest, rollback_digest)
     SELECT row.id, row.execution, row.item_id, row.item, row.state, row.attempt, row.started_at, row.error, '',
         row.cost_micros, decode(row.tool_digest, 'hex'), decode(row.rollback_digest, 'hex')
     FROM jsonb_to_recordset(CAST($1 AS JSONB)) AS row (id UUID, execution UUID, item_id TEXT, item JSONB, state TEXT,
         attempt BIGINT, started_at TIMESTAMPTZ, error TEXT, cost_micros BIGINT, tool_digest TEXT,
         rollback_digest TEXT)",
    "INSERT INTO work_item_runs (id, execution_id, item_id, item, state, attempt, started_at, error, summary,
         cost_micros, tool_digest, rollback_digest)
     SELECT unhex(value ->> 'id'), unhex(value ->> 'execution'), value ->> 'item_id', value ->> 'item',
         value ->> 'state', value ->> 'attempt', value ->> 'started_at', value ->> 'error', '', value ->> 'cost_micros',
         unhex(value ->> 'tool_digest'), unhex(value ->> 'rollback_digest')
     FROM json_each($1)",
);
const OF_EXECUTION: Sql = Sql::new(
    "SELECT id, item_id, item, state, attempt, started_at, ended_at, retry_at, output, error, summary, cost_micros,
         completed, undo_attempt, amended_by
     FROM work_item_runs WHERE execution_id = $1 ORDER BY id",
);
const ITEM: Sql = Sql::new("SELECT item, tool_digest, rollback_digest FROM work_item_runs WHERE id = $1");
const NAMED: Sql = Sql::new(
    "SELECT executions.session_id, work_item_runs.item_id
     FROM work_item_runs JOIN executions ON executions.id = work_item_runs.execution_id WHERE work_item_runs.id = $1",
);
// A list of rows, in one statement however long it is.
const SAVE: Sql = Sql::split(
    "UPDATE work_item_runs AS run SET state = row.value ->> 'state', attempt = CAST(row.value ->> 'attempt' AS BIGINT),
         started_at = CAST(row.value ->> 'started_at' AS TIMESTAMPTZ),
         ended_at = CAST(row.value ->> 'ended_at' AS TIMESTAMPTZ),
         retry_at = CAST(row.value ->> 'retry_at' AS TIMESTAMPTZ), output = NULLIF(row.value -> 'output', 'null'),
         error = row.value ->> 'error', summary = row.value ->> 'summary',
         cost_micros = CAST(row.value ->> 'cost_micros' AS BIGINT),
         completed = CAST(row.value ->> 'completed' AS BIGINT),
         undo_attempt = CAST(row.value ->> 'undo_attempt' AS BIGINT),
         amended_by = CAST(row.value ->> 'amended_by' AS UUID)
     FROM jsonb_array_elements(CAST($1 AS JSONB)) AS row(value)
     WHERE run.id = CAST(row.value ->> 'id' AS UUID)
       AND run.id = ANY (ARRAY(
           SELECT CAST(value ->> 'id' AS UUID) FROM jsonb_array_elements(CAST($1 AS JSONB)) AS value))",
    "UPDATE work_item_runs SET state = row.value ->> 'state', attempt = row.value ->> 'attempt',
         started_at = row.value ->> 'started_at', ended_at = row.value ->> 'ended_at',
         retry_at = row.value ->> 'retry_at', output = row.value ->> 'output', error = row.value ->> 'error',
         summary = row.value ->> 'summary', cost_micros = row.value ->> 'cost_micros',
         completed = row.value ->> 'completed', undo_attempt = row.value ->> 'undo_attempt',
         amended_by = unhex(row.value ->> 'amended_by')
     FROM json_each($1) AS row WHERE work_item_runs.id = unhex(row.value ->> 'id')",
);
const ITEMS: Sql = Sql::split(
    "SELECT id, item, tool_digest, rollback_digest FROM work_item_runs
     WHERE id = ANY (ARRAY(
         SELECT CAST(value AS UUID) FROM jsonb_array_elements_text(CAST($1 AS JSONB)) AS value))",
    "SELECT id, item, tool_digest, rollback_digest FROM work_item_runs
     WHERE id IN (SELECT unhex(value) FROM json_each($1))",
);
const REPLACE: Sql =
    Sql::new("UPDATE work_item_runs SET item = $2, tool_digest = $3, rollback_digest = $4 WHERE id = $1");
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
            agent_type: item.preferred_agent_type,
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

/// A run that is added, for the tools of these digests.
#[derive(Serialize)]
pub(crate) struct Added<'r> {
    id: String,
    execution: String,
    item_id: &'r str,
    item: &'r WorkItem,
    state: &'static str,
    attempt: u32,
    started_at: Option<Timestamp>,
    error: &'r str,
    cost_micros: i64,
    tool_digest: Option<String>,
    rollback_digest: Option<String>,
}

impl<'r> Added<'r> {
    /// The run of `item` in `execution`.
    pub(crate) fn new(execution: ExecutionId, run: &'r Run, item: &'r WorkItem, pins: Pins) -> Self {
        let text = |digest: Digest| digest.to_string();
        Self {
            id: run.id.hex(),
            execution: execution.hex(),
            item_id: run.item.as_str(),
            item,
            state: run.state.as_str(),
            attempt: run.attempt,
            started_at: run.started_at,
            error: &run.error,
            cost_micros: micros(run.cost),
            tool_digest: pins.tool.map(text),
            rollback_digest: pins.rollback.map(text),
        }
    }
}

/// Adds the runs of an execution.
pub(crate) fn insert(runs: &[Added<'_>]) -> Result<Write, StoreError> {
    Write::new(INSERT_ALL, runs)
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

/// The item of a run as it is stored now, and its tools as they were when it was accepted.
pub(crate) async fn item(db: &Db, run: Id<RunKind>) -> Result<(WorkItem, Pins), StoreError> {
    let (Json(item), tool, rollback): (Json<WorkItem>, Option<Digest>, Option<Digest>) =
        db.query(ITEM).bind(run).one().await?;
    Ok((item, Pins { tool, rollback }))
}

/// Puts an item in the place of another, because it was approved instead.
pub(crate) async fn replace(
    tx: &mut Tx,
    run: Id<RunKind>,
    item: &WorkItem,
    pins: Pins,
) -> Result<(), StoreError> {
    let statement = tx.query(REPLACE).bind(run).bind(Json(item));
    statement.bind(pins.tool).bind(pins.rollback).execute().await.map(drop)
}

/// Session and item of a run.
pub(crate) async fn named(tx: &mut Tx, run: Id<RunKind>) -> Result<(SessionId, String), StoreError> {
    tx.query(NAMED).bind(run).one().await
}

/// A run as [`SAVE`] takes it.
#[derive(Serialize)]
struct Row<'r> {
    id: String,
    state: &'static str,
    attempt: u32,
    started_at: Option<String>,
    ended_at: Option<String>,
    retry_at: Option<String>,
    output: Option<&'r Map>,
    error: &'r str,
    summary: &'r str,
    cost_micros: i64,
    completed: Option<i64>,
    undo_attempt: u32,
    amended_by: Option<String>,
}

/// Saves where runs stand, in the transaction that guards their execution.
pub(crate) fn save(runs: &[&Run]) -> Result<Write, StoreError> {
    fn row(run: &Run) -> Row<'_> {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let Run { id, state, attempt, started_at, ended_at, retry_at, output, error, summary, .. } = run;
        Row {
            id: id.hex(),
            state: state.as_str(),
            attempt: *attempt,
            started_at: text(*started_at),
            ended_at: text(*ended_at),
            retry_at: text(*retry_at),
            output: output.as_ref(),
            error,
            summary,
            cost_micros: micros(run.cost),
            completed: run.completed,
            undo_attempt: run.undo_attempt,
            amended_by: run.amended_by.map(|session| session.hex()),
        }
    }
    Write::new(SAVE, &runs.iter().copied().map(row).collect::<Vec<_>>())
}

/// As [`item`], for many at once.
pub(crate) async fn items(db: &Db, runs: &[Id<RunKind>]) -> Result<Stored, StoreError> {
    let ids: Vec<String> = runs.iter().map(|id| id.hex()).collect();
    let rows: Vec<StoredRow> = db.query(ITEMS).bind(Json(&ids)).all().await?;
    let stored = |(id, Json(item), tool, rollback)| (id, (item, Pins { tool, rollback }));
    Ok(rows.into_iter().map(stored).collect())
}

type StoredRow = (Id<RunKind>, Json<WorkItem>, Option<Digest>, Option<Digest>);

/// Items as they are stored, with the digests of their tools, by run.
pub(crate) type Stored = HashMap<Id<RunKind>, (WorkItem, Pins)>;

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
