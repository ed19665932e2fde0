//! Getting an attempt ready, and making it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use assent_core::Timestamp;
use assent_plan::condition::{Progress, Unmet};
use assent_plan::{Money, WorkItem};
use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::Drive;
use super::binding::{Ready, Unready, bind};
use super::verified::Verified;
use crate::app::App;
use crate::domain::grant::Refusal;
use crate::domain::limits::{self, Used};
use crate::domain::pins::Pins;
use crate::domain::work::{self, Kind, WORKER};
use crate::domain::{Run, RunState, retry};
use crate::error::ExecutorError;
use crate::secrets::Mask;
use crate::store::runs::Kept;
use crate::store::work::Offer;
use crate::tools::{Call, Outcome, ToolError, Toolbox};
use crate::work::made_by_a_worker;

/// Longest error text that is kept, in characters.
const MAX_ERROR: usize = 2_000;

/// An attempt that may begin.
pub(super) struct Attempt {
    pub(super) call: Call,
    pub(super) price: Money,
    pub(super) kept: Vec<Kept>,
    timeout: Duration,
    mask: Mask,
    /// For an attempt that a worker makes.
    offer: Option<Offer>,
}

/// Why an attempt may not begin.
pub(super) enum Hindrance {
    /// The item is not what was approved: everything stops.
    Refused(Refusal),
    /// The item fails.
    Failed(ToolError),
    /// The time of the grant is over: the item fails, and the alarm is raised.
    Expired(Refusal),
    /// A value lies outside its bound: the item waits for a review.
    OutOfBounds(ToolError),
    /// A condition of the approval does not let it begin before.
    NotBefore(Timestamp),
    /// Nothing can be said now.
    Broken(ExecutorError),
}

impl From<ToolError> for Hindrance {
    fn from(error: ToolError) -> Self {
        Self::Failed(error)
    }
}

impl From<Unready> for Hindrance {
    fn from(error: Unready) -> Self {
        match error {
            Unready::Unusable(error) => Self::Failed(error),
            Unready::OutOfBounds(error) => Self::OutOfBounds(error),
        }
    }
}

impl From<ExecutorError> for Hindrance {
    fn from(error: ExecutorError) -> Self {
        Self::Broken(error)
    }
}

impl Drive {
    /// Gets attempt `number` of `run`, whose item is `stored`, ready: checks what was approved, every limit, and resolves the arguments.
    /// `repeated` when the attempt began before, in a process that died.
    pub(super) async fn prepare(
        &self,
        run: &Run,
        stored: Option<(WorkItem, Pins)>,
        number: u32,
        repeated: bool,
    ) -> Result<Attempt, Hindrance> {
        let none =
            || Hindrance::Refused(Refusal::Unavailable("the review of its values has no grant".to_owned()));
        let verified = self.authority(run).ok_or_else(none)?;
        // A row that is gone is no permission.
        let gone = || Hindrance::Refused(Refusal::Leaf(run.item.to_string()));
        let item = verified.stored(&self.app, run, stored.ok_or_else(gone)?).map_err(Hindrance::Refused)?;
        let now = self.app.source.now();
        verified.check_time(&self.app, now).map_err(Hindrance::Expired)?;
        let unknown =
            || ToolError::lasting("TOOL_UNKNOWN", format!("the catalog has no tool `{}`", item.tool));
        let tool = self.app.catalog.get(&item.tool).ok_or_else(unknown)?;
        let execution = &self.ledger.execution;
        // A repeated attempt has been paid for.
        let price = if repeated { Money::ZERO } else { tool.cost(tool.typical_tokens) };
        let since = execution.started_at.unwrap_or(now);
        let used = Used { cost: execution.cost, item_cost: run.cost, since };
        limits::check(&verified.plan, &item, price, used, now)
            .map_err(|passed| ToolError::lasting(passed.reason(), passed.to_string()))?;
        // What began keeps to the conditions that held then.
        if !repeated {
            self.keeps_to(verified, &item, price, since, now)?;
        }
        let (catalog, secrets) = (&self.app.catalog, &self.app.secrets);
        let Ready { arguments, mask } =
            bind(&item.arguments, &item.bounds, tool, catalog, &self.ledger.runs, secrets).await?;
        let timeout = item.constraints.timeout.unwrap_or(tool.default_timeout).duration();
        let key = retry::idempotency_key(execution.session, execution.version, &item, number);
        let offer = (item.tool == WORKER).then(|| Offer {
            key: key.clone(),
            execution: execution.id,
            run: run.id,
            attempt: number,
            kind: Kind::Do,
            queue: work::queue(&arguments).to_owned(),
            capabilities: item.required_capabilities.clone(),
            agent_type: item.preferred_agent_type.clone(),
            priority: work::urgency(item.priority),
            timeout,
        });
        let put_back = item.rollback_possible == Some(true);
        let call = Call {
            key,
            tool: item.tool,
            arguments,
            session: execution.session,
            item: item.id,
            timeout,
            workspace: self.app.workspace(execution.id),
        };
        let kept = self.app.toolbox.keep(&call, put_back).await?;
        Ok(Attempt { call, price, kept, timeout, mask, offer })
    }
}

impl Drive {
    /// Whether the conditions of the approval let `item` begin.
    fn keeps_to(
        &self,
        verified: &Verified,
        item: &WorkItem,
        price: Money,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<(), Hindrance> {
        let count = |state| self.ledger.runs.values().filter(|run| run.state == state).count();
        let progress = Progress {
            now,
            started_at: since,
            cost: self.ledger.execution.cost,
            next_cost: price,
            completed: count(RunState::Succeeded),
            failed: count(RunState::Failed),
            dry_run: self.rehearsed,
            item,
        };
        verified.conditions.iter().try_for_each(|condition| match condition.judge(&progress) {
            Ok(()) => Ok(()),
            Err(Unmet::Early(time)) => Err(Hindrance::NotBefore(time)),
            Err(unmet) => Err(ToolError::lasting("CONDITION_UNMET", unmet.to_string()).into()),
        })
    }
}

impl Attempt {
    /// Makes the attempt, within its time.
    pub(super) async fn make(self, app: &App) -> Result<Outcome, ToolError> {
        let Self { call, timeout, mask, offer, .. } = self;
        let started = Instant::now();
        let outcome = match offer {
            None => limited(&app.toolbox, &call, timeout, &mask).await,
            // Its time begins when a worker takes it.
            Some(offer) => mask.apply(made_by_a_worker(app, &offer).await),
        };
        tell(outcome.as_ref().err());
        app.metrics.attempted(call.tool, &outcome, started.elapsed());
        outcome
    }
}

/// Notes in the span of an attempt how it failed: the stable name, never the text.
pub(super) fn tell(error: Option<&ToolError>) {
    if let Some(error) = error {
        tracing::Span::current().record("otel.status_code", "ERROR").record("item.error", error.reason);
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
