use assent_proto::execution::v1::{Execution, ExecutionOrder};
use assent_proto::executor::v1::{
    CancelRequest, PauseRequest, ResumeRequest, RetryItemRequest, RollbackRequest,
};

use super::shown;
use crate::app::App;
use crate::client::ask;
use crate::execution::verdict;
use crate::output::{Tone, state, toned};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent run pause ses_0190163d8694739aaea5966c26f8ad91")]
pub(super) struct Pause {
    /// The session
    session: String,
    /// Why, for those who read the log
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

impl Pause {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { session: session_id, reason } = self;
        let request = ask(PauseRequest { session_id, reason });
        let answer = app.client()?.executor().pause(request).await?.into_inner();
        say(app, &shown(answer.execution)?)
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent run resume ses_0190163d8694739aaea5966c26f8ad91")]
pub(super) struct Resume {
    /// The session
    session: String,
    /// Why, for those who read the log
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

impl Resume {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { session: session_id, reason } = self;
        let request = ask(ResumeRequest { session_id, reason });
        let answer = app.client()?.executor().resume(request).await?.into_inner();
        say(app, &shown(answer.execution)?)
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent run cancel ses_0190163d8694739aaea5966c26f8ad91")]
pub(super) struct Cancel {
    /// The session
    session: String,
    /// Why, for those who read the log
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

impl Cancel {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { session: session_id, reason } = self;
        let request = ask(CancelRequest { session_id, reason });
        let answer = app.client()?.executor().cancel(request).await?.into_inner();
        say(app, &shown(answer.execution)?)
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent run retry ses_0190163d8694739aaea5966c26f8ad91 write-script")]
pub(super) struct Retry {
    /// The session
    session: String,
    /// The item
    item: String,
    /// Why, for those who read the log
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

impl Retry {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { session: session_id, item: item_id, reason } = self;
        let request = ask(RetryItemRequest { session_id, item_id, reason });
        let answer = app.client()?.executor().retry_item(request).await?.into_inner();
        say(app, &shown(answer.execution)?)
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent run rollback ses_0190163d8694739aaea5966c26f8ad91")]
pub(super) struct Rollback {
    /// The session
    session: String,
    /// Why, for those who read the log
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

impl Rollback {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { session: session_id, reason } = self;
        let request = ask(RollbackRequest { session_id, reason });
        let answer = app.client()?.executor().rollback(request).await?.into_inner();
        say(app, &shown(answer.execution)?)
    }
}

/// Where the execution stands now, and what is about to happen.
fn say(app: &App, execution: &Execution) -> anyhow::Result<()> {
    app.console.message(execution, || {
        let order = execution.order();
        let mut lines = vec![verdict(execution)];
        if order != ExecutionOrder::Unspecified {
            let name = state(order.as_str_name(), "EXECUTION_ORDER_").to_lowercase();
            lines.push(toned(format!("{name} is ordered, and follows as soon as it can"), Tone::Dim));
        }
        lines
    })
}
