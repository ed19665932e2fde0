//! What a reviewer is asked when values lie outside an approved bound: the branch that begins there, with the values
//! that are known by now written out.

use std::collections::BTreeSet;

use assent_plan::references::{self, Reference};
use assent_plan::{Dependency, ItemId, Map, Plan, PlanGraph, WorkItem};
use serde_json::Value;

use super::run::RunState;
use super::schedule::Runs;
use super::state::names;

names! {
    /// How the review of values stands. The names are stored.
    stored AmendmentState {
        /// It is under way, or about to be.
        Asked => "asked",
        /// It is approved; the execution does not know yet.
        Approved => "approved",
        /// It is refused; the execution does not know yet.
        Refused => "refused",
        /// The execution goes on by it.
        Applied => "applied",
    }
}

/// The plan that asks for the branch of `held`: the item, and those of its dependents for which nothing else is missing.
/// None when a value of the item itself is not known.
pub(crate) fn branch(plan: &Plan, graph: &PlanGraph, runs: &Runs, held: &ItemId) -> Option<Plan> {
    let members = members(graph, runs, held);
    let mut items = Vec::new();
    for item in plan.items.iter().filter(|item| members.contains(&item.id)) {
        let mut item = resolved(item, runs, &members)?;
        if item.id == *held {
            // The reviewer judges the values themselves.
            item.bounds.clear();
        }
        items.push(item);
    }
    let inside = |edge: &&Dependency| members.contains(&edge.from) && members.contains(&edge.to);
    let mut constraints = plan.constraints.clone();
    let spent = runs.values().fold(assent_plan::Money::ZERO, |sum, run| sum.plus(run.cost));
    constraints.max_cost = constraints.max_cost.map(|most| most.minus(spent));
    Some(Plan {
        goal: plan.goal.clone(),
        intent: format!("Go on at `{held}`, whose values lie outside what was approved"),
        strategy: plan.strategy,
        items,
        dependencies: plan.dependencies.iter().filter(inside).cloned().collect(),
        constraints,
        ..Plan::new(String::new())
    })
}

fn members(graph: &PlanGraph, runs: &Runs, held: &ItemId) -> BTreeSet<ItemId> {
    let mut members = BTreeSet::from([held.clone()]);
    let after = graph.dependents(held);
    let waits = |id: &ItemId| runs.get(id).is_some_and(|run| run.state == RunState::Pending);
    let over = |id: &ItemId| {
        let state = runs.get(id).map(|run| run.state);
        matches!(state, Some(RunState::Succeeded | RunState::Failed | RunState::Skipped) | None)
    };
    // In an order in which they could run, so that what comes before is known to be inside or not.
    for id in graph.order().into_iter().filter(|id| after.contains(id) && waits(id)) {
        let free =
            graph.predecessors(&id).iter().all(|(before, _)| members.contains(*before) || over(before));
        if free {
            members.insert(id);
        }
    }
    members
}

/// The item with outputs of items outside the branch written out; secrets stay what they are.
fn resolved(item: &WorkItem, runs: &Runs, members: &BTreeSet<ItemId>) -> Option<WorkItem> {
    let mut item = item.clone();
    item.arguments = written_out(&item.arguments, runs, members)?;
    if let Some(rollback) = &mut item.rollback {
        rollback.arguments = written_out(&rollback.arguments, runs, members)?;
    }
    Some(item)
}

fn written_out(arguments: &Map, runs: &Runs, members: &BTreeSet<ItemId>) -> Option<Map> {
    let value = |reference: &Reference| match reference {
        Reference::Secret(_) => Some(Value::String(reference.to_string())),
        Reference::Output { item, .. } if members.contains(item) => {
            Some(Value::String(reference.to_string()))
        }
        Reference::Output { item, path } => {
            let output = Value::Object(runs.get(item)?.output.clone()?);
            Some(literal(Reference::select(path, &output)?))
        }
    };
    references::resolve(arguments, value).ok()
}

/// The value as text that nobody resolves again: what an item gave back may look like a reference.
fn literal(value: &Value) -> Value {
    let plain = |text: &str| text.replace("${items.", "$${items.").replace("${secret:", "$${secret:");
    match value {
        Value::String(text) => Value::String(plain(text)),
        Value::Array(values) => Value::Array(values.iter().map(literal).collect()),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), literal(value))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use assent_core::{Id, Timestamp};
    use assent_plan::{Bound, DependencyType};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::run::{Run, RunFact};

    fn item(id: &str, arguments: Value) -> WorkItem {
        let mut item = WorkItem::new(id.parse().unwrap(), id, "shell");
        item.arguments = arguments.as_object().cloned().unwrap();
        item
    }

    #[test]
    fn states_keep_their_names() {
        let all = AmendmentState::ALL;
        assert!(all.iter().all(|state| AmendmentState::from_name(state.as_str()) == Some(*state)));
    }

    #[test]
    fn the_branch_has_its_values_and_none_of_its_secrets() {
        let mut plan = Plan::new("g");
        let mut held = item(
            "held",
            json!({ "amount": "${items.ask.output.amount}", "note": "n: ${items.ask.output.note}", "key": "${secret:K}" }),
        );
        held.bounds =
            vec![Bound { expression: "arguments.amount < 5".to_owned(), description: String::new() }];
        plan.items = vec![
            item("ask", json!({})),
            held,
            item("next", json!({ "of": "${items.held.output.id}", "and": "${items.ask.output.amount}" })),
            item("other", json!({})),
            item("late", json!({})),
        ];
        let edge = |from: &str, to: &str, kind| Dependency {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            kind,
        };
        plan.dependencies = vec![
            edge("ask", "held", DependencyType::Data),
            edge("held", "next", DependencyType::Data),
            edge("held", "late", DependencyType::Dependency),
            edge("other", "late", DependencyType::Dependency),
        ];
        let now = Timestamp::from_micros(0).unwrap();
        let mut runs: Runs = plan
            .items
            .iter()
            .map(|item| (item.id.clone(), Run::new(Id::from_uuid(Uuid::from_u128(1)), item)))
            .collect();
        let ask = runs.get_mut("ask").unwrap();
        ask.apply(RunFact::AttemptStarted, now).unwrap();
        ask.apply(RunFact::AttemptSucceeded, now).unwrap();
        ask.output = json!({ "amount": 9, "note": "${secret:DB} $${items.x.output}" }).as_object().cloned();
        let graph = PlanGraph::new(&plan).unwrap();
        let asked = branch(&plan, &graph, &runs, &"held".parse().unwrap()).unwrap();
        let ids: Vec<_> = asked.items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(ids, ["held", "next"]);
        let expected =
            json!({ "amount": 9, "note": "n: $${secret:DB} $$${items.x.output}", "key": "${secret:K}" });
        assert_eq!(Value::Object(asked.items[0].arguments.clone()), expected);
        assert!(asked.items[0].bounds.is_empty());
        let expected = json!({ "of": "${items.held.output.id}", "and": 9 });
        assert_eq!(Value::Object(asked.items[1].arguments.clone()), expected);
        assert_eq!(asked.dependencies.len(), 1);

        // What is written out says the same once it is resolved.
        let again = references::resolve(&asked.items[0].arguments, |_| Some(Value::from("k"))).unwrap();
        assert_eq!(again["note"], json!("n: ${secret:DB} $${items.x.output}"));
    }
}
