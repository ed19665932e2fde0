//! The log of an execution, as it is told to people.

use std::collections::HashMap;

use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{Execution, ExecutionState, WorkItemRun, WorkItemRunState};
use assent_proto::plan::v1::Plan;
use futures_util::StreamExt as _;

use crate::client::Client;
use crate::failure::{Exit, stop};
use crate::follow::{Facts, facts};
use crate::output::{Line, Tone, elapsed, seconds, state, toned};
use crate::review::ordered;

/// Numbers of the steps, the same as on the review screen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps(HashMap<String, usize>);

impl Steps {
    /// Numbers the items of a plan.
    pub(crate) fn of(plan: Option<&Plan>) -> Self {
        let items = plan.map(ordered).unwrap_or_default();
        Self(items.into_iter().enumerate().map(|(i, item)| (item.id.clone(), i + 1)).collect())
    }

    /// Place of an item; after all others when it is not in the plan.
    pub(crate) fn number(&self, item: &str) -> usize {
        self.0.get(item).copied().unwrap_or(self.0.len() + 1)
    }

    /// E.g. `Step 2/4`.
    pub(crate) fn name(&self, run: &WorkItemRun) -> String {
        format!("Step {}/{}", self.number(&run.item_id), self.0.len().max(1))
    }

    /// What is to be said about a run in its present state; none while there is nothing new.
    pub(crate) fn line(&self, run: &WorkItemRun) -> Option<Line> {
        let step = self.name(run);
        Some(match run.state() {
            WorkItemRunState::Succeeded => {
                let took = elapsed(run.start_time.as_ref(), run.end_time.as_ref()).unwrap_or_default();
                toned("✓ ", Tone::Good)
                    .then(format!("{step}: {}", done(run)), Tone::Plain)
                    .then(format!(" ({})", seconds(took)), Tone::Dim)
            }
            WorkItemRunState::Failed => {
                toned("✗ ", Tone::Bad).then(format!("{step}: {}: {}", run.item_name, run.error), Tone::Plain)
            }
            WorkItemRunState::Retrying => toned("↻ ", Tone::Warn).then(
                format!("{step}: attempt {} failed and is repeated: {}", run.attempt, run.error),
                Tone::Plain,
            ),
            WorkItemRunState::Skipped => toned(format!("- {step}: {} skipped", run.item_name), Tone::Dim),
            WorkItemRunState::RolledBack => {
                toned("↩ ", Tone::Warn).then(format!("{step}: {} undone", run.item_name), Tone::Plain)
            }
            WorkItemRunState::RollbackFailed => toned("✗ ", Tone::Bad)
                .then(format!("{step}: {} could not be undone: {}", run.item_name, run.error), Tone::Plain),
            WorkItemRunState::Running | WorkItemRunState::Pending | WorkItemRunState::Unspecified => {
                return None;
            }
        })
    }
}

/// What was done, and what came of it.
fn done(run: &WorkItemRun) -> String {
    if run.summary.is_empty() { run.item_name.clone() } else { format!("{}: {}", run.item_name, run.summary) }
}

/// E.g. `ROLLED_BACK`.
pub(crate) fn state_name(number: i32) -> &'static str {
    state(ExecutionState::try_from(number).unwrap_or_default().as_str_name(), "EXECUTION_STATE_")
}

/// Whether nothing more will happen.
pub(crate) fn is_over(execution: &Execution) -> bool {
    !matches!(
        execution.state(),
        ExecutionState::Unspecified
            | ExecutionState::Pending
            | ExecutionState::Running
            | ExecutionState::RollingBack
    )
}

/// The last line of the log.
pub(crate) fn verdict(execution: &Execution) -> Line {
    match execution.state() {
        ExecutionState::Completed => toned("EXECUTION COMPLETE", Tone::Good),
        _ => {
            let name = state_name(execution.state).replace('_', " ");
            let why =
                if execution.error.is_empty() { String::new() } else { format!(": {}", execution.error) };
            toned(format!("EXECUTION {name}{why}"), if is_over(execution) { Tone::Bad } else { Tone::Warn })
        }
    }
}

/// The failure of an execution that did not complete.
///
/// # Errors
/// Unless it completed.
pub(crate) fn must_complete(execution: &Execution) -> anyhow::Result<()> {
    if execution.state() == ExecutionState::Completed {
        return Ok(());
    }
    Err(stop(Exit::Failure, format!("the execution ended as {}", state_name(execution.state))))
}

/// Follows the execution of a session to its end and tells each step.
///
/// # Errors
/// When the grant was refused, or the log cannot be read.
pub(crate) async fn follow(
    client: &Client,
    session: &str,
    steps: &Steps,
    mut tell: impl FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<Execution> {
    let mut events = facts(client, session, Facts::Execution);
    while let Some(event) = events.next().await {
        let Event { payload, .. } = event?;
        match payload {
            Some(Payload::WorkItemRunChanged(changed)) => {
                if let Some(line) = changed.run.as_ref().and_then(|run| steps.line(run)) {
                    tell(line)?;
                }
            }
            Some(Payload::ExecutionEnded(ended)) => {
                if let Some(execution) = ended.execution {
                    return Ok(execution);
                }
            }
            Some(Payload::ExecutionRefused(refused)) => {
                let text = format!("the execution was refused: {} ({})", refused.message, refused.reason);
                return Err(stop(Exit::Denied, text));
            }
            _ => {}
        }
    }
    Err(stop(Exit::Failure, "the log of the execution ended early"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_as_in_the_log() {
        let plan: Plan = assent_proto::json::from_json(serde_json::json!({
            "goal": "g",
            "items": [{"id": "b", "name": "B", "tool": "shell"}, {"id": "a", "name": "A", "tool": "shell"}],
            "dependencies": [{"from": "a", "to": "b"}]
        }))
        .unwrap();
        let steps = Steps::of(Some(&plan));
        let run = |item: &str, state: WorkItemRunState| WorkItemRun {
            item_id: item.to_owned(),
            item_name: item.to_uppercase(),
            state: state as i32,
            attempt: 1,
            start_time: Some(prost_types::Timestamp { seconds: 10, nanos: 0 }),
            end_time: Some(prost_types::Timestamp { seconds: 10, nanos: 840_000_000 }),
            error: "no".to_owned(),
            ..Default::default()
        };
        let told = |run: &WorkItemRun| steps.line(run).map(|l| l.paint(false));
        let done = WorkItemRun { summary: "wrote x".to_owned(), ..run("a", WorkItemRunState::Succeeded) };
        assert_eq!(told(&done).unwrap(), "✓ Step 1/2: A: wrote x (0.8s)");
        assert_eq!(told(&run("b", WorkItemRunState::Failed)).unwrap(), "✗ Step 2/2: B: no");
        assert_eq!(told(&run("b", WorkItemRunState::Running)), None);
    }
}
