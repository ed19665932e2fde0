//! The planner through its use cases, with the playbooks and the catalog that Assent ships.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod calibrations;
mod estimates;
mod llm;
mod model;
mod plans;
mod playbooks;
mod real_model;
mod revisions;
mod rig;
mod shipped;
mod simulation;

use std::sync::{Arc, LazyLock};

use assent_plan::{Catalog, Map, Plan};
use assent_planner::{App, CreatePlan, Library, PlannerError};
use futures_util::FutureExt as _;

const EXPORT: &str =
    "Create a Python script that connects to our PostgreSQL database and exports user data to CSV";
const SEARCH: &str = "Search for the latest Python 3.13 features";

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().unwrap());
static LIBRARY: LazyLock<Arc<Library>> = LazyLock::new(|| {
    let library = Library::shipped(&CATALOG);
    assert!(library.unusable().is_empty(), "{:?}", library.unusable());
    Arc::new(library)
});
static APP: LazyLock<App> = LazyLock::new(|| App::new(CATALOG.clone(), LIBRARY.clone()));

/// Playbooks answer without waiting.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().unwrap()
}

fn planned(command: CreatePlan) -> Result<(Plan, String), PlannerError> {
    at_once(APP.create(command)).map(|made| (made.plan, made.playbook))
}

fn created(goal: &str) -> Result<(Plan, String), PlannerError> {
    planned(CreatePlan { goal: goal.to_owned(), ..CreatePlan::default() })
}

fn map(value: serde_json::Value) -> Map {
    value.as_object().unwrap().clone()
}
