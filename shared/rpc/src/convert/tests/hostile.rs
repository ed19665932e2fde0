//! Messages that no honest client sends.

use assent_plan::{Map, Plan, PlanEstimate, RiskAssessment, RiskLevel};
use assent_proto::plan::v1 as pb;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use prost_types::value::Kind;
use prost_types::{Duration, ListValue, Struct, Value};

use crate::convert::{MAX_DEPTH, Wire};

fn id() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,3}", ".{0,4}", "pln_[0-9a-f]{31,32}"]
}

fn number() -> impl Strategy<Value = i32> {
    prop_oneof![-1..8, any::<i32>()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        number().prop_map(Kind::NullValue),
        any::<f64>().prop_map(Kind::NumberValue),
        Just(Kind::NumberValue(f64::NAN)),
        ".{0,4}".prop_map(Kind::StringValue),
    ];
    let leaf = option::weighted(0.9, leaf).prop_map(|kind| Value { kind });
    leaf.prop_recursive(4, 16, 3, |inner| {
        let list = vec(inner.clone(), 0..3).prop_map(|values| Kind::ListValue(ListValue { values }));
        let object = btree_map(".{0,3}", inner, 0..3).prop_map(|fields| Kind::StructValue(Struct { fields }));
        prop_oneof![list, object].prop_map(|kind| Value { kind: Some(kind) })
    })
}

fn object() -> impl Strategy<Value = Option<Struct>> {
    option::of(btree_map(".{0,3}", value(), 0..3).prop_map(|fields| Struct { fields }))
}

fn duration() -> impl Strategy<Value = Option<Duration>> {
    let seconds = prop_oneof![-1..3_i64, any::<i64>()];
    option::of((seconds, any::<i32>()).prop_map(|(seconds, nanos)| Duration { seconds, nanos }))
}

fn work_item() -> impl Strategy<Value = pb::WorkItem> {
    let enums = (number(), number(), number());
    let limits = (duration(), any::<Option<i32>>());
    (id(), enums, limits, object(), object()).prop_map(|(id, enums, limits, arguments, undo)| pb::WorkItem {
        id,
        r#type: enums.0,
        priority: enums.1,
        declared_risk: enums.2,
        arguments,
        constraints: Some(pb::WorkItemConstraints {
            timeout: limits.0,
            max_retries: limits.1,
            max_cost: None,
        }),
        rollback: Some(pb::Rollback { tool: String::new(), arguments: undo }),
        ..Default::default()
    })
}

