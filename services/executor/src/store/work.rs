//! The table `work`: attempts that workers make. A lease raises the fence; every later report of an older holder finds
//! no row.

use std::time::Duration;

use assent_core::id::{ExecutionId, RunKind};
use assent_core::{Id, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::{corrupt, work_files};
use crate::domain::work::{Kind, WorkState};

pub(super) const STATEMENTS: &[Sql] =
    &[OFFER, GET, NEWS, FIND, LEASE, HELD, PROLONG, END, WITHDRAW, FORGET, WAITING];

const OFFER: Sql = Sql::new(
    "INSERT INTO work (key, execution_id, run_id, attempt, kind, queue, capabilities, agent_type, priority,
         timeout_micros, state, offered_at, fence, worker, actor, lease_micros)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $12, $11, 0, '', '', 0)
     ON CONFLICT (key) DO NOTHING",
);
const GET: Sql = Sql::new("SELECT state, deadline_at, result FROM work WHERE key = $1");
const NEWS: Sql = Sql::split(
    "SELECT key FROM work WHERE state <> 'open'
         AND key IN (SELECT value FROM jsonb_array_elements_text(CAST($1 AS JSONB)))",
    "SELECT key FROM work WHERE state <> 'open' AND key IN (SELECT value FROM json_each($1))",
);
// Nothing of an execution that is held or about to stop.
const FIND: Sql = Sql::split(
    "SELECT key, execution_id, run_id, attempt, kind, timeout_micros, fence FROM work
     WHERE queue = $1 AND (state = 'open' OR (state = 'leased' AND lease_until < $2))
         AND capabilities <@ CAST($3 AS JSONB)
         AND (SELECT count(*) FROM work AS held
              WHERE held.worker = $5 AND held.actor = $6 AND held.state = 'leased' AND held.lease_until >= $2) < $7
         AND EXISTS (SELECT 1 FROM executions WHERE executions.id = work.execution_id AND executions.ordered = ''
             AND executions.state = CASE work.kind WHEN 'do' THEN 'running' ELSE 'rolling_back' END)
     ORDER BY priority DESC, CASE agent_type WHEN $4 THEN 0 WHEN '' THEN 1 ELSE 2 END, offered_at, key
     LIMIT 1 FOR UPDATE SKIP LOCKED",
    "SELECT key, execution_id, run_id, attempt, kind, timeout_micros, fence FROM work
     WHERE queue = $1 AND (state = 'open' OR (state = 'leased' AND lease_until < $2))
         AND NOT EXISTS (SELECT 1 FROM json_each(work.capabilities) AS needed
             WHERE needed.value NOT IN (SELECT value FROM json_each($3)))
         AND (SELECT count(*) FROM work AS held
              WHERE held.worker = $5 AND held.actor = $6 AND held.state = 'leased' AND held.lease_until >= $2) < $7
         AND EXISTS (SELECT 1 FROM executions WHERE executions.id = work.execution_id AND executions.ordered = ''
             AND executions.state = CASE work.kind WHEN 'do' THEN 'running' ELSE 'rolling_back' END)
     ORDER BY priority DESC, CASE agent_type WHEN $4 THEN 0 WHEN '' THEN 1 ELSE 2 END, offered_at, key
     LIMIT 1",
);
const LEASE: Sql = Sql::new(
    "UPDATE work SET state = 'leased', fence = $2, worker = $3, actor = $4, lease_until = $5, deadline_at = $6,
         lease_micros = $7
     WHERE key = $1",
);
// As many queues as a reading shows: their names come from plans.
const WAITING: Sql = Sql::new(
    "SELECT queue, count(*) AS waiting, min(offered_at) AS since FROM work WHERE state = 'open'
     GROUP BY queue ORDER BY waiting DESC, queue LIMIT 50",
);
// A lease that has ended is as good as new while nobody else has taken the work.
const HELD: Sql = Sql::new(
    "SELECT execution_id, run_id, attempt, worker, lease_micros FROM work
     WHERE key = $1 AND fence = $2 AND actor = $3 AND state = 'leased'",
);
const PROLONG: Sql =
    Sql::new("UPDATE work SET lease_until = $3 WHERE key = $1 AND fence = $2 AND state = 'leased'");
// The first report stays: one that comes again changes nothing.
const END: Sql = Sql::new(
    "UPDATE work SET state = 'ended', result = COALESCE(result, $4)
     WHERE key = $1 AND fence = $2 AND actor = $3 AND state IN ('leased', 'ended')",
);
const WITHDRAW: Sql = Sql::new("DELETE FROM work WHERE key = $1 AND state IN ('open', 'leased')");
const FORGET: Sql = Sql::new("DELETE FROM work WHERE execution_id = $1");

