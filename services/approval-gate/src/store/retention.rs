//! Removing what is old enough.

use assent_core::id::SessionId;
use assent_core::{Digest, Timestamp};
use assent_store::{Db, Sql, StoreError, Tx};
use sqlx::FromRow;

use crate::domain::audit::Head;
use crate::domain::session::Session;

pub(crate) const STATEMENTS: &[Sql] = &[
    CLAIM,
    COUNT_VOTES,
    COUNT_COMMENTS,
    DROP_GRANT,
    DROP_DECISION,
    DROP_SESSION,
    BURY,
    BURIED,
    CLAIM_AUDIT,
    DROP_AUDIT,
    BURY_AUDIT,
    BEGIN_EXECUTION,
    END_EXECUTION,
];

// Nothing whose grant may still be acted on, and nothing that runs or has run lately. The states are those of the index.
const CLAIM: Sql = Sql::split(
    "SELECT id FROM plan_review_sessions AS old
     WHERE state IN ('approved', 'partially_approved', 'rejected', 'timed_out', 'cancelled')
       AND ((state IN ('approved', 'partially_approved') AND updated_at < $1)
            OR (state NOT IN ('approved', 'partially_approved') AND updated_at < $2))
       AND NOT EXISTS (SELECT 1 FROM grants WHERE session_id = old.id AND expires_at >= $3)
       AND NOT EXISTS (SELECT 1 FROM session_executions
                       WHERE session_id = old.id AND (ended_at IS NULL OR ended_at >= $1))
     ORDER BY updated_at LIMIT 1 FOR UPDATE SKIP LOCKED",
    "SELECT id FROM plan_review_sessions AS old
     WHERE state IN ('approved', 'partially_approved', 'rejected', 'timed_out', 'cancelled')
       AND ((state IN ('approved', 'partially_approved') AND updated_at < $1)
            OR (state NOT IN ('approved', 'partially_approved') AND updated_at < $2))
       AND NOT EXISTS (SELECT 1 FROM grants WHERE session_id = old.id AND expires_at >= $3)
       AND NOT EXISTS (SELECT 1 FROM session_executions
                       WHERE session_id = old.id AND (ended_at IS NULL OR ended_at >= $1))
     ORDER BY updated_at LIMIT 1",
);
const COUNT_VOTES: Sql = Sql::new("SELECT count(*) FROM votes WHERE session_id = $1");
const COUNT_COMMENTS: Sql = Sql::new("SELECT count(*) FROM plan_comments WHERE session_id = $1");
const DROP_GRANT: Sql = Sql::new("DELETE FROM grants WHERE session_id = $1");
const DROP_DECISION: Sql = Sql::new("DELETE FROM approval_decisions WHERE session_id = $1");
// Votes, items, comments and executions go with it.
const DROP_SESSION: Sql = Sql::new("DELETE FROM plan_review_sessions WHERE id = $1");
const BURY: Sql = Sql::new(
    "INSERT INTO removed_sessions (session_id, state, audit_sequence, audit_head, removed_at)
     VALUES ($1, $2, $3, $4, $5)",
);
const BURIED: Sql = Sql::new(
    "SELECT session_id, audit_sequence, audit_head FROM removed_sessions
     WHERE session_id = $1 AND audit_removed_at IS NULL",
);
const CLAIM_AUDIT: Sql = Sql::split(
    "SELECT session_id, audit_sequence, audit_head FROM removed_sessions
     WHERE audit_removed_at IS NULL AND removed_at < $1 ORDER BY removed_at LIMIT 1 FOR UPDATE SKIP LOCKED",
    "SELECT session_id, audit_sequence, audit_head FROM removed_sessions
     WHERE audit_removed_at IS NULL AND removed_at < $1 ORDER BY removed_at LIMIT 1",
);
const DROP_AUDIT: Sql = Sql::new("DELETE FROM audit_entries WHERE session_id = $1");
const BURY_AUDIT: Sql = Sql::new("UPDATE removed_sessions SET audit_removed_at = $2 WHERE session_id = $1");
const BEGIN_EXECUTION: Sql = Sql::new(
    "INSERT INTO session_executions (execution_id, session_id) VALUES ($1, $2) ON CONFLICT (execution_id) DO NOTHING",
);
const END_EXECUTION: Sql = Sql::new("UPDATE session_executions SET ended_at = $2 WHERE execution_id = $1");

