//! What rules are asked about: every call that a plan makes, and the plan as a whole.

use std::collections::BTreeSet;

use assent_plan::catalog::SideEffects;
use assent_plan::references::{self, Reference};
use assent_plan::{Catalog, Map, Plan, RiskLevel, Tool, WorkItem};
use serde_json::{Value, json};

use super::patterns::{Found, Patterns, Text, texts};

/// Fields that rules over calls may look at.
pub(super) const CALL_FIELDS: &[(&str, &[&str])] = &[
    (
        "item",
        &[
            "id",
            "type",
            "priority",
            "tool",
            "arguments",
            "found",
            "secrets",
            "hosts",
            "late_bound",
            "bounds",
            "capabilities",
            "agent_type",
            "is_rollback",
            "can_roll_back",
        ],
    ),
    ("tool", &["name", "known", "side_effects", "idempotent", "reversible"]),
    PLAN,
];

/// Fields that rules over plans may look at.
pub(super) const PLAN_FIELDS: &[(&str, &[&str])] = &[PLAN];

const PLAN: (&str, &[&str]) = (
    "plan",
    &["goal", "intent", "strategy", "context", "items", "tools", "side_effects", "found", "secrets", "hosts"],
);

/// A call of a tool: an item's own, or that of its rollback.
#[derive(Debug)]
pub(super) struct Call<'p> {
    pub(super) item: &'p WorkItem,
    pub(super) name: &'p str,
    pub(super) tool: Option<&'p Tool>,
    pub(super) arguments: &'p Map,
    pub(super) is_rollback: bool,
    pub(super) found: Vec<Found>,
    hosts: Vec<String>,
    secrets: BTreeSet<String>,
    late_bound: Vec<String>,
    /// First way in which the arguments cannot be understood.
    pub(super) unreadable: Option<String>,
}

/// All calls of a plan. The usual rollback of a tool is part of the tool; one that the author chose is a call
/// like any other.
pub(super) fn calls<'p>(plan: &'p Plan, catalog: &'p Catalog, patterns: &Patterns) -> Vec<Call<'p>> {
    let mut calls = Vec::with_capacity(plan.items.len());
    for item in &plan.items {
        let own = Call::new(item, &item.tool, &item.arguments, false, catalog, patterns);
        let usual = own.tool.and_then(|tool| tool.rollback_for(&item.arguments));
        calls.push(own);
        if let Some(rollback) = item.rollback.as_ref().filter(|rollback| usual.as_ref() != Some(*rollback)) {
            calls.push(Call::new(item, &rollback.tool, &rollback.arguments, true, catalog, patterns));
        }
    }
    calls
}

impl<'p> Call<'p> {
    fn new(
        item: &'p WorkItem,
        name: &'p str,
        arguments: &'p Map,
        is_rollback: bool,
        catalog: &'p Catalog,
        patterns: &Patterns,
    ) -> Self {
        let place = if is_rollback { "rollback.arguments" } else { "arguments" };
        let texts = texts(place, arguments);
        let mut secrets = BTreeSet::new();
        let mut late_bound = Vec::new();
        let broken = catalog.check_arguments(name, arguments).into_iter().next();
        let mut unreadable = broken.map(|error| format!("{place}{}: {}", error.pointer, error.message));
        for found in references::find(arguments) {
            match found.reference {
                Ok(Reference::Secret(name)) => {
                    secrets.insert(name);
                }
                Ok(Reference::Output { .. }) => late_bound.push(found.field),
                Err(error) => {
                    unreadable.get_or_insert(format!("{place}.{}: {error}", found.field));
                }
            }
        }
        late_bound.dedup();
        Self {
            item,
            name,
            tool: catalog.get(name),
            arguments,
            is_rollback,
            found: patterns.find(&texts),
            hosts: patterns.hosts(&texts),
            secrets,
            late_bound,
            unreadable,
        }
    }

    /// Least level of the call, whatever the rules say.
    pub(super) fn base(&self) -> RiskLevel {
        let Some(tool) = self.tool else { return RiskLevel::High };
        let least = if tool.side_effects == SideEffects::None { RiskLevel::Low } else { RiskLevel::Medium };
        tool.default_risk.unwrap_or(least)
    }

    /// What CEL sees as `item`.
    pub(super) fn item_json(&self) -> Value {
        let item = self.item;
        json!({
            "id": item.id,
            "type": item.item_type,
            "priority": item.priority,
            "tool": self.name,
            "arguments": self.arguments,
            "found": names(&self.found),
            "secrets": self.secrets,
            "hosts": self.hosts,
            "late_bound": self.late_bound,
            "bounds": item.bounds.len(),
            "capabilities": item.required_capabilities,
            "agent_type": item.preferred_agent_type,
            "is_rollback": self.is_rollback,
            "can_roll_back": self.can_roll_back(),
        })
    }

    /// What CEL sees as `tool`; of an unknown tool the worst is assumed.
    pub(super) fn tool_json(&self) -> Value {
        json!({
            "name": self.name,
            "known": self.tool.is_some(),
            "side_effects": self.side_effects(),
            "idempotent": self.tool.is_some_and(|tool| tool.idempotent),
            "reversible": self.tool.is_some_and(|tool| tool.reversible),
        })
    }

    fn side_effects(&self) -> SideEffects {
        self.tool.map_or(SideEffects::External, |tool| tool.side_effects)
    }

    fn can_roll_back(&self) -> bool {
        let usual = || self.tool.and_then(|tool| tool.rollback.as_ref()).is_some();
        self.item.rollback_possible != Some(false) && (self.item.rollback.is_some() || usual())
    }
}

/// The plan as a whole.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) found: Vec<Found>,
    pub(super) json: Value,
}

impl Whole {
    pub(super) fn new(plan: &Plan, calls: &[Call<'_>], patterns: &Patterns) -> Self {
        let mut words = vec![
            Text { place: "goal".to_owned(), text: &plan.goal },
            Text { place: "intent".to_owned(), text: &plan.intent },
        ];
        words.extend(texts("context", &plan.context));
        let mut found = patterns.find(&words);
        for call in calls {
            for in_call in &call.found {
                if !found.iter().any(|known| known.pattern == in_call.pattern) {
                    let place = format!("{} of item `{}`", in_call.place, call.item.id);
                    found.push(Found { pattern: in_call.pattern.clone(), place });
                }
            }
        }
        let tools: BTreeSet<&str> = calls.iter().map(|call| call.name).collect();
        let secrets: BTreeSet<&String> = calls.iter().flat_map(|call| &call.secrets).collect();
        let hosts: BTreeSet<&String> = calls.iter().flat_map(|call| &call.hosts).collect();
        let furthest = calls.iter().map(Call::side_effects).max().unwrap_or(SideEffects::None);
        let json = json!({
            "goal": plan.goal,
            "intent": plan.intent,
            "strategy": plan.strategy,
            "context": plan.context,
            "items": plan.items.len(),
            "tools": tools,
            "side_effects": furthest,
            "found": names(&found),
            "secrets": secrets,
            "hosts": hosts,
        });
        Self { found, json }
    }
}

fn names(found: &[Found]) -> Vec<&str> {
    found.iter().map(|found| found.pattern.as_str()).collect()
}
