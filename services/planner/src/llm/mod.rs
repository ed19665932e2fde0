//! Asking a language model: two wire formats behind one call, with patience for what passes by itself.

mod anthropic;
mod error;
mod key;
mod openai;
mod retry;
mod sse;

use std::net::IpAddr;
use std::time::Duration;

use assent_core::ContextSource;
use assent_plan::Money;
use assent_plan::redact::redact;
use assent_runtime::BuildError;
use futures_util::StreamExt as _;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::Value;

use crate::config::{Api, Config};
pub use error::ModelError;
use key::Key;
use sse::Decoder;

/// Largest answer, in bytes: beyond it something is wrong with the server.
const MAX_ANSWER: usize = 8 << 20;
/// As much of a refusal of the server as is logged, in bytes.
const MAX_COMPLAINT: usize = 2048;

/// Who says something in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// We.
    User,
    /// The model.
    Assistant,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question<'q> {
    /// What the model is told about its task.
    pub(crate) system: &'q str,
    /// What was said so far; ends with what we say.
    pub(crate) turns: &'q [(Role, String)],
    /// Name of what is wanted.
    pub(crate) name: &'static str,
    /// JSON Schema of the answer.
    pub(crate) schema: &'q Value,
    /// Most tokens of the answer.
    pub(crate) max_tokens: u64,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The text, JSON by the schema where the server keeps to it.
    pub(crate) text: String,
    /// What was said beside it.
    aside: String,
    /// Whether it was cut off at the limit of tokens.
    pub(crate) cut_off: bool,
    /// Why the model does not want to answer; none when it does.
    pub(crate) refusal: Option<String>,
    /// Tokens of the question, as the server counts.
    pub(crate) input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub(crate) output_tokens: Option<u64>,
}

/// What asking took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The model.
    pub model: String,
    /// Answers that were had.
    pub calls: u32,
    /// Tokens of the questions.
    pub input_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
    /// What they cost by the configured prices.
    pub cost: Money,
}

/// A model behind an address.
pub(crate) struct Model {
    client: Client,
    api: Api,
    url: Url,
    name: String,
    key: Option<Key>,
    stream: bool,
    /// Whether lengths are part of the schema.
    pub(crate) bounded: bool,
    /// Price of a million tokens of questions.
    pub(crate) price_input: Money,
    /// Price of a million tokens of answers.
    pub(crate) price_output: Money,
    /// Most that one request may cost.
    pub(crate) max_cost: Money,
    /// Most tokens of one answer.
    pub(crate) max_tokens: u64,
    retries: u32,
    first_delay: Duration,
    source: ContextSource,
}

