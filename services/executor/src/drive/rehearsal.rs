//! A dry run: everything that can be known to go wrong is looked for before anything begins.

use std::time::Duration;

use assent_plan::{Map, WorkItem, references};

use super::Drive;
use super::binding::lookup_secrets;
use crate::domain::grant::Refusal;
use crate::domain::work::WORKER;
use crate::domain::{Run, RunFact, RunState, limits};
use crate::error::ExecutorError;
use crate::tools::ToolError;
use crate::tools::mcp::TOOL_CHANGED;

/// How long the server of a tool has to say what the tool is; less than a lease.
const ANSWER: Duration = Duration::from_secs(10);

impl Drive {
    /// Rehearses the execution where its grant asks for that. The first item that would fail does, and nothing begins.
    pub(super) async fn rehearse(&mut self) -> Result<Option<Refusal>, ExecutorError> {
        let wanted = self.verified.conditions.contains(&assent_plan::Condition::DryRunFirst);
        let begun = self.ledger.runs.values().any(|run| run.attempt > 0);
        if !wanted || begun {
            // What has begun was rehearsed before.
            self.rehearsed = wanted;
            return Ok(None);
        }
        let waiting = self.ledger.runs.values().filter(|run| run.state == RunState::Pending);
        for run in waiting.cloned().collect::<Vec<Run>>() {
            let item = match self.item(&run).await? {
                Ok(item) => item,
                Err(refusal) => return Ok(Some(refusal)),
            };
            // Servers take their time to say what they have.
            self.ledger.renew().await?;
            let mut tool = &item.tool;
            let mut would = self.would_begin(&item).await;
            if let (Ok(()), Some(way)) = (&would, &item.rollback) {
                self.ledger.renew().await?;
                tool = &way.tool;
                would = self.is_there(tool, &way.arguments).await;
            }
            if let Err(error) = would {
                if error.reason == TOOL_CHANGED {
                    return Ok(Some(Refusal::Tool(tool.clone())));
                }
                let (now, mut run) = (self.app.source.now(), run);
                run.apply(RunFact::GivenUp, now)?;
                run.error = format!("DRY_RUN_FAILED: {}: {}", error.reason, error.message);
                let mut batch = self.batch(now)?;
                batch.runs.push(run);
                self.ledger.commit(batch).await?;
                return Ok(None);
            }
        }
        self.rehearsed = true;
        Ok(None)
    }

    /// Whether `item` could begin as far as that can be known: its tool is here and allowed, its secrets are here, and
    /// arguments that depend on nothing fit.
    async fn would_begin(&self, item: &WorkItem) -> Result<(), ToolError> {
        let unknown =
            || ToolError::lasting("TOOL_UNKNOWN", format!("the catalog has no tool `{}`", item.tool));
        let tool = self.app.catalog.get(&item.tool).ok_or_else(unknown)?;
        let is_job = self.app.toolbox.is_job(&item.tool, &item.arguments);
        if let Some(problem) = self.app.toolbox.problem(&item.tool).filter(|_| item.tool != WORKER && !is_job)
        {
            return Err(ToolError::lasting("TOOL_NOT_CONFIGURED", problem.to_string()));
        }
        limits::check_tool(&self.verified.plan, &item.tool)
            .map_err(|passed| ToolError::lasting(passed.reason(), passed.to_string()))?;
        let problems = self.app.catalog.check_arguments(&item.tool, &item.arguments);
        if let Some(problem) = problems.first() {
            let text = format!("the argument `{}` is not usable: {}", problem.pointer, problem.message);
            return Err(ToolError::lasting("ARGUMENTS_INVALID", text));
        }
        lookup_secrets(&item.arguments, tool, &self.app.secrets).await?;
        self.is_there(&item.tool, &item.arguments).await?;
        if references::find(&item.arguments).is_empty() {
            for bound in &item.bounds {
                assent_plan::bounds::judge(bound, &item.arguments)
                    .map_err(|error| ToolError::lasting("BOUND_EXCEEDED", error.to_string()))?;
            }
        }
        Ok(())
    }

    /// Whether `tool` is what was pinned, as far as others say so.
    async fn is_there(&self, tool: &str, arguments: &Map) -> Result<(), ToolError> {
        let workspace = self.app.workspace(self.ledger.execution.id);
        let checked = Box::pin(self.app.toolbox.check(tool, arguments, &workspace));
        let late = |_| ToolError::passing("TIMED_OUT", "its server does not say what it has");
        tokio::time::timeout(ANSWER, checked).await.map_err(late)?
    }
}
