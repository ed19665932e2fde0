//! What was refused is audited as what was done is.

use std::time::Duration;

use assent_core::id::SessionId;
use assent_core::{Code, Fault as _, OpContext};
use serde_json::{Map, Value};

use super::App;
use super::record::audit;
use crate::error::GateError;
use crate::store;

/// Refused calls on one session that are audited within [`WINDOW`], so that nobody fills the audit by asking again and
/// again. Further ones stand in the server's log.
const MOST: i64 = 100;
const WINDOW: Duration = Duration::from_secs(60 * 60);

impl App {
    /// Does `work` on `session`; when that is refused, the audit says so.
    pub(crate) async fn audited<T>(
        &self,
        ctx: &OpContext,
        session: SessionId,
        method: &'static str,
        work: impl Future<Output = Result<T, GateError>>,
    ) -> Result<T, GateError> {
        let outcome = work.await;
        if let Err(error) = &outcome
            && is_refusal(error)
            && let Err(problem) = self.record_refusal(ctx, session, method, error).await
        {
            // The caller's answer does not depend on it.
            tracing::error!(%session, method, error = %problem, "a refused call could not be audited");
        }
        outcome
    }

    async fn record_refusal(
        &self,
        ctx: &OpContext,
        id: SessionId,
        method: &'static str,
        error: &GateError,
    ) -> Result<(), GateError> {
        let mut tx = self.db.begin().await?;
        let Some(mut session) = store::session::lock(&mut tx, id).await? else { return Ok(()) };
        let recent = store::audit::refusals(&mut tx, id, ctx.now().before(WINDOW)).await?;
        if recent >= MOST {
            tracing::warn!(session = %id, method, actor = ctx.actor().id, "a refused call is not audited: too many");
            return Ok(());
        }
        let mut details = Map::from_iter([
            ("method".to_owned(), Value::from(method)),
            ("reason".to_owned(), Value::from(error.reason().0.into_owned())),
        ]);
        details.extend(error.metadata().into_iter().map(|(key, value)| (key, Value::from(value))));
        if recent + 1 == MOST {
            details.insert("further".to_owned(), "are not audited within the hour".into());
        }
        audit(&mut tx, ctx, &mut session, "call.refused", Value::Object(details)).await?;
        store::session::extend_audit(&mut tx, id, &session.audit).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Whether the gate has understood the call and said no, rather than failed or been asked something else.
fn is_refusal(error: &GateError) -> bool {
    matches!(error.code(), Code::PermissionDenied | Code::FailedPrecondition)
        || matches!(error, GateError::Outdated(_))
}