#[derive(FromRow)]
struct BuriedRow {
    session_id: SessionId,
    audit_sequence: i64,
    audit_head: Digest,
}

impl BuriedRow {
    fn read(self) -> (SessionId, Head) {
        (self.session_id, Head { sequence: self.audit_sequence, digest: self.audit_head })
    }
}

/// When something is old enough.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cutoffs {
    /// Approved sessions that have not changed since, and whose executions have ended before.
    pub(crate) completed: Timestamp,
    /// Rejected, timed out and cancelled sessions that have not changed since.
    pub(crate) rejected: Timestamp,
    /// A grant that ends later may still be acted on.
    pub(crate) now: Timestamp,
}

/// A session that is old enough, held until the transaction ends.
pub(crate) async fn claim(tx: &mut Tx, cutoffs: Cutoffs) -> Result<Option<SessionId>, StoreError> {
    let statement = tx.query(CLAIM).bind(cutoffs.completed).bind(cutoffs.rejected).bind(cutoffs.now);
    let row: Option<(SessionId,)> = statement.optional().await?;
    Ok(row.map(|(id,)| id))
}

/// How many votes and comments a session has.
pub(crate) async fn counts(tx: &mut Tx, session: SessionId) -> Result<(i64, i64), StoreError> {
    let votes = tx.query(COUNT_VOTES).bind(session).scalar().await?;
    let comments = tx.query(COUNT_COMMENTS).bind(session).scalar().await?;
    Ok((votes, comments))
}

/// Removes a session with everything but its audit, whose end is kept.
pub(crate) async fn remove(tx: &mut Tx, session: &Session, now: Timestamp) -> Result<(), StoreError> {
    let statement = tx.query(BURY).bind(session.id).bind(session.state.as_str());
    statement.bind(session.audit.sequence).bind(session.audit.digest).bind(now).execute().await?;
    for sql in [DROP_GRANT, DROP_DECISION, DROP_SESSION] {
        tx.query(sql).bind(session.id).execute().await?;
    }
    Ok(())
}

/// The end of the chain of a session that was removed and whose audit is still there.
pub(crate) async fn buried(db: &Db, session: SessionId) -> Result<Option<Head>, StoreError> {
    let row: Option<BuriedRow> = db.query(BURIED).bind(session).optional().await?;
    Ok(row.map(|row| row.read().1))
}

/// A session that was removed before `before` and whose audit is still there, held until the transaction ends.
pub(crate) async fn claim_audit(
    tx: &mut Tx,
    before: Timestamp,
) -> Result<Option<(SessionId, Head)>, StoreError> {
    let row: Option<BuriedRow> = tx.query(CLAIM_AUDIT).bind(before).optional().await?;
    Ok(row.map(BuriedRow::read))
}

/// Removes the audit of a removed session; the log over all chains keeps its leaves.
pub(crate) async fn remove_audit(tx: &mut Tx, session: SessionId, now: Timestamp) -> Result<u64, StoreError> {
    let removed = tx.query(DROP_AUDIT).bind(session).execute().await?;
    tx.query(BURY_AUDIT).bind(session).bind(now).execute().await?;
    Ok(removed)
}

/// Notes that an execution began.
pub(crate) async fn execution_began(
    tx: &mut Tx,
    session: SessionId,
    execution: &str,
) -> Result<(), StoreError> {
    tx.query(BEGIN_EXECUTION).bind(execution).bind(session).execute().await.map(drop)
}

/// Notes that an execution ended.
pub(crate) async fn execution_ended(tx: &mut Tx, execution: &str, at: Timestamp) -> Result<(), StoreError> {
    tx.query(END_EXECUTION).bind(execution).bind(at).execute().await.map(drop)
}
