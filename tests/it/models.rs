//! Plans by a language model behind a server that others wrote, which breaks on demand and then judges how the client
//! took it: LLMock, as OpenAI and as Anthropic speak, whole answers and streams.

use std::process::Command;
use std::time::Duration;

use assent_proto::planner::v1::{CreatePlanRequest, CreatePlanResponse, PlannerBackend};
use assent_testkit::free_port;
use assent_tests::process::{Process, program};
use assent_tests::{Dev, Refusal, eventually};
use serde_json::{Value, json};
use tonic_types::StatusExt as _;

/// The wire format, and whether answers are streamed.
#[derive(Debug, Clone, Copy)]
struct Way {
    api: &'static str,
    /// Below the server's address.
    path: &'static str,
    stream: bool,
}

const OPENAI: Way = Way { api: "openai", path: "/v1", stream: false };
const ANTHROPIC: Way = Way { api: "anthropic", path: "/anthropic/v1", stream: false };

struct Model {
    dev: Dev,
    address: String,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
    _process: Process,
}

impl Model {
    /// A server, and a stack whose planner asks it; `keys` go to the planner's section beside those for the model.
    async fn start(way: Way, keys: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tools = std::env::var("ASSENT_TOOLS").expect("ASSENT_TOOLS is not set: run through `make test`");
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut command = Command::new(format!("{tools}/llmock"));
        command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]);
        let process = Process::start(&mut command, &folder.path().join("log"));
        let (address, client) = (format!("http://127.0.0.1:{port}"), reqwest::Client::new());
        eventually("the model's server", || async {
            client.get(format!("{address}/health")).send().await.ok()?.error_for_status().ok()
        })
        .await;
        let Way { api, path, stream } = way;
        let config = format!(
            "[service.planner]\nllm_url = \"{address}{path}\"\nllm_api = \"{api}\"\nllm_stream = {stream}\n\
             llm_model = \"small\"\nllm_timeout_seconds = 2\nllm_retry_first_milliseconds = 200\n{keys}"
        );
        let dev = Dev::start_with(&config, &[]).await;
        Self { dev, address, client, _folder: folder, _process: process }
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/_llmock/{path}", self.address);
        let request = if method == "GET" { self.client.get(url) } else { self.client.post(url).json(body) };
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// What the server will do, one after the other; what it has seen is forgotten.
    async fn will(&self, behaviors: Value) {
        self.call("POST", "reset", &json!({})).await;
        self.call("POST", "scenario", &json!({ "behaviors": behaviors })).await;
    }

    async fn asked(&self) -> usize {
        self.call("GET", "requests", &Value::Null).await["requests"].as_array().unwrap().len()
    }

    async fn plan(&self) -> Result<CreatePlanResponse, tonic::Status> {
        let request = CreatePlanRequest {
            goal: "Tidy up the shed".to_owned(),
            backend: PlannerBackend::Llm.into(),
            ..CreatePlanRequest::default()
        };
        self.dev.client("dev").planner.clone().create_plan(request).await.map(tonic::Response::into_inner)
    }

    /// Nothing that the server holds against its client.
    async fn blameless(&self, what: &str) {
        let verdict = self.call("GET", "verdict", &Value::Null).await;
        assert_eq!(verdict["findings"], json!([]), "{what}: {verdict:#}");
    }

    /// A plan comes out in the end, of so many answers and after so many requests, and the server has nothing to blame.
    async fn planned(&self, behaviors: Value, calls: i32, asked: usize) {
        let what = behaviors.to_string();
        self.made(behaviors, calls).await;
        assert_eq!(self.asked().await, asked, "{what}");
        self.blameless(&what).await;
    }

    /// A plan comes out in the end, of so many answers.
    async fn made(&self, behaviors: Value, calls: i32) {
        let what = behaviors.to_string();
        self.will(behaviors).await;
        let made = self.plan().await.unwrap_or_else(|status| panic!("{what}: {status:?}"));
        let plan = made.plan.unwrap();
        assert_eq!((plan.origin.as_str(), plan.items.len()), ("llm:small", 1), "{what}");
        let usage = made.usage.unwrap();
        assert_eq!(usage.calls, calls, "{what}: {usage:?}");
        assert!(usage.output_tokens > 10, "{usage:?}");
    }

    /// No plan comes out.
    async fn refused(&self, behaviors: Value, reason: &str, asked: usize) -> tonic::Status {
        let what = behaviors.to_string();
        self.will(behaviors).await;
        let status = self.plan().await.unwrap_err();
        let refusal = Refusal::from(status.clone());
        assert_eq!((refusal.reason.as_str(), self.asked().await), (reason, asked), "{what}: {refusal:?}");
        status
    }
}

fn good() -> Value {
    let item = json!({
        "id": "shed", "name": "Tidy", "type": "generation", "tool": "file_write",
        "arguments": { "path": "shed.txt", "content": "tidy" },
    });
    let body = json!({ "intent": "Tidy up", "strategy": "parallel", "items": [item], "dependencies": [] });
    say(&body.to_string())
}

fn say(text: &str) -> Value {
    json!({ "type": "reply", "text": text })
}

fn fail(status: u16, times: Option<u32>) -> Value {
    json!({ "type": "fail", "status": status, "times": times })
}