/// An attempt for workers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Offer {
    /// Idempotency key of the attempt.
    pub(crate) key: String,
    /// The execution.
    pub(crate) execution: ExecutionId,
    /// The run.
    pub(crate) run: Id<RunKind>,
    /// The attempt.
    pub(crate) attempt: u32,
    /// Whether the item is to be done or undone.
    pub(crate) kind: Kind,
    /// Who may take it.
    pub(crate) queue: String,
    /// What a worker must be able to do.
    pub(crate) capabilities: Vec<String>,
    /// Type of worker to prefer; empty for any.
    pub(crate) agent_type: String,
    /// Greater goes first.
    pub(crate) priority: i64,
    /// How long a worker may take.
    pub(crate) timeout: Duration,
}

/// What a worker reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// The work is done.
    Done {
        /// For later items.
        output: assent_plan::Map,
        /// One line for people.
        summary: String,
    },
    /// It failed.
    Failed {
        /// Stable name.
        reason: String,
        /// For people.
        message: String,
        /// Whether another attempt may succeed.
        retryable: bool,
    },
}

/// How an offer stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    /// Its state.
    pub(crate) state: WorkState,
    /// When the attempt must have ended, once a worker has it.
    pub(crate) deadline: Option<Timestamp>,
    /// What was reported.
    pub(crate) report: Option<Report>,
}

/// What waits for a worker in one queue.
#[derive(FromRow)]
pub(crate) struct Queue {
    pub(crate) queue: String,
    pub(crate) waiting: i64,
    /// When the oldest was offered.
    pub(crate) since: Timestamp,
}

/// What waits for a worker, by queue.
pub(crate) async fn waiting(db: &Db) -> Result<Vec<Queue>, StoreError> {
    db.query(WAITING).all().await
}

/// Makes an attempt available; one that is there already stays as it is.
pub(crate) async fn offer(tx: &mut Tx, offer: &Offer, now: Timestamp) -> Result<(), StoreError> {
    let statement = tx.query(OFFER).bind(offer.key.as_str()).bind(offer.execution).bind(offer.run);
    let statement = statement.bind(i64::from(offer.attempt)).bind(offer.kind.as_str());
    let statement = statement.bind(offer.queue.as_str()).bind(Json(&offer.capabilities));
    let statement = statement.bind(offer.agent_type.as_str()).bind(offer.priority);
    let timeout = i64::try_from(offer.timeout.as_micros()).unwrap_or(i64::MAX);
    statement.bind(timeout).bind(now).bind(WorkState::Open.as_str()).execute().await.map(drop)
}

/// How an offer stands; none when it was withdrawn.
pub(crate) async fn standing(db: &Db, key: &str) -> Result<Option<Standing>, StoreError> {
    let row: Option<(String, Option<Timestamp>, Option<Json<Report>>)> =
        db.query(GET).bind(key).optional().await?;
    let Some((state, deadline, report)) = row else { return Ok(None) };
    let state = WorkState::from_name(&state).ok_or_else(|| corrupt("work", "state", key))?;
    Ok(Some(Standing { state, deadline, report: report.map(|Json(report)| report) }))
}

/// Those of `keys` that a worker has taken or reported on.
pub(crate) async fn news(db: &Db, keys: &[String]) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> = db.query(NEWS).bind(Json(keys)).all().await?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

/// Who asks for work.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Worker {
    /// As it calls itself.
    pub(crate) name: String,
    /// As its credential says.
    pub(crate) actor: String,
    /// Where it looks.
    pub(crate) queue: String,
    /// What it can do.
    pub(crate) capabilities: Vec<String>,
    /// What it is.
    pub(crate) agent_type: String,
    /// Most that it takes at once.
    pub(crate) most: i64,
    /// How long a lease lasts.
    pub(crate) lease: Duration,
}

/// Work that was leased.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leased {
    /// Idempotency key of the attempt.
    pub(crate) key: String,
    /// Nobody else's number.
    pub(crate) fence: i64,
    /// The execution.
    pub(crate) execution: ExecutionId,
    /// The run.
    pub(crate) run: Id<RunKind>,
    /// The attempt.
    pub(crate) attempt: u32,
    /// Whether the item is to be done or undone.
    pub(crate) kind: Kind,
    /// When the lease ends.
    pub(crate) until: Timestamp,
    /// When the attempt must have ended.
    pub(crate) deadline: Timestamp,
}

