//! What the planner learns from runs, through the doors of both services.

use assent_plan::Plan;
use assent_planner::Config;
use assent_proto::execution::v1::{WorkItemRun, WorkItemRunState};
use assent_proto::planner::v1 as pb;
use assent_rpc::convert::Wire as _;
use assent_testkit::{Storage, both_storages};

use super::model::{Act, Fake};
use super::rig::{Ran, Rig, by};

both_storages!(estimates_follow_runs, what_a_model_took_stays_with_its_plan);

const PLAN: &str = "
goal: g
items:
  - { id: a, name: A, tool: shell, arguments: { command: ls } }
  - { id: b, name: B, tool: shell, arguments: { command: ls }, preferred_agent_type: builder }
";

async fn estimates_follow_runs(storage: Storage) {
    let rig = Rig::start(storage).await;
    let plan = Plan::from_yaml(PLAN).unwrap();
    let cold = rig.estimate(&plan).await;
    assert_eq!(cold.estimated_cost, Some("0.004".parse().unwrap()));
    assert_eq!(cold.estimated_duration.to_string(), "5s");
    assert_eq!((cold.duration_low.to_string(), cold.duration_high.to_string()), ("3s".into(), "9s".into()));

    let ran = |agent_type, cost, duration| Ran { tool: "shell", agent_type, cost, duration };
    let mut runs = vec![ran("", 10_000, 1_000); 99];
    // One that went astray counts as the others.
    runs.push(ran("", 9_000_000, 3_600_000));
    runs.extend(vec![ran("builder", 50_000, 20_000); 40]);
    rig.executor_ran(&runs).await;
    let warm = rig.estimate(&plan).await;
    // 0.01 and 0.05, each with the catalog's 0.002 as one run more.
    let cost = warm.estimated_cost.unwrap().as_dollars();
    assert!((0.0586..0.0590).contains(&cost), "{cost}");
    assert!((19_000..=20_000).contains(&warm.estimated_duration.millis()), "{}", warm.estimated_duration);
    assert!(
        warm.confidence_score > cold.confidence_score + 0.3,
        "{} {}",
        cold.confidence_score,
        warm.confidence_score
    );
    assert!(warm.cost_low <= warm.estimated_cost && warm.estimated_cost <= warm.cost_high);

    // What failed, what is not over and what cannot be read say nothing, and hold up nothing.
    let run = |state: WorkItemRunState, id: String| WorkItemRun {
        id,
        tool: "shell".to_owned(),
        state: state.into(),
        start_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
        end_time: Some(prost_types::Timestamp { seconds: 900_000, nanos: 0 }),
        cost: Some(assent_plan::Money::from_micros(5_000_000).to_pb()),
        ..Default::default()
    };
    let id = || rig.new_run_id().to_string();
    let mut others = vec![
        run(WorkItemRunState::Failed, id()),
        run(WorkItemRunState::Running, id()),
        run(WorkItemRunState::RolledBack, id()),
        run(WorkItemRunState::Succeeded, "run_1".to_owned()),
        WorkItemRun { end_time: None, ..run(WorkItemRunState::Succeeded, id()) },
    ];
    rig.executor_says(others.clone()).await;
    assert_eq!(rig.estimate(&plan).await, warm);
    // A run counts once, however often it is told of.
    others = vec![run(WorkItemRunState::Succeeded, id())];
    rig.executor_says(others.clone()).await;
    let once = rig.estimate(&plan).await;
    rig.executor_says(others).await;
    assert_eq!(rig.estimate(&plan).await, once);
    rig.stop().await;
}

async fn what_a_model_took_stays_with_its_plan(storage: Storage) {
    let body = serde_json::json!({
        "intent": "i", "strategy": "parallel",
        "items": [{ "id": "a", "name": "A", "tool": "code_gen", "arguments": { "template": "x" } }],
    });
    let fake = Fake::start([Act::Say("no".to_owned()), Act::Say(body.to_string())]).await;
    let config = Config { llm_price_per_million_input_tokens: "5".parse().unwrap(), ..fake.config() };
    let rig = Rig::with(storage, config).await;
    let request = pb::CreatePlanRequest {
        goal: "Paint the shed".to_owned(),
        backend: pb::PlannerBackend::Llm.into(),
        ..Default::default()
    };
    let made = rig.client().create_plan(by(request)).await.unwrap().into_inner();
    let usage = made.usage.unwrap();
    assert_eq!((usage.calls, usage.input_tokens, usage.output_tokens), (2, 2000, 200));
    assert_eq!(usage.cost.unwrap().micros, 10_000);
    let plan = Plan::from_pb(made.plan.unwrap(), "plan").unwrap();
    let expected = rig.estimate(&plan).await;
    assert_eq!((expected.planning_tokens, expected.planning_cost), (2200, Some("0.01".parse().unwrap())));
    // Spent already: not part of what the execution will cost.
    assert_eq!(expected.estimated_cost, Some("0.015".parse().unwrap()));
    let other = Plan { id: None, ..plan };
    assert_eq!(rig.estimate(&other).await.planning_cost, None);
    rig.stop().await;
}
