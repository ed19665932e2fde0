//! Sessions.

use std::collections::BTreeSet;

use assent_core::id::{PlanKind, SessionId};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::{Money, RiskAssessment};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use serde::Serialize;
use sqlx::FromRow;

use super::named;
use crate::domain::audit::Head;
use crate::domain::modification::Modification;
use crate::domain::options::{Mode, Options, Urgency};
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::domain::vote::Subject;

pub(crate) const STATEMENTS: &[Sql] =
    &[INSERT, LOAD, LOCK, SAVE, DECIDE, EXTEND_AUDIT, CLAIM_DUE, CLAIM_REVISION, OF, GLANCE, WAITING, COUNT];

/// The columns of a session, then the rest of the statement.
macro_rules! select {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "SELECT id, decomposition_id, state, priority, created_at, expires_at, assigned_reviewer, \
             authorized_approvers, current_version, reviewer_message, updated_at, revision, goal, digest, \
             risk_level, risk, step_count, requester, on_behalf_of, mode, options, audit_sequence, audit_head, \
             cost_high, after_review_of, \
             wake_at, escalation_step, reminders_sent, overdue_since, modification, revise_at, traceparent \
             FROM plan_review_sessions ",
            $($rest),+
        )
    };
}

const INSERT: Sql = Sql::new(
    "INSERT INTO plan_review_sessions (id, decomposition_id, state, priority, created_at, expires_at,
         assigned_reviewer, authorized_approvers, current_version, reviewer_message, updated_at, revision, goal,
         digest, risk_level, risk, step_count, requester_id, requester, on_behalf_of, mode, options,
         audit_sequence, audit_head, wake_at, cost_high, after_review_of, traceparent)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
         $23, $24, $25, $26, $27, $28)",
);
const LOAD: Sql = Sql::new(select!("WHERE id = $1"));
// On SQLite the transaction itself is the lock: it has been the only writer since it began.
const LOCK: Sql = Sql::split(select!("WHERE id = $1 FOR UPDATE"), select!("WHERE id = $1"));
const SAVE: Sql = Sql::new(
    "UPDATE plan_review_sessions SET state = $3, assigned_reviewer = $4, updated_at = $5, audit_sequence = $6,
         audit_head = $7, current_version = $8, digest = $9, risk_level = $10, risk = $11, step_count = $12,
         goal = $13, expires_at = $14, wake_at = $15, escalation_step = $16, reminders_sent = $17,
         overdue_since = $18, modification = $19, revise_at = $20, cost_high = $21, revision = revision + 1
     WHERE id = $1 AND revision = $2",
);
// What a decision changes, of any number of sessions; not of those that are no longer as they were read.
const DECIDE: Sql = Sql::split(
    "UPDATE plan_review_sessions AS session
     SET state = decided.value ->> 'state', updated_at = CAST(decided.value ->> 'updated_at' AS TIMESTAMPTZ),
         audit_sequence = CAST(decided.value ->> 'audit_sequence' AS BIGINT),
         audit_head = decode(decided.value ->> 'audit_head', 'hex'), wake_at = NULL,
         modification = NULLIF(decided.value -> 'modification', 'null'), revise_at = NULL,
         revision = session.revision + 1
     FROM jsonb_array_elements(CAST($1 AS JSONB)) AS decided(value)
     WHERE session.id = CAST(decided.value ->> 'id' AS UUID)
       AND session.revision = CAST(decided.value ->> 'revision' AS BIGINT)
       AND session.audit_sequence = CAST(decided.value ->> 'audited' AS BIGINT)
       AND session.id = ANY (ARRAY(
           SELECT CAST(value ->> 'id' AS UUID) FROM jsonb_array_elements(CAST($1 AS JSONB)) AS value))
     RETURNING session.id",
    "UPDATE plan_review_sessions
     SET state = decided.value ->> 'state', updated_at = decided.value ->> 'updated_at',
         audit_sequence = decided.value ->> 'audit_sequence', audit_head = unhex(decided.value ->> 'audit_head'),
         wake_at = NULL, modification = decided.value ->> 'modification', revise_at = NULL, revision = revision + 1
     FROM json_each($1) AS decided
     WHERE plan_review_sessions.id = unhex(decided.value ->> 'id')
       AND revision = decided.value ->> 'revision' AND audit_sequence = decided.value ->> 'audited'
     RETURNING plan_review_sessions.id",
);
const EXTEND_AUDIT: Sql = Sql::new(
    "UPDATE plan_review_sessions SET audit_sequence = $2, audit_head = $3 WHERE id = $1 AND audit_sequence < $2",
);
// Looking costs what is due: the index holds only what still waits for its time.
const CLAIM_DUE: Sql = Sql::split(
    select!("WHERE wake_at <= $1 ORDER BY wake_at LIMIT 1 FOR UPDATE SKIP LOCKED"),
    select!("WHERE wake_at <= $1 ORDER BY wake_at LIMIT 1"),
);
const CLAIM_REVISION: Sql = Sql::split(
    select!("WHERE revise_at <= $1 ORDER BY revise_at LIMIT 1 FOR UPDATE SKIP LOCKED"),
    select!("WHERE revise_at <= $1 ORDER BY revise_at LIMIT 1"),
);

