//! An item goes.

use std::collections::BTreeSet;

use super::apply::Draft;
use super::{Dependents, EditProblem};
use crate::dependency::{Dependency, DependencyType};
use crate::graph::PlanGraph;
use crate::item::ItemId;

pub(super) fn remove(draft: &mut Draft<'_>, id: &ItemId, dependents: Dependents) -> Result<(), EditProblem> {
    draft.place(id)?;
    let mut gone = BTreeSet::from([id.clone()]);
    match dependents {
        Dependents::Refuse => {
            let waiting = draft.plan.dependencies.iter().filter(|edge| edge.from == *id && edge.to != *id);
            let dependents: BTreeSet<ItemId> = waiting.map(|edge| edge.to.clone()).collect();
            if !dependents.is_empty() {
                let dependents = dependents.into_iter().collect();
                return Err(EditProblem::HasDependents { item: id.clone(), dependents });
            }
        }
        Dependents::Reconnect => reconnect(draft, id),
        Dependents::Remove => gone.extend(PlanGraph::of_sound_edges(&draft.plan).dependents(id)),
    }
    draft.plan.items.retain(|item| !gone.contains(&item.id));
    draft.plan.dependencies.retain(|edge| !gone.contains(&edge.from) && !gone.contains(&edge.to));
    Ok(())
}

/// Lets everything that waits for `id` wait for everything that `id` waits for.
fn reconnect(draft: &mut Draft<'_>, id: &ItemId) {
    let edges = |keep: &dyn Fn(&Dependency) -> bool| -> Vec<Dependency> {
        draft.plan.dependencies.iter().filter(|edge| edge.from != edge.to && keep(edge)).cloned().collect()
    };
    let (into, out) = (edges(&|edge| edge.to == *id), edges(&|edge| edge.from == *id));
    for before in &into {
        for after in out.iter().filter(|after| after.to != before.from) {
            // The output that was waited for goes; what is left of it is that the item succeeds.
            let needs_success = before.kind.needs_success() && after.kind.needs_success();
            let kind = if needs_success { DependencyType::Dependency } else { DependencyType::Soft };
            draft.connect(Dependency { from: before.from.clone(), to: after.to.clone(), kind });
        }
    }
}
