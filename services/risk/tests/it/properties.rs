//! What holds for every plan.

use std::sync::LazyLock;

use assent_plan::{Bound, Catalog, Map, Plan, RiskLevel, Rollback, WorkItem};
use assent_risk::{Policy, assess};
use proptest::prelude::*;
use serde_json::Value;

use super::builtin;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().unwrap());
static POLICY: LazyLock<Policy> = LazyLock::new(builtin);

fn json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "psycopg",
        "rm -rf /",
        "${secret:S}",
        "${items.a.output}",
        "${items.",
        "GET",
        "https://[::1]:5/",
        "users data",
        "export",
        "prod",
        "http://10.0.0.1",
        "#!/bin/sh",
        "é\u{0}\n",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            members(inner).prop_map(Value::Object),
        ]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map> {
    let names =
        prop::sample::select(vec!["path", "content", "command", "method", "url", "body", "template", "é"]);
    prop::collection::vec((names, value), 0..4)
        .prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

fn tool() -> impl Strategy<Value = String> {
    let tools =
        ["code_gen", "file_write", "file_delete", "shell", "http_request", "web_search", "teleport", ""];
    prop::sample::select(tools.to_vec()).prop_map(str::to_owned)
}

fn item() -> impl Strategy<Value = WorkItem> {
    let rollback = prop::option::of(
        (tool(), members(json())).prop_map(|(tool, arguments)| Rollback { tool, arguments }),
    );
    let declared = prop::option::of(prop::sample::select(RiskLevel::ALL.to_vec()));
    ("[a-c]", tool(), members(json()), rollback, declared, 0..2_usize).prop_map(
        |(id, tool, arguments, rollback, declared_risk, bounds)| {
            let bound = Bound { expression: "(((".to_owned(), description: String::new() };
            let item = WorkItem::new(id.parse().unwrap(), "n", tool);
            WorkItem { arguments, rollback, declared_risk, bounds: vec![bound; bounds], ..item }
        },
    )
}

fn plan() -> impl Strategy<Value = Plan> {
    (".{0,20}", prop::collection::vec(item(), 0..4), members(json()))
        .prop_map(|(goal, items, context)| Plan { items, context, ..Plan::new(goal) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_plan_gets_an_assessment_that_explains_itself(plan in plan()) {
        let risk = assess(&plan, &CATALOG, &POLICY);
        let worst = risk.factors.iter().map(|f| f.severity).max().unwrap_or(RiskLevel::Low);
        prop_assert_eq!(risk.level, worst);
        prop_assert!(risk.items.values().all(|level| *level <= risk.level));
        prop_assert!(risk.level == RiskLevel::Low || !risk.requirement.auto_approvable);
        for item in &plan.items {
            let level = risk.items[&item.id];
            prop_assert!(level >= item.declared_risk.unwrap_or(RiskLevel::Low));
            prop_assert!(CATALOG.get(&item.tool).is_some() || level >= RiskLevel::High);
            let why = risk.factors.iter().filter(|f| f.item_id.as_ref() == Some(&item.id));
            prop_assert!(level == RiskLevel::Low || why.clone().any(|f| f.severity == level));
            prop_assert!(why.clone().all(|f| !f.rule.is_empty() && !f.explanation.is_empty()));
        }
        prop_assert_eq!(&assess(&plan, &CATALOG, &POLICY), &risk);
    }

    #[test]
    fn declaring_a_risk_never_lowers(plan in plan(), declared in prop::sample::select(RiskLevel::ALL.to_vec())) {
        let silent = Plan {
            items: plan.items.iter().map(|i| WorkItem { declared_risk: None, ..i.clone() }).collect(),
            ..plan
        };
        let declaring = Plan {
            items: silent.items.iter().map(|i| WorkItem { declared_risk: Some(declared), ..i.clone() }).collect(),
            ..silent.clone()
        };
        let (before, after) = (assess(&silent, &CATALOG, &POLICY), assess(&declaring, &CATALOG, &POLICY));
        prop_assert!(after.level >= before.level);
        prop_assert!(before.items.iter().all(|(id, level)| after.items[id] == (*level).max(declared)));
    }

    #[test]
    fn adding_an_item_or_a_rule_never_lowers(
        plan in plan(),
        extra in item(),
        level in prop::sample::select(RiskLevel::ALL.to_vec()),
        when in prop::sample::select(vec!["tool.known", "!tool.known", "item.arguments.path == 'x'", "plan.items > 1"]),
    ) {
        let before = assess(&plan, &CATALOG, &POLICY);
        let rule = format!(
            "rules:\n  - {{ name: new, when: [\"{when}\"], level: {level}, factor: NEW, description: d }}"
        );
        let stricter = Policy::from_yaml(&POLICY.text().replacen("\nrules:", &format!("\n{rule}"), 1));
        let after = assess(&plan, &CATALOG, &stricter.unwrap_or_else(|error| panic!("{error}")));
        prop_assert!(after.level >= before.level);
        prop_assert!(before.items.iter().all(|(id, level)| after.items[id] >= *level));

        let mut longer = plan;
        longer.items.push(extra);
        let after = assess(&longer, &CATALOG, &POLICY);
        prop_assert!(after.level >= before.level);
        prop_assert!(before.items.iter().all(|(id, level)| after.items[id] >= *level));
    }
}
