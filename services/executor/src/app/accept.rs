//! From a decision to an execution.

use std::sync::Arc;
use std::time::Duration;

use assent_core::grant::GrantClaims;
use assent_core::id::SessionId;
use assent_core::{Code, Digest, Fault as _, OpContext};
use assent_events::{Cursor, Handled, append};
use assent_plan::{Condition, Money, Plan};
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{Event, ExecutionRefused};
use assent_proto::plan::v1::PlanVersion;
use assent_proto::versioning::v1::GetVersionRequest;
use assent_rpc::convert::Wire as _;
use assent_rpc::{RemoteFault, outbound};
use tokio::time::Instant;

use super::App;
use crate::domain::grant::{self, Refusal, Subject};
use crate::domain::schedule::Runs;
use crate::domain::{Execution, ExecutionState, Run, RunFact};
use crate::drive::{Adding, Drive, Verified};
use crate::error::ExecutorError;
use crate::measure::log_change;
use crate::store::executions::Approved;

/// What may run.
pub(super) struct Permitted {
    pub(super) token: String,
    pub(super) claims: GrantClaims,
    pub(super) plan: Plan,
    conditions: Vec<Condition>,
    risk_level: String,
}

/// What the event is about when nothing may run.
struct Refused {
    version: i32,
    refusal: Refusal,
}

impl App {
    /// Executes what was approved in `session`, unless that has begun already.
    ///
    /// # Errors
    /// [`ExecutorError::Refused`] when there is no grant that holds.
    pub(crate) async fn start(
        self: &Arc<Self>,
        ctx: &OpContext,
        session: SessionId,
    ) -> Result<Execution, ExecutorError> {
        let permitted = self.permitted(ctx, session, None).await?;
        let permitted = permitted.map_err(|refused| ExecutorError::Refused(refused.refusal))?;
        if permitted.claims.amends.is_some() {
            // It is a part of another execution.
            return Err(ExecutorError::UnknownExecution(session));
        }
        self.begin(ctx, session, permitted, None).await?;
        self.execution(session).await
    }

    /// Takes in one fact of the approval gate.
    ///
    /// # Errors
    /// When nothing can be said yet: the fact comes again.
    pub(crate) async fn on_event(
        self: &Arc<Self>,
        event: &Event,
        cursor: Cursor,
    ) -> Result<Handled, ExecutorError> {
        let Ok(session) = event.session_id.parse::<SessionId>() else { return Ok(Handled::Skipped) };
        let decision = match &event.payload {
            Some(Payload::PlanApproved(approved)) => &approved.decision,
            Some(Payload::PlanPartiallyApproved(approved)) => &approved.decision,
            Some(Payload::PlanRejected(_) | Payload::PlanCancelled(_) | Payload::ApprovalTimeout(_)) => {
                return self.review_ended(event, session, cursor).await;
            }
            Some(Payload::GrantRevoked(_)) => return self.revoked(session).await,
            _ => return Ok(Handled::Skipped),
        };
        let likely = decision.as_ref().map(|decision| decision.version);
        let trace = Some(event.traceparent.as_str()).filter(|trace| !trace.is_empty());
        let ctx = self.context(trace);
        // Every call comes before the transaction.
        match self.permitted(&ctx, session, likely).await? {
            Ok(permitted) if permitted.claims.amends.is_some() => {
                self.review_granted(session, permitted, cursor).await?;
            }
            Ok(permitted) => self.begin(&ctx, session, permitted, Some(cursor)).await?,
            Err(refused) => self.refuse(&ctx, session, &refused, cursor).await?,
        }
        Ok(Handled::Done)
    }

    /// Gets the grant and the plan, and checks both. The version that is `likely` is asked for at once; which one it
    /// is, the grant says.
    async fn permitted(
        &self,
        ctx: &OpContext,
        session: SessionId,
        likely: Option<i32>,
    ) -> Result<Result<Permitted, Refused>, ExecutorError> {
        let refused = |version, refusal| Ok(Err(Refused { version, refusal }));
        let asked = Instant::now();
        let early = async {
            match likely {
                Some(number) => Some((number, self.version(ctx, session, number).await)),
                None => None,
            }
        };
        let (grant, early) = tokio::join!(self.keys.grant(ctx, session), early);
        let (token, stands) = match grant {
            Ok(grant) => grant,
            Err(fault) => return refused(0, unavailable(fault)?),
        };
        let claims = match self.keys.verify(ctx, &token).await? {
            Ok(claims) => claims,
            Err(refusal) => return refused(0, refusal),
        };
        let version = match early {
            Some((number, version)) if number == claims.ver => version,
            _ => self.version(ctx, session, claims.ver).await,
        };
        let version = match version {
            Ok(version) => version,
            Err(fault) => return refused(claims.ver, unavailable(fault)?),
        };
        let risk_level = version.risk.as_ref().map(|risk| risk.level()).unwrap_or_default();
        let risk_level = risk_level.as_str_name().trim_start_matches("RISK_LEVEL_").to_ascii_lowercase();
        let plan = version.plan.and_then(|plan| Plan::from_pb(plan, "plan").ok());
        let (Some(plan), Ok(digest)) = (plan, version.digest.parse::<Digest>()) else {
            return refused(claims.ver, Refusal::Digest);
        };
        let subject = Subject { session, version: version.version_number, digest, plan: &plan };
        let skew = Duration::from_secs(self.config.clock_skew_seconds);
        let checked = grant::check(&claims, subject)
            .and_then(|conditions| grant::check_time(&claims, self.source.now(), skew).map(|()| conditions));
        if stands {
            self.standing.stood(claims.jti, asked);
        }
        match checked {
            Ok(conditions) => Ok(Ok(Permitted { token, claims, plan, conditions, risk_level })),
            Err(refusal) => refused(claims.ver, refusal),
        }
    }

