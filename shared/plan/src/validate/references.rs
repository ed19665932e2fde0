//! Late-bound references, against the graph.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use super::{Place, Report, codes};
use crate::dependency::DependencyType;
use crate::graph::{Before, PlanGraph};
use crate::item::{ItemId, Map};
use crate::json;
use crate::references::{self, Reference};

pub(super) fn check(report: &mut Report<'_>, graph: &PlanGraph) {
    let whole = Whole { places: report.places(), before: graph.before() };
    let mut used: HashSet<(&ItemId, ItemId)> = HashSet::new();
    for (at, item) in report.plan.items.iter().enumerate() {
        let place = Place { at, item };
        let own = References::new(place, &item.arguments, "arguments", &item.tool);
        let rollback = item.rollback.as_ref().map(|r| References {
            may_be_own: true,
            ..References::new(place, &r.arguments, "rollback.arguments", &r.tool)
        });
        for call in [Some(own), rollback].into_iter().flatten() {
            for item_id in call.check(report, &whole) {
                used.insert((&item.id, item_id));
            }
            warn_about_lookalikes(report, &call);
        }
    }
    for edge in report.plan.dependencies.iter().filter(|edge| edge.kind == DependencyType::Data) {
        let unused = !used.contains(&(&edge.to, edge.from.clone()));
        if let Some(place) = whole.places.get(&edge.to).filter(|_| unused) {
            let message = format!("gets the output of `{}` and does not use it", edge.from);
            report.warning(*place, codes::OUTPUT_UNUSED, "arguments", message);
        }
    }
    warn_about_tool_lists(report);
}

/// The plan as a whole, as far as references need it.
struct Whole<'p> {
    places: HashMap<&'p ItemId, Place<'p>>,
    /// None while items wait for each other: nothing comes before anything then.
    before: Option<Before<'p>>,
}

struct References<'p> {
    place: Place<'p>,
    arguments: &'p Map,
    field: &'static str,
    tool: &'p str,
    /// Whether the item's own output may be used, as a rollback may.
    may_be_own: bool,
}

impl<'p> References<'p> {
    fn new(place: Place<'p>, arguments: &'p Map, field: &'static str, tool: &'p str) -> Self {
        Self { place, arguments, field, tool, may_be_own: false }
    }

    /// Returns the items whose outputs are used.
    fn check(&self, report: &mut Report<'_>, whole: &Whole<'_>) -> Vec<ItemId> {
        let mut used = Vec::new();
        for found in references::find(self.arguments) {
            let field = format!("{}.{}", self.field, found.field);
            match found.reference {
                Err(error) => {
                    report.error(self.place, codes::REFERENCE_MALFORMED, &field, error.to_string());
                }
                Ok(Reference::Secret(name)) => self.check_secret(report, &field, &found.field, &name),
                Ok(Reference::Output { item, path }) => {
                    self.check_output(report, whole, &field, (&item, &path));
                    used.push(item);
                }
            }
        }
        used
    }

    fn check_secret(&self, report: &mut Report<'_>, field: &str, path: &str, name: &str) {
        let catalog = report.catalog;
        let Some(tool) = catalog.get(self.tool) else { return };
        let argument = path.split(['.', '[']).next().unwrap_or(path);
        if !tool.secrets.iter().any(|allowed| allowed == argument) {
            let places = match tool.secrets.as_slice() {
                [] => "nowhere".to_owned(),
                some => format!("only in {}", some.join(", ")),
            };
            let message = format!(
                "the secret `{name}` would come to rest here; `{}` takes secrets {places}",
                tool.name
            );
            report.error(self.place, codes::SECRET_NOT_ALLOWED, field, message);
        }
    }

    fn check_output(
        &self,
        report: &mut Report<'_>,
        whole: &Whole<'_>,
        field: &str,
        (item, path): (&ItemId, &[String]),
    ) {
        let own = &self.place.item.id;
        let Some(source) = whole.places.get(item) else {
            let message = format!("`{item}` is no item of the plan");
            report.error(self.place, codes::REFERENCE_UNKNOWN_ITEM, field, message);
            return;
        };
        let own_output = self.may_be_own && item == own;
        if let Some(before) = whole.before.as_ref().filter(|b| !own_output && !b.has_succeeded(item, own)) {
            if before.has_run(item, own) {
                let message = format!("`{item}` may have failed before, and then has no output");
                report.warning(self.place, codes::REFERENCE_MAY_BE_MISSING, field, message);
            } else {
                let message = format!("`{item}` need not have run before `{own}`; add a dependency");
                report.error(self.place, codes::REFERENCE_NOT_UPSTREAM, field, message);
            }
        }
        let catalog = report.catalog;
        let outputs = catalog.get(&source.item.tool).map(|tool| &tool.outputs).filter(|o| !o.is_empty());
        if let (Some(outputs), Some(name)) = (outputs, path.first())
            && !outputs.contains_key(name)
        {
            let known: Vec<&str> = outputs.keys().map(String::as_str).collect();
            let tool = &source.item.tool;
            let message = format!("`{tool}` has no output `{name}`; it has {}", known.join(", "));
            report.error(self.place, codes::REFERENCE_UNKNOWN_OUTPUT, field, message);
        }
    }
}

fn warn_about_lookalikes(report: &mut Report<'_>, call: &References<'_>) {
    static LOOKALIKE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\$\{\s*(?i:items?|secrets?)\s*[.:][^}]{0,80}").ok());
    let Some(lookalike) = LOOKALIKE.as_ref() else { return };
    json::walk(call.arguments, &mut |path, value| {
        let Some(text) = value.as_str() else { return };
        for found in lookalike.find_iter(text) {
            let known = ["${items.", "${secret:"].iter().any(|start| found.as_str().starts_with(start));
            if !known {
                let message = format!("`{}` is no reference and stays as it is", found.as_str());
                let field = format!("{}.{path}", call.field);
                report.warning(call.place, codes::REFERENCE_SUSPECT, &field, message);
            }
        }
    });
}

fn warn_about_tool_lists(report: &mut Report<'_>) {
    let (limits, catalog) = (&report.plan.constraints, report.catalog);
    for (field, tools) in
        [("allowed_tools", &limits.allowed_tools), ("forbidden_tools", &limits.forbidden_tools)]
    {
        for name in tools.iter().filter(|name| catalog.get(name).is_none()) {
            let message = format!("`{name}` is no tool of the catalog");
            report.plan_warning(codes::TOOL_LIST_UNKNOWN, &format!("constraints.{field}"), message);
        }
    }
}
