//! Undoing what was done, the last completed item first. Every attempt is committed before it is made, so that
//! whoever goes on after a crash knows which may have been made.

use std::time::Duration;

use assent_plan::{ItemId, Money, WorkItem};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::attempt::{limited, shown, tell};
use super::binding::{Ready, Unready, bind};
use super::{Drive, Flow};
use crate::domain::grant::Refusal;
use crate::domain::work::{self, Kind, WORKER};
use crate::domain::{ExecutionFact, Run, RunFact, RunState, limits, retry, rollback};
use crate::error::ExecutorError;
use crate::secrets::Mask;
use crate::store::runs::{self, Kept};
use crate::store::work::Offer;
use crate::tools::mcp::TOOL_CHANGED;
use crate::tools::{self, Call, ToolError};
use crate::work::made_by_a_worker;

/// The tool whose work is undone by putting back what it has overwritten.
const FILE_WRITE: &str = "file_write";
/// The tool whose work is undone by putting back what it has deleted, where the plan says that this is possible.
const FILE_DELETE: &str = "file_delete";
/// What is said when the driver died while it undid something that must not be undone twice.
const INTERRUPTED: &str =
    "INTERRUPTED: the executor stopped while it was undone, and that must not be repeated";

/// How an item is undone.
enum Way {
    /// By putting back what it has overwritten.
    Restore(Vec<Kept>),
    /// By a call of a tool.
    Call { call: Box<Call>, price: Money, timeout: Duration, mask: Mask, repeatable: bool },
    /// By a worker.
    Worker { offer: Box<Offer>, price: Money },
}

/// What came of trying to undo an item.
enum Tried {
    /// The item is another one now, or is tried again.
    Made,
    /// The process stops.
    Stopped,
    /// What undoes it is not what was approved.
    Refused(Refusal),
}

impl Way {
    /// What an attempt costs.
    fn price(&self) -> Money {
        match self {
            Self::Restore(_) => Money::ZERO,
            Self::Call { price, .. } | Self::Worker { price, .. } => *price,
        }
    }

    /// Whether it may be gone again when nobody knows how far it was gone.
    fn is_repeatable(&self) -> bool {
        match self {
            Self::Restore(_) | Self::Worker { .. } => true,
            Self::Call { repeatable, .. } => *repeatable,
        }
    }
}

impl Drive {
    /// Undoes items until none is left, or the process stops.
    pub(super) async fn undo(&mut self, stop: &CancellationToken) -> Result<Flow, ExecutorError> {
        while let Some(id) = self.to_undo().first() {
            if stop.is_cancelled() {
                return Ok(Flow::Stopped);
            }
            let Some(run) = self.ledger.runs.get(id).cloned() else { break };
            let item = match self.item(&run).await? {
                Ok(item) => item,
                Err(refusal) => return self.undo_refused(&refusal, &run.item).await,
            };
            if let Some(at) = run.retry_at.filter(|at| *at > self.app.source.now()) {
                self.rest(at.since(self.app.source.now()), stop).await?;
                continue;
            }
            match self.undo_one(&item, run, stop).await? {
                Tried::Made => {}
                Tried::Stopped => return Ok(Flow::Stopped),
                Tried::Refused(refusal) => return self.undo_refused(&refusal, &item.id).await,
            }
        }
        let failed = self.ledger.runs.values().any(|run| run.state == RunState::RollbackFailed);
        let mut batch = self.ledger.batch();
        let fact = if failed { ExecutionFact::UndoFailed } else { ExecutionFact::Undone };
        batch.execution.apply(fact, self.app.source.now())?;
        self.ledger.commit(batch).await?;
        Ok(Flow::Next)
    }

    /// What has to be undone, the last completed item first. A call that only looked leaves nothing to undo, unless
    /// the plan says what to do all the same.
    pub(super) fn to_undo(&self) -> Vec<ItemId> {
        let looked = |run: &Run| {
            let item = self.authority(run).and_then(|verified| verified.plan.item(&run.item));
            let harmless =
                |item: &WorkItem| item.rollback.is_none() && tools::only_reads(&item.tool, &item.arguments);
            run.state == RunState::Succeeded && item.is_some_and(harmless)
        };
        rollback::order(self.ledger.runs.values().filter(|run| !looked(run)), &self.app.catalog)
    }

