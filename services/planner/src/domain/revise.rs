//! Changes to a plan that answer what was said about it, and leave everything else as it is.

use std::collections::BTreeSet;

use assent_plan::edit::Dependents;
use assent_plan::redact::REDACTED;
use assent_plan::references::{self, Reference};
use assent_plan::{
    Catalog, DependencyType, Edit, EditError, ItemId, ItemType, Plan, PlanConstraints, PlanGraph, WorkItem,
    apply_edits,
};
use serde_json::json;

use super::feedback::Instruction;
use super::render::literal;

/// Why a plan cannot be changed as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Impossible {
    /// Another item needs what goes.
    #[error("`{user}` uses the output of `{gone}`; drop it as well, or edit it first")]
    Needed {
        /// What goes.
        gone: ItemId,
        /// What needs it.
        user: ItemId,
    },
    /// Nothing would be left.
    #[error("no item would be left")]
    Empty,
    /// A check holds a secret.
    #[error("the command of a check holds what looks like a secret")]
    Secret,
    /// An edit was refused.
    #[error("{0}")]
    Edit(String),
}

impl From<EditError> for Impossible {
    fn from(error: EditError) -> Self {
        Self::Edit(error.problem.to_string())
    }
}

/// Does to `plan` what `instructions` say, in their order; returns what was done, a sentence each.
pub(crate) fn revise(
    plan: &mut Plan,
    instructions: &[Instruction],
    catalog: &Catalog,
) -> Result<Vec<String>, Impossible> {
    // What goes, goes together: an item and the one that uses its output may be named in any order.
    let mut gone = BTreeSet::new();
    let mut said = Vec::new();
    for instruction in instructions {
        match instruction {
            Instruction::DropItem(id) => {
                gone.insert(id.clone());
            }
            Instruction::ForbidTool(tool) => {
                gone.extend(plan.items.iter().filter(|item| item.tool == *tool).map(|item| item.id.clone()));
            }
            Instruction::CapCost(_)
            | Instruction::CapItemCost(..)
            | Instruction::CapDuration(_)
            | Instruction::AddCheck { .. } => {}
        }
    }
    for instruction in instructions {
        if let Instruction::ForbidTool(tool) = instruction {
            said.push(forbid(plan, tool, &gone, catalog)?);
        }
    }
    remove(plan, &gone, catalog, &mut said)?;
    for instruction in instructions {
        match instruction {
            Instruction::DropItem(_) | Instruction::ForbidTool(_) => {}
            Instruction::CapCost(most) => {
                let limit = plan.constraints.max_cost.map_or(*most, |old| old.min(*most));
                plan.constraints.max_cost = Some(limit);
                said.push(format!("The plan may cost ${limit} at most."));
            }
            Instruction::CapItemCost(id, most) => {
                let patch = json!({ "constraints": { "max_cost": most } });
                update(plan, id, patch, "constraints.max_cost", catalog)?;
                said.push(format!("`{id}` may cost ${most} at most."));
            }
            Instruction::CapDuration(most) => {
                let limit = plan.constraints.max_duration.map_or(*most, |old| old.min(*most));
                plan.constraints.max_duration = Some(limit);
                said.push(format!("The plan may take {limit} at most."));
            }
            Instruction::AddCheck { command, after } => {
                said.push(add_check(plan, command, after.as_ref(), catalog)?);
            }
        }
    }
    Ok(said)
}

/// Takes the limits of `more` into `plan`: the stricter of two counts.
pub(crate) fn restrict(plan: &mut Plan, more: &PlanConstraints) {
    let own = &mut plan.constraints;
    own.max_cost = own.max_cost.into_iter().chain(more.max_cost).min();
    own.max_duration = own.max_duration.into_iter().chain(more.max_duration).min();
    for tool in &more.forbidden_tools {
        if !own.forbidden_tools.contains(tool) {
            own.forbidden_tools.push(tool.clone());
        }
    }
    if own.allowed_tools.is_empty() {
        own.allowed_tools.clone_from(&more.allowed_tools);
    } else if !more.allowed_tools.is_empty() {
        let both: Vec<_> =
            own.allowed_tools.iter().filter(|t| more.allowed_tools.contains(t)).cloned().collect();
        // An empty list would allow everything.
        if both.is_empty() {
            own.forbidden_tools.extend(more.allowed_tools.iter().cloned());
        }
        own.allowed_tools = if both.is_empty() { more.allowed_tools.clone() } else { both };
    }
}

