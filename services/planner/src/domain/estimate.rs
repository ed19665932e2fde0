//! Estimates from the catalog's prices and typical durations.

use std::collections::BTreeSet;

use assent_plan::catalog::SideEffects;
use assent_plan::graph::GraphError;
use assent_plan::references::{self, Reference};
use assent_plan::{
    Catalog, ItemType, Map, Money, Plan, PlanEstimate, PlanGraph, Span, Strategy, Tool, WorkItem,
};
use serde_json::Value;

/// Agent type of what the executor does itself.
const EXECUTOR: &str = "executor";

/// The share of the typical tokens that four of five calls stay between, in percent.
const TOKENS_LOW: u64 = 80;
const TOKENS_HIGH: u64 = 130;

/// What a plan that is sound is expected to take. Nothing is measured yet: how sure the numbers are follows from
/// what sets the cost and duration of a tool.
///
/// # Errors
/// When `plan` is no graph.
pub(crate) fn estimate(plan: &Plan, catalog: &Catalog) -> Result<PlanEstimate, GraphError> {
    let graph = PlanGraph::new(plan)?;
    let mut whole = PlanEstimate { required_agents: agents(plan, &graph), ..PlanEstimate::default() };
    let (mut cost, mut low, mut high) = (Money::ZERO, Money::ZERO, Money::ZERO);
    let mut agent_types = BTreeSet::new();
    let mut resources = BTreeSet::new();
    let mut confidence = 0;
    for item in &plan.items {
        count(&mut whole, item.item_type);
        agent_types.insert(if item.preferred_agent_type.is_empty() {
            EXECUTOR
        } else {
            &item.preferred_agent_type
        });
        resources.insert(format!("tool:{}", item.tool));
        require(&mut resources, &item.arguments);
        let Some(tool) = catalog.get(&item.tool) else { continue };
        let share = |percent| {
            let tokens =
                tool.price.per_1k_tokens.scaled(tool.typical_tokens.saturating_mul(percent), 100_000);
            let sum = tool.price.fixed.plus(tokens);
            item.constraints.max_cost.map_or(sum, |most| sum.min(most))
        };
        cost = cost.plus(share(100));
        low = low.plus(share(TOKENS_LOW));
        high = high.plus(share(TOKENS_HIGH));
        whole.estimated_tokens = whole.estimated_tokens.saturating_add(tool.typical_tokens);
        confidence += sureness(tool, item);
    }
    whole.estimated_duration = duration(plan, &graph, catalog);
    whole.required_agent_types = agent_types.into_iter().map(str::to_owned).collect();
    whole.resource_requirements = resources.into_iter().collect();
    // An average of whole percents, so that it reads as one.
    whole.confidence_score = (confidence / whole.total_work_items.max(1)) as f32 / 100.0;
    (whole.estimated_cost, whole.cost_low, whole.cost_high) = (Some(cost), Some(low), Some(high));
    Ok(whole)
}

fn count(whole: &mut PlanEstimate, item_type: ItemType) {
    whole.total_work_items += 1;
    match item_type {
        ItemType::Research => whole.research_work_items += 1,
        ItemType::Generation => whole.generation_work_items += 1,
        ItemType::Validation => whole.validation_work_items += 1,
        ItemType::Review => whole.review_work_items += 1,
        ItemType::Execution => whole.execution_work_items += 1,
    }
}

/// Most items that can run at the same time.
fn agents(plan: &Plan, graph: &PlanGraph) -> u32 {
    let widest = graph.layers().iter().map(Vec::len).max().unwrap_or_default();
    let at_once = if plan.strategy == Strategy::Sequential { widest.min(1) } else { widest };
    u32::try_from(at_once).unwrap_or(u32::MAX)
}

fn duration(plan: &Plan, graph: &PlanGraph, catalog: &Catalog) -> Span {
    let of = |item: &WorkItem| {
        let typical = catalog.get(&item.tool).map_or(Span::ZERO, |tool| tool.typical_duration);
        item.constraints.timeout.map_or(typical, |longest| typical.min(longest))
    };
    if plan.strategy == Strategy::Sequential {
        return plan.items.iter().map(of).fold(Span::ZERO, Span::plus);
    }
    let spans: std::collections::HashMap<_, _> = plan.items.iter().map(|item| (&item.id, of(item))).collect();
    Span::from_millis(graph.critical_path(|id| spans.get(id).map_or(0, |span| span.millis())).total)
}

/// How well a tool's own numbers tell what a call takes, in percent.
fn sureness(tool: &Tool, item: &WorkItem) -> u32 {
    let known = match tool.side_effects {
        // Whatever a program or a server outside takes.
        SideEffects::External => 40,
        _ if tool.typical_tokens > 0 => 70,
        SideEffects::Read => 70,
        SideEffects::None | SideEffects::Write => 90,
    };
    let found = references::find(&item.arguments);
    let late = found.iter().any(|f| matches!(f.reference, Ok(Reference::Output { .. })));
    if late { known - 10 } else { known }
}

/// Secrets and networks that arguments ask for.
fn require(resources: &mut BTreeSet<String>, arguments: &Map) {
    for found in references::find(arguments) {
        if let Ok(Reference::Secret(name)) = found.reference {
            resources.insert(format!("secret:{name}"));
        }
    }
    arguments.values().for_each(|value| require_networks(resources, value));
}

fn require_networks(resources: &mut BTreeSet<String>, value: &Value) {
    match value {
        Value::String(text) => resources.extend(host(text).map(|host| format!("network:{host}"))),
        Value::Array(items) => items.iter().for_each(|item| require_networks(resources, item)),
        Value::Object(members) => members.values().for_each(|member| require_networks(resources, member)),
        _ => {}
    }
}

/// The host of a text that is a URL; `any` when only a run will tell.
fn host(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host {
        "" => None,
        host if host.contains("${") => Some("any".to_owned()),
        host => Some(host.to_lowercase()),
    }
}
