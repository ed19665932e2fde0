//! Decisions.

use assent_core::id::{DecisionKind, SessionId};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::{Condition, PlanEstimate, RiskLevel};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::named;
use crate::domain::decision::{Decision, Outcome};
use crate::domain::vote::Subject;

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, OF_SESSION];

const INSERT: Sql = Sql::new(
    "INSERT INTO approval_decisions (id, session_id, outcome, decided_by, decided_at, reason, approved_work_items,
         rejected_work_items, decided_by_actor, version, digest, approvers, policy_digest,
         conditions, metadata, break_glass)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
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

/// # Errors
/// [`StoreError::Conflict`] when the session is decided.
pub(crate) async fn insert(tx: &mut Tx, session: SessionId, decision: &Decision) -> Result<(), StoreError> {
    let particulars = Particulars {
        skipped_items: decision.skipped_items.clone(),
        estimate: decision.estimate.clone(),
        risk_level: decision.risk_level,
    };
    tx.query(INSERT)
        .bind(decision.id)
        .bind(session)
        .bind(decision.outcome.as_str())
        .bind(decision.decided_by.id.as_str())
        .bind(decision.decided_at)
        .bind(decision.reason.as_str())
        .bind(Json(&decision.approved_items))
        .bind(Json(&decision.rejected_items))
        .bind(Json(&decision.decided_by))
        .bind(decision.subject.version)
        .bind(decision.subject.digest)
        .bind(Json(&decision.approvers))
        .bind(decision.policy_digest)
        .bind(Json(&decision.conditions))
        .bind(Json(particulars))
        .bind(decision.break_glass)
        .execute()
        .await
        .map(drop)
}

pub(crate) async fn of_session(db: &Db, session: SessionId) -> Result<Option<Decision>, StoreError> {
    let row: Option<DecisionRow> = db.query(OF_SESSION).bind(session).optional().await?;
    row.map(Decision::try_from).transpose()
}