impl Model {
    /// The model of `config`; none when it names no address.
    pub(crate) fn new(config: &Config, source: &ContextSource) -> Result<Option<Self>, BuildError> {
        if config.llm_url.is_empty() {
            return Ok(None);
        }
        let wrong = |text: &str| BuildError::Config(format!("service.llm_{text}"));
        let path = match config.llm_api {
            Api::Openai => "chat/completions",
            Api::Anthropic => "messages",
        };
        let url = Url::parse(&format!("{}/{path}", config.llm_url.trim_end_matches('/')));
        let url = url.map_err(|error| wrong(&format!("url is no address: {error}")))?;
        if config.llm_model.is_empty() {
            return Err(wrong("model must name a model of llm_url"));
        }
        let key = Key::load(&config.llm_key_file)?;
        if key.is_some() && url.scheme() != "https" && !is_loopback(&url) {
            return Err(wrong("url must begin with https:// because a key is sent to it"));
        }
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(config.llm_timeout_seconds.max(1)))
            // Nobody who answers for the address sends the key elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("assent-planner/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| wrong(&format!("url cannot be called: {error}")))?;
        Ok(Some(Self {
            client,
            api: config.llm_api,
            url,
            name: config.llm_model.clone(),
            key,
            stream: config.llm_stream,
            bounded: config.llm_bounded_schema,
            price_input: config.llm_price_per_million_input_tokens,
            price_output: config.llm_price_per_million_output_tokens,
            max_cost: config.llm_max_cost,
            max_tokens: config.llm_max_tokens,
            retries: config.llm_retries,
            first_delay: Duration::from_millis(config.llm_retry_first_milliseconds),
            source: source.clone(),
        }))
    }

    /// As the server knows it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Asks once, and again after what passes by itself.
    pub(crate) async fn ask(&self, question: &Question<'_>) -> Result<Answer, ModelError> {
        let body = match self.api {
            Api::Openai => openai::request(&self.name, question, self.stream),
            Api::Anthropic => anthropic::request(&self.name, question, self.stream),
        };
        let mut attempt = 0;
        loop {
            let error = match self.once(&body).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let delay = match &error {
                ModelError::Unavailable { retry_after, .. } if attempt < self.retries => {
                    retry::delay(attempt, *retry_after, self.first_delay)
                }
                _ => None,
            };
            let Some(delay) = delay else { return Err(error) };
            tracing::warn!(model = self.name, attempt, ?delay, %error, "the language model is asked again");
            tokio::time::sleep(delay + self.source.jitter(delay / 8)).await;
            attempt += 1;
        }
    }

    async fn once(&self, body: &Value) -> Result<Answer, ModelError> {
        let request = self.authorized(self.client.post(self.url.clone())).json(body);
        let response = request.send().await.map_err(|error| lost(&error))?;
        if !response.status().is_success() {
            return Err(refused(response).await);
        }
        let kind =
            response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        // Some servers answer at once whatever was asked for.
        if self.stream && kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return self.listen(response).await;
        }
        let bytes = read(response, MAX_ANSWER).await?;
        let answer: Value = serde_json::from_slice(&bytes).map_err(|_| ModelError::garbled("no JSON"))?;
        match self.api {
            Api::Openai => openai::answer(&answer),
            Api::Anthropic => anthropic::answer(&answer),
        }
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match (self.api, &self.key) {
            (Api::Openai, Some(key)) => request.header(reqwest::header::AUTHORIZATION, key.bearer()),
            (Api::Anthropic, Some(key)) => request.header("x-api-key", key.plain()),
            (_, None) => request,
        }
        .header("anthropic-version", "2023-06-01")
    }

    /// Puts the pieces of a stream together. One that ends before its time is as good as none.
    async fn listen(&self, response: Response) -> Result<Answer, ModelError> {
        let mut pieces = response.bytes_stream();
        let (mut decoder, mut answer, mut length) = (Decoder::default(), Answer::default(), 0);
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| lost(&error))?;
            length += piece.len();
            if length > MAX_ANSWER {
                return Err(ModelError::garbled("too long"));
            }
            for data in decoder.feed(&piece) {
                let over = match self.api {
                    Api::Openai => openai::hear(&data, &mut answer)?,
                    Api::Anthropic => anthropic::hear(&data, &mut answer)?,
                };
                if over {
                    return Ok(answer);
                }
            }
        }
        Err(ModelError::passing("the answer broke off"))
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

fn lost(error: &reqwest::Error) -> ModelError {
    ModelError::passing(if error.is_timeout() {
        "it does not answer in time"
    } else if error.is_connect() {
        "it cannot be reached"
    } else {
        "the connection broke"
    })
}

/// What the server says instead of an answer. Its text is for the log: it may quote the question.
async fn refused(response: Response) -> ModelError {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let text = read(response, MAX_COMPLAINT).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    tracing::warn!(status, answer = %redact(&text), "the language model's server refuses");
    match status {
        408 | 425 | 429 | 500..=599 => {
            ModelError::Unavailable { why: format!("its server answered {status}"), retry_after }
        }
        _ => ModelError::Rejected(status),
    }
}

/// The first `most` bytes of a body; an error when it breaks off before.
async fn read(response: Response, most: usize) -> Result<Vec<u8>, ModelError> {
    let (mut pieces, mut bytes) = (response.bytes_stream(), Vec::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| lost(&error))?;
        bytes.extend_from_slice(&piece[..piece.len().min(most - bytes.len())]);
        if bytes.len() == most {
            break;
        }
    }
    Ok(bytes)
}
