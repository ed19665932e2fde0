//! The plan: what an agent intends, as a graph of work items.

use assent_core::Id;
use assent_core::id::PlanKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dependency::Dependency;
use crate::item::{ItemId, Map, WorkItem};
use crate::money::Money;
use crate::names::named;
use crate::span::Span;

named! {
    /// How the items of a plan are scheduled.
    Strategy, "strategy" {
        /// One at a time.
        Sequential => "sequential",
        /// Everything whose dependencies are done.
        Parallel => "parallel",
        /// Like parallel; the planner arranged the items as stages.
        Pipeline => "pipeline",
        /// Like parallel; the planner expects to revise the plan while it runs.
        Adaptive => "adaptive",
    }
}

/// Limits of a whole plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlanConstraints {
    /// Most that the execution may cost.
    pub max_cost: Option<Money>,
    /// Longest time of the execution.
    pub max_duration: Option<Span>,
    /// When not empty, the only tools that items and rollbacks may use.
    pub allowed_tools: Vec<String>,
    /// Tools that no item and no rollback may use.
    pub forbidden_tools: Vec<String>,
}

/// A goal and the graph of work that reaches it. The order of `items` is how they are shown, that of
/// `dependencies` means nothing; what runs when follows from dependencies, priorities and ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Given by the server when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub id: Option<Id<PlanKind>>,
    /// What was asked for, in the asker's words.
    pub goal: String,
    /// What the planner understood, in one line.
    #[serde(default)]
    pub intent: String,
    /// How the items are scheduled.
    #[serde(default = "parallel")]
    pub strategy: Strategy,
    /// The work.
    pub items: Vec<WorkItem>,
    /// The order of the work.
    #[serde(default)]
    pub dependencies: Vec<Dependency>,
    /// Limits of the whole plan.
    #[serde(default)]
    pub constraints: PlanConstraints,
    /// Facts given with the goal, for planner and policy; data, never instructions.
    #[serde(default)]
    pub context: Map,
    /// Who asked; set by the server from the credential.
    #[serde(default)]
    pub requester: String,
    /// For whom the requester acts, where that is somebody else; set by the server.
    #[serde(default)]
    pub on_behalf_of: String,
    /// What made the plan, e.g. `playbook:database-export` or `client`; set by the server.
    #[serde(default)]
    pub origin: String,
}

impl Plan {
    /// A plan with a goal and nothing else.
    pub fn new(goal: impl Into<String>) -> Self {
        Self {
            id: None,
            goal: goal.into(),
            intent: String::new(),
            strategy: parallel(),
            items: Vec::new(),
            dependencies: Vec::new(),
            constraints: PlanConstraints::default(),
            context: Map::new(),
            requester: String::new(),
            on_behalf_of: String::new(),
            origin: String::new(),
        }
    }

    /// Reads a plan as people write it.
    pub fn from_yaml(text: &str) -> Result<Self, ReadPlanError> {
        serde_saphyr::from_str(text).map_err(|error| ReadPlanError(error.to_string()))
    }

    /// The item called `id`.
    pub fn item(&self, id: &ItemId) -> Option<&WorkItem> {
        self.items.iter().find(|item| item.id == *id)
    }
}

/// A text that is no plan; says where and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan cannot be read: {0}")]
pub struct ReadPlanError(String);

const fn parallel() -> Strategy {
    Strategy::Parallel
}