fn forbid(
    plan: &mut Plan,
    tool: &str,
    gone: &BTreeSet<ItemId>,
    catalog: &Catalog,
) -> Result<String, Impossible> {
    if !plan.constraints.forbidden_tools.iter().any(|name| name == tool) {
        plan.constraints.forbidden_tools.push(tool.to_owned());
    }
    plan.constraints.allowed_tools.retain(|name| name != tool);
    let undoes = |item: &&WorkItem| item.rollback.as_ref().is_some_and(|rollback| rollback.tool == tool);
    let ids: Vec<_> =
        plan.items.iter().filter(undoes).map(|i| i.id.clone()).filter(|id| !gone.contains(id)).collect();
    let mut text = format!("No item may use `{tool}`.");
    for id in ids {
        update(plan, &id, json!({ "rollback": null, "rollback_possible": false }), "rollback", catalog)?;
        text.push_str(&format!(" `{id}` can therefore no longer be undone."));
    }
    Ok(text)
}

fn update(
    plan: &mut Plan,
    id: &ItemId,
    patch: serde_json::Value,
    field: &str,
    catalog: &Catalog,
) -> Result<(), Impossible> {
    let patch = patch.as_object().cloned().unwrap_or_default();
    let mut mask = vec![field.to_owned()];
    mask.extend(patch.keys().filter(|name| !field.starts_with(name.as_str())).cloned());
    *plan = apply_edits(plan, &[Edit::UpdateWorkItem { id: id.clone(), patch, mask }], catalog)?;
    Ok(())
}

fn remove(
    plan: &mut Plan,
    gone: &BTreeSet<ItemId>,
    catalog: &Catalog,
    said: &mut Vec<String>,
) -> Result<(), Impossible> {
    if gone.is_empty() {
        return Ok(());
    }
    if plan.items.iter().all(|item| gone.contains(&item.id)) {
        return Err(Impossible::Empty);
    }
    for item in plan.items.iter().filter(|item| !gone.contains(&item.id)) {
        let rollback = item.rollback.iter().map(|rollback| &rollback.arguments);
        for found in std::iter::once(&item.arguments).chain(rollback).flat_map(references::find) {
            if let Ok(Reference::Output { item: used, .. }) = found.reference
                && gone.contains(&used)
            {
                return Err(Impossible::Needed { gone: used, user: item.id.clone() });
            }
        }
    }
    for item in plan.items.iter().filter(|item| gone.contains(&item.id)) {
        said.push(format!("Dropped `{}` ({}).", item.id, item.name));
    }
    let edits: Vec<_> = gone
        .iter()
        .map(|id| Edit::RemoveWorkItem { id: id.clone(), dependents: Dependents::Reconnect })
        .collect();
    *plan = apply_edits(plan, &edits, catalog)?;
    Ok(())
}

fn add_check(
    plan: &mut Plan,
    command: &str,
    after: Option<&ItemId>,
    catalog: &Catalog,
) -> Result<String, Impossible> {
    if command.contains(REDACTED) {
        return Err(Impossible::Secret);
    }
    let before: Vec<ItemId> = match after {
        Some(id) => vec![id.clone()],
        None => last(plan),
    };
    let free = |id: &ItemId| plan.items.iter().all(|item| item.id != *id);
    let ids = std::iter::once("check".to_owned()).chain((2..).map(|n| format!("check-{n}")));
    // A plan has fewer items than there are numbers.
    let id = ids
        .filter_map(|id| id.parse().ok())
        .find(free)
        .ok_or_else(|| Impossible::Edit("no id is free".to_owned()))?;
    let short: String = command.chars().take(200).collect();
    let mut item = WorkItem::new(id, format!("Check: {short}"), "shell");
    item.item_type = ItemType::Validation;
    item.objective.goal = format!("`{short}` ends with exit code 0");
    item.objective.success_criteria = vec!["exit code 0".to_owned()];
    item.arguments.insert("command".to_owned(), json!(literal(command)));
    let text = match before.as_slice() {
        [one] => format!("Added the check `{short}` after `{one}`."),
        _ => format!("Added the check `{short}` at the end."),
    };
    let upstream = |item| assent_plan::edit::Upstream { item, kind: DependencyType::Dependency };
    let edit =
        Edit::AddWorkItem { item: Box::new(item), depends_on: before.into_iter().map(upstream).collect() };
    *plan = apply_edits(plan, &[edit], catalog)?;
    Ok(text)
}

/// Items that no other waits for.
fn last(plan: &Plan) -> Vec<ItemId> {
    let waited: BTreeSet<&ItemId> = plan.dependencies.iter().map(|edge| &edge.from).collect();
    // In one order, whatever the order of the items.
    let order = PlanGraph::new(plan).map(|graph| graph.order()).unwrap_or_default();
    order.into_iter().filter(|id| !waited.contains(id)).collect()
}