    async fn version(
        &self,
        ctx: &OpContext,
        session: SessionId,
        number: i32,
    ) -> Result<PlanVersion, RemoteFault> {
        let request = GetVersionRequest { session_id: session.to_string(), version_number: Some(number) };
        let answer = self.versions.clone().get_version(outbound(ctx, request)).await?;
        Ok(answer.into_inner().version.unwrap_or_default())
    }

    /// Notes the execution, and that the fact is handled. An execution that is there already stays as it is.
    async fn begin(
        self: &Arc<Self>,
        ctx: &OpContext,
        session: SessionId,
        permitted: Permitted,
        cursor: Option<Cursor>,
    ) -> Result<(), ExecutorError> {
        let Permitted { token, claims, plan, conditions, risk_level } = permitted;
        let now = ctx.now();
        let execution = Execution {
            id: ctx.new_id(),
            session,
            version: claims.ver,
            digest: claims.dig,
            goal: plan.goal.clone(),
            state: ExecutionState::Pending,
            order: None,
            error: String::new(),
            cost: Money::ZERO,
            created_at: now,
            started_at: None,
            ended_at: None,
        };
        let mut all = Runs::new();
        for item in &plan.items {
            let mut run = Run::new(ctx.new_id(), item);
            if !claims.items.contains_key(item.id.as_str()) {
                run.apply(RunFact::PassedOver, now)?;
                run.error = "it was not approved".to_owned();
            }
            all.insert(item.id.clone(), run);
        }
        let traceparent = ctx.traceparent().map(str::to_owned);
        let verified = Verified::accepted(claims, plan.clone(), conditions);
        let approved = Approved { grant: token, plan, traceparent, risk_level: Some(risk_level) };
        let adding = Adding { execution, approved, runs: all };
        // Where there is room, it begins with the commit that adds it.
        let room = self.driven.room();
        let drive = match room {
            Some(_) => Box::pin(Drive::first(self, &adding, verified)).await,
            None => None,
        };
        self.config.faults.before().await;
        let mut tx = self.db.begin().await?;
        if let Some(cursor) = cursor {
            cursor.advance(&mut tx).await?;
        }
        let is_new = adding.write(&mut tx, self, ctx, drive.as_deref()).await?;
        tx.commit().await?;
        self.config.faults.after().await;
        if is_new {
            log_change(&adding.execution, &adding.approved, None);
            match (drive, room) {
                (Some(drive), Some(room)) => {
                    drive.added(&adding.execution);
                    self.driven.hand(drive, room);
                }
                _ => self.wake.notify_one(),
            }
        }
        Ok(())
    }

    async fn refuse(
        &self,
        ctx: &OpContext,
        session: SessionId,
        refused: &Refused,
        cursor: Cursor,
    ) -> Result<(), ExecutorError> {
        let Refused { version, refusal } = refused;
        tracing::error!(
            alarm = "execution_refused",
            workflow_id = %session,
            reason = refusal.reason(),
            error = %refusal,
            "nothing runs"
        );
        let event = ExecutionRefused {
            version: *version,
            reason: refusal.reason().to_owned(),
            message: refusal.to_string(),
        };
        let mut tx = self.db.begin().await?;
        cursor.advance(&mut tx).await?;
        append(&mut tx, ctx, Some(session), Payload::ExecutionRefused(event)).await?;
        Ok(tx.commit().await?)
    }
}

/// Whether a peer's answer is final. Anything that may pass is an error, so that the fact comes again.
fn unavailable(fault: RemoteFault) -> Result<Refusal, ExecutorError> {
    let is_final =
        matches!(fault.code(), Code::NotFound | Code::FailedPrecondition) || fault.is("DATA_CORRUPT");
    if is_final { Ok(Refusal::Unavailable(fault.to_string())) } else { Err(fault.into()) }
}