#[derive(FromRow)]
struct FoundRow {
    key: String,
    execution_id: ExecutionId,
    run_id: Id<RunKind>,
    attempt: i64,
    kind: String,
    timeout_micros: i64,
    fence: i64,
}

/// Leases the most urgent work that fits `worker`, if there is any.
pub(crate) async fn lease(db: &Db, worker: &Worker, now: Timestamp) -> Result<Option<Leased>, StoreError> {
    let mut tx = db.begin().await?;
    let statement = tx.query(FIND).bind(worker.queue.as_str()).bind(now).bind(Json(&worker.capabilities));
    let statement = statement.bind(worker.agent_type.as_str()).bind(worker.name.as_str());
    let statement = statement.bind(worker.actor.as_str()).bind(worker.most);
    let Some(row) = statement.optional::<FoundRow>().await? else { return Ok(None) };
    let bad = |column| corrupt("work", column, &row.key);
    let timeout = u64::try_from(row.timeout_micros).map_err(|_| bad("timeout_micros"))?;
    let leased = Leased {
        fence: row.fence + 1,
        execution: row.execution_id,
        run: row.run_id,
        attempt: u32::try_from(row.attempt).map_err(|_| bad("attempt"))?,
        kind: Kind::from_name(&row.kind).ok_or_else(|| bad("kind"))?,
        until: now.after(worker.lease),
        deadline: now.after(Duration::from_micros(timeout)),
        key: row.key,
    };
    let statement = tx.query(LEASE).bind(leased.key.as_str()).bind(leased.fence);
    let statement = statement.bind(worker.name.as_str()).bind(worker.actor.as_str());
    let micros = i64::try_from(worker.lease.as_micros()).unwrap_or(i64::MAX);
    statement.bind(leased.until).bind(leased.deadline).bind(micros).execute().await?;
    work_files::forget(&mut tx, &leased.key).await?;
    tx.commit().await?;
    Ok(Some(leased))
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// Idempotency key of the attempt.
    pub(crate) key: String,
    /// The number of the lease.
    pub(crate) fence: i64,
    /// Who reports, as the credential says.
    pub(crate) actor: String,
}

/// A lease that was prolonged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prolonged {
    /// The execution.
    pub(crate) execution: ExecutionId,
    /// The run.
    pub(crate) run: Id<RunKind>,
    /// The attempt.
    pub(crate) attempt: i64,
    /// The worker, as it calls itself.
    pub(crate) worker: String,
    /// When the lease now ends.
    pub(crate) until: Timestamp,
}

/// Prolongs a lease; none when it is lost.
pub(crate) async fn prolong(
    tx: &mut Tx,
    held: &Held,
    now: Timestamp,
) -> Result<Option<Prolonged>, StoreError> {
    let statement = tx.query(HELD).bind(held.key.as_str()).bind(held.fence).bind(held.actor.as_str());
    let row: Option<(ExecutionId, Id<RunKind>, i64, String, i64)> = statement.optional().await?;
    let Some((execution, run, attempt, worker, micros)) = row else { return Ok(None) };
    let micros = u64::try_from(micros).map_err(|_| corrupt("work", "lease_micros", &held.key))?;
    let until = now.after(Duration::from_micros(micros));
    let prolonged = tx.query(PROLONG).bind(held.key.as_str()).bind(held.fence).bind(until).execute().await?;
    Ok((prolonged == 1).then_some(Prolonged { execution, run, attempt, worker, until }))
}

/// Keeps what a worker reported; false when the lease is lost.
pub(crate) async fn end(tx: &mut Tx, held: &Held, report: &Report) -> Result<bool, StoreError> {
    let statement = tx.query(END).bind(held.key.as_str()).bind(held.fence).bind(held.actor.as_str());
    Ok(statement.bind(Json(report)).execute().await? == 1)
}

/// Takes an attempt back on which nobody has reported; whether there was one.
pub(crate) async fn withdraw(tx: &mut Tx, key: &str) -> Result<bool, StoreError> {
    Ok(tx.query(WITHDRAW).bind(key).execute().await? == 1)
}

/// Forgets every attempt of an execution: its reports are taken in, and nobody is to report any more.
pub(crate) async fn forget(tx: &mut Tx, execution: ExecutionId) -> Result<(), StoreError> {
    tx.query(FORGET).bind(execution).execute().await.map(drop)
}
