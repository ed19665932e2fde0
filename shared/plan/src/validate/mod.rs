//! Validation: everything wrong with a plan at once. Pure, total, and the same for every caller.

pub mod codes;
mod limits;
mod references;
mod structure;
mod tools;

use std::collections::HashMap;

use assent_core::Violation;
use serde::Serialize;

use crate::catalog::Catalog;
use crate::graph::PlanGraph;
use crate::item::{ItemId, WorkItem};
use crate::plan::Plan;

/// One thing found in a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Stable code, one of [`codes`].
    pub code: &'static str,
    /// What is wrong and what would be right; no final period.
    pub message: String,
    /// The item concerned; none when it is the plan as a whole.
    #[serde(rename = "affected_item_id")]
    pub item_id: Option<ItemId>,
    /// Path of the field, e.g. `items[2].arguments.path`.
    pub field: String,
}

/// What validation found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Validation {
    /// What must be mended before the plan can be reviewed or run.
    pub errors: Vec<Finding>,
    /// What deserves a look.
    pub warnings: Vec<Finding>,
}

impl Validation {
    /// Whether there is no error.
    pub fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }

    /// The errors as violations of a request whose plan is the field `plan`.
    pub fn violations(&self) -> Vec<Violation> {
        let violation = |error: &Finding| {
            let field =
                if error.field.is_empty() { "plan".to_owned() } else { format!("plan.{}", error.field) };
            Violation::new(field, error.code, error.message.clone())
        };
        self.errors.iter().map(violation).collect()
    }
}

/// Judges `plan` against the rules of plans and the tools of `catalog`.
pub fn validate(plan: &Plan, catalog: &Catalog) -> Validation {
    let mut report = Report { plan, catalog, found: Validation::default() };
    // A plan beyond these limits is not looked into any further, however large it is.
    if limits::check_counts(&mut report) {
        limits::check_plan(&mut report);
        let graph = PlanGraph::of_sound_edges(plan);
        structure::check(&mut report, &graph);
        for (at, item) in plan.items.iter().enumerate() {
            let place = Place { at, item };
            limits::check_item(&mut report, place);
            tools::check_item(&mut report, place);
        }
        references::check(&mut report, &graph);
    }
    report.found
}

/// An item and its position in the plan.
#[derive(Clone, Copy)]
struct Place<'p> {
    at: usize,
    item: &'p WorkItem,
}

struct Report<'p> {
    plan: &'p Plan,
    catalog: &'p Catalog,
    found: Validation,
}

impl<'p> Report<'p> {
    fn plan_error(&mut self, code: &'static str, field: &str, message: impl Into<String>) {
        let finding = Finding { code, message: message.into(), item_id: None, field: field.to_owned() };
        self.found.errors.push(finding);
    }

    fn plan_warning(&mut self, code: &'static str, field: &str, message: impl Into<String>) {
        let finding = Finding { code, message: message.into(), item_id: None, field: field.to_owned() };
        self.found.warnings.push(finding);
    }

    fn error(&mut self, place: Place<'_>, code: &'static str, field: &str, message: impl Into<String>) {
        self.found.errors.push(at_item(place, code, field, message.into()));
    }

    fn warning(&mut self, place: Place<'_>, code: &'static str, field: &str, message: impl Into<String>) {
        self.found.warnings.push(at_item(place, code, field, message.into()));
    }

    /// First item of each id.
    fn places(&self) -> HashMap<&'p ItemId, Place<'p>> {
        let mut places = HashMap::with_capacity(self.plan.items.len());
        for (at, item) in self.plan.items.iter().enumerate() {
            places.entry(&item.id).or_insert(Place { at, item });
        }
        places
    }
}

fn at_item(place: Place<'_>, code: &'static str, field: &str, message: String) -> Finding {
    let field = format!("items[{}].{field}", place.at);
    Finding { code, message, item_id: Some(place.item.id.clone()), field }
}
