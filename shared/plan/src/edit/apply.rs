//! Edits carried out one after the other, all or none.

use std::collections::{HashMap, HashSet};

use super::{Edit, EditError, EditProblem, Upstream, regroup, remove, update};
use crate::catalog::Catalog;
use crate::complete::complete_item;
use crate::dependency::{Dependency, DependencyType};
use crate::graph::PlanGraph;
use crate::item::{ItemId, WorkItem};
use crate::order::arrange;
use crate::plan::Plan;

/// What becomes of `plan` under `edits`, each of which meets the outcome of those before it. Items that
/// come or change are completed with what their tools lend them. A cycle is refused only if it is there
/// at the end, so that a batch may turn a dependency round. Everything else about the plan is for
/// [`validate`](crate::validate()) to judge.
pub fn apply_edits(plan: &Plan, edits: &[Edit], catalog: &Catalog) -> Result<Plan, EditError> {
    let mut draft = Draft { plan: plan.clone(), catalog, added: HashMap::new(), index: 0 };
    for (index, edit) in edits.iter().enumerate() {
        draft.index = index;
        draft.apply(edit).map_err(|problem| EditError { index, problem })?;
    }
    draft.refuse_cycles()?;
    Ok(draft.plan)
}

type Outcome = Result<(), EditProblem>;

/// A plan that is being edited.
pub(super) struct Draft<'c> {
    pub(super) plan: Plan,
    catalog: &'c Catalog,
    /// Which edit added a dependency.
    added: HashMap<(ItemId, ItemId), usize>,
    index: usize,
}

impl Draft<'_> {
    fn apply(&mut self, edit: &Edit) -> Outcome {
        match edit {
            Edit::AddWorkItem { item, depends_on } => self.add_item(item, depends_on),
            Edit::RemoveWorkItem { id, dependents } => remove::remove(self, id, *dependents),
            Edit::UpdateWorkItem { id, patch, mask } => {
                let at = self.place(id)?;
                let changed = update::updated(&self.plan.items[at], patch, mask, self.catalog)?;
                self.plan.items[at] = changed;
                Ok(())
            }
            Edit::AddDependency { from, to, kind } => self.add_dependency(from, to, *kind),
            Edit::RemoveDependency { from, to } => {
                let at = self.edge(from, to)?;
                self.plan.dependencies.remove(at);
                Ok(())
            }
            Edit::ChangeDependencyType { from, to, kind } => {
                let at = self.edge(from, to)?;
                self.plan.dependencies[at].kind = *kind;
                Ok(())
            }
            Edit::SplitWorkItem { id, into } => regroup::split(self, id, into),
            Edit::MergeWorkItems { ids, into } => regroup::merge(self, ids, into),
            Edit::ReorderWorkItems { ids } => self.reorder(ids),
            Edit::AssignAgent { id, agent_type } => {
                let at = self.place(id)?;
                self.plan.items[at].preferred_agent_type.clone_from(agent_type);
                Ok(())
            }
            Edit::SetStrategy { strategy } => {
                self.plan.strategy = *strategy;
                Ok(())
            }
            Edit::SetConstraints { constraints } => {
                self.plan.constraints = constraints.clone();
                Ok(())
            }
            Edit::SetGoal { goal, intent } => {
                self.plan.goal.clone_from(goal);
                self.plan.intent.clone_from(intent);
                Ok(())
            }
            Edit::SetContext { context } => {
                self.plan.context = context.clone();
                Ok(())
            }
        }
    }

    /// Position of the item `id`.
    pub(super) fn place(&self, id: &ItemId) -> Result<usize, EditProblem> {
        let at = self.plan.items.iter().position(|item| item.id == *id);
        at.ok_or_else(|| EditProblem::ItemNotFound(id.clone()))
    }

    /// Position of the dependency between two items that are there.
    fn edge(&self, from: &ItemId, to: &ItemId) -> Result<usize, EditProblem> {
        let at = self.plan.dependencies.iter().position(|edge| edge.from == *from && edge.to == *to);
        at.ok_or_else(|| EditProblem::EdgeNotFound { from: from.clone(), to: to.clone() })
    }

    /// The item as it enters the plan.
    pub(super) fn completed(&self, item: &WorkItem) -> WorkItem {
        let mut item = item.clone();
        complete_item(&mut item, self.catalog);
        item
    }

    fn add_item(&mut self, item: &WorkItem, depends_on: &[Upstream]) -> Outcome {
        if self.place(&item.id).is_ok() {
            return Err(EditProblem::ItemExists(item.id.clone()));
        }
        let item = self.completed(item);
        let id = item.id.clone();
        self.plan.items.push(item);
        depends_on.iter().try_for_each(|before| self.add_dependency(&before.item, &id, before.kind))
    }

    fn add_dependency(&mut self, from: &ItemId, to: &ItemId, kind: DependencyType) -> Outcome {
        self.place(from)?;
        self.place(to)?;
        if from == to {
            return Err(EditProblem::WouldCycle(vec![from.clone()]));
        }
        if self.edge(from, to).is_ok() {
            return Err(EditProblem::EdgeExists { from: from.clone(), to: to.clone() });
        }
        self.connect(Dependency { from: from.clone(), to: to.clone(), kind });
        Ok(())
    }

    /// Adds a dependency, or strengthens the one that is there.
    pub(super) fn connect(&mut self, edge: Dependency) {
        match self.edge(&edge.from, &edge.to) {
            Ok(at) => {
                let kind = &mut self.plan.dependencies[at].kind;
                *kind = stronger(*kind, edge.kind);
            }
            Err(_) => {
                self.added.insert((edge.from.clone(), edge.to.clone()), self.index);
                self.plan.dependencies.push(edge);
            }
        }
    }

    fn reorder(&mut self, ids: &[ItemId]) -> Outcome {
        let mut named = HashSet::new();
        for id in ids {
            self.place(id)?;
            if !named.insert(id) {
                return Err(EditProblem::ItemRepeated(id.clone()));
            }
        }
        let left_out = self.plan.items.iter().map(|item| &item.id).filter(|id| !named.contains(id));
        let missing: Vec<ItemId> = left_out.cloned().collect();
        if !missing.is_empty() {
            return Err(EditProblem::OrderIncomplete { missing });
        }
        arrange(&mut self.plan.items, ids);
        Ok(())
    }

    /// Refuses the last edit that added a dependency to a cycle. Cycles without one were there before.
    fn refuse_cycles(&self) -> Result<(), EditError> {
        if self.added.is_empty() {
            return Ok(());
        }
        for members in PlanGraph::of_sound_edges(&self.plan).cycles() {
            let next = members.iter().cycle().skip(1);
            let edges = members.iter().zip(next);
            let added = edges.filter_map(|(from, to)| self.added.get(&(from.clone(), to.clone())));
            if let Some(index) = added.max().copied() {
                return Err(EditError { index, problem: EditProblem::WouldCycle(members) });
            }
        }
        Ok(())
    }
}

/// The type that gives the later item all that either would.
fn stronger(a: DependencyType, b: DependencyType) -> DependencyType {
    let rank = |kind: DependencyType| match kind {
        DependencyType::Soft => 0,
        DependencyType::Dependency => 1,
        DependencyType::Data => 2,
    };
    if rank(a) < rank(b) { b } else { a }
}
