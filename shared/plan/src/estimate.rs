//! What a plan is expected to take.

use serde::{Deserialize, Serialize};

use crate::item::ItemId;
use crate::money::Money;
use crate::risk::RiskFactor;
use crate::span::Span;

/// What an execution of the whole plan is expected to take.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanEstimate {
    /// Number of work items.
    pub total_work_items: u32,
    /// Of these, research.
    pub research_work_items: u32,
    /// Of these, generation.
    pub generation_work_items: u32,
    /// Of these, validation.
    pub validation_work_items: u32,
    /// Of these, review.
    pub review_work_items: u32,
    /// Of these, execution.
    pub execution_work_items: u32,
    /// Tokens of language models, over all items.
    pub estimated_tokens: u64,
    /// From start to end under the plan's strategy: the critical path, not the sum.
    pub estimated_duration: Span,
    /// How many agents work at the same time.
    pub required_agents: u32,
    /// Types of those agents, sorted.
    pub required_agent_types: Vec<String>,
    /// Cost of all items; none when a price is unknown.
    pub estimated_cost: Option<Money>,
    /// What must be at hand: tools, secrets, networks.
    pub resource_requirements: Vec<String>,
    /// What can go wrong; the same as in the risk assessment.
    pub risk_factors: Vec<RiskFactor>,
    /// 0 (a guess) to 1 (measured often).
    pub confidence_score: f32,
    /// Lower end of the 80 % interval of the cost.
    pub cost_low: Option<Money>,
    /// Upper end of the 80 % interval of the cost.
    pub cost_high: Option<Money>,
    /// Lower end of the 80 % interval of the duration.
    pub duration_low: Span,
    /// Upper end of the 80 % interval of the duration.
    pub duration_high: Span,
    /// Tokens that a language model took to make the plan; spent already, and not among the estimated ones.
    pub planning_tokens: u64,
    /// What these cost; spent already, and not part of the estimated cost. None when no model was asked.
    pub planning_cost: Option<Money>,
    /// The chain of items that takes longest, in the order of its runs.
    pub critical_items: Vec<ItemId>,
}
