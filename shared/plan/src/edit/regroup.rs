//! One item becomes several, and several become one.

use std::collections::BTreeSet;

use super::EditProblem;
use super::apply::Draft;
use crate::dependency::{Dependency, DependencyType};
use crate::item::{ItemId, WorkItem};

/// The parts run one after the other: the first waits for what the item waited for, and what waited for
/// the item waits for the last.
pub(super) fn split(draft: &mut Draft<'_>, id: &ItemId, into: &[WorkItem]) -> Result<(), EditProblem> {
    let at = draft.place(id)?;
    let [first, .., last] = into else { return Err(EditProblem::TooFewItems("split into")) };
    check_new(draft, into, std::slice::from_ref(id))?;
    let parts: Vec<WorkItem> = into.iter().map(|part| draft.completed(part)).collect();
    draft.plan.items.splice(at..=at, parts);
    let around = take_edges(draft, &BTreeSet::from([id]));
    for Dependency { from, to, kind } in around {
        let (from, to) = if to == *id { (from, first.id.clone()) } else { (last.id.clone(), to) };
        draft.connect(Dependency { from, to, kind });
    }
    for pair in into.windows(2) {
        if let [before, after] = pair {
            let (from, to) = (before.id.clone(), after.id.clone());
            draft.connect(Dependency { from, to, kind: DependencyType::Dependency });
        }
    }
    Ok(())
}

/// The one waits for everything that any of them waited for, and everything that waited for any of them
/// waits for it. Dependencies among them go.
pub(super) fn merge(draft: &mut Draft<'_>, ids: &[ItemId], into: &WorkItem) -> Result<(), EditProblem> {
    let mut members = BTreeSet::new();
    for id in ids {
        draft.place(id)?;
        if !members.insert(id) {
            return Err(EditProblem::ItemRepeated(id.clone()));
        }
    }
    if members.len() < 2 {
        return Err(EditProblem::TooFewItems("merge"));
    }
    check_new(draft, std::slice::from_ref(into), ids)?;
    let merged = draft.completed(into);
    if let Some(first) = draft.plan.items.iter_mut().find(|item| members.contains(&item.id)) {
        *first = merged;
    }
    draft.plan.items.retain(|item| item.id == into.id || !members.contains(&item.id));
    let around = take_edges(draft, &members);
    for Dependency { from, to, kind } in around {
        let own = |id: ItemId| if members.contains(&id) { into.id.clone() } else { id };
        let (from, to) = (own(from), own(to));
        if from != to {
            draft.connect(Dependency { from, to, kind });
        }
    }
    Ok(())
}

/// Refuses new items whose ids are taken by each other, or by items other than those they replace.
fn check_new(draft: &Draft<'_>, new: &[WorkItem], replaced: &[ItemId]) -> Result<(), EditProblem> {
    let mut ids = BTreeSet::new();
    for WorkItem { id, .. } in new {
        if !ids.insert(id) {
            return Err(EditProblem::ItemRepeated(id.clone()));
        }
        if !replaced.contains(id) && draft.place(id).is_ok() {
            return Err(EditProblem::ItemExists(id.clone()));
        }
    }
    Ok(())
}

/// Takes out every dependency on either side of `ids`.
fn take_edges(draft: &mut Draft<'_>, ids: &BTreeSet<&ItemId>) -> Vec<Dependency> {
    let touches = |edge: &mut Dependency| ids.contains(&edge.from) || ids.contains(&edge.to);
    draft.plan.dependencies.extract_if(.., touches).collect()
}
