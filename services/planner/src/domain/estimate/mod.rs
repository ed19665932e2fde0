//! What a plan will take: from what runs have taken, and from the catalog where none have.

mod item;
mod resources;
mod schedule;

use std::collections::{BTreeSet, HashMap};

use assent_plan::graph::{CriticalPath, GraphError};
use assent_plan::{Catalog, ItemType, Money, Plan, PlanEstimate, PlanGraph, Span, Strategy};

use super::calibration::{Calibration, Measure};
use item::{Expected, Kinds};

/// Agent type of what the executor does itself.
const EXECUTOR: &str = "executor";

/// What a plan that is sound is expected to take, when at most `parallel` items run at once.
///
/// # Errors
/// When `plan` is no graph.
pub(crate) fn estimate(
    plan: &Plan,
    catalog: &Catalog,
    calibration: &Calibration,
    parallel: usize,
) -> Result<PlanEstimate, GraphError> {
    let graph = PlanGraph::new(plan)?;
    let at_once = if plan.strategy == Strategy::Sequential { 1 } else { parallel.max(1) };
    let mut whole = PlanEstimate { required_agents: agents(&graph, at_once), ..PlanEstimate::default() };
    let mut agent_types = BTreeSet::new();
    let mut resources = BTreeSet::new();
    let mut kinds = Kinds::new(catalog, calibration);
    let mut cost = Sum::default();
    let mut confidence = 0;
    let mut expected = Vec::with_capacity(plan.items.len());
    for item in &plan.items {
        count(&mut whole, item.item_type);
        agent_types.insert(match item.preferred_agent_type.as_str() {
            "" => EXECUTOR,
            other => other,
        });
        if !resources.contains(item.tool.as_str()) {
            resources.insert(item.tool.clone());
        }
        let one = kinds.expect(item);
        cost.add(&one.cost, &one);
        whole.estimated_tokens = whole.estimated_tokens.saturating_add(one.tokens);
        confidence += one.sureness;
        expected.push(one);
    }
    let mut resources: BTreeSet<String> = resources.into_iter().map(|tool| format!("tool:{tool}")).collect();
    plan.items.iter().for_each(|item| resources::require(&mut resources, &item.arguments));
    let spans: Vec<u64> = expected.iter().map(|one| millis(one.duration.mean)).collect();
    let total = schedule::makespan(plan, &spans, at_once);
    whole.estimated_duration = Span::from_millis(total);
    let path = longest_chain(plan, &graph, &expected);
    (whole.duration_low, whole.duration_high) = duration_interval(plan, &path, &expected, total, at_once);
    whole.critical_items = path.items;
    whole.required_agent_types = agent_types.into_iter().map(str::to_owned).collect();
    whole.resource_requirements = resources.into_iter().collect();
    // An average of whole percents, so that it reads as one.
    whole.confidence_score = (confidence / whole.total_work_items.max(1)) as f32 / 100.0;
    let (low, high) = cost.interval();
    whole.estimated_cost = Some(money(cost.mean));
    (whole.cost_low, whole.cost_high) = (Some(money(low)), Some(money(high)));
    Ok(whole)
}

/// A sum over items, with its interval: errors of measured runs are independent of each other and grow with the root of
/// their number; errors of assumptions all point the same way.
#[derive(Debug, Default)]
struct Sum {
    mean: f64,
    below: f64,
    above: f64,
    below_squared: f64,
    above_squared: f64,
    /// By tool and agent type: the error of the mean is the same in every item.
    shared: HashMap<usize, f64>,
}

impl Sum {
    fn add(&mut self, one: &Measure, of: &Expected) {
        self.mean += one.mean;
        let (below, above) = ((one.mean - one.low).max(0.0), (one.high - one.mean).max(0.0));
        if of.runs == 0 {
            self.below += below;
            self.above += above;
        } else {
            self.below_squared += below * below;
            self.above_squared += above * above;
            *self.shared.entry(of.kind).or_default() += (below + above) / 2.0 / f64::from(of.runs).sqrt();
        }
    }

    fn interval(&self) -> (f64, f64) {
        let shared: f64 = self.shared.values().map(|error| error * error).sum();
        let below = self.below + (self.below_squared + shared).sqrt();
        let above = self.above + (self.above_squared + shared).sqrt();
        ((self.mean - below).max(0.0), self.mean + above)
    }
}

fn longest_chain(plan: &Plan, graph: &PlanGraph, expected: &[Expected]) -> CriticalPath {
    let spans: HashMap<_, _> =
        plan.items.iter().zip(expected).map(|(item, one)| (&item.id, millis(one.duration.mean))).collect();
    graph.critical_path(|id| spans.get(id).copied().unwrap_or_default())
}

/// The interval of the duration is that of the items that make it, as a share of it.
fn duration_interval(
    plan: &Plan,
    path: &CriticalPath,
    expected: &[Expected],
    total: u64,
    at_once: usize,
) -> (Span, Span) {
    let mut sum = Sum::default();
    let index: HashMap<_, _> = plan.items.iter().zip(expected).map(|(item, one)| (&item.id, one)).collect();
    // With one item after the other, or few at once, all of them make it.
    if at_once == 1 || path.total < total {
        expected.iter().for_each(|one| sum.add(&one.duration, one));
    } else {
        path.items.iter().filter_map(|id| index.get(id)).for_each(|one| sum.add(&one.duration, one));
    }
    let (low, high) = sum.interval();
    let share = |part: f64| if sum.mean > 0.0 { total as f64 * part / sum.mean } else { 0.0 };
    (Span::from_millis(millis(share(low))), Span::from_millis(millis(share(high))))
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
fn agents(graph: &PlanGraph, at_once: usize) -> u32 {
    let widest = graph.layers().iter().map(Vec::len).max().unwrap_or_default();
    u32::try_from(widest.min(at_once)).unwrap_or(u32::MAX)
}

/// Whole milliseconds; a float beyond the range is cut to it.
fn millis(value: f64) -> u64 {
    value.round() as u64
}

/// Up to the next millionth: an estimate must not hide a cost.
fn money(micros: f64) -> Money {
    // What lies within the error of a sum of floats is not another millionth.
    Money::from_micros((micros - 1e-6).ceil() as u64)
}
