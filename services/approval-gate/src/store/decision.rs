//! Decisions.

use assent_core::id::{DecisionKind, SessionId};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::{Condition, PlanEstimate, RiskLevel};
use assent_store::{Db, Json, Sql, StoreError, Write};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::named;
use crate::domain::decision::{Decision, Outcome};
use crate::domain::vote::Subject;

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, OF_SESSION];

// One statement for decisions of any number.
const INSERT: Sql = Sql::split(
    "INSERT INTO approval_decisions (id, session_id, outcome, decided_by, decided_at, reason, approved_work_items,
         rejected_work_items, decided_by_actor, version, digest, approvers, policy_digest, conditions, metadata,
         break_glass)
     SELECT CAST(value ->> 'id' AS UUID), CAST(value ->> 'session' AS UUID), value ->> 'outcome',
         value #>> '{decided_by, id}', CAST(value ->> 'decided_at' AS TIMESTAMPTZ), value ->> 'reason',
         value -> 'approved', value -> 'rejected', value -> 'decided_by', CAST(value ->> 'version' AS INTEGER),
         decode(value ->> 'digest', 'hex'), value -> 'approvers', decode(value ->> 'policy_digest', 'hex'),
         value -> 'conditions', value -> 'particulars', CAST(value ->> 'break_glass' AS BOOLEAN)
     FROM jsonb_array_elements(CAST($1 AS JSONB)) AS value",
    "INSERT INTO approval_decisions (id, session_id, outcome, decided_by, decided_at, reason, approved_work_items,
         rejected_work_items, decided_by_actor, version, digest, approvers, policy_digest, conditions, metadata,
         break_glass)
     SELECT unhex(value ->> 'id'), unhex(value ->> 'session'), value ->> 'outcome', value ->> '$.decided_by.id',
         value ->> 'decided_at', value ->> 'reason', value ->> 'approved', value ->> 'rejected', value ->> 'decided_by',
         value ->> 'version', unhex(value ->> 'digest'), value ->> 'approvers', unhex(value ->> 'policy_digest'),
         value ->> 'conditions', value ->> 'particulars', value ->> 'break_glass'
     FROM json_each($1)",
);
const OF_SESSION: Sql = Sql::new(
    "SELECT id, outcome, decided_at, reason, approved_work_items, rejected_work_items, decided_by_actor, version,
         digest, approvers, policy_digest, conditions, metadata, break_glass
     FROM approval_decisions WHERE session_id = $1",
);

#[derive(FromRow)]
struct DecisionRow {
    id: Id<DecisionKind>,
    outcome: String,
    decided_at: Timestamp,
    reason: String,
    approved_work_items: Json<Vec<String>>,
    rejected_work_items: Json<Vec<String>>,
    decided_by_actor: Json<Actor>,
    version: i32,
    digest: Digest,
    approvers: Json<Vec<String>>,
    policy_digest: Digest,
    break_glass: bool,
    conditions: Json<Vec<Condition>>,
    metadata: Json<Particulars>,
}

/// What a decision on some items only says beside the rest.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Particulars {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped_items: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<PlanEstimate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    risk_level: Option<RiskLevel>,
}

impl TryFrom<DecisionRow> for Decision {
    type Error = StoreError;

    fn try_from(row: DecisionRow) -> Result<Self, StoreError> {
        Ok(Self {
            outcome: named(Outcome::parse, &row.outcome, "approval_decisions", "outcome", &row.id)?,
            id: row.id,
            subject: Subject { version: row.version, digest: row.digest },
            decided_by: row.decided_by_actor.0,
            decided_at: row.decided_at,
            reason: row.reason,
            approved_items: row.approved_work_items.0,
            rejected_items: row.rejected_work_items.0,
            approvers: row.approvers.0,
            policy_digest: row.policy_digest,
            break_glass: row.break_glass,
            conditions: row.conditions.0,
            skipped_items: row.metadata.0.skipped_items,
            estimate: row.metadata.0.estimate,
            risk_level: row.metadata.0.risk_level,
        })
    }
}

/// A decision on its way to the database.
#[derive(Serialize)]
struct NewDecision<'a> {
    id: String,
    session: String,
    outcome: Outcome,
    decided_by: &'a Actor,
    decided_at: String,
    reason: &'a str,
    approved: &'a [String],
    rejected: &'a [String],
    version: i32,
    digest: Digest,
    approvers: &'a [String],
    policy_digest: Digest,
    conditions: &'a [Condition],
    particulars: Particulars,
    break_glass: bool,
}

/// # Errors
/// [`StoreError::Conflict`] when a session is decided.
pub(crate) fn insert(decisions: &[(SessionId, &Decision)]) -> Result<Write, StoreError> {
    let rows = decisions.iter().map(|(session, decision)| NewDecision {
        id: decision.id.hex(),
        session: session.hex(),
        outcome: decision.outcome,
        decided_by: &decision.decided_by,
        decided_at: decision.decided_at.to_string(),
        reason: &decision.reason,
        approved: &decision.approved_items,
        rejected: &decision.rejected_items,
        version: decision.subject.version,
        digest: decision.subject.digest,
        approvers: &decision.approvers,
        policy_digest: decision.policy_digest,
        conditions: &decision.conditions,
        particulars: Particulars {
            skipped_items: decision.skipped_items.clone(),
            estimate: decision.estimate.clone(),
            risk_level: decision.risk_level,
        },
        break_glass: decision.break_glass,
    });
    Write::new(INSERT, &rows.collect::<Vec<_>>())
}

pub(crate) async fn of_session(db: &Db, session: SessionId) -> Result<Option<Decision>, StoreError> {
    let row: Option<DecisionRow> = db.query(OF_SESSION).bind(session).optional().await?;
    row.map(Decision::try_from).transpose()
}
