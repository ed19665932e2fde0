use std::path::PathBuf;

use assent_proto::plan::v1::Plan as PlanPb;
use assent_proto::planner::v1::{
    CreatePlanRequest, CreatePlanResponse, EstimatePlanRequest, ModelUsage, PlannerBackend, RevisePlanRequest,
};
use assent_proto::risk::v1::AssessPlanRequest;
use serde_json::json;

use super::plan_edit::Edit;
use super::plan_versions::{Diff, Log, Restore};
use crate::app::App;
use crate::client::{Client, ask};
use crate::failure::{Exit, stop};
use crate::output::{plain, to_json};
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
    /// What makes the plan; a playbook that fits, else the language model, when absent
    #[arg(long, value_enum, conflicts_with = "file")]
    backend: Option<Backend>,
    /// Then change the plan as this says, e.g. "drop item ID"
    #[arg(long, value_name = "FEEDBACK")]
    revise: Option<String>,
}

/// What makes plans.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Backend {
    /// Playbooks: the same goal always yields the same plan
    Playbook,
    /// The planner's language model
    Llm,
}

impl From<Backend> for PlannerBackend {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Playbook => Self::Playbook,
            Backend::Llm => Self::Llm,
        }
    }
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
        let mut made = match (self.file, self.goal) {
            (Some(path), _) => {
                CreatePlanResponse { plan: Some(plan_file::read(&path)?), ..Default::default() }
            }
            (None, goal) => {
                let backend = self.backend.map_or(PlannerBackend::Unspecified, Into::into).into();
                let request =
                    CreatePlanRequest { goal: goal.unwrap_or_default(), backend, ..Default::default() };
                client.planner().create_plan(ask(request)).await?.into_inner()
            }
        };
        let mut explanation = String::new();
        if let Some(feedback) = self.revise {
            let request = RevisePlanRequest { plan: made.plan.take(), feedback, ..Default::default() };
            let revised = client.planner().revise_plan(ask(request)).await?.into_inner();
            (made.plan, explanation) = (revised.plan, revised.explanation);
            made.warnings.extend(revised.warnings);
            made.usage = revised.usage.or(made.usage);
        }
        let plan = made.plan.ok_or_else(no_plan)?;
        let expected = ask(EstimatePlanRequest { plan: Some(plan.clone()) });
        let expected = client.planner().estimate_plan(expected).await?.into_inner().estimate;
        let risk = ask(AssessPlanRequest { plan: Some(plan.clone()) });
        let risk = client.risk().assess_plan(risk).await?.into_inner().risk;
        if app.console.for_people() {
            app.console.print(action_plan(&plan, expected.as_ref(), risk.as_ref()))?;
            let warnings = made.warnings.iter().map(|warning| format!("Note: {warning}"));
            let told = warnings
                .chain((!explanation.is_empty()).then_some(explanation))
                .chain(made.usage.as_ref().map(spent));
            app.console.say(told.map(|text| plain(&text)));
            return Ok(());
        }
        app.console.value(&json!({
            "plan": to_json(&plan)?,
            "playbook": made.playbook,
            "warnings": made.warnings,
            "explanation": explanation,
            "usage": made.usage.as_ref().map(to_json).transpose()?,
            "estimate": to_json(&expected.unwrap_or_default())?,
            "risk": to_json(&risk.unwrap_or_default())?,
        }))
    }
}

/// Asks the planner; the plan and the playbook that made it.
pub(super) async fn create(client: &Client, goal: String) -> anyhow::Result<(PlanPb, String)> {
    let request = ask(CreatePlanRequest { goal, ..Default::default() });
    let made = client.planner().create_plan(request).await?.into_inner();
    Ok((made.plan.ok_or_else(no_plan)?, made.playbook))
}

fn no_plan() -> anyhow::Error {
    stop(Exit::Failure, "the server's answer holds no plan")
}

/// What a language model took, for people.
fn spent(usage: &ModelUsage) -> String {
    let cost = usage.cost.as_ref().map_or(0, |cost| cost.micros) as f64 / 1e6;
    let times = if usage.calls == 1 { String::new() } else { format!(", asked {} times", usage.calls) };
    format!(
        "{}{times}: {} tokens sent, {} received, ${cost:.4}",
        usage.model, usage.input_tokens, usage.output_tokens
    )
}