/// What servers do wrong for a while, in either wire format.
async fn what_passes_is_waited_for(model: &Model) {
    model.planned(json!([good()]), 1, 1).await;
    // The server checks that the client waits as long as it was told.
    let limited = json!({ "type": "fail", "status": 429, "retry_after": 1, "times": 2 });
    model.planned(json!([limited, good()]), 1, 3).await;
    model.planned(json!([fail(503, Some(1)), fail(500, Some(1)), good()]), 1, 3).await;
    // Answers that are no plan are mended, not repeated.
    model.planned(json!([say("Sure, here it is!"), say("{\"intent\": 7}"), good()]), 3, 3).await;
}

async fn what_does_not_pass_is_told(model: &Model, declined: &str) {
    for status in [400, 401, 403, 404] {
        model.refused(json!([fail(status, None)]), "MODEL_REJECTED", 1).await;
        model.blameless("an error that lasts").await;
    }
    model.refused(json!([fail(503, None)]), "MODEL_UNAVAILABLE", 4).await;
    model.blameless("an outage").await;
    let later = json!({ "type": "fail", "status": 429, "retry_after": 3600 });
    let status = model.refused(json!([later]), "MODEL_UNAVAILABLE", 1).await;
    let delay = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
    assert_eq!(delay, Some(Duration::from_secs(3600)));
    let decline = json!({ "type": "reply", "text": "I would rather not.", "finish_reason": declined });
    model.refused(json!([decline]), "MODEL_REFUSED", 1).await;
    let nonsense = json!({ "type": "reply", "text": "{\"items\": []}", "times": 3 });
    let status = model.refused(json!([nonsense]), "MODEL_PLAN_INVALID", 3).await;
    assert!(!Refusal::from(status).fields.is_empty());
}

async fn broken_streams_are_not_believed(model: &Model) {
    let fault = |kind: &str| json!({ "type": "stream_fault", "kind": kind, "after_chunks": 4 });
    for kind in ["disconnect", "truncate"] {
        model.planned(json!([fault(kind), good(), good()]), 1, 2).await;
    }
    // What came before it is thrown away; the server cannot see that where all of it was on its way already.
    model.made(json!([fault("malformed"), good(), good()]), 1).await;
    assert_eq!(model.asked().await, 2);
    // Longer than the planner's patience.
    let stall = json!({ "type": "stream_fault", "kind": "stall", "after_chunks": 4, "stall_seconds": 30 });
    model.planned(json!([stall, good(), good()]), 1, 2).await;
    let slow = json!({ "type": "slow_first_token", "seconds": 30 });
    model.planned(json!([slow, good(), good()]), 1, 2).await;
}

async fn whole(way: Way, declined: &str) {
    let model = Model::start(way, "").await;
    what_passes_is_waited_for(&model).await;
    what_does_not_pass_is_told(&model, declined).await;
    // One that takes too long is given up, and asked again. The last of all: the server counts it when it has answered.
    model.made(json!([{ "type": "delay", "seconds": 30 }, good(), good()]), 1).await;
}

async fn streamed(way: Way, declined: &str) {
    let model = Model::start(Way { stream: true, ..way }, "").await;
    what_passes_is_waited_for(&model).await;
    broken_streams_are_not_believed(&model).await;
    what_does_not_pass_is_told(&model, declined).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_whole() {
    whole(OPENAI, "content_filter").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_streamed() {
    streamed(OPENAI, "content_filter").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropic_whole() {
    whole(ANTHROPIC, "refusal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropic_streamed() {
    streamed(ANTHROPIC, "refusal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_beyond_the_budget() {
    let prices = "llm_price_per_million_input_tokens = \"3\"\nllm_price_per_million_output_tokens = \"15\"\n";
    let model = Model::start(OPENAI, &format!("{prices}llm_max_cost = \"0.001\"\n")).await;
    model.refused(json!([good()]), "MODEL_BUDGET_EXCEEDED", 0).await;
}

/// `assent plan GOAL` by each of the backends.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_plans_with_either_backend() {
    let model = Model::start(OPENAI, "").await;
    let plan = |arguments: &[&str]| {
        let mut command = Command::new(program("assent"));
        command.arg("plan").args(arguments).env("ASSENT_SERVER", model.dev.address());
        command.env("ASSENT_TOKEN", model.dev.token("dev"));
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.success(), text)
    };
    let search = "Search for the latest Python 3.13 features";
    let triage = "Triage the log /var/log/app.log";
    // Whoever does not say gets the playbook that fits; the model is asked for the rest.
    for (asked, arguments, expected) in [
        (0, &[search][..], "web_search_url"),
        (0, &[search, "--backend", "playbook"], "Search the web"),
        (0, &[triage, "--revise", "cap cost at $0.05"], "The plan may cost $0.05"),
        (1, &["Tidy up the shed"], "small: "),
        (1, &[search, "--backend", "llm"], "[MEDIUM] Tidy"),
    ] {
        model.will(json!([good()])).await;
        let (succeeded, text) = plan(arguments);
        assert!(succeeded && text.contains(expected), "{arguments:?}: {text}");
        assert_eq!(model.asked().await, asked, "{arguments:?}");
    }
    let (succeeded, text) = plan(&["Tidy up the shed", "--backend", "playbook"]);
    assert!(!succeeded && text.contains("web-search"), "the playbooks that there are: {text}");
}
