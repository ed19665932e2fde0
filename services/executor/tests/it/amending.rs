//! Conditions of an approval, and values outside an approved bound.

use std::time::Duration;

use assent_core::grant::Amends;
use assent_core::id::SessionId;
use assent_plan::{Bound, DependencyType, Plan};
use assent_proto::event::v1::PlanRejected;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{ExecutionState, WorkItemRunState as Run};
use assent_proto::executor::v1::*;
use assent_rpc::convert::Wire as _;
use assent_testkit::{Storage, both_storages};
use serde_json::{Value, json};

use crate::gate::{claims, sign};
use crate::rig::{Rig, assert_state, item, plan, run, states};

both_storages!(
    a_branch_outside_its_bound_waits_and_goes_on_under_a_grant_of_its_own,
    a_refused_amendment_fails_the_item,
    an_amendment_of_another_execution_is_no_permission,
    conditions_are_kept,
    a_dry_run_that_fails_begins_nothing,
);

const DATA: DependencyType = DependencyType::Data;

/// `ask` says 900, of which `pay` may use up to 500; `other` has nothing to do with it.
fn bounded() -> Plan {
    let mut pay = item(
        "pay",
        "code_gen",
        json!({ "template": "{{ amount }}", "values": { "amount": "${items.ask.output.text}" } }),
    );
    pay.bounds = vec![Bound {
        expression: "int(arguments.values.amount) <= 500".to_owned(),
        description: "the budget".to_owned(),
    }];
    plan(
        vec![
            item("ask", "code_gen", json!({ "template": "900" })),
            pay,
            item(
                "tell",
                "code_gen",
                json!({ "template": "paid {{ x }}", "values": { "x": "${items.pay.output.text}" } }),
            ),
            item("other", "code_gen", json!({ "template": "x" })),
        ],
        &[("ask", "pay", DATA), ("pay", "tell", DATA)],
    )
}

/// Waits until the execution waits for a review; its session and its plan.
async fn asked(rig: &Rig, session: SessionId) -> (SessionId, Plan) {
    let waits = |fact: &Payload| match fact {
        Payload::ExecutionChanged(changed) => changed.action == "waiting",
        _ => false,
    };
    rig.facts(session, waits).await;
    let (review, request) = loop {
        // The review is asked for beside the rest.
        if let Some(asked) =
            rig.gate.asked().into_iter().find(|(_, r)| r.amends_session_id == session.to_string())
        {
            break asked;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(request.amends_item_id, "pay");
    (review, Plan::from_pb(request.plan.unwrap(), "plan").unwrap())
}

async fn a_branch_outside_its_bound_waits_and_goes_on_under_a_grant_of_its_own(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let session = rig.approve(&bounded()).await;
    let (review, part) = asked(&rig, session).await;
    let waiting = rig.execution(session).await;
    assert_state(&waiting, ExecutionState::Waiting);
    assert_eq!(
        states(&waiting),
        [("ask", Run::Succeeded), ("other", Run::Succeeded), ("pay", Run::Held), ("tell", Run::Pending)]
    );
    assert!(run(&waiting, "pay").error.starts_with("BOUND_EXCEEDED: an approved limit (the budget)"));
    let ids: Vec<_> = part.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["pay", "tell"]);
    assert_eq!(Value::Object(part.items[0].arguments.clone())["values"]["amount"], "900");

    // It stays so across a restart.
    rig.stop().await;
    rig.start().await;
    let mut claims = claims(&rig.source, review, &part);
    claims.amends = Some(Amends { session, item: "pay".to_owned() });
    rig.gate.approve(&rig.source, review, &part, sign(&claims, 1)).await;
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Completed);
    assert_eq!(run(&ended, "pay").amended_by, review.to_string());
    let done = rig.execution(session).await;
    let output = run(&done, "tell").output.clone().unwrap();
    assert_eq!(assent_plan::Map::from_pb(output, "output").unwrap()["text"], "paid 900");
    // The review is no execution of its own.
    let request = GetExecutionRequest { session_id: review.to_string() };
    assert_eq!(rig.client().get_execution(request).await.unwrap_err().code(), tonic::Code::NotFound);
    rig.stop().await;
}

