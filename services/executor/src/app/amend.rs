//! What becomes of reviews of values, and of grants that are taken back.

use assent_core::id::{ExecutionId, SessionId};
use assent_events::{Cursor, Handled};
use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_proto::review::v1::DecisionOutcome;

use super::App;
use super::accept::Permitted;
use crate::error::ExecutorError;
use crate::store::amendments::{self, Amendment, Granted};
use crate::store::{executions, leases};

impl App {
    /// Notes that the review of values `session` was approved.
    pub(super) async fn review_granted(
        &self,
        session: SessionId,
        permitted: Permitted,
        cursor: Cursor,
    ) -> Result<(), ExecutorError> {
        let Permitted { token, claims, plan, .. } = permitted;
        let found = match amendments::of_session(&self.db, session).await? {
            Some(found) => Some(found),
            // It was decided before the answer to the request was kept.
            None => match &claims.amends {
                Some(amends) => match amends.item.parse() {
                    Ok(item) => amendments::of_item(&self.db, amends.session, &item).await?,
                    Err(_) => None,
                },
                None => None,
            },
        };
        match found {
            Some(found) => self.decide(&found, session, Some((&plan, claims.ver, &token)), cursor).await,
            None => {
                tracing::error!(alarm = "amendment_unknown", workflow_id = %session, "nobody asked for the review");
                let mut tx = self.db.begin().await?;
                cursor.advance(&mut tx).await?;
                Ok(tx.commit().await?)
            }
        }
    }

    /// Notes that a review has ended without approval, if it was one of values.
    pub(super) async fn review_ended(
        &self,
        event: &Event,
        session: SessionId,
        cursor: Cursor,
    ) -> Result<Handled, ExecutorError> {
        if let Some(Payload::ApprovalTimeout(timeout)) = &event.payload {
            let outcome = timeout.decision.as_ref().map(|decision| decision.outcome());
            // Reviewers were reminded, or it was approved after all, which is told by a fact of its own.
            if matches!(outcome, None | Some(DecisionOutcome::Approved | DecisionOutcome::PartiallyApproved))
            {
                return Ok(Handled::Skipped);
            }
        }
        let Some(found) = amendments::of_session(&self.db, session).await? else {
            return Ok(Handled::Skipped);
        };
        self.decide(&found, session, None, cursor).await?;
        Ok(Handled::Done)
    }

    async fn decide(
        &self,
        found: &Amendment,
        session: SessionId,
        granted: Option<Granted<'_>>,
        cursor: Cursor,
    ) -> Result<(), ExecutorError> {
        let mut tx = self.db.begin().await?;
        leases::lock(&mut tx, found.execution).await?;
        cursor.advance(&mut tx).await?;
        amendments::decide(&mut tx, found.request, session, granted).await?;
        // One that waits may still be leased by whoever let it rest.
        leases::unlease_waiting(&mut tx, found.execution).await?;
        tx.commit().await?;
        self.wake(found.execution);
        Ok(())
    }

    /// Has whoever drives the execution of `session` ask about its grant.
    pub(super) async fn revoked(&self, session: SessionId) -> Result<Handled, ExecutorError> {
        if let Some(execution) = executions::of_session(&self.db, session).await? {
            self.wake(execution.id);
        }
        if let Some(amendment) = amendments::of_session(&self.db, session).await? {
            self.wake(amendment.execution);
        }
        Ok(Handled::Skipped)
    }

    fn wake(&self, execution: ExecutionId) {
        self.driven.wake(execution);
        self.wake.notify_one();
    }
}
