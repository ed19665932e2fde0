//! Edits: what people and programs do to a plan, as they mean it. `docs/editing.md` says what each does
//! with the dependencies around it. Edits are carried out by [`apply_edits`], all or none; what changed
//! is then computed by [`diff`](crate::diff()), never taken from the editor's word.

mod apply;
mod between;
mod error;
mod regroup;
mod remove;
mod update;

use serde::{Deserialize, Serialize};

pub use apply::apply_edits;
pub use between::edits_between;
pub use error::{EditError, EditProblem};

use crate::dependency::DependencyType;
use crate::item::{ItemId, Map, WorkItem};
use crate::names::named;
use crate::plan::{PlanConstraints, Strategy};

named! {
    /// What becomes of the items that wait for an item that is removed.
    Dependents, "choice for dependents" {
        /// If there are any, nothing is removed.
        Refuse => "refuse",
        /// They wait for what the removed item waited for.
        Reconnect => "reconnect",
        /// Those that cannot run without it are removed too; the others wait no longer.
        Remove => "remove",
    }
}

/// An item that another one waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The earlier item.
    pub item: ItemId,
    /// What the later item needs from it.
    #[serde(default = "hard", rename = "type")]
    pub kind: DependencyType,
}

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    /// Adds an item behind all others.
    AddWorkItem {
        /// The item; its id is new.
        item: Box<WorkItem>,
        /// What it waits for.
        #[serde(default)]
        depends_on: Vec<Upstream>,
    },
    /// Removes an item and every dependency on either side of it.
    RemoveWorkItem {
        /// The item.
        id: ItemId,
        /// What becomes of those that wait for it.
        #[serde(default = "refuse")]
        dependents: Dependents,
    },
    /// Changes fields of an item. Timeout, retries and rollback that its tool lent it follow a change of
    /// tool or arguments, unless the mask names them.
    UpdateWorkItem {
        /// The item.
        id: ItemId,
        /// Fields of a work item in their JSON form, of which the mask picks.
        #[serde(default)]
        patch: Map,
        /// Paths such as `tool`, `constraints.timeout` or `arguments.path`. A path that the patch does
        /// not hold is cleared. Empty: everything that the patch holds.
        #[serde(default)]
        mask: Vec<String>,
    },
    /// Makes `to` wait for `from`.
    AddDependency {
        /// The earlier item.
        from: ItemId,
        /// The later item.
        to: ItemId,
        /// What `to` needs from `from`.
        #[serde(default = "hard", rename = "type")]
        kind: DependencyType,
    },
    /// Makes `to` no longer wait for `from`.
    RemoveDependency {
        /// The earlier item.
        from: ItemId,
        /// The later item.
        to: ItemId,
    },
    /// Changes what `to` needs from `from`.
    ChangeDependencyType {
        /// The earlier item.
        from: ItemId,
        /// The later item.
        to: ItemId,
        /// What `to` needs from now on.
        #[serde(rename = "type")]
        kind: DependencyType,
    },
    /// Puts several items, one after the other, in the place of one.
    SplitWorkItem {
        /// The item.
        id: ItemId,
        /// The parts, at least two, in the order of their runs. One may keep the id.
        into: Vec<WorkItem>,
    },
    /// Puts one item in the place of several.
    MergeWorkItems {
        /// The items, at least two.
        ids: Vec<ItemId>,
        /// What takes their place; it may have the id of one of them.
        into: Box<WorkItem>,
    },
    /// Chooses the order in which items are shown. What runs first is a matter of dependencies and
    /// priorities.
    ReorderWorkItems {
        /// Every item of the plan, once.
        ids: Vec<ItemId>,
    },
    /// Names the type of agent that should do an item.
    AssignAgent {
        /// The item.
        id: ItemId,
        /// The type of agent; empty when any will do.
        agent_type: String,
    },
    /// Chooses how items are scheduled.
    SetStrategy {
        /// The strategy.
        strategy: Strategy,
    },
    /// Sets all limits of the whole plan.
    SetConstraints {
        /// The limits; what is absent is unlimited.
        constraints: PlanConstraints,
    },
    /// Says anew what the plan is for.
    SetGoal {
        /// What is asked for.
        goal: String,
        /// What that means, in one line.
        #[serde(default)]
        intent: String,
    },
    /// Sets the facts that planner and policy are given.
    SetContext {
        /// All facts.
        context: Map,
    },
}

const fn hard() -> DependencyType {
    DependencyType::Dependency
}

const fn refuse() -> Dependents {
    Dependents::Refuse
}
