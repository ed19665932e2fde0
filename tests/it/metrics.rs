//! What Prometheus reads from six processes, what the alerts and the dashboard make of it, and what the logs say.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use assent_proto::approval::v1::RejectRequest;
use assent_proto::review::v1::SubmissionMode;
use assent_testkit::Storage;
use assent_tests::process::SERVICES;
use assent_tests::scenario::{self, EXPORT_GOAL};
use assent_tests::{Cluster, Embedded, eventually};
use serde::Deserialize;

use crate::examples::path;
use crate::support::{cast_of_cluster, root};

/// The metrics of the PRD's section 8.1.
const PROMISED: [&str; 10] = [
    "workflows_created_total",
    "workflows_approved_total",
    "workflows_rejected_total",
    "workflows_auto_approved_total",
    "workflows_timed_out_total",
    "approval_latency_seconds",
    "execution_duration_seconds",
    "plan_generation_duration_seconds",
    "workflows_pending_approval",
    "checkpoints_stored",
];

#[derive(Debug, Clone, Deserialize)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// One reading of every service.
struct Reading {
    samples: Vec<Sample>,
    /// Of families, also of those without a sample.
    names: BTreeSet<String>,
}

impl Reading {
    async fn of(cluster: &Cluster) -> Self {
        assent_runtime::install_tls();
        let mut reading = Self { samples: Vec::new(), names: BTreeSet::new() };
        for service in SERVICES {
            let answer = reqwest::get(cluster.metrics_address(service)).await.unwrap();
            assert_eq!(
                answer.headers()["content-type"],
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            );
            let text = answer.text().await.unwrap();
            let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
            for (name, kind) in families {
                reading.names.insert(if kind == "counter" {
                    format!("{name}_total")
                } else {
                    name.to_owned()
                });
            }
            reading.samples.extend(parsed(&text));
        }
        reading
    }

    /// The sum of every sample of that name with these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|v| v == value))
        };
        let found: Vec<_> = self.samples.iter().filter(fits).collect();
        assert!(!found.is_empty(), "there is no {name} {labels:?}");
        found.iter().map(|sample| sample.value).sum()
    }

    fn has(&self, name: &str) -> bool {
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        self.names.contains(name) || base.is_some_and(|base| self.names.contains(base))
    }
}

