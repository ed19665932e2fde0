//! What is old enough is removed, and it is said so: in the audit, which stays longer, in the log of facts and in the
//! server's log.

use std::time::Duration;

use assent_core::{Actor, OpContext};
use assent_events::append;
use assent_proto::event::v1 as events;
use assent_proto::event::v1::event::Payload;
use assent_rpc::convert::{Wire, WireEnum};
use serde_json::json;

use super::App;
use super::record::audit;
use crate::error::GateError;
use crate::store;
use crate::store::retention::Cutoffs;

/// Who removes.
const JOB: &str = "retention";
/// Sessions, and audits, that one run removes at most, so that stopping does not wait for a long backlog.
const BATCH: usize = 1000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What one run removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Sessions.
    pub sessions: usize,
    /// Audits of sessions that were removed before.
    pub audits: usize,
}

impl App {
    /// Removes sessions that ended long enough ago and are not being executed, and audits that outlived their sessions
    /// for long enough. Replicas share the work.
    ///
    /// # Errors
    /// When the database fails; what was removed before stays so.
    pub async fn remove_old(&self) -> Result<Removed, GateError> {
        let mut removed = Removed::default();
        while removed.sessions < BATCH && self.remove_session().await? {
            removed.sessions += 1;
        }
        while removed.audits < BATCH && self.remove_audit().await? {
            removed.audits += 1;
        }
        if removed != Removed::default() {
            tracing::info!(sessions = removed.sessions, audits = removed.audits, "old records removed");
        }
        Ok(removed)
    }

    async fn remove_session(&self) -> Result<bool, GateError> {
        let ctx = self.remover();
        let now = ctx.now();
        let days = |days: u32| now.before(DAY * days);
        let cutoffs = Cutoffs {
            completed: days(self.config.keep_completed_days),
            rejected: days(self.config.keep_rejected_days),
            now,
        };
        let mut tx = self.db.begin().await?;
        let Some(id) = store::retention::claim(&mut tx, cutoffs).await? else { return Ok(false) };
        let Some(mut session) = store::session::lock(&mut tx, id).await? else { return Ok(false) };
        let (votes, comments) = store::retention::counts(&mut tx, id).await?;
        let details = json!({
            "state": session.state,
            "updated_at": session.updated_at.to_string(),
            "votes": votes,
            "comments": comments,
        });
        audit(&mut tx, &ctx, &mut session, "session.removed", details).await?;
        let count = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
        let fact = events::SessionRemoved {
            state: session.state.number(),
            create_time: Some(session.created_at.to_pb()),
            update_time: Some(session.updated_at.to_pb()),
            votes: count(votes),
            comments: count(comments),
        };
        append(&mut tx, &ctx, Some(id), Payload::SessionRemoved(fact)).await?;
        store::retention::remove(&mut tx, &session, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn remove_audit(&self) -> Result<bool, GateError> {
        let ctx = self.remover();
        let before = ctx.now().before(DAY * self.config.keep_audit_days);
        let mut tx = self.db.begin().await?;
        let Some((id, head)) = store::retention::claim_audit(&mut tx, before).await? else {
            return Ok(false);
        };
        let entries = store::retention::remove_audit(&mut tx, id, ctx.now()).await?;
        let fact = events::AuditRemoved {
            entries: i64::try_from(entries).unwrap_or(i64::MAX),
            head_digest: head.digest.to_string(),
        };
        append(&mut tx, &ctx, Some(id), Payload::AuditRemoved(fact)).await?;
        tx.commit().await?;
        Ok(true)
    }

    fn remover(&self) -> OpContext {
        self.source.operation(Actor::system(JOB))
    }
}
