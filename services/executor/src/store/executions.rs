//! The table `executions`.

use assent_core::id::{ExecutionId, SessionId};
use assent_core::page::Page;
use assent_core::{Digest, Timestamp};
use assent_plan::{Money, Plan};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use sqlx::FromRow;

use super::{corrupt, signed};
use crate::domain::control::Order;
use crate::domain::{Execution, ExecutionState};

pub(super) const STATEMENTS: &[Sql] = &[INSERT, OF_SESSION, GET, LIST, LIST_AFTER, APPROVED, OPEN];

// With an owner, whoever adds it drives it: nobody else sees it unclaimed.
const INSERT: Sql = Sql::new(
    "INSERT INTO executions (id, session_id, version, digest, grant_token, plan, goal, traceparent, state, error,
         cost_micros, created_at, started_at, revision, fence, lease_owner, lease_until, risk_level)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10, $11, $12, 0, 0, $13, $14, $15)
     ON CONFLICT (session_id, version) DO NOTHING",
);
const OF_SESSION: Sql = Sql::new(
    "SELECT id, session_id, version, digest, goal, state, ordered, error, cost_micros, created_at, started_at, ended_at
     FROM executions WHERE session_id = $1 ORDER BY version DESC LIMIT 1",
);
const GET: Sql = Sql::new(
    "SELECT id, session_id, version, digest, goal, state, ordered, error, cost_micros, created_at, started_at, ended_at
     FROM executions WHERE id = $1",
);
// $1 is a list such as ',running,failed,'; empty for any state.
const LIST: Sql = Sql::new(
    "SELECT id, session_id, version, digest, goal, state, ordered, error, cost_micros, created_at, started_at, ended_at
     FROM executions WHERE (CAST($1 AS TEXT) = '' OR CAST($1 AS TEXT) LIKE '%,' || state || ',%')
     ORDER BY created_at DESC, id DESC LIMIT $2",
);
const LIST_AFTER: Sql = Sql::new(
    "SELECT id, session_id, version, digest, goal, state, ordered, error, cost_micros, created_at, started_at, ended_at
     FROM executions WHERE (CAST($1 AS TEXT) = '' OR CAST($1 AS TEXT) LIKE '%,' || state || ',%')
         AND (created_at, id) < ($3, $4)
     ORDER BY created_at DESC, id DESC LIMIT $2",
);
const APPROVED: Sql = Sql::new(
    "SELECT id, session_id, version, digest, goal, state, ordered, error, cost_micros, created_at, started_at,
         ended_at, grant_token, plan, traceparent, risk_level, revision
     FROM executions WHERE id = $1",
);

const OPEN: Sql = Sql::new(
    "SELECT state, count(*) AS executions FROM executions
     WHERE state IN ('pending', 'running', 'rolling_back', 'paused', 'waiting') GROUP BY state",
);

/// Place of an execution in the list.
pub(crate) type Key = (Timestamp, ExecutionId);

#[derive(FromRow)]
struct ExecutionRow {
    id: ExecutionId,
    session_id: SessionId,
    version: i64,
    digest: Digest,
    goal: String,
    state: String,
    ordered: String,
    error: String,
    cost_micros: i64,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl TryFrom<ExecutionRow> for Execution {
    type Error = StoreError;

    fn try_from(row: ExecutionRow) -> Result<Self, StoreError> {
        let bad = |column| corrupt("executions", column, row.id);
        Ok(Self {
            id: row.id,
            session: row.session_id,
            version: i32::try_from(row.version).map_err(|_| bad("version"))?,
            digest: row.digest,
            state: ExecutionState::from_name(&row.state).ok_or_else(|| bad("state"))?,
            cost: u64::try_from(row.cost_micros).map(Money::from_micros).map_err(|_| bad("cost_micros"))?,
            order: order_named(&row.ordered).ok_or_else(|| bad("ordered"))?,
            goal: row.goal,
            error: row.error,
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
        })
    }
}

/// The order of that name; an empty one is none.
pub(super) fn order_named(name: &str) -> Option<Option<Order>> {
    if name.is_empty() { Some(None) } else { Order::from_name(name).map(Some) }
}

/// What an execution runs on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Approved {
    /// The signed permission.
    pub(crate) grant: String,
    /// The plan.
    pub(crate) plan: Plan,
    /// Trace of the workflow, from where it was decided.
    pub(crate) traceparent: Option<String>,
    /// Its risk level, for logs.
    pub(crate) risk_level: Option<String>,
}

