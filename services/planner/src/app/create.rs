//! Making a plan of a goal.

use assent_plan::redact::{redact, redact_plan};
use assent_plan::{Map, Plan, PlanConstraints, complete};

use tokio::time::Instant;

use super::{App, keep_to_limits};
use crate::error::PlannerError;
use crate::llm::Usage;

/// What makes plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Playbooks: the same goal always yields the same plan.
    Playbook,
    /// A language model.
    Llm,
}

/// A goal and what is known with it.
#[derive(Debug, Clone, Default)]
pub struct CreatePlan {
    /// What to reach.
    pub goal: String,
    /// Facts.
    pub context: Map,
    /// Limits to keep to.
    pub constraints: PlanConstraints,
    /// What makes the plan; none: a playbook that fits, else the language model where there is one.
    pub backend: Option<Backend>,
}

/// A plan, and how it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The plan.
    pub plan: Plan,
    /// Name of the playbook that made it; empty when it was none.
    pub playbook: String,
    /// How specifically that playbook fits; 0 when it was none.
    pub score: u32,
    /// What to know about the plan, for people.
    pub warnings: Vec<String>,
    /// What asking a language model took; none when nobody was asked.
    pub usage: Option<Usage>,
}

impl App {
    /// Makes a plan.
    ///
    /// # Errors
    /// When no playbook fits and there is no language model, when the model yields no sound plan, or the plan breaks
    /// its limits.
    pub async fn create(&self, command: CreatePlan) -> Result<Made, PlannerError> {
        let started = Instant::now();
        let asked = command.backend;
        let made = self.make(command).await;
        let origin = match &made {
            Ok(made) if made.playbook.is_empty() => "llm",
            Ok(_) => "playbook",
            Err(_) if asked == Some(Backend::Llm) => "llm",
            // A model that was asked and failed says so; all else is that no playbook fits.
            Err(PlannerError::Unmatched(_)) => "playbook",
            Err(_) if self.model.is_some() => "llm",
            Err(_) => "playbook",
        };
        self.made(origin, made.is_ok(), started);
        made
    }

    /// Measures the making of a plan.
    pub(super) fn made(&self, origin: &'static str, succeeded: bool, started: Instant) {
        let outcome = if succeeded { "succeeded" } else { "failed" };
        self.generation.of([origin, outcome]).observe(started.elapsed().as_secs_f64());
    }

    async fn make(&self, command: CreatePlan) -> Result<Made, PlannerError> {
        match (command.backend, &self.model) {
            (Some(Backend::Llm), None) => Err(PlannerError::NoModel),
            (Some(Backend::Llm), Some(model)) => self.draft(model, command).await,
            (Some(Backend::Playbook), _) | (None, None) => self.by_playbook(command).await,
            (None, Some(model)) => match self.by_playbook(command.clone()).await {
                Err(PlannerError::Unmatched(_)) => self.draft(model, command).await,
                made => made,
            },
        }
    }

    async fn by_playbook(&self, command: CreatePlan) -> Result<Made, PlannerError> {
        // Before anything is made of the goal, so that a secret in it cannot become an argument.
        let goal = redact(&command.goal).into_owned();
        let unmatched =
            || PlannerError::Unmatched(self.library.playbooks().map(|p| p.name().to_owned()).collect());
        let (playbook, fit) = self.library.choose(&goal, &command.context).ok_or_else(unmatched)?;
        let name = playbook.name().to_owned();
        let warnings = playbook.requires().iter().map(|what| format!("needs {what}")).collect();
        let made = playbook.plan(&goal, &fit);
        let made = made.map_err(|source| PlannerError::Broken { playbook: name.clone(), source })?;
        let mut plan = Plan { context: command.context, constraints: command.constraints, ..made };
        redact_plan(&mut plan);
        complete::complete(&mut plan, &self.catalog);
        let expected = self.estimate(&plan).await?;
        keep_to_limits(&plan, &expected)?;
        Ok(Made { plan, playbook: name, score: fit.score(), warnings, usage: None })
    }
}
