//! A server of a language model that behaves as badly as real ones do.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_core::{Clock, ContextSource, Timestamp};
use assent_events::Bus;
use assent_planner::Config;
use assent_rpc::Credentials;
use assent_runtime::Wiring;
use assent_runtime::config::Database;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers with this text.
    Say(String),
    /// Answers, cut off at the limit of tokens.
    Stop(String),
    /// Declines.
    Refuse(&'static str),
    /// Answers with this status and `Retry-After`.
    Fail(u16, Option<&'static str>),
    /// Answers with bytes that are no answer.
    Garble(&'static str),
    /// Sends half of the answer, then breaks the connection.
    Break(String),
    /// Never answers.
    Hang,
}

/// What was received.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

#[derive(Debug, Clone, Default)]
struct Script(Arc<Mutex<(VecDeque<Act>, Vec<Asked>)>>);

/// The server, for as long as it is kept.
pub(crate) struct Fake {
    script: Script,
    address: String,
    _server: tokio::task::JoinSet<()>,
}

impl Fake {
    /// Serves `acts`, one for each request.
    pub(crate) async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let script = Script::default();
        script.0.lock().unwrap().0.extend(acts);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(script.clone());
        let mut server = tokio::task::JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { script, address, _server: server }
    }

    /// A configuration that asks it.
    pub(crate) fn config(&self) -> Config {
        Config {
            llm_url: self.address.clone(),
            llm_model: "test-model".to_owned(),
            llm_timeout_seconds: 1,
            llm_retry_first_milliseconds: 1,
            ..Config::default()
        }
    }

    /// Everything that was received.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.0.lock().unwrap().1.clone()
    }
}

/// Surroundings of a planner that is built for its use cases alone.
pub(crate) fn wiring() -> Wiring {
    assent_runtime::install_tls();
    let source =
        ContextSource::seeded(Clock::manual(Timestamp::from_micros(1_800_000_000_000_000).unwrap()), 1);
    let database = Database { url: String::new(), max_connections: 1 };
    Wiring::local(database, Bus::local(), Credentials::default(), source)
}

async fn answer(State(script): State<Script>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    let asked = Asked { path: parts.uri.path().to_owned(), headers: parts.headers, body: body.clone() };
    let act = {
        let mut script = script.0.lock().unwrap();
        script.1.push(asked);
        script.0.pop_front().unwrap_or(Act::Fail(418, None))
    };
    let messages = parts.uri.path().ends_with("/messages");
    let stream = body["stream"] == true;
    let whole = |text: &str, end: &str| match (messages, stream) {
        (false, false) => Bytes::from(completion(text, end).to_string()),
        (false, true) => completion_events(text, end),
        (true, false) => Bytes::from(message(text, end).to_string()),
        (true, true) => message_events(text, end),
    };
    let kind = if stream { "text/event-stream" } else { "application/json" };
    let reply = |body: Body| Response::builder().header(header::CONTENT_TYPE, kind).body(body).unwrap();
    match act {
        Act::Say(text) => reply(whole(&text, if messages { "tool_use" } else { "stop" }).into()),
        Act::Stop(text) => reply(whole(&text, if messages { "max_tokens" } else { "length" }).into()),
        Act::Refuse(text) => reply(whole(text, "refusal").into()),
        Act::Garble(text) => reply(text.into()),
        Act::Fail(status, retry_after) => {
            let mut reply = Response::builder().status(StatusCode::from_u16(status).unwrap());
            if let Some(after) = retry_after {
                reply = reply.header(header::RETRY_AFTER, after);
            }
            reply.body("no, because of sk-not-a-real-key-0123456789abcdef".into()).unwrap()
        }
        Act::Break(text) => {
            let bytes = whole(&text, "stop");
            let half = bytes.slice(..bytes.len() / 2);
            let broken = std::io::Error::other("broken on purpose");
            let pieces = futures_util::stream::iter([Ok(half)]).chain(futures_util::stream::once(async {
                // The first half is on its way before the connection breaks.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(broken)
            }));
            reply(Body::from_stream(pieces))
        }
        Act::Hang => std::future::pending().await,
    }
}

fn completion(text: &str, end: &str) -> Value {
    let refused = end == "refusal";
    json!({
        "choices": [{
            "message": { "role": "assistant", "content": (!refused).then_some(text), "refusal": refused.then_some(text) },
            "finish_reason": if refused { "stop" } else { end },
        }],
        "usage": { "prompt_tokens": 1000, "completion_tokens": 100 },
    })
}

fn events(all: &[Value]) -> String {
    all.iter().map(|event| format!("data: {event}\n\n")).collect()
}

/// Pieces of three characters, as if it were written while one waits.
fn pieces(text: &str) -> Vec<String> {
    text.chars().collect::<Vec<_>>().chunks(3).map(|piece| piece.iter().collect()).collect()
}

fn completion_events(text: &str, end: &str) -> Bytes {
    let field = if end == "refusal" { "refusal" } else { "content" };
    let mut all: Vec<Value> =
        pieces(text).iter().map(|piece| json!({ "choices": [{ "delta": { field: piece } }] })).collect();
    all.push(
        json!({ "choices": [{ "delta": {}, "finish_reason": if end == "refusal" { "stop" } else { end } }] }),
    );
    all.push(json!({ "choices": [], "usage": { "prompt_tokens": 1000, "completion_tokens": 100 } }));
    format!("{}data: [DONE]\n\n", events(&all)).into()
}

fn message(text: &str, end: &str) -> Value {
    let input: Value = serde_json::from_str(text).unwrap_or_else(|_| json!({ "no": "plan" }));
    let content = match end {
        "refusal" => json!([{ "type": "text", "text": text }]),
        _ => {
            json!([{ "type": "text", "text": "Here it is." }, { "type": "tool_use", "id": "t", "name": "plan", "input": input }])
        }
    };
    json!({
        "type": "message", "content": content, "stop_reason": end,
        "usage": { "input_tokens": 1000, "output_tokens": 100 },
    })
}

fn message_events(text: &str, end: &str) -> Bytes {
    let mut all = vec![
        json!({ "type": "message_start", "message": { "content": [], "usage": { "input_tokens": 1000, "output_tokens": 1 } } }),
        json!({ "type": "ping" }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
    ];
    let delta = |kind: &str, field: &str, piece: &str| json!({ "type": "content_block_delta", "index": 0, "delta": { "type": kind, field: piece } });
    if end == "refusal" {
        all.extend(pieces(text).iter().map(|piece| delta("text_delta", "text", piece)));
    } else {
        all.push(delta("text_delta", "text", "Here it is."));
        all.extend(pieces(text).iter().map(|piece| delta("input_json_delta", "partial_json", piece)));
    }
    all.push(json!({ "type": "content_block_stop", "index": 0 }));
    all.push(json!({ "type": "message_delta", "delta": { "stop_reason": end }, "usage": { "output_tokens": 100 } }));
    all.push(json!({ "type": "message_stop" }));
    events(&all).into()
}
