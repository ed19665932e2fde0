use assent_proto::execution::v1::Execution;
use assent_proto::executor::v1::GetExecutionRequest;

use crate::app::{App, session};
use crate::client::{Client, ask};
use crate::execution::{self, Steps, is_over, must_complete, verdict};
use crate::failure::{Exit, stop};
use crate::output::{Line, Tone, amount, toned};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent run ses_0190163d8694739aaea5966c26f8ad91 --follow")]
pub(crate) struct Run {
    /// The session
    session: String,
    /// Follow the log to the end of the execution
    #[arg(short, long)]
    follow: bool,
}

impl Run {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let plan = session(&client, &self.session).await?.plan;
        let steps = Steps::of(plan.as_ref());
        if !self.follow {
            let execution = get(&client, &self.session).await?;
            return app.console.message(&execution, || told(&execution, &steps));
        }
        let people = app.console.for_people();
        execution::follow(&client, &self.session, &steps, |line| {
            if people {
                app.console.print([line])?;
            } else {
                app.console.say([line]);
            }
            Ok(())
        })
        .await?;
        let ended = get(&client, &self.session).await?;
        app.console.message(&ended, || vec![verdict(&ended), cost(&ended)])?;
        must_complete(&ended)
    }
}

pub(super) async fn get(client: &Client, session: &str) -> anyhow::Result<Execution> {
    let request = ask(GetExecutionRequest { session_id: session.to_owned() });
    let execution = client.executor().get_execution(request).await?.into_inner().execution;
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