/// By the parser of Prometheus' own client.
fn parsed(text: &str) -> Vec<Sample> {
    let mut python = Command::new("python")
        .env("PATH", path())
        .arg(root().join("tests/independent/openmetrics_check.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every name of a metric in an expression or a document.
fn names_in(text: &str) -> BTreeSet<String> {
    let name = regex::Regex::new(
        r"\b(?:assent|workflows|execution|approval|plan_generation|checkpoints)_[a-z_]+(?:_total|_seconds|_ratio|_bucket|_count|_sum|_info|_ready|_limit|_connections|_events|_waiting|_open|_in_flight|_approval|_stored)\b|\bassent_ready\b",
    );
    name.unwrap().find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn six_processes_tell_prometheus_what_happened() {
    let cluster = Cluster::start().await;
    let cast = cast_of_cluster(&cluster);
    // Whoever starts before those whom it follows tries again.
    let before = Reading::of(&cluster).await.sum("assent_event_consumer_failures_total", &[]);
    scenario::export(&cast).await;
    let waiting = scenario::submit(&cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    let reading = Reading::of(&cluster).await;
    for name in PROMISED {
        assert!(reading.has(name), "{name} of the PRD is missing in {:?}", reading.names);
    }
    let high = [("risk_level", "high")];
    assert_eq!(reading.sum("workflows_created_total", &[("mode", "review_by_risk")]), 1.0);
    assert_eq!(reading.sum("workflows_created_total", &[]), 2.0);
    assert_eq!(reading.sum("workflows_approved_total", &high), 1.0);
    assert_eq!(reading.sum("workflows_approved_total", &[]), 1.0);
    assert_eq!(reading.sum("workflows_rejected_total", &[]), 0.0);
    assert_eq!(reading.sum("workflows_pending_approval", &high), 1.0);
    assert!(reading.sum("assent_oldest_pending_seconds", &high) > 0.0);
    assert_eq!(reading.sum("checkpoints_stored", &[]), 2.0);
    assert_eq!(reading.sum("approval_latency_seconds_count", &high), 1.0);
    assert!(reading.sum("approval_latency_seconds_sum", &high) > 0.0);
    let made = [("origin", "playbook"), ("outcome", "succeeded")];
    assert_eq!(reading.sum("plan_generation_duration_seconds_count", &made), 2.0);
    assert_eq!(reading.sum("execution_duration_seconds_count", &[("state", "completed")]), 1.0);
    assert_eq!(reading.sum("execution_duration_seconds_count", &[]), 1.0);
    assert_eq!(reading.sum("assent_item_attempt_seconds_count", &[("outcome", "succeeded")]), 4.0);

    // Rate, errors and duration.
    let approve = [("rpc_service", "assent.approval.v1.ApprovalService"), ("rpc_method", "Approve")];
    let served = [approve[0], approve[1], ("code", "Ok")];
    assert_eq!(reading.sum("assent_rpc_requests_total", &served), 1.0);
    assert_eq!(reading.sum("assent_rpc_duration_seconds_count", &approve), 1.0);
    assert_eq!(reading.sum("assent_rpc_in_flight", &approve), 0.0);
    assert!(!reading.samples.iter().any(|s| s.labels.get("rpc_method").is_some_and(|m| m == "Check")));

    // What the database and the log are asked.
    assert_eq!(reading.sum("assent_ready", &[]), SERVICES.len() as f64);
    assert_eq!(reading.sum("assent_build_info", &[("component", "risk")]), 1.0);
    assert_eq!(reading.sum("assent_db_pool_limit", &[("database", "executor")]), 8.0);
    let connections = reading.sum("assent_db_pool_connections", &[("database", "executor")]);
    assert!((1.0..=8.0).contains(&connections), "{connections}");
    assert_eq!(reading.sum("assent_alarms_total", &[]), 0.0);

    let reject = RejectRequest {
        session_id: waiting.id.clone(),
        version: waiting.current_version,
        digest: waiting.digest.clone(),
        reason: "not now".to_owned(),
        ..Default::default()
    };
    cast.lead.approval.clone().reject(reject).await.unwrap();
    scenario::approve(&cast.lead, &waiting).await.unwrap_err();
    // Facts, and what follows from them, take a moment.
    let mut reading = eventually("everybody to have followed", || async {
        let reading = Reading::of(&cluster).await;
        let behind = reading.sum("assent_event_consumer_lag_events", &[])
            + reading.sum("assent_event_relay_lag_seconds", &[]);
        let compared = reading.samples.iter().any(|s| s.name == "assent_estimate_error_ratio_count");
        (behind == 0.0 && compared).then_some(reading)
    })
    .await;
    assert_eq!(reading.sum("workflows_rejected_total", &high), 1.0);
    assert_eq!(reading.sum("workflows_pending_approval", &[]), 0.0);
    let refused = [approve[0], approve[1], ("code", "FailedPrecondition")];
    assert_eq!(reading.sum("assent_rpc_requests_total", &refused), 1.0);
    assert_eq!(reading.sum("assent_estimate_error_ratio_count", &[("measure", "cost")]), 1.0);
    assert!(reading.sum("assent_event_consumer_handled_total", &[("consumer", "executor/approvals")]) >= 1.0);
    assert_eq!(reading.sum("assent_event_consumer_failures_total", &[]), before);

    // Some are measured only where there is something to measure.
    let embedded = Embedded::start(Storage::sqlite().await).await;
    reading.names.extend(embedded.metric_names());
    embedded.stop().await;
    documents_name_what_there_is(&reading);
    logs_tell_of_every_state(&cluster);
}

/// Alerts, dashboard and documents speak of metrics that there are, and the documents of all of them.
fn documents_name_what_there_is(reading: &Reading) {
    for file in ["deploy/metrics/alerts.yaml", "deploy/metrics/dashboard.json", "docs/metrics.md"] {
        let names = names_in(&std::fs::read_to_string(root().join(file)).unwrap());
        assert!(names.len() > 9, "{file} names only {names:?}");
        let unknown: Vec<_> = names.iter().filter(|name| !reading.has(name)).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}, which nobody exports");
    }
    let described = std::fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let silent: Vec<_> =
        reading.names.iter().filter(|name| !described.contains(&format!("`{name}`"))).collect();
    assert!(silent.is_empty(), "docs/metrics.md does not say what {silent:?} are");
}

/// The lines of the PRD's section 8.2, as JSON, and nothing that is secret.
fn logs_tell_of_every_state(cluster: &Cluster) {
    let mut states = BTreeMap::<String, Vec<String>>::new();
    for service in SERVICES {
        for line in cluster.log(service).lines() {
            assert!(!line.contains("token-of-"), "{service} logs a token: {line}");
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            if line["message"] != "workflow_state_change" {
                continue;
            }
            for field in ["workflow_id", "from_state", "to_state", "risk_level", "step_count"] {
                assert!(!line[field].is_null(), "{field} is missing in {line}");
            }
            assert_eq!((line["risk_level"].as_str(), line["step_count"].as_i64()), (Some("high"), Some(4)));
            let of = line["of"].as_str().unwrap().to_owned();
            states.entry(of).or_default().push(format!("{} > {}", line["from_state"], line["to_state"]));
        }
    }
    let seen = |of: &str, change: &str| states[of].iter().filter(|seen| *seen == change).count();
    assert_eq!(seen("review", r#""none" > "pending""#), 2, "{states:#?}");
    assert_eq!(seen("review", r#""pending" > "in_review""#), 1);
    assert_eq!(seen("review", r#""in_review" > "approved""#), 1);
    assert_eq!(seen("review", r#""pending" > "rejected""#), 1);
    assert_eq!(seen("execution", r#""none" > "pending""#), 1);
    assert_eq!(seen("execution", r#""pending" > "running""#), 1);
    assert_eq!(seen("execution", r#""running" > "completed""#), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_stack_is_measured_on_a_port_of_its_own() {
    assent_runtime::install_tls();
    let port = assent_testkit::free_port();
    let listen = [("ASSENT_METRICS__LISTEN", format!("127.0.0.1:{port}"))];
    let dev = assent_tests::Dev::start_with("", &listen).await;
    let answer = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap();
    let samples = parsed(&answer.text().await.unwrap());
    let components = samples.iter().filter(|sample| sample.name == "assent_build_info").count();
    assert_eq!(components, SERVICES.len() + 1, "all of them and the dashboard");
    let beside_the_calls = reqwest::get(format!("{}/metrics", dev.address())).await.unwrap();
    let shown = beside_the_calls.text().await.unwrap();
    assert!(!shown.contains("assent_build_info"), "the port of calls shows no metrics");
    let elsewhere = reqwest::get(format!("http://127.0.0.1:{port}/")).await.unwrap();
    assert_eq!(elsewhere.status(), 404);
}

/// Every query of the dashboard, read by Prometheus itself.
fn the_dashboard_asks_what_prometheus_understands() {
    let text = std::fs::read_to_string(root().join("deploy/metrics/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let panels = list(&dashboard["panels"]);
    let targets = panels.iter().flat_map(|panel| list(&panel["targets"]));
    let rule = |(place, target): (usize, serde_json::Value)| serde_json::json!({ "record": format!("panel:{place}"), "expr": target["expr"] });
    let rules: Vec<_> = targets.enumerate().map(rule).collect();
    assert!(rules.len() > 20);
    let file = tempfile::NamedTempFile::new().unwrap();
    let groups = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    std::fs::write(file.path(), groups.to_string()).unwrap();
    let output = Command::new("promtool").args(["check", "rules"]).arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_alerts_are_sound_and_fire_when_they_should() {
    let status = Command::new(root().join("tests/alerts.sh")).status().unwrap();
    assert!(status.success());
    the_dashboard_asks_what_prometheus_understands();
    // An alarm that is raised somewhere is one that counting begins with.
    let counted = std::fs::read_to_string(root().join("shared/runtime/src/telemetry/count.rs")).unwrap();
    let raised = regex::Regex::new(r#"alarm = "([a-z_]+)""#).unwrap();
    let mut found = 0;
    for folder in ["services", "shared"] {
        let output = Command::new("grep")
            .args(["-rhoE", r#"\balarm = "[a-z_]+""#, "--include=*.rs"])
            .arg(root().join(folder))
            .output()
            .unwrap();
        for name in raised.captures_iter(&String::from_utf8(output.stdout).unwrap()) {
            assert!(counted.contains(&format!("\"{}\"", &name[1])), "{} is not in ALARMS", &name[1]);
            found += 1;
        }
    }
    assert!(found >= 2);
}
