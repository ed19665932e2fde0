//! The log of an execution, as it is told to people.

use std::collections::HashMap;

use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{Event, ExecutionChanged, WorkItemProgressed};
use assent_proto::execution::v1::{Execution, ExecutionState, WorkItemRun, WorkItemRunState};
use assent_proto::executor::v1::GetExecutionRequest;
use assent_proto::plan::v1::Plan;
use futures_util::StreamExt as _;

use crate::client::{Client, ask};
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
            WorkItemRunState::Held => toned("‖ ", Tone::Warn).then(
                format!("{step}: {} waits for a review of its values: {}", run.item_name, run.error),
                Tone::Plain,
            ),
            WorkItemRunState::Running
            | WorkItemRunState::RollingBack
            | WorkItemRunState::Pending
            | WorkItemRunState::Unspecified => {
                return None;
            }
        })
    }

    /// What a worker told of its own steps; none when it said nothing.
    fn told(&self, progress: &WorkItemProgressed) -> Option<Line> {
        let step = format!("Step {}/{}", self.number(&progress.item_id), self.0.len().max(1));
        let text = match (progress.message.as_str(), progress.steps.iter().find(|step| !step.done)) {
            ("", None) => return None,
            ("", Some(own)) => own.name.clone(),
            (message, _) => message.to_owned(),
        };
        Some(toned(format!("  {step}: {text} ({:.0} %)", progress.progress * 100.0), Tone::Dim))
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
            | ExecutionState::Paused
            | ExecutionState::Waiting
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

/// What following an execution has to tell.
#[derive(Debug)]
pub(crate) enum Told {
    /// A line of the log.
    Line(Line),
    /// How far it is, for the bottom of a terminal.
    Progress(Line),
}

/// How far an execution is.
#[derive(Debug, Clone, Default)]
struct Progress {
    total: usize,
    /// From 0 to 1, by item.
    parts: HashMap<String, f64>,
    now: String,
}

/// Columns of the bar itself.
const BAR: usize = 24;

impl Progress {
    fn run(&mut self, run: &WorkItemRun) {
        let part = match run.state() {
            WorkItemRunState::Unspecified
            | WorkItemRunState::Pending
            | WorkItemRunState::Held
            | WorkItemRunState::Retrying => 0.0,
            WorkItemRunState::Running => {
                self.now.clone_from(&run.item_name);
                0.0
            }
            _ => 1.0,
        };
        self.parts.insert(run.item_id.clone(), part);
    }

    fn worker(&mut self, told: &WorkItemProgressed) {
        self.parts.insert(told.item_id.clone(), told.progress.clamp(0.0, 1.0));
        if !told.message.is_empty() {
            self.now.clone_from(&told.message);
        }
    }

    fn bar(&self) -> Line {
        let total = self.total.max(self.parts.len()).max(1);
        let share = (self.parts.values().sum::<f64>() / total as f64).clamp(0.0, 1.0);
        let full = (share * BAR as f64).round() as usize;
        let done = self.parts.values().filter(|part| **part >= 1.0).count();
        toned("━".repeat(full), Tone::Good)
            .then("━".repeat(BAR - full), Tone::Dim)
            .then(format!(" {done}/{total} {:>3.0} %  ", share * 100.0), Tone::Plain)
            .then(self.now.chars().take(40).collect::<String>(), Tone::Dim)
    }
}

/// Follows the execution of a session to its end and tells each step.
///
/// # Errors
/// When the grant was refused, or the log cannot be read.
pub(crate) async fn follow(
    client: &Client,
    session: &str,
    steps: &Steps,
    mut tell: impl FnMut(Told) -> anyhow::Result<()>,
) -> anyhow::Result<Execution> {
    let mut events = facts(client, session, Facts::Execution);
    let mut progress = Progress { total: steps.0.len(), ..Progress::default() };
    while let Some(event) = events.next().await {
        let Event { payload, actor, .. } = event?;
        let by = actor.map(|actor| actor.id).unwrap_or_default();
        match payload {
            Some(Payload::WorkItemRunChanged(changed)) => {
                let Some(run) = &changed.run else { continue };
                if let Some(line) = steps.line(run) {
                    tell(Told::Line(line))?;
                }
                progress.run(run);
                tell(Told::Progress(progress.bar()))?;
            }
            Some(Payload::WorkItemProgressed(told)) => {
                progress.worker(&told);
                if let Some(line) = steps.told(&told) {
                    tell(Told::Line(line))?;
                }
                tell(Told::Progress(progress.bar()))?;
            }
            Some(Payload::ExecutionChanged(changed)) => tell(Told::Line(change(&changed, &by)))?,
            Some(Payload::ExecutionEnded(ended)) => {
                // A person may have had it go on since.
                let request = ask(GetExecutionRequest { session_id: session.to_owned() });
                let now = client.executor().get_execution(request).await?.into_inner().execution;
                if now.as_ref().is_none_or(is_over)
                    && let Some(execution) = ended.execution
                    && now.as_ref().is_none_or(|now| now.state == execution.state)
                {
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

fn change(changed: &ExecutionChanged, by: &str) -> Line {
    let action = changed.action.replace('_', " ");
    let item = if changed.item_id.is_empty() { String::new() } else { format!(" {}", changed.item_id) };
    let why = if changed.reason.is_empty() { String::new() } else { format!(": {}", changed.reason) };
    toned(format!("• {action}{item}"), Tone::Warn).then(format!(" by {by}{why}"), Tone::Dim)
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

        let mut progress = Progress { total: 2, ..Progress::default() };
        progress.run(&done);
        progress.run(&run("b", WorkItemRunState::Running));
        let half = format!("{} 1/2  50 %  B", "━".repeat(24));
        assert_eq!(progress.bar().paint(false), half);
        let worker = WorkItemProgressed { item_id: "b".to_owned(), progress: 0.5, ..Default::default() };
        progress.worker(&worker);
        assert!(progress.bar().paint(false).contains(" 75 %"));
        assert_eq!(steps.told(&worker), None);
    }
}
