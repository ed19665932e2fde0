//! The use cases.

mod create;
mod model;
mod revise;

use std::sync::Arc;
use std::time::Duration;

use assent_core::{ContextSource, Violation};
use assent_metrics::{CALL_SECONDS, Histograms, Metrics};
use assent_plan::{Catalog, InvalidPlan, Plan, PlanEstimate, validate};
use assent_runtime::{BuildError, Wiring};
use assent_store::{Db, StoreError};

use crate::config::Config;
use crate::domain::{Calibration, Library, estimate};
use crate::error::PlannerError;
use crate::files;
use crate::llm::{Model, Usage};
use crate::store::{makings, samples};

pub use create::{Backend, CreatePlan, Made};
pub use revise::{RevisePlan, Revision};

/// How long it is known what a model took for a plan.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

fn generation(metrics: &Metrics) -> Histograms<2> {
    metrics.histograms(
        "plan_generation_duration_seconds",
        "Time to make or revise a plan, by what made it and by what came of it",
        ["origin", "outcome"],
        CALL_SECONDS,
    )
}

/// Playbooks, a language model where there is one, and the tools that plans may use.
pub struct App {
    catalog: Catalog,
    library: Arc<Library>,
    model: Option<Model>,
    /// What runs and models have taken; none for a planner that is only asked.
    db: Option<Db>,
    source: ContextSource,
    parallel: usize,
    generation: Histograms<2>,
}

impl App {
    /// Plans with the tools of `catalog` from the playbooks of `library`.
    pub fn new(catalog: Catalog, library: Arc<Library>) -> Self {
        let parallel = Config::default().parallel_items;
        let (source, generation) = (ContextSource::system(), generation(&Metrics::default()));
        Self { catalog, library, model: None, db: None, source, parallel, generation }
    }

    /// What `config` and `wiring` say. A playbook that cannot be used is logged and left out, so that a mistake in one
    /// does not take the others away.
    ///
    /// # Errors
    /// When the catalog, the directory of playbooks or the language model cannot be used.
    pub fn build(config: &Config, wiring: &Wiring) -> Result<Self, BuildError> {
        let catalog = wiring.catalog()?;
        let library = files::load(&config.playbooks_dir, &catalog)?;
        Self::new(catalog, Arc::new(library)).configured(config, wiring)
    }

    /// The same, with the language model and the numbers of `config`.
    ///
    /// # Errors
    /// When the language model cannot be used.
    pub fn configured(self, config: &Config, wiring: &Wiring) -> Result<Self, BuildError> {
        let source = wiring.source().clone();
        let model = Model::new(config, &source)?;
        let generation = generation(wiring.metrics());
        Ok(Self { model, source, parallel: config.parallel_items, generation, ..self })
    }

    /// The same, with a database for what runs and models have taken.
    pub fn with_database(self, db: Db) -> Self {
        Self { db: Some(db), ..self }
    }

    /// Tells what an execution of `plan` is expected to take.
    ///
    /// # Errors
    /// When the plan is not sound, or the database does not answer.
    pub async fn estimate(&self, plan: &Plan) -> Result<PlanEstimate, PlannerError> {
        self.check(plan)?;
        let mut expected = self.expect(plan, &self.calibration().await?)?;
        if let (Some(db), Some(id)) = (&self.db, plan.id)
            && let Some((tokens, cost)) = makings::of_plan(db, id).await?
        {
            (expected.planning_tokens, expected.planning_cost) = (tokens, Some(cost));
        }
        Ok(expected)
    }

    /// The same for a plan that is known to be sound.
    fn expect(&self, plan: &Plan, calibration: &Calibration) -> Result<PlanEstimate, InvalidPlan> {
        let no_graph =
            |error: assent_plan::graph::GraphError| Violation::new("plan", "NO_GRAPH", error.to_string());
        estimate(plan, &self.catalog, calibration, self.parallel)
            .map_err(|error| InvalidPlan(vec![no_graph(error)]))
    }

    /// What runs have taken.
    async fn calibration(&self) -> Result<Calibration, StoreError> {
        match &self.db {
            Some(db) => samples::calibration(db).await,
            None => Ok(Calibration::default()),
        }
    }

    /// Keeps what a model took for a plan.
    async fn keep_usage(&self, plan: &mut Plan, usage: &Usage) -> Result<(), StoreError> {
        let id = *plan.id.get_or_insert_with(|| self.source.new_id());
        match &self.db {
            Some(db) => {
                let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
                makings::add(db, id, tokens, usage.cost, self.source.now()).await
            }
            None => Ok(()),
        }
    }

    /// Forgets what models took for plans of long ago.
    pub(crate) async fn forget(&self) -> Result<(), StoreError> {
        match &self.db {
            Some(db) => makings::forget_before(db, self.source.now().before(KEPT)).await.map(drop),
            None => Ok(()),
        }
    }

    fn check(&self, plan: &Plan) -> Result<(), InvalidPlan> {
        let found = validate(plan, &self.catalog);
        if found.is_valid() { Ok(()) } else { Err(InvalidPlan(found.violations())) }
    }

    /// Every playbook.
    pub fn library(&self) -> &Library {
        &self.library
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
