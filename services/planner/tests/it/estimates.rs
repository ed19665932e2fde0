//! What plans are expected to take.

use assent_core::Fault as _;
use assent_plan::{Plan, PlanEstimate};

use super::{APP, at_once};

fn estimated(yaml: &str) -> PlanEstimate {
    at_once(APP.estimate(&Plan::from_yaml(yaml).unwrap())).unwrap()
}

#[test]
fn every_field_follows_from_plan_and_catalog() {
    let estimate = estimated(
        "
goal: g
items:
  - { id: a, name: A, type: research, tool: web_search, arguments: { query: x } }
  - { id: b, name: B, type: generation, tool: code_gen, arguments: { template: x }, preferred_agent_type: coder }
  - { id: c, name: C, type: validation, tool: shell, arguments: { command: ls, env: { K: '${secret:KEY}' } } }
  - { id: d, name: D, type: review, tool: http_request, arguments: { method: GET, url: 'https://u@API.x.dev:8443/y' } }
  - { id: e, name: E, tool: http_request, arguments: { method: GET, url: 'https://${items.b.output.text}/' } }
dependencies:
  - { from: a, to: c }
  - { from: b, to: c }
  - { from: c, to: d, type: soft }
  - { from: b, to: e, type: data }
",
    );
    let counts = [
        estimate.total_work_items,
        estimate.research_work_items,
        estimate.generation_work_items,
        estimate.validation_work_items,
        estimate.review_work_items,
        estimate.execution_work_items,
    ];
    assert_eq!(counts, [5, 1, 1, 1, 1, 1]);
    assert_eq!(estimate.estimated_tokens, 1500);
    // a, c, d: 1.5 s + 5 s + 1 s.
    assert_eq!(estimate.estimated_duration.to_string(), "7s500ms");
    assert_eq!(estimate.critical_items.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a", "c", "d"]);
    assert_eq!(estimate.required_agents, 2);
    assert_eq!(estimate.required_agent_types, ["coder", "executor"]);
    // 0.005 + 0.015 + 0.002 + 0.001 + 0.001.
    assert_eq!(estimate.estimated_cost.map(|cost| cost.to_string()).as_deref(), Some("0.024"));
    assert_eq!(estimate.cost_low.map(|cost| cost.to_string()).as_deref(), Some("0.021"));
    assert_eq!(estimate.cost_high.map(|cost| cost.to_string()).as_deref(), Some("0.0285"));
    let resources = [
        "network:any",
        "network:api.x.dev:8443",
        "secret:KEY",
        "tool:code_gen",
        "tool:http_request",
        "tool:shell",
        "tool:web_search",
    ];
    assert_eq!(estimate.resource_requirements, resources);
    assert!(estimate.confidence_score > 0.4 && estimate.confidence_score < 0.7);
    assert!(estimate.risk_factors.is_empty());
}

#[test]
fn one_at_a_time_takes_the_sum_and_limits_cut() {
    let items = "
goal: g
items:
  - { id: a, name: A, tool: code_gen, arguments: { template: x } }
  - { id: b, name: B, tool: code_gen, arguments: { template: x }, constraints: { timeout: 150ms, max_cost: 0.001 } }
";
    let parallel = estimated(items);
    assert_eq!((parallel.required_agents, parallel.estimated_duration.to_string()), (2, "850ms".to_owned()));
    let sequential = estimated(&format!("{items}strategy: sequential\n"));
    assert_eq!((sequential.required_agents, sequential.estimated_duration.to_string()), (1, "1s".to_owned()));
    assert_eq!(sequential.estimated_cost.map(|cost| cost.to_string()).as_deref(), Some("0.016"));
}

#[test]
fn an_unsound_plan_has_no_estimate() {
    let plan = Plan::from_yaml("goal: g\nitems: [{ id: a, name: A, tool: teleport }]").unwrap();
    let error = at_once(APP.estimate(&plan)).unwrap_err();
    assert_eq!(error.reason().0, "PLAN_INVALID");
    assert_eq!(error.violations()[0].field, "plan.items[0].tool");
}
