//! Undoing what was done, the last completed item first.

use std::time::Duration;

use assent_plan::WorkItem;
use tokio_util::sync::CancellationToken;

use super::attempt::{limited, shown};
use super::binding::{Ready, bind};
use super::{Drive, Flow};
use crate::domain::{ExecutionFact, Run, RunFact, RunState, limits, retry, rollback};
use crate::error::ExecutorError;
use crate::store::runs;
use crate::tools::{Call, ToolError};

/// The tool whose work is undone by putting back what it has overwritten.
const FILE_WRITE: &str = "file_write";

impl Drive {
    /// Undoes items until none is left, or the process stops. Each is committed, so that whoever goes on undoes
    /// the rest only.
    pub(super) async fn undo(&mut self, stop: &CancellationToken) -> Result<Flow, ExecutorError> {
        for id in rollback::order(self.ledger.runs.values(), &self.app.catalog) {
            if stop.is_cancelled() {
                return Ok(Flow::Stopped);
            }
            let Some(mut run) = self.ledger.runs.get(&id).cloned() else { continue };
            let item = match self.approved_item(&run).await? {
                Ok(item) => item,
                Err(refusal) => return self.refuse(&refusal).await,
            };
            let result = self.tended(self.undo_with_retries(&item, &run)).await?;
            let mut batch = self.ledger.batch();
            let now = self.app.source.now();
            match result {
                Ok(()) => {
                    run.apply(RunFact::Undone, now)?;
                    batch.forgotten.push(id);
                }
                Err(error) => {
                    tracing::warn!(item = %id, %error, "cannot undo the item");
                    run.apply(RunFact::UndoFailed, now)?;
                    run.error = shown(&error);
                }
            }
            batch.runs.push(run);
            self.ledger.commit(batch).await?;
        }
        let failed = self.ledger.runs.values().any(|run| run.state == RunState::RollbackFailed);
        let mut batch = self.ledger.batch();
        let fact = if failed { ExecutionFact::UndoFailed } else { ExecutionFact::Undone };
        batch.execution.apply(fact, self.app.source.now())?;
        self.ledger.commit(batch).await?;
        Ok(Flow::Next)
    }

    /// Keeps the lease while `work` takes its time.
    async fn tended<T>(&self, work: impl Future<Output = T>) -> Result<T, ExecutorError> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return Ok(result),
                () = tokio::time::sleep(self.app.renewal()) => self.ledger.renew().await?,
            }
        }
    }

    async fn undo_with_retries(&self, item: &WorkItem, run: &Run) -> Result<(), ToolError> {
        let config = &self.app.config;
        let longest = Duration::from_secs(config.retry_longest_seconds);
        let mut delay = Duration::from_millis(config.retry_first_milliseconds);
        let mut tries = 1;
        loop {
            match self.undo_once(item, run).await {
                Err(error) if error.retryable && tries < config.rollback_attempts => {
                    tokio::time::sleep(self.app.source.jitter(delay)).await;
                    (tries, delay) = (tries + 1, delay.saturating_mul(2).min(longest));
                }
                result => return result,
            }
        }
    }

    async fn undo_once(&self, item: &WorkItem, run: &Run) -> Result<(), ToolError> {
        let catalog = &self.app.catalog;
        let workspace = self.app.workspace(self.ledger.execution.id);
        if item.rollback_possible == Some(false) {
            return Err(ToolError::lasting("NOT_REVERSIBLE", "the plan says that it cannot be undone"));
        }
        // Deleting the file is what the catalog lends; putting back what stood there undoes more.
        let lent = catalog.get(&item.tool).and_then(|tool| tool.rollback_for(&item.arguments));
        if item.tool == FILE_WRITE && (item.rollback.is_none() || item.rollback == lent) {
            let kept = runs::kept(&self.app.db, run.id).await;
            let kept = kept.map_err(|error| ToolError::passing("STORE_UNAVAILABLE", error.to_string()))?;
            return self.app.toolbox.restore(&workspace, &kept).await;
        }
        let none = || ToolError::lasting("NOT_REVERSIBLE", "the plan has no rollback for it");
        let way = item.rollback.as_ref().ok_or_else(none)?;
        limits::check_tool(&self.plan, &way.tool)
            .map_err(|passed| ToolError::lasting(passed.reason(), passed.to_string()))?;
        let unknown =
            || ToolError::lasting("TOOL_UNKNOWN", format!("the catalog has no tool `{}`", way.tool));
        let tool = catalog.get(&way.tool).ok_or_else(unknown)?;
        let Ready { arguments, mask } =
            bind(&way.arguments, &[], tool, catalog, &self.ledger.runs, &self.app.secrets).await?;
        let execution = &self.ledger.execution;
        let call = Call {
            key: retry::rollback_key(execution.session, execution.version, item),
            tool: way.tool.clone(),
            arguments,
            session: execution.session,
            item: item.id.clone(),
            workspace,
        };
        limited(&self.app.toolbox, &call, tool.default_timeout.duration(), &mask).await.map(drop)
    }
}
