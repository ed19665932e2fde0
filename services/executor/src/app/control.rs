//! What people ask of an execution.

use std::collections::BTreeMap;

use assent_core::id::{ExecutionId, SessionId};
use assent_core::{ActorKind, OpContext};
use assent_events::append;
use assent_plan::ItemId;
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{ExecutionChanged, ExecutionEnded, WorkItemRunChanged};
use assent_proto::execution::v1 as pb;
use assent_store::Tx;

use super::App;
use crate::convert;
use crate::domain::control::{self, Answer, Command, Order};
use crate::domain::schedule::Runs;
use crate::domain::{Execution, ExecutionFact, ExecutionState, Run, RunState, retry};
use crate::error::ExecutorError;
use crate::store::artifacts;
use crate::store::executions;
use crate::store::leases;
use crate::store::runs;

/// What a person asks, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The session.
    pub(crate) session: SessionId,
    /// What.
    pub(crate) command: Command,
    /// Why, in their words.
    pub(crate) reason: &'a str,
}

impl App {
    /// Pauses, resumes, cancels or rolls back.
    ///
    /// # Errors
    /// When the state does not allow it.
    pub(crate) async fn control(
        &self,
        ctx: &OpContext,
        asked: Asked<'_>,
    ) -> Result<Execution, ExecutorError> {
        permitted(ctx, asked.command)?;
        let id = self.execution(asked.session).await?.id;
        let (_, approved, _) = executions::approved(&self.db, id).await?;
        let ctx = &assent_rpc::resume(ctx, approved.traceparent.as_deref(), asked.session);
        let mut tx = self.db.begin().await?;
        leases::lock(&mut tx, id).await?;
        let mut execution = executions::get(&mut tx, id).await?;
        let before = execution.state;
        match control::answer(execution.state, execution.order, asked.command)? {
            Answer::Already => return Ok(execution),
            Answer::Order(order) => self.tell(&mut tx, &mut execution, Some(order)).await?,
            Answer::Withdraw => self.tell(&mut tx, &mut execution, None).await?,
            Answer::Now(fact) => {
                let all = runs_of(&mut tx, id).await?;
                let changed = control::carry_out(&mut execution, &all, fact, ctx.now())?;
                execution.order = None;
                self.take(&mut tx, ctx, &execution, all, changed).await?;
            }
        }
        tell_of(&mut tx, ctx, &execution, asked, None).await?;
        tx.commit().await?;
        self.changed(&execution, &approved, before);
        self.driven.wake(id);
        self.wake.notify_one();
        Ok(execution)
    }

    /// Has a failed item tried again, and what was skipped because of it.
    ///
    /// # Errors
    /// When execution or item do not allow it, or the grant does not hold any more.
    pub(crate) async fn retry(
        &self,
        ctx: &OpContext,
        asked: Asked<'_>,
        item: &ItemId,
    ) -> Result<Execution, ExecutorError> {
        permitted(ctx, asked.command)?;
        let id = self.execution(asked.session).await?.id;
        let (_, approved, _) = executions::approved(&self.db, id).await?;
        let ctx = &assent_rpc::resume(ctx, approved.traceparent.as_deref(), asked.session);
        // What was never approved stays skipped, so the grant must be read; this comes before the transaction.
        let claims = self.keys.verify(ctx, &approved.grant).await?.map_err(ExecutorError::Refused)?;
        let granted = |id: &ItemId| claims.items.contains_key(id.as_str());

        let mut tx = self.db.begin().await?;
        leases::lock(&mut tx, id).await?;
        let mut execution = executions::get(&mut tx, id).await?;
        let before = execution.state;
        let answer = control::answer(execution.state, execution.order, Command::RetryItem)?;
        let all = runs_of(&mut tx, id).await?;
        let run = all.get(item).ok_or_else(|| ExecutorError::UnknownItem(item.clone()))?;
        let now = ctx.now();
        let mut changed = if execution.state == ExecutionState::RollbackFailed {
            retry::undo_again(run, now)
        } else {
            retry::again(run, &all, granted, now)
        }?;
        if let Answer::Now(fact) = answer {
            execution.apply(fact, now)?;
            // Another failure would end it at once: it is held until a person has seen to that, too.
            let others = all.values().filter(|other| other.item != *item);
            let held = fact == ExecutionFact::Reopened
                && others.into_iter().any(|other| other.state == RunState::Failed);
            execution.order = held.then_some(Order::Pause);
        }
        changed.iter_mut().for_each(|run| run.retry_at = None);
        self.take(&mut tx, ctx, &execution, all, changed).await?;
        tell_of(&mut tx, ctx, &execution, asked, Some(item)).await?;
        tx.commit().await?;
        self.changed(&execution, &approved, before);
        self.wake.notify_one();
        Ok(execution)
    }

    async fn tell(
        &self,
        tx: &mut Tx,
        execution: &mut Execution,
        order: Option<Order>,
    ) -> Result<(), ExecutorError> {
        execution.order = order;
        Ok(leases::tell(tx, execution.id, order).await?)
    }

    /// Writes an execution that nobody drives, with the runs that change, and tells of it.
    async fn take(
        &self,
        tx: &mut Tx,
        ctx: &OpContext,
        execution: &Execution,
        mut all: Runs,
        changed: Vec<Run>,
    ) -> Result<(), ExecutorError> {
        leases::take(tx, execution).await?;
        for run in changed {
            tx.write(&[runs::save(&[&run])?]).await?;
            let shown = pb::WorkItemRun { output: None, ..convert::run(&run) };
            let fact = WorkItemRunChanged { execution_id: execution.id.to_string(), run: Some(shown) };
            append(tx, ctx, Some(execution.session), Payload::WorkItemRunChanged(fact)).await?;
            all.insert(run.item.clone(), run);
        }
        if execution.state.is_final() {
            let artifacts = artifacts::within(tx, execution.id).await?;
            let fact = ExecutionEnded {
                execution: Some(convert::outline(execution, &all)),
                artifacts: artifacts.iter().map(convert::artifact).collect(),
            };
            append(tx, ctx, Some(execution.session), Payload::ExecutionEnded(fact)).await?;
        }
        Ok(())
    }
}

/// An agent may hold what it has asked for; to let it go on, repeat it or undo it takes a person.
fn permitted(ctx: &OpContext, command: Command) -> Result<(), ExecutorError> {
    let holds = matches!(command, Command::Pause | Command::Cancel);
    if ctx.actor().kind == ActorKind::Agent && !holds { Err(ExecutorError::Agent(command)) } else { Ok(()) }
}

async fn runs_of(tx: &mut Tx, execution: ExecutionId) -> Result<Runs, ExecutorError> {
    let runs = runs::within(tx, execution).await?;
    Ok(runs.into_iter().map(|run| (run.item.clone(), run)).collect::<BTreeMap<_, _>>())
}

async fn tell_of(
    tx: &mut Tx,
    ctx: &OpContext,
    execution: &Execution,
    asked: Asked<'_>,
    item: Option<&ItemId>,
) -> Result<(), ExecutorError> {
    let fact = ExecutionChanged {
        execution: Some(convert::execution(execution)),
        action: asked.command.as_str().to_owned(),
        item_id: item.map(ToString::to_string).unwrap_or_default(),
        reason: asked.reason.to_owned(),
    };
    append(tx, ctx, Some(asked.session), Payload::ExecutionChanged(fact)).await?;
    Ok(())
}
