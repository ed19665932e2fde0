mod edits;
mod hostile;
mod strategies;

use std::time::Duration;

use assent_core::{Actor, Timestamp};
use assent_plan::{Map, Money, Plan, PlanChange, PlanEstimate, RiskAssessment};
use assent_proto::event::v1::{Event, PlanVersionCreated, ReadEventsResponse, event::Payload};
use assent_proto::plan::v1 as pb;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::{MAX_DEPTH, Wire};

proptest! {
    #[test]
    fn plans_come_back_as_they_went(plan in strategies::plan()) {
        prop_assert_eq!(Plan::from_pb(plan.to_pb(), ""), Ok(plan));
    }

    #[test]
    fn assessments_and_changes_come_back_as_they_went(
        estimate in strategies::estimate(), risk in strategies::assessment(), change in strategies::change()
    ) {
        prop_assert_eq!(PlanEstimate::from_pb(estimate.to_pb(), ""), Ok(estimate));
        prop_assert_eq!(RiskAssessment::from_pb(risk.to_pb(), ""), Ok(risk));
        prop_assert_eq!(PlanChange::from_pb(change.to_pb(), ""), Ok(change));
    }

    #[test]
    fn times_come_back_as_they_went(
        micros in -62_135_596_800_000_000..=253_402_300_799_999_999_i64, seconds in 0..=315_575_999_999_u64, nanos in 0..1_000_000_000_u32
    ) {
        let time = Timestamp::from_micros(micros).unwrap();
        prop_assert_eq!(Timestamp::from_pb(time.to_pb(), ""), Ok(time));
        let duration = Duration::new(seconds, nanos);
        prop_assert_eq!(Duration::from_pb(duration.to_pb(), ""), Ok(duration));
    }
}

fn map(value: Value) -> Map {
    value.as_object().unwrap().clone()
}

#[test]
fn numbers_keep_their_value_and_have_one_form() {
    let sent = map(json!({
        "exact": 9_007_199_254_740_992_i64, "whole": 3.0, "negative_zero": -0.0, "part": 0.1, "huge": 1e300,
        "beyond": 9_007_199_254_740_993_i64, "largest": u64::MAX,
    }));
    let received = Map::from_pb(sent.to_pb(), "").unwrap();
    let expected = map(json!({
        "exact": 9_007_199_254_740_992_i64, "whole": 3, "negative_zero": 0, "part": 0.1, "huge": 1e300,
        "beyond": "9007199254740993", "largest": "18446744073709551615",
    }));
    assert_eq!(received, expected);
}

#[test]
fn a_time_after_the_last_year_is_written_as_its_end() {
    let late = Timestamp::from_micros(0).unwrap().after(Duration::MAX).to_pb();
    assert_eq!((late.seconds, late.nanos), (253_402_300_799, 999_999_000));
}

#[test]
fn money_is_dollars_and_never_negative() {
    let money = |currency: &str, micros| assent_proto::types::v1::Money { currency: currency.into(), micros };
    assert_eq!(Money::from_pb(money("", 50_000), "cost"), Ok(Money::from_micros(50_000)));
    let found = Money::from_pb(money("EUR", -1), "cost").unwrap_err();
    let found: Vec<_> = found.iter().map(|v| (v.field.as_str(), &*v.code)).collect();
    assert_eq!(found, [("cost.currency", "UNSUPPORTED_CURRENCY"), ("cost.micros", "OUT_OF_RANGE")]);
}

#[test]
fn an_actor_that_was_read_carries_no_credential() {
    let actor = Actor::system("planner");
    let read = Actor::from_pb(actor.to_pb(), "").unwrap();
    assert_eq!(read, Actor { credential: String::new(), ..actor });
}

#[test]
fn a_validation_names_errors_warnings_and_items() {
    let item = assent_plan::WorkItem::new("a".parse().unwrap(), "A", "no-such-tool");
    let plan = Plan { items: vec![item], ..Plan::new("") };
    let validation = assent_plan::validate(&plan, &assent_plan::Catalog::builtin().unwrap());
    let result = super::validation_to_pb(&validation);
    assert!(!result.valid);
    assert_eq!(
        (result.errors.len(), result.warnings.len()),
        (validation.errors.len(), validation.warnings.len())
    );
    let found: Vec<_> = result.errors.iter().map(|e| (&*e.code, &*e.affected_item_id)).collect();
    assert!(found.contains(&("GOAL_REQUIRED", "")) && found.contains(&("TOOL_UNKNOWN", "a")), "{found:?}");
}

fn nested(depth: usize) -> Map {
    let inner = (1..depth).fold(json!(1), |value, _| json!({ "a": value }));
    map(json!({ "a": inner }))
}

#[test]
fn the_deepest_arguments_are_readable_in_the_largest_envelope() {
    let mut item = assent_plan::WorkItem::new("a".parse().unwrap(), "A", "shell");
    item.rollback = Some(assent_plan::Rollback { tool: "shell".into(), arguments: nested(MAX_DEPTH) });
    let plan = Plan { items: vec![item.clone()], ..Plan::new("g") };
    assert_eq!(Plan::from_pb(plan.to_pb(), ""), Ok(plan.clone()));

    let change = PlanChange {
        kind: assent_plan::PlanChangeType::WorkItemAdded,
        affected_item_id: Some(item.id.clone()),
        affected_item_name: item.name.clone(),
        field: String::new(),
        description: "came".into(),
        old_value: Value::Null,
        new_value: serde_json::to_value(&item).unwrap(),
    };
    let version =
        pb::PlanVersion { plan: Some(plan.to_pb()), changes: vec![change.to_pb()], ..Default::default() };
    let created = Payload::PlanVersionCreated(PlanVersionCreated { version: Some(version) });
    let event = Event { payload: Some(created), ..Default::default() };
    let page = ReadEventsResponse { events: vec![event], ..Default::default() };
    assert_eq!(ReadEventsResponse::decode(page.encode_to_vec().as_slice()), Ok(page));
    assert_eq!(PlanChange::from_pb(change.to_pb(), ""), Ok(change));
}
