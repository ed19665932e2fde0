//! The planner through its use cases, with the playbooks and the catalog that Assent ships.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod estimates;
mod plans;
mod playbooks;
mod revisions;

use std::sync::LazyLock;

use assent_plan::{Catalog, Map, Plan};
use assent_planner::{App, CreatePlan, Library, PlannerError};

const EXPORT: &str =
    "Create a Python script that connects to our PostgreSQL database and exports user data to CSV";
const SEARCH: &str = "Search for the latest Python 3.13 features";

static APP: LazyLock<App> = LazyLock::new(|| {
    let catalog = Catalog::builtin().unwrap();
    let (library, unfit) = Library::shipped(&catalog);
    assert!(unfit.is_empty(), "{unfit:?}");
    App::new(catalog, library)
});

fn created(goal: &str) -> Result<(Plan, String), PlannerError> {
    APP.create(CreatePlan { goal: goal.to_owned(), ..CreatePlan::default() })
}

fn map(value: serde_json::Value) -> Map {
    value.as_object().unwrap().clone()
}
