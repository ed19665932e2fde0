use std::path::PathBuf;

use assent_proto::plan::v1::Plan as PlanPb;
use assent_proto::planner::v1::{CreatePlanRequest, EstimatePlanRequest};
use assent_proto::risk::v1::AssessPlanRequest;
use serde_json::json;

use super::plan_edit::Edit;
use super::plan_versions::{Diff, Log, Restore};
use crate::app::App;
use crate::client::{Client, ask};
use crate::failure::{Exit, stop};
use crate::output::to_json;
use crate::plan_file;
use crate::review::action_plan;

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example: assent plan \"Search for the latest Python 3.13 features\" -o yaml > plan.yaml"
)]
pub(crate) struct Plan {
    #[command(subcommand)]
    of_session: Option<OfSession>,
    /// What to reach, in plain words
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    goal: Option<String>,
    /// Assess the plan in this file instead (- for stdin)
    #[arg(short, long, value_name = "PLAN")]
    file: Option<PathBuf>,
}

/// What can be done with the plan of a session.
#[derive(Debug, clap::Subcommand)]
enum OfSession {
    /// Show what changed between two versions of a session's plan
    Diff(Diff),
    /// Change a session's plan in your editor
    Edit(Edit),
    /// Make an earlier version the newest one
    Restore(Restore),
    /// List the versions of a session's plan, newest first
    Log(Log),
}

impl Plan {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        match self.of_session {
            Some(OfSession::Diff(command)) => return command.run(app).await,
            Some(OfSession::Edit(command)) => return command.run(app).await,
            Some(OfSession::Restore(command)) => return command.run(app).await,
            Some(OfSession::Log(command)) => return command.run(app).await,
            None => {}
        }
        let client = app.client()?;
        let (plan, playbook) = match (self.file, self.goal) {
            (Some(path), _) => (plan_file::read(&path)?, String::new()),
            (None, goal) => create(&client, goal.unwrap_or_default()).await?,
        };
        let expected = ask(EstimatePlanRequest { plan: Some(plan.clone()) });
        let expected = client.planner().estimate_plan(expected).await?.into_inner().estimate;
        let risk = ask(AssessPlanRequest { plan: Some(plan.clone()) });
        let risk = client.risk().assess_plan(risk).await?.into_inner().risk;
        if app.console.for_people() {
            return Ok(app.console.print(action_plan(&plan, expected.as_ref(), risk.as_ref()))?);
        }
        app.console.value(&json!({
            "plan": to_json(&plan)?,
            "playbook": playbook,
            "estimate": to_json(&expected.unwrap_or_default())?,
            "risk": to_json(&risk.unwrap_or_default())?,
        }))
    }
}

/// Asks the planner; the plan and the playbook that made it.
pub(super) async fn create(client: &Client, goal: String) -> anyhow::Result<(PlanPb, String)> {
    let request = ask(CreatePlanRequest { goal, ..Default::default() });
    let made = client.planner().create_plan(request).await?.into_inner();
    let plan = made.plan.ok_or_else(|| stop(Exit::Failure, "the server's answer holds no plan"))?;
    Ok((plan, made.playbook))
}
