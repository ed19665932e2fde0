//! The table `amendments`: reviews of values that lay outside an approved bound.

use assent_core::id::{ExecutionId, RequestId, SessionId};
use assent_plan::{ItemId, Plan};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use sqlx::FromRow;

use super::corrupt;
use crate::domain::amend::AmendmentState;

pub(super) const STATEMENTS: &[Sql] = &[INSERT, ASKED, DECIDE, APPLIED, OF_EXECUTION, OF_SESSION, OF_ITEM];

const INSERT: Sql = Sql::new(
    "INSERT INTO amendments (request_id, execution_id, item_id, state, plan) VALUES ($1, $2, $3, 'asked', $4)",
);
const ASKED: Sql =
    Sql::new("UPDATE amendments SET session_id = $2 WHERE request_id = $1 AND session_id IS NULL");
const DECIDE: Sql = Sql::new(
    "UPDATE amendments SET session_id = $2, state = $3, plan = COALESCE($4, plan), grant_token = $5, version = $6
     WHERE request_id = $1 AND state = 'asked'",
);
const APPLIED: Sql = Sql::new("UPDATE amendments SET state = $2 WHERE request_id = $1");
const OF_EXECUTION: Sql = Sql::new(
    "SELECT request_id, execution_id, item_id, state, plan, session_id, grant_token, version
     FROM amendments WHERE execution_id = $1 ORDER BY request_id",
);
const OF_SESSION: Sql = Sql::new(
    "SELECT request_id, execution_id, item_id, state, plan, session_id, grant_token, version
     FROM amendments WHERE session_id = $1",
);
// The approval gate may decide before its answer to the request has been kept.
const OF_ITEM: Sql = Sql::new(
    "SELECT amendments.request_id, amendments.execution_id, amendments.item_id, amendments.state, amendments.plan,
         amendments.session_id, amendments.grant_token, amendments.version
     FROM amendments JOIN executions ON executions.id = amendments.execution_id
     WHERE executions.session_id = $1 AND amendments.item_id = $2 AND amendments.session_id IS NULL
     ORDER BY amendments.request_id LIMIT 1",
);

/// The review of values that lay outside a bound.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Amendment {
    /// Makes asking safe to repeat.
    pub(crate) request: RequestId,
    /// The execution.
    pub(crate) execution: ExecutionId,
    /// The item that waits.
    pub(crate) item: ItemId,
    /// How it stands.
    pub(crate) state: AmendmentState,
    /// What is asked for or, once approved, what was approved.
    pub(crate) plan: Plan,
    /// The session of the review; none until the approval gate has answered.
    pub(crate) session: Option<SessionId>,
    /// The grant, and the version that it is for; none until it is approved.
    pub(crate) granted: Option<(String, i32)>,
}

#[derive(FromRow)]
struct AmendmentRow {
    request_id: RequestId,
    execution_id: ExecutionId,
    item_id: String,
    state: String,
    plan: Json<Plan>,
    session_id: Option<SessionId>,
    grant_token: Option<String>,
    version: Option<i64>,
}

impl TryFrom<AmendmentRow> for Amendment {
    type Error = StoreError;

    fn try_from(row: AmendmentRow) -> Result<Self, StoreError> {
        let bad = |column| corrupt("amendments", column, row.request_id);
        let version = row.version.map(i32::try_from).transpose().map_err(|_| bad("version"))?;
        Ok(Self {
            request: row.request_id,
            execution: row.execution_id,
            item: row.item_id.parse().map_err(|_| bad("item_id"))?,
            state: AmendmentState::from_name(&row.state).ok_or_else(|| bad("state"))?,
            plan: row.plan.0,
            session: row.session_id,
            granted: row.grant_token.zip(version),
        })
    }
}

/// Notes that a review is to be asked for.
pub(crate) async fn insert(
    tx: &mut Tx,
    execution: ExecutionId,
    request: RequestId,
    item: &ItemId,
    plan: &Plan,
) -> Result<(), StoreError> {
    let statement = tx.query(INSERT).bind(request).bind(execution).bind(item.as_str());
    statement.bind(Json(plan)).execute().await.map(drop)
}

/// Notes the session of the review.
pub(crate) async fn asked(tx: &mut Tx, request: RequestId, session: SessionId) -> Result<(), StoreError> {
    tx.query(ASKED).bind(request).bind(session).execute().await.map(drop)
}

/// What was approved: the plan with its version, and the grant.
pub(crate) type Granted<'a> = (&'a Plan, i32, &'a str);

/// Notes how the review has ended; nothing when that is known already.
pub(crate) async fn decide(
    tx: &mut Tx,
    request: RequestId,
    session: SessionId,
    granted: Option<Granted<'_>>,
) -> Result<(), StoreError> {
    let state = if granted.is_some() { AmendmentState::Approved } else { AmendmentState::Refused };
    let statement = tx.query(DECIDE).bind(request).bind(session).bind(state.as_str());
    let statement = statement.bind(granted.map(|(plan, ..)| Json(plan)));
    let statement = statement.bind(granted.map(|(_, _, token)| token));
    statement.bind(granted.map(|(_, version, _)| i64::from(version))).execute().await.map(drop)
}

/// Notes that the execution goes on by it.
pub(crate) async fn applied(tx: &mut Tx, request: RequestId) -> Result<(), StoreError> {
    tx.query(APPLIED).bind(request).bind(AmendmentState::Applied.as_str()).execute().await.map(drop)
}

/// The reviews of an execution.
pub(crate) async fn of_execution(db: &Db, execution: ExecutionId) -> Result<Vec<Amendment>, StoreError> {
    let rows: Vec<AmendmentRow> = db.query(OF_EXECUTION).bind(execution).all().await?;
    rows.into_iter().map(Amendment::try_from).collect()
}

/// The one that `session` reviews.
pub(crate) async fn of_session(db: &Db, session: SessionId) -> Result<Option<Amendment>, StoreError> {
    let row: Option<AmendmentRow> = db.query(OF_SESSION).bind(session).optional().await?;
    row.map(Amendment::try_from).transpose()
}

/// One for `item` of the execution of `session` whose own session is not known yet.
pub(crate) async fn of_item(
    db: &Db,
    session: SessionId,
    item: &ItemId,
) -> Result<Option<Amendment>, StoreError> {
    let row: Option<AmendmentRow> = db.query(OF_ITEM).bind(session).bind(item.as_str()).optional().await?;
    row.map(Amendment::try_from).transpose()
}
