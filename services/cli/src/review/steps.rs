//! The work items in the order in which they run, for numbering them the same everywhere.

use assent_plan::{Plan, PlanGraph};
use assent_proto::plan::v1::{Plan as PlanPb, RiskAssessment, RiskLevel, WorkItem};
use assent_rpc::convert::Wire as _;

/// The items in the order in which they could run one at a time; as given where the plan has no such order.
pub(crate) fn ordered(plan: &PlanPb) -> Vec<&WorkItem> {
    let graph = Plan::from_pb(plan.clone(), "").ok().and_then(|p| PlanGraph::new(&p).ok());
    let order = graph.map(|g| g.order()).unwrap_or_default();
    let mut items: Vec<_> = plan.items.iter().collect();
    items.sort_by_key(|item| order.iter().position(|id| id.as_str() == item.id));
    items
}

/// The assessed level of an item. One that was not assessed has the level of the whole plan.
pub(crate) fn item_level(risk: Option<&RiskAssessment>, item: &str) -> i32 {
    let Some(risk) = risk else { return RiskLevel::Unspecified as i32 };
    risk.items.iter().find(|i| i.item_id == item).map_or(risk.level, |i| i.level)
}
