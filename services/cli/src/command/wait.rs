use std::time::Duration;

use assent_plan::Span;
use assent_proto::review::v1::{ApprovalDecision, DecisionOutcome};

use crate::app::{App, session};
use crate::client::Client;
use crate::execution::{self, Steps, Told};
use crate::failure::{Exit, stop};
use crate::follow;
use crate::output::{Line, Tone, toned};
use crate::review::state_name;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: assent wait ses_0190163d8694739aaea5966c26f8ad91 --executed --timeout 10m\n\n\
Ends with 0 when approved (and completed), 4 when not approved, 1 when the time is over."
)]
pub(crate) struct Wait {
    /// The session
    session: String,
    /// How long to wait, e.g. 10m; as long as it takes when not given
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
    /// Wait for the end of the execution too
    #[arg(long)]
    executed: bool,
}

impl Wait {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        through(app, &client, &self.session, self.timeout.map(Span::duration), self.executed).await
    }
}

/// Waits for the decision and, where wanted, for the end of the execution.
pub(super) async fn through(
    app: &App,
    client: &Client,
    id: &str,
    limit: Option<Duration>,
    executed: bool,
) -> anyhow::Result<()> {
    let started = app.source.now();
    let answer = follow::decision(client, &app.source, id, limit).await?;
    let Some(decision) = &answer.decision else {
        return Err(stop(
            Exit::Failure,
            format!("still {}: nobody has decided in time", state_name(answer.state)),
        ));
    };
    let may_run = may_run(decision);
    if !executed || !may_run {
        app.console.message(&answer, || vec![told(decision, state_name(answer.state))])?;
    } else {
        app.console.say([told(decision, state_name(answer.state))]);
    }
    if !may_run {
        return Err(stop(Exit::Denied, "the plan was not approved"));
    }
    if !executed {
        return Ok(());
    }
    let plan = session(client, id).await?.plan;
    let steps = Steps::of(plan.as_ref());
    let work = execution::follow(client, id, &steps, |told| {
        if let Told::Line(line) = told {
            app.console.say([line]);
        }
        Ok(())
    });
    let left = limit.map(|limit| limit.saturating_sub(app.source.now().since(started)));
    let ended = match left {
        None => work.await?,
        Some(left) => tokio::time::timeout(left, work)
            .await
            .map_err(|_| stop(Exit::Failure, "the execution has not ended in time"))??,
    };
    app.console.message(&ended, || vec![execution::verdict(&ended)])?;
    execution::must_complete(&ended)
}

fn may_run(decision: &ApprovalDecision) -> bool {
    matches!(decision.outcome(), DecisionOutcome::Approved | DecisionOutcome::PartiallyApproved)
}

fn told(decision: &ApprovalDecision, state: &str) -> Line {
    let by = decision.decided_by.as_ref().map(|a| a.id.as_str()).unwrap_or_default();
    let tone = if may_run(decision) { Tone::Good } else { Tone::Bad };
    let line = toned(state, tone).then(format!(" by {by}"), Tone::Plain);
    if decision.reason.is_empty() { line } else { line.then(format!(": {}", decision.reason), Tone::Plain) }
}
