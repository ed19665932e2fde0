//! What is measured of executions, and what the log is told of a change that is committed.

use std::time::Duration;

use assent_metrics::{Gauges, Histograms, Metrics, WORK_SECONDS};

use crate::app::App;
use crate::domain::{Execution, ExecutionState};
use crate::store::executions::{self, Approved};
use crate::store::work;
use crate::tools::{Outcome, ToolError};

/// What is measured of executions.
pub(crate) struct ExecutorMetrics {
    durations: Histograms<1>,
    attempts: Histograms<2>,
    open: Gauges<1>,
    waiting: Gauges<1>,
    oldest: Gauges<1>,
}

/// How an execution ends.
const ENDS: [ExecutionState; 5] = [
    ExecutionState::Completed,
    ExecutionState::Failed,
    ExecutionState::RolledBack,
    ExecutionState::RollbackFailed,
    ExecutionState::Cancelled,
];

impl ExecutorMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let durations = metrics.histograms(
            "execution_duration_seconds",
            "Time from the start of an execution to its end, by how it ended",
            ["state"],
            WORK_SECONDS,
        );
        for state in ENDS {
            durations.of([state.as_str()]);
        }
        Self {
            durations,
            attempts: metrics.histograms(
                "assent_item_attempt_seconds",
                "Time of an attempt at a work item, by tool and by what came of it",
                ["tool", "outcome"],
                WORK_SECONDS,
            ),
            open: metrics.gauges("assent_executions_open", "Executions that have not ended", ["state"]),
            waiting: metrics.gauges("assent_work_waiting", "Attempts that wait for a worker", ["queue"]),
            oldest: metrics.gauges(
                "assent_work_oldest_seconds",
                "Age of the attempt that has waited longest for a worker",
                ["queue"],
            ),
        }
    }

    fn changed(&self, execution: &Execution) {
        if let (true, Some(ended)) = (execution.state.is_final(), execution.ended_at) {
            let took = ended.since(execution.started_at.unwrap_or(execution.created_at));
            self.durations.of([execution.state.as_str()]).observe(took.as_secs_f64());
        }
    }

    /// Tells of an attempt that has ended.
    pub(crate) fn attempted(&self, tool: String, outcome: &Result<Outcome, ToolError>, took: Duration) {
        let outcome = if outcome.is_ok() { "succeeded" } else { "failed" };
        self.attempts.of([tool, outcome.to_owned()]).observe(took.as_secs_f64());
    }
}

impl App {
    /// Tells of a committed change, if it was one of state.
    pub(crate) fn changed(&self, execution: &Execution, approved: &Approved, before: ExecutionState) {
        if execution.state != before {
            log_change(execution, approved, Some(before));
            self.metrics.changed(execution);
        }
    }

    /// Sets what is asked of the database.
    pub(crate) async fn measure(&self) {
        let (Ok(open), Ok(queues)) = (executions::open(&self.db).await, work::waiting(&self.db).await) else {
            // While the database is away, readiness says so.
            return;
        };
        let now = self.source.now();
        self.metrics.open.replace(open.into_iter().map(|(state, count)| ([state], count as f64)));
        let waiting = queues.iter().map(|queue| ([queue.queue.clone()], queue.waiting as f64));
        self.metrics.waiting.replace(waiting);
        let oldest = queues.iter().map(|queue| ([queue.queue.clone()], now.since(queue.since).as_secs_f64()));
        self.metrics.oldest.replace(oldest);
    }
}

/// Tells the log of the state of an execution.
pub(crate) fn log_change(execution: &Execution, approved: &Approved, from: Option<ExecutionState>) {
    tracing::info!(
        workflow_id = %execution.session,
        of = "execution",
        from_state = from.map_or("none", ExecutionState::as_str),
        to_state = execution.state.as_str(),
        risk_level = approved.risk_level.as_deref().unwrap_or("unknown"),
        step_count = approved.plan.items.len(),
        error = execution.error.as_str(),
        "workflow_state_change"
    );
}
