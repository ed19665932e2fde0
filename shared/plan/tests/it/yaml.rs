use assent_plan::*;
use proptest::prelude::*;

use crate::generate::any_plan;

const EXPORT: &str = include_str!("../../vectors/export.yaml");

#[test]
fn people_write_plans_in_yaml() {
    let plan = Plan::from_yaml(EXPORT).unwrap();
    assert_eq!(plan.items.len(), 4);
    let write = plan.item(&"write-file".parse().unwrap()).unwrap();
    assert_eq!(write.constraints.timeout, Some(Span::from_secs(30)));
    assert_eq!(write.constraints.max_cost, Some(Money::from_micros(50_000)));
    assert_eq!(write.item_type, ItemType::Execution);
    assert_eq!(plan.dependencies[0].kind, DependencyType::Data);
    assert!(validate(&plan, &Catalog::builtin().unwrap()).is_valid());
}

#[test]
fn what_cannot_be_read_says_where() {
    for (text, hint) in [
        ("goal: g\nitems: []\ngaol: x", "gaol"),
        ("goal: g\nitems: [{ id: A, name: n, tool: shell }]", "item id"),
        (
            "goal: g\nitems: [{ id: a, name: n, tool: shell, priority: urgent }]",
            "low, normal, high, critical",
        ),
        ("goal: g\nitems: [{ id: a, name: n, tool: shell, constraints: { timeout: 30 } }]", "30s"),
        ("items: []", "goal"),
    ] {
        let error = Plan::from_yaml(text).unwrap_err().to_string();
        assert!(error.contains(hint), "{error}");
    }
}

proptest! {
    #[test]
    fn json_round_trips(plan in any_plan()) {
        let text = serde_json::to_string(&plan).unwrap();
        let read: Plan = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(diff(&read, &plan), vec![]);
        prop_assert_eq!(&read, &plan);
    }
}
