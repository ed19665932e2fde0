//! Sound plans that come from one another by a few steps, as versions do.

use assent_plan::{Dependency, DependencyType, Plan, PlanConstraints, Rollback, WorkItem};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::Value;

use crate::generate::{id, item, map, named, sound_plan, text, value};

const IDS: usize = 12;

/// One step. Numbers choose among what is there.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Drop(usize),
    Add(usize, Box<WorkItem>),
    Field(usize, usize, Box<WorkItem>),
    Argument(usize, String, Option<Value>),
    Edge(usize, usize, Option<DependencyType>),
    Move(usize, usize),
    Goal(String),
    Strategy(assent_plan::Strategy),
    Constraints(u64),
    Context(String, Value),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || "[a-c.]{0,2}";
    prop_oneof![
        1 => any::<usize>().prop_map(Step::Drop),
        1 => (0..IDS, item(0..1)).prop_map(|(n, item)| Step::Add(n, Box::new(item))),
        3 => (any::<usize>(), any::<usize>(), item(0..1)).prop_map(|(n, f, d)| Step::Field(n, f, Box::new(d))),
        2 => (any::<usize>(), name(), option::of(value())).prop_map(|(n, name, v)| Step::Argument(n, name, v)),
        2 => (0..IDS, 0..IDS, option::of(named(DependencyType::ALL))).prop_map(|(a, b, k)| Step::Edge(a, b, k)),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Step::Move(a, b)),
        1 => text().prop_map(Step::Goal),
        1 => named(assent_plan::Strategy::ALL).prop_map(Step::Strategy),
        1 => any::<u64>().prop_map(Step::Constraints),
        1 => (name(), value()).prop_map(|(name, v)| Step::Context(name, v)),
    ]
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 0..8)
}

/// A plan, and two that others made of it.
pub(crate) fn family() -> impl Strategy<Value = (Plan, Plan, Plan)> {
    (base(), steps(), steps()).prop_map(|(base, ours, theirs)| {
        let (ours, theirs) = (walk(&base, &ours), walk(&base, &theirs));
        (base, ours, theirs)
    })
}

/// A sound plan with arbitrary arguments and rollbacks.
pub(crate) fn base() -> impl Strategy<Value = Plan> {
    (sound_plan(), vec((map(), option::of(map())), 9), map()).prop_map(|(mut plan, donors, context)| {
        for (item, (arguments, rollback)) in plan.items.iter_mut().zip(donors) {
            item.arguments = arguments;
            item.rollback = rollback.map(|arguments| Rollback { tool: "file_delete".to_owned(), arguments });
        }
        Plan { context, ..plan }
    })
}

pub(crate) fn walk(plan: &Plan, steps: &[Step]) -> Plan {
    steps.iter().fold(plan.clone(), |mut plan, step| {
        take(&mut plan, step.clone());
        plan
    })
}

fn take(plan: &mut Plan, step: Step) {
    let count = plan.items.len();
    match step {
        Step::Add(n, item) if plan.item(&id(n)).is_none() => plan.items.push(WorkItem { id: id(n), ..*item }),
        Step::Edge(a, b, kind) if a != b => {
            // From lower to higher numbers only, so that no cycle closes.
            let (from, to) = (id(a.min(b)), id(a.max(b)));
            if plan.item(&from).is_some() && plan.item(&to).is_some() {
                plan.dependencies.retain(|edge| edge.from != from || edge.to != to);
                plan.dependencies.extend(kind.map(|kind| Dependency { from, to, kind }));
            }
        }
        Step::Drop(n) if count > 1 => {
            let gone = plan.items.remove(n % count).id;
            plan.dependencies.retain(|edge| edge.from != gone && edge.to != gone);
        }
        Step::Field(n, field, donor) => copy_field(&mut plan.items[n % count], field % 15, *donor),
        Step::Argument(n, name, value) => {
            let arguments = &mut plan.items[n % count].arguments;
            match value {
                Some(value) => drop(arguments.insert(name, value)),
                None => drop(arguments.remove(&name)),
            }
        }
        Step::Move(a, b) => {
            let item = plan.items.remove(a % count);
            plan.items.insert(b % count, item);
        }
        Step::Goal(goal) => plan.goal = goal,
        Step::Strategy(strategy) => plan.strategy = strategy,
        Step::Constraints(micros) => {
            let max_cost = Some(assent_plan::Money::from_micros(micros));
            plan.constraints = PlanConstraints { max_cost, ..plan.constraints.clone() };
        }
        Step::Context(name, value) => drop(plan.context.insert(name, value)),
        Step::Add(..) | Step::Edge(..) | Step::Drop(_) => {}
    }
}

fn copy_field(item: &mut WorkItem, field: usize, donor: WorkItem) {
    match field {
        0 => item.name = donor.name,
        1 => item.description = donor.description,
        2 => item.item_type = donor.item_type,
        3 => item.priority = donor.priority,
        4 => item.objective.goal = donor.objective.goal,
        5 => item.objective.success_criteria = donor.objective.success_criteria,
        6 => item.constraints.timeout = donor.constraints.timeout,
        7 => item.constraints.max_cost = donor.constraints.max_cost,
        8 => item.tool = donor.tool,
        9 => item.arguments = donor.arguments,
        10 => item.required_capabilities = donor.required_capabilities,
        11 => item.preferred_agent_type = donor.preferred_agent_type,
        12 => item.declared_risk = donor.declared_risk,
        13 => item.rollback = donor.rollback,
        _ => item.bounds = donor.bounds,
    }
}
