//! Executions: how they stand, and what people can do to them.

mod control;
mod watch;

use assent_proto::execution::v1::Execution;
use assent_proto::executor::v1::GetExecutionRequest;

use crate::app::{App, session};
use crate::client::{Client, ask};
use crate::execution::{Steps, is_over, verdict};
use crate::failure::{Exit, stop};
use crate::output::{Line, Tone, amount, toned};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent run watch ses_0190163d8694739aaea5966c26f8ad91")]
pub(crate) struct Run {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show how the execution of a session stands
    Show(Show),
    /// Follow the log of an execution to its end, with a progress bar on a terminal
    Watch(watch::Watch),
    /// Begin nothing more until it is resumed; what runs ends
    Pause(control::Pause),
    /// Go on after a pause
    Resume(control::Resume),
    /// End it now; what was done stays
    Cancel(control::Cancel),
    /// Try a failed item again, or one that could not be undone
    Retry(control::Retry),
    /// Undo what was done, the last completed item first
    Rollback(control::Rollback),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The session
    session: String,
}

impl Run {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        match self.command {
            Command::Show(show) => show.run(app).await,
            Command::Watch(watch) => watch.run(app).await,
            Command::Pause(command) => command.run(app).await,
            Command::Resume(command) => command.run(app).await,
            Command::Cancel(command) => command.run(app).await,
            Command::Retry(command) => command.run(app).await,
            Command::Rollback(command) => command.run(app).await,
        }
    }
}

impl Show {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let plan = session(&client, &self.session).await?.plan;
        let steps = Steps::of(plan.as_ref());
        let execution = get(&client, &self.session).await?;
        app.console.message(&execution, || told(&execution, &steps))
    }
}

pub(super) async fn get(client: &Client, session: &str) -> anyhow::Result<Execution> {
    let request = ask(GetExecutionRequest { session_id: session.to_owned() });
    shown(client.executor().get_execution(request).await?.into_inner().execution)
}

fn shown(execution: Option<Execution>) -> anyhow::Result<Execution> {
    execution.ok_or_else(|| stop(Exit::Failure, "the server's answer holds no execution"))
}

fn cost(execution: &Execution) -> Line {
    toned(format!("cost {}", amount(execution.cost.as_ref())), Tone::Dim)
}

fn told(execution: &Execution, steps: &Steps) -> Vec<Line> {
    let mut runs: Vec<_> = execution.runs.iter().collect();
    runs.sort_by_key(|run| steps.number(&run.item_id));
    let mut lines: Vec<_> = runs
        .into_iter()
        .map(|run| {
            steps
                .line(run)
                .unwrap_or_else(|| toned(format!("… {}: {}", steps.name(run), run.item_name), Tone::Dim))
        })
        .collect();
    lines.push(verdict(execution));
    if is_over(execution) {
        lines.push(cost(execution));
    }
    lines
}