const OF: Sql = Sql::split(
    select!(
        "WHERE id = ANY (ARRAY(
             SELECT CAST(value AS UUID) FROM jsonb_array_elements_text(CAST($1 AS JSONB)) AS value))
         ORDER BY created_at DESC, id DESC"
    ),
    select!("WHERE id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY created_at DESC, id DESC"),
);

/// Sessions, and whether there is anything beside them: most have neither when somebody votes, and to know that spares
/// two statements. Counted row by row: what EXISTS asks for, the planner may read whole.
macro_rules! glance {
    ($which:literal) => {
        concat!(
            "SELECT seen.*,
                 (SELECT count(*) FROM votes WHERE session_id = seen.id AND version = current_version) > 0 AS has_votes,
                 (SELECT count(*) FROM dismissed_votes WHERE session_id = seen.id) > 0 AS has_dismissed
             FROM (",
            select!($which),
            ") AS seen"
        )
    };
}
const GLANCE: Sql = Sql::split(
    glance!(
        "WHERE id = ANY (ARRAY(
             SELECT CAST(value AS UUID) FROM jsonb_array_elements_text(CAST($1 AS JSONB)) AS value))"
    ),
    glance!("WHERE id IN (SELECT unhex(value) FROM json_each($1))"),
);

// The index by state holds what is open apart from the many that are not.
const WAITING: Sql = Sql::new(
    "SELECT risk_level, count(*) AS waiting, min(created_at) AS since FROM plan_review_sessions
     WHERE state IN ('pending', 'in_review', 'modification_requested') GROUP BY risk_level",
);
const COUNT: Sql = Sql::new("SELECT count(*) FROM plan_review_sessions");

pub(super) use select;

#[derive(FromRow)]
pub(super) struct SessionRow {
    id: SessionId,
    decomposition_id: Id<PlanKind>,
    state: String,
    priority: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    assigned_reviewer: Option<String>,
    authorized_approvers: Json<Vec<String>>,
    current_version: i32,
    reviewer_message: String,
    updated_at: Timestamp,
    revision: i64,
    goal: String,
    digest: Digest,
    risk_level: String,
    risk: Json<RiskAssessment>,
    step_count: i32,
    requester: Json<Actor>,
    on_behalf_of: String,
    mode: String,
    options: Json<Options>,
    audit_sequence: i64,
    audit_head: Digest,
    cost_high: Option<i64>,
    after_review_of: Option<SessionId>,
    wake_at: Option<Timestamp>,
    escalation_step: i32,
    reminders_sent: i32,
    overdue_since: Option<Timestamp>,
    modification: Option<Json<Modification>>,
    revise_at: Option<Timestamp>,
    traceparent: Option<String>,
}

#[derive(FromRow)]
struct GlanceRow {
    #[sqlx(flatten)]
    session: SessionRow,
    has_votes: bool,
    has_dismissed: bool,
}

/// A session, and what there is beside it.
pub(crate) struct Glance {
    pub(crate) session: Session,
    /// Whether there are votes on its current version.
    pub(crate) has_votes: bool,
    /// Whether there are votes that do not count any more.
    pub(crate) has_dismissed: bool,
}

