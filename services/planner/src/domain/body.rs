//! What makers of plans write: playbooks and models the same.

use assent_plan::{Dependency, ItemId, Plan, Strategy, WorkItem};
use schemars::JsonSchema;
use serde::Deserialize;

/// The part of a plan that its maker writes; everything else comes with the goal.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    /// What the goal means, in one line.
    pub(crate) intent: String,
    /// How the items are scheduled.
    pub(crate) strategy: Strategy,
    /// The work.
    pub(crate) items: Vec<WorkItem>,
    /// The order of the work.
    #[serde(default)]
    pub(crate) dependencies: Vec<Dependency>,
}

impl Body {
    /// The plan for `goal`, made by `origin`.
    pub(crate) fn into_plan(self, goal: &str, origin: String) -> Plan {
        let Self { intent, strategy, items, dependencies } = self;
        Plan { intent, strategy, items, dependencies, origin, ..Plan::new(goal) }
    }
}

/// How a plan changes: what is not named here stays as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    /// What is changed and why, for the reviewers.
    pub(crate) explanation: String,
    /// Ids of the comments that the changes answer.
    #[serde(default)]
    pub(crate) answered_comment_ids: Vec<String>,
    /// Items that change, whole, as they are to be; and new items.
    #[serde(default)]
    pub(crate) changed_items: Vec<WorkItem>,
    /// Ids of items that go.
    #[serde(default)]
    pub(crate) removed_items: Vec<ItemId>,
    /// Every dependency of the changed plan.
    #[serde(default)]
    pub(crate) dependencies: Vec<Dependency>,
}

impl Changes {
    /// `plan` with the changes.
    pub(crate) fn apply(self, plan: &Plan) -> Plan {
        let mut changed = plan.clone();
        changed.items.retain(|item| !self.removed_items.contains(&item.id));
        for item in self.changed_items {
            match changed.items.iter_mut().find(|old| old.id == item.id) {
                Some(old) => *old = item,
                None => changed.items.push(item),
            }
        }
        changed.dependencies = self.dependencies;
        changed
    }
}
