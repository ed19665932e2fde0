//! Values outside an approved bound: their branch waits for a review of its own, and goes on under its grant.

use std::time::Duration;

use assent_core::Timestamp;
use assent_core::id::{RequestId, SessionId};
use assent_plan::Plan;
use assent_proto::approval::v1::SubmitForApprovalRequest;
use assent_proto::review::v1::SubmissionMode;
use assent_rpc::convert::Wire as _;
use assent_rpc::{RemoteFault, outbound_within};
use tokio::time::Instant;

use super::Drive;
use super::attempt::shown;
use super::ledger::Batch;
use super::verified::Verified;
use crate::domain::amend::{self, AmendmentState};
use crate::domain::grant::Refusal;
use crate::domain::{ExecutionFact, ExecutionState, Run, RunFact, RunState};
use crate::error::ExecutorError;
use crate::store::amendments::{self, Amendment};
use crate::tools::ToolError;

/// Longest wait for the approval gate to open a review.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after it could not.
const ASK_AGAIN: Duration = Duration::from_secs(5);

impl Drive {
    /// Has `run` wait for a review of its values. An item that nobody could review fails.
    pub(super) fn hold(
        &self,
        batch: &mut Batch,
        mut run: Run,
        why: &ToolError,
        now: Timestamp,
    ) -> Result<(), ExecutorError> {
        let plan = self.authority(&run).map(|verified| &verified.plan);
        let graph = self.schedule.graph();
        let asked = plan.and_then(|plan| amend::branch(plan, graph, &self.ledger.runs, &run.item));
        run.error = shown(why);
        match asked {
            Some(asked) => {
                run.apply(RunFact::Held, now)?;
                run.amended_by = None;
                batch.asked.push((self.app.source.new_id(), run.item.clone(), asked));
            }
            None => run.apply(RunFact::GivenUp, now)?,
        }
        batch.runs.push(run);
        Ok(())
    }

    /// Whether some item waits for a review that has not been asked for.
    pub(super) fn is_unasked(&self) -> bool {
        self.ledger.runs.values().any(|run| run.state == RunState::Held && run.amended_by.is_none())
    }

    /// Whether some item waits for a review.
    pub(super) fn is_held(&self) -> bool {
        self.ledger.runs.values().any(|run| run.state == RunState::Held)
    }

    /// Opens the reviews that are still to be opened. While the approval gate is away, everything else goes on.
    pub(super) async fn ask(&mut self) -> Result<(), ExecutorError> {
        if !self.is_unasked() || Instant::now() < self.ask_at {
            return Ok(());
        }
        self.ledger.flush().await?;
        let all = amendments::of_execution(&self.app.db, self.ledger.execution.id).await?;
        let open = |amendment: &Amendment| {
            let run = self.ledger.runs.get(&amendment.item);
            amendment.state == AmendmentState::Asked
                && run.is_some_and(|run| run.state == RunState::Held && run.amended_by.is_none())
        };
        for amendment in all.into_iter().filter(open).collect::<Vec<_>>() {
            let session = match amendment.session {
                Some(session) => session,
                None => match self.submit(&amendment).await {
                    Ok(session) => session,
                    Err(error) => {
                        tracing::warn!(
                            item = %amendment.item,
                            error = &error as &dyn std::error::Error,
                            "cannot ask for a review of values; it is asked for again"
                        );
                        self.ask_at = Instant::now() + ASK_AGAIN;
                        return Ok(());
                    }
                },
            };
            let Some(mut run) = self.ledger.runs.get(&amendment.item).cloned() else { continue };
            run.amended_by = Some(session);
            let mut batch = self.ledger.batch();
            batch.runs.push(run);
            batch.opened.push((amendment.request, session));
            self.ledger.commit(batch).await?;
        }
        Ok(())
    }

    async fn submit(&self, amendment: &Amendment) -> Result<SessionId, ExecutorError> {
        let plan = &self.verified.plan;
        let person = if plan.on_behalf_of.is_empty() { &plan.requester } else { &plan.on_behalf_of };
        let request = SubmitForApprovalRequest {
            plan: Some(amendment.plan.to_pb()),
            mode: SubmissionMode::ReviewAlways.into(),
            // Who asked for the whole does not decide about a part of it.
            on_behalf_of: person.clone(),
            request_id: amendment.request.uuid().to_string(),
            amends_session_id: self.ledger.execution.session.to_string(),
            amends_item_id: amendment.item.to_string(),
            ..SubmitForApprovalRequest::default()
        };
        let request = outbound_within(&self.ledger.ctx, request, Some(ASK_TIMEOUT));
        let answer = self.app.keys.gate().submit_for_approval(request).await.map_err(RemoteFault::from)?;
        let id = answer.into_inner().session.unwrap_or_default().id;
        id.parse().map_err(|_| ExecutorError::Answer("the session of a review has no id"))
    }