    /// Undoes nothing more, because what would undo `item` is not what was approved.
    async fn undo_refused(&mut self, refusal: &Refusal, item: &ItemId) -> Result<Flow, ExecutorError> {
        self.ledger.refuse_at(refusal, Some(item)).await?;
        Ok(Flow::Next)
    }

    /// Makes one attempt.
    async fn undo_one(
        &mut self,
        item: &WorkItem,
        mut run: Run,
        stop: &CancellationToken,
    ) -> Result<Tried, ExecutorError> {
        let interrupted = run.state == RunState::RollingBack;
        let way = match self.way_back(item, &run).await {
            Ok(way) if interrupted && !way.is_repeatable() => {
                self.undo_failed(run, INTERRUPTED.to_owned()).await?;
                return Ok(Tried::Made);
            }
            Ok(way) => way,
            Err(error) => {
                self.undo_failed(run, shown(&error)).await?;
                return Ok(Tried::Made);
            }
        };
        if !interrupted {
            run.apply(RunFact::UndoStarted, self.app.source.now())?;
            run.cost = run.cost.plus(way.price());
            let mut batch = self.ledger.batch();
            batch.execution.cost = batch.execution.cost.plus(way.price());
            batch.runs.push(run.clone());
            self.ledger.commit(batch).await?;
        }
        let app = std::sync::Arc::clone(&self.app);
        let workspace = app.workspace(self.ledger.execution.id);
        let work = async {
            match &way {
                Way::Restore(kept) => app.toolbox.restore(&workspace, kept).await,
                Way::Call { call, timeout, mask, .. } => {
                    limited(&app.toolbox, call, *timeout, mask).await.map(drop)
                }
                Way::Worker { offer, .. } => made_by_a_worker(&app, offer).await.map(drop),
            }
            .inspect_err(|error| tell(Some(error)))
        };
        let span = self.ledger.span_of("item.undo", &item.id, &item.tool);
        let work = work.instrument(span);
        let Some(result) = self.tended(work, stop).await? else { return Ok(Tried::Stopped) };
        if let Err(error) = &result {
            // A worker is not given what is not what was approved.
            if let Err(refusal) = self.item(&run).await? {
                return Ok(Tried::Refused(refusal));
            }
            // Its server says that the tool is not what was pinned.
            if error.reason == TOOL_CHANGED {
                tracing::error!(item = %item.id, error = error.message, "the tool is not called");
                let tool = item.rollback.as_ref().map(|rollback| rollback.tool.clone());
                return Ok(Tried::Refused(Refusal::Tool(tool.unwrap_or_default())));
            }
        }
        let now = self.app.source.now();
        let config = &self.app.config;
        match result {
            Ok(()) => {
                run.apply(RunFact::Undone, now)?;
                let mut batch = self.ledger.batch();
                batch.forgotten.push(run.item.clone());
                batch.runs.push(run);
                self.ledger.commit(batch).await?;
            }
            Err(error) if error.retryable && run.undo_attempt < config.rollback_attempts => {
                let first = Duration::from_millis(config.retry_first_milliseconds);
                let longest = Duration::from_secs(config.retry_longest_seconds);
                let delay = retry::backoff(run.undo_attempt, first, longest);
                run.apply(RunFact::UndoAttemptFailed, now)?;
                run.retry_at = Some(now.after(self.app.source.jitter(delay)));
                run.error = shown(&error);
                let mut batch = self.ledger.batch();
                batch.runs.push(run);
                self.ledger.commit(batch).await?;
            }
            Err(error) => self.undo_failed(run, shown(&error)).await?,
        }
        Ok(Tried::Made)
    }

    async fn undo_failed(&mut self, mut run: Run, error: String) -> Result<(), ExecutorError> {
        tracing::warn!(item = %run.item, error, "cannot undo the item");
        run.apply(RunFact::UndoFailed, self.app.source.now())?;
        run.error = error;
        let mut batch = self.ledger.batch();
        batch.runs.push(run);
        self.ledger.commit(batch).await
    }