fn plan() -> impl Strategy<Value = pb::Plan> {
    let edge = (id(), id(), number()).prop_map(|(from, to, r#type)| pb::Dependency { from, to, r#type });
    (id(), number(), vec(work_item(), 0..3), vec(edge, 0..3), object()).prop_map(
        |(id, strategy, items, dependencies, context)| pb::Plan {
            id,
            strategy,
            items,
            dependencies,
            context,
            ..Default::default()
        },
    )
}

proptest! {
    #[test]
    fn what_is_read_at_all_is_read_the_same_again(message in plan()) {
        match Plan::from_pb(message, "plan") {
            Ok(plan) => prop_assert_eq!(Plan::from_pb(plan.to_pb(), "plan"), Ok(plan)),
            Err(found) => prop_assert!(!found.is_empty() && found.iter().all(|v| v.field.starts_with("plan."))),
        }
    }
}

#[test]
fn everything_wrong_is_reported_at_once_by_path() {
    let number = |n| Value { kind: Some(Kind::NumberValue(n)) };
    let list =
        Value { kind: Some(Kind::ListValue(ListValue { values: vec![number(1.0), Value { kind: None }] })) };
    let arguments = Struct { fields: [("rows".into(), list), ("n".into(), number(f64::INFINITY))].into() };
    let timeout = Duration { seconds: -1, nanos: 0 };
    let item = pb::WorkItem {
        id: "A".into(),
        r#type: 99,
        constraints: Some(pb::WorkItemConstraints {
            timeout: Some(timeout),
            max_retries: Some(-1),
            max_cost: None,
        }),
        arguments: Some(arguments),
        ..Default::default()
    };
    let plan = pb::Plan {
        id: "ses_0190163d8694739aaea5966c26f8ad91".into(),
        strategy: -1,
        items: vec![pb::WorkItem { id: "a".into(), ..Default::default() }, item],
        dependencies: vec![pb::Dependency { from: "a".into(), to: String::new(), r#type: 0 }],
        ..Default::default()
    };
    let expected = [
        ("id", "MALFORMED_ID"),
        ("strategy", "UNKNOWN_ENUM"),
        ("items[1].id", "MALFORMED_ID"),
        ("items[1].type", "UNKNOWN_ENUM"),
        ("items[1].constraints.timeout", "OUT_OF_RANGE"),
        ("items[1].constraints.max_retries", "OUT_OF_RANGE"),
        ("items[1].arguments.n", "OUT_OF_RANGE"),
        ("items[1].arguments.rows[1]", "REQUIRED"),
        ("dependencies[0].to", "MALFORMED_ID"),
    ];
    let found = Plan::from_pb(plan, "").unwrap_err();
    assert_eq!(found.iter().map(|v| (v.field.as_str(), &*v.code)).collect::<Vec<_>>(), expected);
}

#[test]
fn nesting_beyond_the_limit_is_refused_without_going_down() {
    let nest = |depth| {
        (0..depth).fold(Struct::default(), |inner, _| {
            let value = Value { kind: Some(Kind::StructValue(inner)) };
            Struct { fields: [("a".to_owned(), value)].into() }
        })
    };
    assert!(Map::from_pb(nest(MAX_DEPTH - 1), "").is_ok());
    let found = Map::from_pb(nest(500), "context").unwrap_err();
    assert_eq!((found.len(), &*found[0].code), (1, "TOO_DEEP"));
}

#[test]
fn a_missing_level_quorum_or_requirement_never_reads_as_a_low_one() {
    let risk = pb::RiskAssessment {
        items: vec![
            pb::ItemRisk { item_id: "a".into(), level: 0 },
            pb::ItemRisk { item_id: "b".into(), level: 9 },
        ],
        requirement: Some(pb::ApprovalRequirement::default()),
        ..Default::default()
    };
    let found = RiskAssessment::from_pb(risk.clone(), "risk").unwrap_err();
    let expected = [
        ("risk.level", "REQUIRED"),
        ("risk.items[0].level", "REQUIRED"),
        ("risk.items[1].level", "UNKNOWN_ENUM"),
        ("risk.policy_digest", "MALFORMED_DIGEST"),
        ("risk.requirement.quorum", "OUT_OF_RANGE"),
    ];
    assert_eq!(found.iter().map(|v| (v.field.as_str(), &*v.code)).collect::<Vec<_>>(), expected);
    let found = RiskAssessment::from_pb(pb::RiskAssessment { requirement: None, ..risk }, "").unwrap_err();
    assert!(found.iter().any(|v| v.field == "requirement" && v.code == "REQUIRED"));
}

#[test]
fn two_levels_for_one_item_are_refused() {
    let level = |level: pb::RiskLevel| pb::ItemRisk { item_id: "a".into(), level: level.into() };
    let twice = vec![level(pb::RiskLevel::High), level(pb::RiskLevel::Low)];
    let found = <std::collections::BTreeMap<_, RiskLevel>>::from_pb(twice, "items").unwrap_err();
    assert_eq!((found[0].field.as_str(), &*found[0].code), ("items[1]", "DUPLICATE"));
}

#[test]
fn a_confidence_that_is_no_share_is_refused() {
    for confidence_score in [f32::NAN, f32::INFINITY, -0.1, 1.1] {
        let estimate = pb::PlanEstimate { confidence_score, ..PlanEstimate::default().to_pb() };
        let found = PlanEstimate::from_pb(estimate, "").unwrap_err();
        assert_eq!(found[0].field, "confidence_score");
    }
}