    /// Goes on by the reviews that have ended.
    pub(super) async fn amend(&mut self) -> Result<Option<Refusal>, ExecutorError> {
        if !self.is_held() {
            return Ok(None);
        }
        let all = amendments::of_execution(&self.app.db, self.ledger.execution.id).await?;
        for amendment in all {
            let batch = match (amendment.state, &amendment.granted, amendment.session) {
                (AmendmentState::Approved, Some((token, version)), Some(session)) => {
                    let verified = self.amended(&amendment.plan, token, *version, session).await?;
                    let verified = match verified {
                        Ok(verified) => verified,
                        Err(refusal) => return Ok(Some(refusal)),
                    };
                    let batch = self.granted(&amendment, session, &verified)?;
                    self.amendments.insert(session, verified);
                    batch
                }
                (AmendmentState::Refused, ..) => self.denied(&amendment)?,
                _ => continue,
            };
            self.ledger.commit(batch).await?;
        }
        Ok(None)
    }

    /// Verifies the grants under which a part of the execution runs already.
    pub(super) async fn load_amendments(&mut self) -> Result<Result<(), Refusal>, ExecutorError> {
        let needed = |run: &Run| run.amended_by.filter(|_| run.state != RunState::Held);
        if !self.ledger.runs.values().any(|run| needed(run).is_some()) {
            return Ok(Ok(()));
        }
        for amendment in amendments::of_execution(&self.app.db, self.ledger.execution.id).await? {
            let (Some((token, version)), Some(session)) = (&amendment.granted, amendment.session) else {
                continue;
            };
            if amendment.state != AmendmentState::Applied {
                continue;
            }
            match self.amended(&amendment.plan, token, *version, session).await? {
                Ok(verified) => self.amendments.insert(session, verified),
                Err(refusal) => return Ok(Err(refusal)),
            };
        }
        Ok(Ok(()))
    }

    /// Verifies the grant of a review.
    pub(super) async fn amended(
        &self,
        plan: &Plan,
        token: &str,
        version: i32,
        session: SessionId,
    ) -> Result<Result<Verified, Refusal>, ExecutorError> {
        let verified =
            Verified::amendment(&self.app, &self.ledger.ctx, plan, token, (session, version)).await?;
        let of = self.ledger.execution.session;
        Ok(verified.and_then(|verified| verified.must_amend(of).map(|()| verified)))
    }

    fn granted(
        &self,
        amendment: &Amendment,
        session: SessionId,
        verified: &Verified,
    ) -> Result<Batch, ExecutorError> {
        let now = self.app.source.now();
        let mut batch = self.settled(amendment.request, now)?;
        for run in self.ledger.runs.values() {
            let held = run.item == amendment.item && run.state == RunState::Held;
            let item = verified.plan.item(&run.item);
            let mut run = run.clone();
            match (held, item) {
                (true, _) | (false, Some(_)) if !verified.grants(&run.item) => {
                    if !matches!(run.state, RunState::Held | RunState::Pending) {
                        continue;
                    }
                    run.apply(RunFact::PassedOver, now)?;
                    run.error = "it was not approved in the review of its values".to_owned();
                }
                (true, Some(item)) => {
                    run.apply(RunFact::Released, now)?;
                    run.amended_by = Some(session);
                    batch.replaced.push((run.id, item.clone()));
                }
                (false, Some(item)) if run.state == RunState::Pending => {
                    run.amended_by = Some(session);
                    batch.replaced.push((run.id, item.clone()));
                }
                _ => continue,
            }
            batch.runs.push(run);
        }
        Ok(batch)
    }

    fn denied(&self, amendment: &Amendment) -> Result<Batch, ExecutorError> {
        let now = self.app.source.now();
        let mut batch = self.settled(amendment.request, now)?;
        if let Some(run) = self.ledger.runs.get(&amendment.item).filter(|run| run.state == RunState::Held) {
            let mut run = run.clone();
            run.apply(RunFact::GivenUp, now)?;
            run.error.push_str("; the review of the values ended without approval");
            batch.runs.push(run);
        }
        Ok(batch)
    }

    fn settled(&self, request: RequestId, now: Timestamp) -> Result<Batch, ExecutorError> {
        let mut batch = self.ledger.batch();
        if batch.execution.state == ExecutionState::Waiting {
            batch.execution.apply(ExecutionFact::Woken, now)?;
        }
        batch.applied.push(request);
        Ok(batch)
    }
}