    /// Waits, keeping the lease, until it is time or the process stops. A clock that tests move is looked at often.
    async fn rest(&mut self, time: Duration, stop: &CancellationToken) -> Result<(), ExecutorError> {
        let time = time.min(Duration::from_millis(100));
        self.tended(tokio::time::sleep(time), stop).await.map(drop)
    }

    /// Keeps the lease while `work` takes its time. None when the process stops and the work did not end in time.
    async fn tended<T>(
        &mut self,
        work: impl Future<Output = T>,
        stop: &CancellationToken,
    ) -> Result<Option<T>, ExecutorError> {
        let mut work = std::pin::pin!(work);
        let patience = Duration::from_secs(self.app.config.drain_seconds);
        let mut cut_off = std::pin::pin!(async {
            stop.cancelled().await;
            tokio::time::sleep(patience).await;
        });
        loop {
            tokio::select! {
                result = &mut work => return Ok(Some(result)),
                () = &mut cut_off => return Ok(None),
                () = tokio::time::sleep(self.app.renewal()) => self.ledger.renew().await?,
            }
        }
    }

    /// How `item` is undone, with everything resolved.
    async fn way_back(&self, item: &WorkItem, run: &Run) -> Result<Way, ToolError> {
        let catalog = &self.app.catalog;
        if item.rollback_possible == Some(false) {
            return Err(ToolError::lasting("NOT_REVERSIBLE", "the plan says that it cannot be undone"));
        }
        // Deleting the file is what the catalog lends; putting back what stood there undoes more.
        let lent = catalog.get(&item.tool).and_then(|tool| tool.rollback_for(&item.arguments));
        let put_back = match item.tool.as_str() {
            FILE_WRITE => item.rollback.is_none() || item.rollback == lent,
            FILE_DELETE => item.rollback.is_none() && item.rollback_possible == Some(true),
            _ => false,
        };
        if put_back {
            let kept = runs::kept(&self.app.db, run.id).await;
            let kept = kept.map_err(|error| ToolError::passing("STORE_UNAVAILABLE", error.to_string()))?;
            return Ok(Way::Restore(kept));
        }
        let none = || ToolError::lasting("NOT_REVERSIBLE", "the plan has no rollback for it");
        let way = item.rollback.as_ref().ok_or_else(none)?;
        limits::check_tool(&self.authority(run).unwrap_or(&self.verified).plan, &way.tool)
            .map_err(|passed| ToolError::lasting(passed.reason(), passed.to_string()))?;
        let unknown =
            || ToolError::lasting("TOOL_UNKNOWN", format!("the catalog has no tool `{}`", way.tool));
        let tool = catalog.get(&way.tool).ok_or_else(unknown)?;
        let Ready { arguments, mask } =
            bind(&way.arguments, &[], tool, catalog, &self.ledger.runs, &self.app.secrets)
                .await
                .map_err(Unready::failure)?;
        let execution = &self.ledger.execution;
        let (price, timeout) = (tool.cost(tool.typical_tokens), tool.default_timeout.duration());
        let key = retry::rollback_key(execution.session, execution.version, item);
        // The attempt that is about to begin, or began before the driver died.
        let attempt = run.undo_attempt + u32::from(run.state == RunState::Succeeded);
        let own_key = retry::rollback_attempt_key(execution.session, execution.version, item, attempt);
        if way.tool == WORKER {
            let offer = Offer {
                key: own_key,
                execution: execution.id,
                run: run.id,
                attempt,
                kind: Kind::Undo,
                queue: work::queue(&arguments).to_owned(),
                capabilities: item.required_capabilities.clone(),
                agent_type: item.preferred_agent_type.clone(),
                priority: work::urgency(item.priority),
                timeout,
            };
            return Ok(Way::Worker { offer: Box::new(offer), price });
        }
        let repeatable = self.app.is_repeatable(&way.tool, &arguments);
        // A Job that has failed is found again under its key, so each attempt needs one of its own.
        let key = if self.app.toolbox.is_job(&way.tool, &arguments) { own_key } else { key };
        let call = Call {
            key,
            timeout,
            tool: way.tool.clone(),
            arguments,
            session: execution.session,
            item: item.id.clone(),
            workspace: self.app.workspace(execution.id),
        };
        Ok(Way::Call { call: Box::new(call), price, timeout, mask, repeatable })
    }
}
