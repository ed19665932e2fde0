//! Getting an attempt ready, and making it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use assent_plan::{Money, WorkItem};
use futures_util::FutureExt as _;

use super::Drive;
use super::binding::{Ready, bind};
use crate::domain::grant::{self, Refusal};
use crate::domain::limits::{self, Used};
use crate::domain::{Run, retry};
use crate::error::ExecutorError;
use crate::secrets::Mask;
use crate::store::runs::{self, Kept};
use crate::tools::{Call, Outcome, ToolError, Toolbox};

/// Longest error text that is kept, in characters.
const MAX_ERROR: usize = 2_000;

/// An attempt that may begin.
pub(super) struct Attempt {
    pub(super) call: Call,
    pub(super) price: Money,
    pub(super) kept: Vec<Kept>,
    timeout: Duration,
    mask: Mask,
}

/// Why an attempt may not begin.
pub(super) enum Hindrance {
    /// The item is not what was approved: everything stops.
    Refused(Refusal),
    /// The item fails.
    Failed(ToolError),
    /// The time of the grant is over: the item fails, and the alarm is raised.
    Expired(Refusal),
    /// Nothing can be said now.
    Broken(ExecutorError),
}

impl From<ToolError> for Hindrance {
    fn from(error: ToolError) -> Self {
        Self::Failed(error)
    }
}

impl From<ExecutorError> for Hindrance {
    fn from(error: ExecutorError) -> Self {
        Self::Broken(error)
    }
}

impl Drive {
    /// The item of `run` as it is stored now, if that is what was approved.
    pub(super) async fn approved_item(&self, run: &Run) -> Result<Result<WorkItem, Refusal>, ExecutorError> {
        let item = runs::item(&self.app.db, run.id).await?;
        if item.id != run.item {
            return Ok(Err(Refusal::Leaf(run.item.to_string())));
        }
        Ok(grant::check_item(&self.claims, &item).map(|()| item))
    }

    /// Gets attempt `number` of `run` ready: checks what was approved, every limit, and resolves the arguments.
    /// `repeated` when the attempt began before, in a process that died.
    pub(super) async fn prepare(&self, run: &Run, number: u32, repeated: bool) -> Result<Attempt, Hindrance> {
        let item = self.approved_item(run).await?.map_err(Hindrance::Refused)?;
        let now = self.app.source.now();
        let skew = Duration::from_secs(self.app.config.clock_skew_seconds);
        grant::check_time(&self.claims, now, skew).map_err(Hindrance::Expired)?;
        let unknown =
            || ToolError::lasting("TOOL_UNKNOWN", format!("the catalog has no tool `{}`", item.tool));
        let tool = self.app.catalog.get(&item.tool).ok_or_else(unknown)?;
        let execution = &self.ledger.execution;
        // A repeated attempt has been paid for.
        let price = if repeated { Money::ZERO } else { tool.cost(tool.typical_tokens) };
        let since = execution.started_at.unwrap_or(now);
        let used = Used { cost: execution.cost, item_cost: run.cost, since };
        limits::check(&self.plan, &item, price, used, now)
            .map_err(|passed| ToolError::lasting(passed.reason(), passed.to_string()))?;
        let (catalog, secrets) = (&self.app.catalog, &self.app.secrets);
        let Ready { arguments, mask } =
            bind(&item.arguments, &item.bounds, tool, catalog, &self.ledger.runs, secrets).await?;
        let call = Call {
            key: retry::idempotency_key(execution.session, execution.version, &item, number),
            tool: item.tool,
            arguments,
            session: execution.session,
            item: item.id,
            workspace: self.app.workspace(execution.id),
        };
        let kept = self.app.toolbox.keep(&call).await?;
        let timeout = item.constraints.timeout.unwrap_or(tool.default_timeout).duration();
        Ok(Attempt { call, price, kept, timeout, mask })
    }
}

impl Attempt {
    /// Makes the attempt, within its time.
    pub(super) async fn make(self, toolbox: Toolbox) -> Result<Outcome, ToolError> {
        let Self { call, timeout, mask, .. } = self;
        limited(&toolbox, &call, timeout, &mask).await
    }
}

/// Calls a tool within `timeout`, and hides the secrets in what comes back.
pub(super) async fn limited(
    toolbox: &Toolbox,
    call: &Call,
    timeout: Duration,
    mask: &Mask,
) -> Result<Outcome, ToolError> {
    let work = AssertUnwindSafe(tokio::time::timeout(timeout, toolbox.call(call))).catch_unwind();
    let result = match work.await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => {
            let text = format!("it took longer than {}", assent_plan::Span::from(timeout));
            Err(ToolError::passing("TIMED_OUT", text))
        }
        Err(_) => Err(ToolError::lasting("TOOL_FAILED", "the tool failed in a way that it should not")),
    };
    mask.apply(result)
}

/// An error as it is kept: its stable name, then its text.
pub(super) fn shown(error: &ToolError) -> String {
    let text: String = error.message.chars().take(MAX_ERROR).collect();
    format!("{}: {text}", error.reason)
}
