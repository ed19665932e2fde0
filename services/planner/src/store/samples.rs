//! The tables `run_samples` and `calibrations`.

use std::collections::BTreeSet;

use assent_core::id::RunKind;
use assent_core::{Id, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx};

use super::signed;
use crate::domain::{Calibration, Measured, Sample};

pub(super) const STATEMENTS: &[Sql] = &[ADD, TRIM, NEWEST, SAVE, ALL];

/// Runs of one tool and agent type that count: the newest, so that an estimate follows prices and habits.
const KEPT: i64 = 200;
/// Pairs of tool and agent type that are read.
const PAIRS: i64 = 2_000;

const ADD: Sql = Sql::new(
    "INSERT INTO run_samples (run_id, tool, agent_type, cost_micros, duration_ms, ended_at)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (run_id) DO NOTHING",
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

/// Takes runs into what is known about their tools and agent types.
pub(crate) async fn add(tx: &mut Tx, finished: &[Finished], now: Timestamp) -> Result<(), StoreError> {
    let mut pairs = BTreeSet::new();
    for run in finished {
        let (tool, agent_type) = (run.tool.as_str(), run.agent_type.as_str());
        let statement = tx.query(ADD).bind(run.run).bind(tool).bind(agent_type);
        let statement = statement.bind(signed(run.sample.cost)).bind(signed(run.sample.duration));
        if statement.bind(run.ended_at).execute().await? > 0 {
            pairs.insert((tool, agent_type));
        }
    }
    for (tool, agent_type) in pairs {
        measure(tx, tool, agent_type, now).await?;
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