/// Adds an execution, with who drives it until when; false when the version has one already.
pub(crate) async fn insert(
    tx: &mut Tx,
    execution: &Execution,
    approved: &Approved,
    driver: Option<(&str, Timestamp)>,
) -> Result<bool, StoreError> {
    let statement =
        tx.query(INSERT).bind(execution.id).bind(execution.session).bind(i64::from(execution.version));
    let statement = statement.bind(execution.digest).bind(approved.grant.as_str()).bind(Json(&approved.plan));
    let statement = statement.bind(execution.goal.as_str()).bind(approved.traceparent.as_deref());
    let statement = statement.bind(execution.state.as_str()).bind(micros(execution.cost));
    let statement = statement.bind(execution.created_at).bind(execution.started_at);
    let statement = statement.bind(driver.map(|(owner, _)| owner)).bind(driver.map(|(_, until)| until));
    let added = statement.bind(approved.risk_level.as_deref()).execute().await?;
    Ok(added == 1)
}

/// How many executions have not ended, by state.
pub(crate) async fn open(db: &Db) -> Result<Vec<(String, i64)>, StoreError> {
    db.query(OPEN).all().await
}

/// The execution of the newest version of `session` that has one.
pub(crate) async fn of_session(db: &Db, session: SessionId) -> Result<Option<Execution>, StoreError> {
    let row: Option<ExecutionRow> = db.query(OF_SESSION).bind(session).optional().await?;
    row.map(Execution::try_from).transpose()
}

/// One execution, as `tx` sees it.
pub(crate) async fn get(tx: &mut Tx, id: ExecutionId) -> Result<Execution, StoreError> {
    let row: ExecutionRow = tx.query(GET).bind(id).one().await?;
    row.try_into()
}

/// One row more than the page, newest first.
pub(crate) async fn list(
    db: &Db,
    states: &[ExecutionState],
    page: &Page<Key>,
) -> Result<Vec<Execution>, StoreError> {
    let states = match states {
        [] => String::new(),
        _ => states.iter().fold(",".to_owned(), |list, state| list + state.as_str() + ","),
    };
    let rows: Vec<ExecutionRow> = match page.after {
        None => db.query(LIST).bind(states).bind(page.limit()).all().await?,
        Some((at, id)) => {
            db.query(LIST_AFTER).bind(states).bind(page.limit()).bind(at).bind(id).all().await?
        }
    };
    rows.into_iter().map(Execution::try_from).collect()
}

#[derive(FromRow)]
struct ApprovedRow {
    #[sqlx(flatten)]
    execution: ExecutionRow,
    grant_token: String,
    plan: Json<Plan>,
    traceparent: Option<String>,
    risk_level: Option<String>,
    revision: i64,
}

/// An execution with what it runs on, and its revision.
pub(crate) async fn approved(db: &Db, id: ExecutionId) -> Result<(Execution, Approved, i64), StoreError> {
    let row: ApprovedRow = db.query(APPROVED).bind(id).one().await?;
    let approved = Approved {
        grant: row.grant_token,
        plan: row.plan.0,
        traceparent: row.traceparent,
        risk_level: row.risk_level,
    };
    Ok((row.execution.try_into()?, approved, row.revision))
}

/// Cost as the column holds it.
pub(super) fn micros(cost: Money) -> i64 {
    signed(cost.micros())
}
