//! The use cases.

mod revise;

use assent_core::Violation;
use assent_plan::redact::{redact, redact_plan};
use assent_plan::{Catalog, InvalidPlan, Map, Plan, PlanConstraints, PlanEstimate, complete, validate};

use crate::domain::{Library, Playbook, estimate};
use crate::error::PlannerError;

pub use revise::{Remark, RevisePlan, Revision};

/// Playbooks and the tools that they may use.
pub struct App {
    catalog: Catalog,
    library: Library,
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
}

impl App {
    /// Plans with the tools of `catalog` from the playbooks of `library`.
    pub fn new(catalog: Catalog, library: Library) -> Self {
        Self { catalog, library }
    }

    /// Makes a plan; returns it with the name of the playbook that made it.
    ///
    /// # Errors
    /// When no playbook fits, or the plan breaks its limits.
    pub fn create(&self, command: CreatePlan) -> Result<(Plan, String), PlannerError> {
        // Before anything is made of the goal, so that a secret in it cannot become an argument.
        let goal = redact(&command.goal).into_owned();
        let unmatched =
            || PlannerError::Unmatched(self.library.playbooks().map(|p| p.name().to_owned()).collect());
        let (playbook, fit) = self.library.choose(&goal).ok_or_else(unmatched)?;
        let name = playbook.name().to_owned();
        let made = playbook.plan(&goal, &fit);
        let made = made.map_err(|source| PlannerError::Broken { playbook: name.clone(), source })?;
        let mut plan = Plan { context: command.context, constraints: command.constraints, ..made };
        redact_plan(&mut plan);
        complete::complete(&mut plan, &self.catalog);
        let expected = self.estimate(&plan)?;
        keep_to_limits(&plan, &expected)?;
        Ok((plan, name))
    }

    /// Tells what an execution of `plan` is expected to take.
    ///
    /// # Errors
    /// When the plan is not sound.
    pub fn estimate(&self, plan: &Plan) -> Result<PlanEstimate, PlannerError> {
        self.check(plan)?;
        let no_graph =
            |error: assent_plan::graph::GraphError| Violation::new("plan", "NO_GRAPH", error.to_string());
        estimate(plan, &self.catalog).map_err(|error| InvalidPlan(vec![no_graph(error)]).into())
    }

    fn check(&self, plan: &Plan) -> Result<(), InvalidPlan> {
        let found = validate(plan, &self.catalog);
        if found.is_valid() { Ok(()) } else { Err(InvalidPlan(found.violations())) }
    }

    /// Every playbook, by name.
    pub fn playbooks(&self) -> impl Iterator<Item = &Playbook> {
        self.library.playbooks()
    }
}

fn keep_to_limits(plan: &Plan, expected: &PlanEstimate) -> Result<(), InvalidPlan> {
    let limits = &plan.constraints;
    let mut found = Vec::new();
    if let Some((cost, most)) =
        expected.estimated_cost.zip(limits.max_cost).filter(|(cost, most)| cost > most)
    {
        let text = format!("${most} is less than the ${cost} that the plan is expected to cost");
        found.push(Violation::new("plan.constraints.max_cost", "COST_BEYOND_LIMIT", text));
    }
    if let Some(most) = limits.max_duration.filter(|most| expected.estimated_duration > *most) {
        let text = format!(
            "{most} is less than the {} that the plan is expected to take",
            expected.estimated_duration
        );
        found.push(Violation::new("plan.constraints.max_duration", "DURATION_BEYOND_LIMIT", text));
    }
    if found.is_empty() { Ok(()) } else { Err(InvalidPlan(found)) }
}
