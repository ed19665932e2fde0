//! The tables `run_samples` and `calibrations`.

use std::collections::BTreeSet;

use assent_core::id::RunKind;
use assent_core::{Id, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use serde::Serialize;

use super::signed;
use crate::domain::{Calibration, Measured, Sample};

pub(super) const STATEMENTS: &[Sql] = &[ADD, TRIM, NEWEST, SAVE, ALL];

/// Runs of one tool and agent type that count: the newest, so that an estimate follows prices and habits.
const KEPT: i64 = 200;
/// Pairs of tool and agent type that are read.
const PAIRS: i64 = 2_000;

// A list of runs, in one statement however long it is.
const ADD: Sql = Sql::split(
    "INSERT INTO run_samples (run_id, tool, agent_type, cost_micros, duration_ms, ended_at)
     SELECT run.id, run.tool, run.agent_type, run.cost_micros, run.duration_ms, run.ended_at
     FROM jsonb_to_recordset(CAST($1 AS JSONB)) AS run (id UUID, tool TEXT, agent_type TEXT, cost_micros BIGINT,
         duration_ms BIGINT, ended_at TIMESTAMPTZ)
     ON CONFLICT (run_id) DO NOTHING RETURNING tool, agent_type",
    "INSERT INTO run_samples (run_id, tool, agent_type, cost_micros, duration_ms, ended_at)
     SELECT unhex(value ->> 'id'), value ->> 'tool', value ->> 'agent_type', value ->> 'cost_micros',
         value ->> 'duration_ms', value ->> 'ended_at'
     FROM json_each($1) WHERE TRUE
     ON CONFLICT (run_id) DO NOTHING RETURNING tool, agent_type",
);
const TRIM: Sql = Sql::new(
    "DELETE FROM run_samples WHERE run_id IN (
         SELECT run_id FROM run_samples WHERE tool = $1 AND agent_type = $2
         ORDER BY ended_at DESC, run_id DESC LIMIT 1000 OFFSET $3)",
);
const NEWEST: Sql =
    Sql::new("SELECT cost_micros, duration_ms FROM run_samples WHERE tool = $1 AND agent_type = $2");
const SAVE: Sql = Sql::new(
    "INSERT INTO calibrations (tool, agent_type, measured, updated_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (tool, agent_type) DO UPDATE SET measured = EXCLUDED.measured, updated_at = EXCLUDED.updated_at",
);
const ALL: Sql =
    Sql::new("SELECT tool, agent_type, measured FROM calibrations ORDER BY updated_at DESC LIMIT $1");

/// A run that ended well.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) run: Id<RunKind>,
    pub(crate) tool: String,
    pub(crate) agent_type: String,
    pub(crate) sample: Sample,
    pub(crate) ended_at: Timestamp,
}

/// A run as [`ADD`] takes it.
#[derive(Serialize)]
struct Row<'a> {
    id: String,
    tool: &'a str,
    agent_type: &'a str,
    cost_micros: i64,
    duration_ms: i64,
    ended_at: String,
}

/// Takes runs into what is known about their tools and agent types.
pub(crate) async fn add(tx: &mut Tx, finished: &[Finished], now: Timestamp) -> Result<(), StoreError> {
    let rows = finished.iter().map(|run| Row {
        id: run.run.hex(),
        tool: &run.tool,
        agent_type: &run.agent_type,
        cost_micros: signed(run.sample.cost),
        duration_ms: signed(run.sample.duration),
        ended_at: run.ended_at.to_string(),
    });
    let added: Vec<(String, String)> = tx.query(ADD).bind(Json(rows.collect::<Vec<_>>())).all().await?;
    for (tool, agent_type) in added.into_iter().collect::<BTreeSet<_>>() {
        measure(tx, &tool, &agent_type, now).await?;
    }
    Ok(())
}

/// Measures a tool and agent type anew, by their newest runs.
async fn measure(tx: &mut Tx, tool: &str, agent_type: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.query(TRIM).bind(tool).bind(agent_type).bind(KEPT).execute().await?;
    let rows: Vec<(i64, i64)> = tx.query(NEWEST).bind(tool).bind(agent_type).all().await?;
    let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
    let sample = |(cost, duration): (i64, i64)| Sample { cost: unsigned(cost), duration: unsigned(duration) };
    let measured = Measured::of(&rows.into_iter().map(sample).collect::<Vec<_>>());
    tx.query(SAVE).bind(tool).bind(agent_type).bind(Json(&measured)).bind(now).execute().await.map(drop)
}

/// Everything that is known.
pub(crate) async fn calibration(db: &Db) -> Result<Calibration, StoreError> {
    let rows: Vec<(String, String, Json<Measured>)> = db.query(ALL).bind(PAIRS).all().await?;
    Ok(rows.into_iter().map(|(tool, agent_type, Json(measured))| (tool, agent_type, measured)).collect())
}