async fn a_refused_amendment_fails_the_item(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let session = rig.approve(&bounded()).await;
    let (review, _) = asked(&rig, session).await;
    // Not before the answer to the request is kept.
    while run(&rig.execution(session).await, "pay").amended_by.is_empty() {
        tokio::task::yield_now().await;
    }
    rig.gate.publish(&rig.source, review, Payload::PlanRejected(PlanRejected::default())).await;
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Failed);
    assert_eq!((run(&ended, "pay").state(), run(&ended, "tell").state()), (Run::Failed, Run::Skipped));
    assert!(run(&ended, "pay").error.ends_with("the review of the values ended without approval"));
    rig.stop().await;
}

async fn an_amendment_of_another_execution_is_no_permission(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let session = rig.approve(&bounded()).await;
    let (review, part) = asked(&rig, session).await;
    while run(&rig.execution(session).await, "pay").amended_by.is_empty() {
        tokio::task::yield_now().await;
    }
    let mut claims = claims(&rig.source, review, &part);
    claims.amends = Some(Amends { session: rig.session(), item: "pay".to_owned() });
    rig.gate.approve(&rig.source, review, &part, sign(&claims, 1)).await;
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Failed);
    assert!(ended.error.starts_with("GRANT_SESSION_MISMATCH"), "{}", ended.error);
    assert_eq!(run(&ended, "pay").attempt, 0);
    rig.stop().await;
}

fn chain() -> Plan {
    let items = ["a", "b", "c"].map(|id| item(id, "code_gen", json!({ "template": id }))).to_vec();
    plan(items, &[("a", "b", DependencyType::Dependency), ("b", "c", DependencyType::Dependency)])
}

async fn with(rig: &Rig, plan: &Plan, conditions: &[Value]) -> SessionId {
    let session = rig.session();
    let mut claims = claims(&rig.source, session, plan);
    claims.conditions = conditions.to_vec();
    rig.gate.approve(&rig.source, session, plan, sign(&claims, 1)).await;
    session
}

async fn conditions_are_kept(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let free = with(&rig, &chain(), &[]).await;
    let each = rig.ended(free).await.0.cost.unwrap().micros / 3;
    let cases = [
        (json!({ "max_cost": { "currency": "USD", "micros": (2 * each).to_string() } }), "c"),
        (json!({ "expression": "execution.completed < 1" }), "b"),
        (json!({ "expression": "execution.nothing" }), "a"),
        (json!({ "not_after": "2001-01-01T00:00:00Z" }), "a"),
    ];
    for (condition, stops_at) in cases {
        let session = with(&rig, &chain(), std::slice::from_ref(&condition)).await;
        let (ended, _) = rig.ended(session).await;
        assert_eq!(run(&ended, stops_at).state(), Run::Failed, "{condition} {ended:#?}");
        assert!(
            run(&ended, stops_at).error.starts_with("CONDITION_UNMET"),
            "{}",
            run(&ended, stops_at).error
        );
        let done = ended.runs.iter().filter(|run| run.attempt == 1).count();
        assert_eq!(done, ["a", "b", "c"].iter().position(|id| *id == stops_at).unwrap(), "{condition}");
    }
    // Too early is no failure.
    let opens = rig.source.now().after(Duration::from_secs(60));
    let session = with(&rig, &chain(), &[json!({ "not_before": opens.to_string() })]).await;
    rig.facts(session, |fact| matches!(fact, Payload::ExecutionStarted(_))).await;
    assert!(rig.execution(session).await.runs.iter().all(|run| run.attempt == 0));
    rig.source.clock().advance(Duration::from_secs(61));
    assert_state(&rig.ended(session).await.0, ExecutionState::Completed);
    rig.stop().await;
}

async fn a_dry_run_that_fails_begins_nothing(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let mut plan = chain();
    let session = with(&rig, &plan, &[json!({ "dry_run_first": true })]).await;
    assert_state(&rig.ended(session).await.0, ExecutionState::Completed);
    plan.items[2] = item("c", "web_search", json!({ "query": "q" }));
    let session = with(&rig, &plan, &[json!({ "dry_run_first": true })]).await;
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Failed);
    assert_eq!(states(&ended), [("a", Run::Skipped), ("b", Run::Skipped), ("c", Run::Failed)]);
    assert!(run(&ended, "c").error.starts_with("DRY_RUN_FAILED: TOOL_NOT_CONFIGURED"), "{ended:#?}");
    rig.stop().await;
}
