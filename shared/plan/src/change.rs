//! What changed between two versions of a plan.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::item::ItemId;
use crate::names::named;

named! {
    /// What kind of change it is.
    PlanChangeType, "change type" {
        /// A work item came.
        WorkItemAdded => "work_item_added",
        /// A work item went.
        WorkItemRemoved => "work_item_removed",
        /// A property of a work item changed that no other type names.
        WorkItemModified => "work_item_modified",
        /// The objective of a work item changed.
        WorkItemObjectiveChanged => "work_item_objective_changed",
        /// Limits or bounds of a work item changed.
        WorkItemConstraintsChanged => "work_item_constraints_changed",
        /// Who may or should do a work item changed.
        AgentAssignmentChanged => "agent_assignment_changed",
        /// A dependency came.
        DependencyAdded => "dependency_added",
        /// A dependency went.
        DependencyRemoved => "dependency_removed",
        /// A dependency stayed and means something else.
        DependencyTypeChanged => "dependency_type_changed",
        /// The strategy, or another property of the plan as a whole, changed.
        StrategyChanged => "strategy_changed",
        /// The estimate changed.
        EstimateUpdated => "estimate_updated",
        /// The priority of a work item changed.
        PriorityChanged => "priority_changed",
    }
}

/// One change. Items are told apart by id, dependencies by their two ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanChange {
    /// What kind of change.
    #[serde(rename = "type")]
    pub kind: PlanChangeType,
    /// The item concerned: for a dependency the one that waits; none for the plan as a whole.
    #[serde(default)]
    pub affected_item_id: Option<ItemId>,
    /// Its name, in the later version where it is there.
    #[serde(default)]
    pub affected_item_name: String,
    /// Name of the field, e.g. `arguments` or `constraints.max_cost`; empty when a whole item or
    /// dependency came or went.
    #[serde(default)]
    pub field: String,
    /// The change in a few words.
    pub description: String,
    /// What was there before; null when nothing was.
    #[serde(default)]
    pub old_value: Value,
    /// What is there now; null when nothing is.
    #[serde(default)]
    pub new_value: Value,
}

/// How much changed, as a comparison of two versions sums it up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChangeCounts {
    /// Items that came.
    pub work_items_added: usize,
    /// Items that went.
    pub work_items_removed: usize,
    /// Items that stayed and have at least one changed field; dependencies and places do not count.
    pub work_items_modified: usize,
    /// Dependencies that came.
    pub dependencies_added: usize,
    /// Dependencies that went.
    pub dependencies_removed: usize,
}

impl ChangeCounts {
    /// Counts `changes`.
    pub fn of(changes: &[PlanChange]) -> Self {
        let mut counts = Self::default();
        let mut modified = BTreeSet::new();
        for change in changes {
            match change.kind {
                PlanChangeType::WorkItemAdded => counts.work_items_added += 1,
                PlanChangeType::WorkItemRemoved => counts.work_items_removed += 1,
                PlanChangeType::DependencyAdded => counts.dependencies_added += 1,
                PlanChangeType::DependencyRemoved => counts.dependencies_removed += 1,
                PlanChangeType::WorkItemModified
                | PlanChangeType::WorkItemObjectiveChanged
                | PlanChangeType::WorkItemConstraintsChanged
                | PlanChangeType::AgentAssignmentChanged
                | PlanChangeType::PriorityChanged => modified.extend(&change.affected_item_id),
                PlanChangeType::DependencyTypeChanged
                | PlanChangeType::StrategyChanged
                | PlanChangeType::EstimateUpdated => {}
            }
        }
        Self { work_items_modified: modified.len(), ..counts }
    }
}
