use std::path::PathBuf;

use assent_proto::plan::v1::{RiskAssessment, RiskFactor};
use assent_proto::risk::v1::AssessPlanRequest;

use crate::app::App;
use crate::client::ask;
use crate::output::{Line, Tone, level, plain, toned};
use crate::plan_file;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent risk explain plan.yaml")]
pub(crate) struct Risk {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Assess the plan in a file, and say which rule found what in which field
    Explain {
        /// The plan (- for stdin)
        plan: PathBuf,
    },
}

impl Risk {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let Action::Explain { plan } = self.action;
        let request = AssessPlanRequest { plan: Some(plan_file::read(&plan)?) };
        let risk =
            app.client()?.risk().assess_plan(ask(request)).await?.into_inner().risk.unwrap_or_default();
        app.console.message(&risk, || explained(&risk))
    }
}

fn explained(risk: &RiskAssessment) -> Vec<Line> {
    let (name, tone) = level(risk.level);
    let mut lines = vec![toned(name, tone).then(" risk", Tone::Plain)];
    for item in &risk.items {
        let (name, tone) = level(item.level);
        lines.push(toned(format!("  {name:<9}"), tone).then(item.item_id.clone(), Tone::Plain));
    }
    risk.factors.iter().for_each(|factor| factor_lines(factor, &mut lines));
    lines.push(plain(""));
    lines.push(plain(approval(risk)));
    lines.push(toned(format!("Policy {}", risk.policy_digest), Tone::Dim));
    lines
}

fn factor_lines(factor: &RiskFactor, lines: &mut Vec<Line>) {
    let (name, tone) = level(factor.severity);
    let place = if factor.item_id.is_empty() { "the plan".to_owned() } else { factor.item_id.clone() };
    lines.push(plain(""));
    lines.push(
        toned(name, tone)
            .then(format!(" {place}: {}", factor.description), Tone::Plain)
            .then(format!(" ({})", factor.code), Tone::Dim),
    );
    lines.push(plain(format!("  why:  {}", factor.explanation)));
    if !factor.mitigation.is_empty() {
        lines.push(plain(format!("  help: {}", factor.mitigation)));
    }
}

fn approval(risk: &RiskAssessment) -> String {
    let Some(requirement) = &risk.requirement else { return String::new() };
    let alone = if requirement.auto_approvable { "; may run without a person" } else { "" };
    let duties = if requirement.separation_of_duties { ", none of them its author" } else { "" };
    let stages: Vec<&str> = requirement.stages.iter().map(|stage| stage.name.as_str()).collect();
    let stages = if stages.is_empty() { String::new() } else { format!(", then {}", stages.join(", ")) };
    format!("Needs {} of {}{duties}{stages}{alone}", requirement.quorum, requirement.roles.join(", "))
}