/// What waits for a decision at one risk level.
#[derive(FromRow)]
pub(crate) struct Waiting {
    pub(crate) risk_level: String,
    pub(crate) waiting: i64,
    /// When the oldest was submitted.
    pub(crate) since: Timestamp,
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        const TABLE: &str = "plan_review_sessions";
        let state = named(State::parse, &row.state, TABLE, "state", &row.id)?;
        let priority = named(Urgency::parse, &row.priority, TABLE, "priority", &row.id)?;
        let mode = named(Mode::parse, &row.mode, TABLE, "mode", &row.id)?;
        let Json(risk) = row.risk;
        // The column is for queries; who decides goes by the assessment.
        if risk.level.as_str() != row.risk_level {
            return Err(StoreError::Corrupt { table: TABLE, column: "risk_level", id: row.id.to_string() });
        }
        Ok(Self {
            id: row.id,
            plan_id: row.decomposition_id,
            goal: row.goal,
            state,
            revision: row.revision,
            subject: Subject { version: row.current_version, digest: row.digest },
            risk,
            step_count: row.step_count,
            cost_high: row.cost_high.and_then(|micros| u64::try_from(micros).ok()).map(Money::from_micros),
            after_review_of: row.after_review_of,
            requester: row.requester.0,
            on_behalf_of: row.on_behalf_of,
            mode,
            options: Options {
                authorized_approvers: row.authorized_approvers.0,
                reviewer_message: row.reviewer_message,
                priority,
                ..row.options.0
            },
            assigned_reviewer: row.assigned_reviewer,
            created_at: row.created_at,
            updated_at: row.updated_at,
            expires_at: row.expires_at,
            wake_at: row.wake_at,
            escalation_step: row.escalation_step,
            reminders_sent: row.reminders_sent,
            overdue_since: row.overdue_since,
            modification: row.modification.map(|modification| modification.0),
            revise_at: row.revise_at,
            traceparent: row.traceparent,
            audit: Head { sequence: row.audit_sequence, digest: row.audit_head },
        })
    }
}

pub(crate) async fn insert(tx: &mut Tx, session: &Session) -> Result<(), StoreError> {
    let options = &session.options;
    tx.query(INSERT)
        .bind(session.id)
        .bind(session.plan_id)
        .bind(session.state.as_str())
        .bind(options.priority.as_str())
        .bind(session.created_at)
        .bind(session.expires_at)
        .bind(session.assigned_reviewer.as_deref())
        .bind(Json(&options.authorized_approvers))
        .bind(session.subject.version)
        .bind(options.reviewer_message.as_str())
        .bind(session.updated_at)
        .bind(session.revision)
        .bind(session.goal.as_str())
        .bind(session.subject.digest)
        .bind(session.risk.level.as_str())
        .bind(Json(&session.risk))
        .bind(session.step_count)
        .bind(session.requester.id.as_str())
        .bind(Json(&session.requester))
        .bind(session.on_behalf_of.as_str())
        .bind(session.mode.as_str())
        .bind(Json(options))
        .bind(session.audit.sequence)
        .bind(session.audit.digest)
        .bind(session.wake_at)
        .bind(micros(session.cost_high))
        .bind(session.after_review_of)
        .bind(session.traceparent.as_deref())
        .execute()
        .await
        .map(drop)
}

pub(crate) async fn load(db: &Db, id: SessionId) -> Result<Option<Session>, StoreError> {
    let row: Option<SessionRow> = db.query(LOAD).bind(id).optional().await?;
    row.map(Session::try_from).transpose()
}

/// Reads a session and keeps others from changing it until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, id: SessionId) -> Result<Option<Session>, StoreError> {
    let row: Option<SessionRow> = tx.query(LOCK).bind(id).optional().await?;
    row.map(Session::try_from).transpose()
}

/// Locks a session whose time is over; none when there is none that another replica does not hold.
pub(crate) async fn claim_due(tx: &mut Tx, now: Timestamp) -> Result<Option<Session>, StoreError> {
    let row: Option<SessionRow> = tx.query(CLAIM_DUE).bind(now).optional().await?;
    row.map(Session::try_from).transpose()
}

/// Locks a session whose plan the planner is to change; none when there is none that another replica does not hold.
pub(crate) async fn claim_revision(tx: &mut Tx, now: Timestamp) -> Result<Option<Session>, StoreError> {
    let row: Option<SessionRow> = tx.query(CLAIM_REVISION).bind(now).optional().await?;
    row.map(Session::try_from).transpose()
}

