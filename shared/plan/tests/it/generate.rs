//! Arbitrary plans: sound ones, and ones with anything in them.

use assent_plan::{
    Bound, Dependency, DependencyType, ItemConstraints, ItemId, ItemType, Map, Money, Objective, Plan,
    PlanConstraints, Priority, RiskLevel, Rollback, Span, WorkItem,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

pub(crate) fn id(n: usize) -> ItemId {
    format!("item-{n}").parse().unwrap()
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z.\\[/~é]{0,4}", inner, 0..4).prop_map(|m| json!(m)),
        ]
    })
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        select(vec![
            "${items.item-0.output.text}",
            "${items.item-1.output}",
            "x ${secret:NAME} y",
            "${items.",
            "${secret:}",
            "$${items.x}",
            "password = \"x\"",
        ])
        .prop_map(str::to_owned),
    ]
}

pub(crate) fn map() -> impl Strategy<Value = Map> {
    let name = prop_oneof![
        select(vec!["path", "content", "template", "command", "use_shell", "env", "url"])
            .prop_map(str::to_owned),
        "[a-z]{0,3}",
    ];
    proptest::collection::btree_map(name, value(), 0..4).prop_map(|m| m.into_iter().collect())
}

pub(crate) fn named<T: Copy + std::fmt::Debug>(all: &'static [T]) -> impl Strategy<Value = T> {
    select(all.to_vec())
}

fn tool() -> impl Strategy<Value = String> {
    select(vec!["code_gen", "file_write", "shell", "http_request", "nonesuch", ""]).prop_map(str::to_owned)
}

pub(crate) fn item(ids: std::ops::Range<usize>) -> impl Strategy<Value = WorkItem> {
    let head = (ids, text(), text(), named(ItemType::ALL), named(Priority::ALL), tool(), map());
    let constraints = (option::of(any::<u64>()), option::of(any::<u32>()), option::of(any::<u64>()));
    let rollback = option::of((tool(), map()));
    let rest = (
        constraints,
        rollback,
        option::of(any::<bool>()),
        vec("[a-z ()<=.0-9]{0,16}", 0..3),
        vec(text(), 0..3),
        text(),
        option::of(named(RiskLevel::ALL)),
    );
    (head, rest).prop_map(|(head, rest)| {
        let (at, name, description, item_type, priority, tool, arguments) = head;
        let (constraints, rollback, rollback_possible, bounds, words, agent, declared_risk) = rest;
        WorkItem {
            description,
            item_type,
            priority,
            objective: Objective {
                goal: agent.clone(),
                success_criteria: words.clone(),
                ..Default::default()
            },
            constraints: ItemConstraints {
                timeout: constraints.0.map(Span::from_millis),
                max_retries: constraints.1,
                max_cost: constraints.2.map(Money::from_micros),
            },
            arguments,
            required_capabilities: words,
            preferred_agent_type: agent,
            declared_risk,
            rollback: rollback.map(|(tool, arguments)| Rollback { tool, arguments }),
            rollback_possible,
            bounds: bounds
                .into_iter()
                .map(|expression| Bound { expression, description: String::new() })
                .collect(),
            ..WorkItem::new(id(at), name, tool)
        }
    })
}

prop_compose! {
    /// Anything that the records can hold: repeated ids, cycles, dangling edges, unknown tools.
    pub(crate) fn any_plan()(
        goal in text(),
        strategy in named(assent_plan::Strategy::ALL),
        items in vec(item(0..5), 0..6),
        edges in vec((0..6_usize, 0..6_usize, named(DependencyType::ALL)), 0..8),
        tools in vec(tool(), 0..3),
        context in map(),
    ) -> Plan {
        let dependencies = edges.into_iter().map(|(from, to, kind)| Dependency { from: id(from), to: id(to), kind });
        Plan {
            strategy,
            items,
            dependencies: dependencies.collect(),
            constraints: PlanConstraints { forbidden_tools: tools, ..Default::default() },
            context,
            ..Plan::new(goal)
        }
    }
}

prop_compose! {
    /// A plan whose items form a graph without cycles.
    pub(crate) fn sound_plan()(
        mut items in vec(item(0..1), 1..9),
        edges in vec((0..9_usize, 0..9_usize, named(DependencyType::ALL)), 0..16),
    ) -> Plan {
        for (at, item) in items.iter_mut().enumerate() {
            item.id = id(at);
            item.arguments = Map::from_iter([("n".to_owned(), json!(at))]);
            item.rollback = None;
        }
        let mut plan = Plan { items, ..Plan::new("goal") };
        for (a, b, kind) in edges {
            let (from, to) = (id(a.min(b)), id(a.max(b)));
            let known = a.max(b) < plan.items.len() && a != b;
            if known && !plan.dependencies.iter().any(|e| e.from == from && e.to == to) {
                plan.dependencies.push(Dependency { from, to, kind });
            }
        }
        plan
    }
}
