//! Items and dependencies as a graph.

use std::collections::HashSet;

use super::{Report, codes};
use crate::graph::{PlanGraph, arrows};

pub(super) fn check(report: &mut Report<'_>, graph: &PlanGraph) {
    let places = report.places();
    let mut seen = HashSet::new();
    for (at, item) in report.plan.items.iter().enumerate() {
        if !seen.insert(&item.id) {
            let first = places.get(&item.id).map_or(0, |place| place.at);
            let message = format!("`{}` is already the id of items[{first}]", item.id);
            report.error(super::Place { at, item }, codes::ITEM_ID_DUPLICATE, "id", message);
        }
    }
    let mut ends = HashSet::new();
    for (at, edge) in report.plan.dependencies.iter().enumerate() {
        let mut error = |code, part: &str, id: &crate::item::ItemId, message: String| {
            let item_id = places.contains_key(id).then(|| id.clone());
            let field = format!("dependencies[{at}]{part}");
            report.found.errors.push(super::Finding { code, message, item_id, field });
        };
        for (part, id) in [(".from", &edge.from), (".to", &edge.to)] {
            if !places.contains_key(id) {
                error(codes::DEPENDENCY_UNKNOWN_ITEM, part, id, format!("`{id}` is no item of the plan"));
            }
        }
        if edge.from == edge.to {
            let message = format!("`{}` waits for itself", edge.from);
            error(codes::DEPENDENCY_ON_ITSELF, "", &edge.to, message);
        }
        if !ends.insert((&edge.from, &edge.to)) {
            let message = format!("`{}` waits for `{}` already", edge.to, edge.from);
            error(codes::DEPENDENCY_DUPLICATE, "", &edge.to, message);
        }
    }
    for members in graph.cycles() {
        let message = format!("items wait for each other: {}", arrows(&members));
        let item_id = members.into_iter().next();
        let field = "dependencies".to_owned();
        report.found.errors.push(super::Finding { code: codes::DEPENDENCY_CYCLE, message, item_id, field });
    }
}