/// Writes what can change, and takes the next revision.
///
/// # Errors
/// [`StoreError::Conflict`] when the session has moved on since it was read.
pub(crate) async fn save(tx: &mut Tx, session: &mut Session) -> Result<(), StoreError> {
    let statement = tx.query(SAVE).bind(session.id).bind(session.revision).bind(session.state.as_str());
    let statement = statement.bind(session.assigned_reviewer.as_deref()).bind(session.updated_at);
    let statement = statement.bind(session.audit.sequence).bind(session.audit.digest);
    let statement = statement.bind(session.subject.version).bind(session.subject.digest);
    let statement = statement.bind(session.risk.level.as_str()).bind(Json(&session.risk));
    let statement = statement.bind(session.step_count).bind(session.goal.as_str());
    let statement = statement.bind(session.expires_at).bind(session.wake_at).bind(session.escalation_step);
    let statement = statement.bind(session.reminders_sent).bind(session.overdue_since);
    let statement = statement.bind(session.modification.as_ref().map(Json)).bind(session.revise_at);
    let statement = statement.bind(micros(session.cost_high));
    match statement.execute().await? {
        0 => Err(StoreError::Conflict),
        _ => {
            session.revision += 1;
            Ok(())
        }
    }
}

/// A session that is decided.
pub(crate) struct Decided<'a> {
    /// As it is now.
    pub(crate) session: &'a Session,
    /// The end of its audit chain when it was read.
    pub(crate) audited: i64,
}

#[derive(Serialize)]
struct DecidedRow<'a> {
    id: String,
    revision: i64,
    audited: i64,
    state: State,
    updated_at: String,
    audit_sequence: i64,
    audit_head: Digest,
    modification: Option<&'a Modification>,
}

/// Writes what a decision changes, and takes the next revision of each. Returns those that are still as they were
/// read; the others have moved on and stay as they are. No session may be there twice.
pub(crate) async fn decide(tx: &mut Tx, sessions: &[Decided<'_>]) -> Result<BTreeSet<SessionId>, StoreError> {
    let rows = sessions.iter().map(|Decided { session, audited }| DecidedRow {
        id: session.id.hex(),
        revision: session.revision,
        audited: *audited,
        state: session.state,
        updated_at: session.updated_at.to_string(),
        audit_sequence: session.audit.sequence,
        audit_head: session.audit.digest,
        modification: session.modification.as_ref(),
    });
    let rows: Vec<(SessionId,)> = tx.query(DECIDE).bind(Json(rows.collect::<Vec<_>>())).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Writes the end of the audit chain, for entries that change nothing else.
pub(crate) async fn extend_audit(tx: &mut Tx, id: SessionId, head: &Head) -> Result<(), StoreError> {
    let statement = tx.query(EXTEND_AUDIT).bind(id).bind(head.sequence).bind(head.digest);
    match statement.execute().await? {
        0 => Err(StoreError::Conflict),
        _ => Ok(()),
    }
}

/// What waits for a decision, by risk level; levels at which nothing waits are not there.
pub(crate) async fn waiting(db: &Db) -> Result<Vec<Waiting>, StoreError> {
    db.query(WAITING).all().await
}

/// How many sessions are kept.
pub(crate) async fn count(db: &Db) -> Result<i64, StoreError> {
    db.query(COUNT).scalar().await
}

/// Sessions by id, newest first.
pub(crate) async fn of(db: &Db, ids: &[SessionId]) -> Result<Vec<Session>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.hex()).collect();
    let rows: Vec<SessionRow> = db.query(OF).bind(Json(ids)).all().await?;
    rows.into_iter().map(Session::try_from).collect()
}

/// Sessions by id, with what is worth a look beside them.
pub(crate) async fn glance(db: &Db, ids: &[SessionId]) -> Result<Vec<Glance>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.hex()).collect();
    let rows: Vec<GlanceRow> = db.query(GLANCE).bind(Json(ids)).all().await?;
    let read = |GlanceRow { session, has_votes, has_dismissed }| {
        Ok(Glance { session: Session::try_from(session)?, has_votes, has_dismissed })
    };
    rows.into_iter().map(read).collect()
}

fn micros(cost: Option<Money>) -> Option<i64> {
    cost.map(|cost| i64::try_from(cost.micros()).unwrap_or(i64::MAX))
}
