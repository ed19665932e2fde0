//! What the planner is told.

use assent_plan::Money;
use serde::{Deserialize, Serialize};

/// How a language model's server is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// Chat completions, as OpenAI and many others serve them.
    #[default]
    Openai,
    /// Messages, as Anthropic serves them.
    Anthropic,
}

/// Configuration of the planner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Directory whose `*.yaml` files are playbooks beside those that Assent ships; empty for none.
    pub playbooks_dir: String,
    /// Items of one execution that the executor runs at once, its own `max_parallel_items`: durations follow from it.
    pub parallel_items: usize,
    /// Base address of a language model's server, e.g. `https://api.openai.com/v1`; empty for none. With a key it
    /// must be `https`, but on this machine.
    pub llm_url: String,
    /// How it is spoken to: `openai` or `anthropic`.
    pub llm_api: Api,
    /// Name of the model.
    pub llm_model: String,
    /// File with the key; the variable `ASSENT_LLM_KEY` goes before it. Both absent: no key is sent.
    pub llm_key_file: String,
    /// Whether answers are received piece by piece: for servers behind proxies that end quiet connections.
    pub llm_stream: bool,
    /// Whether the schema says how long texts and lists may be: for servers that keep a model to it by a grammar, such
    /// as llama.cpp. OpenAI refuses such a schema.
    pub llm_bounded_schema: bool,
    /// Most tokens of one answer.
    pub llm_max_tokens: u64,
    /// Seconds until an answer must be complete.
    pub llm_timeout_seconds: u64,
    /// How often a question is repeated that the server could not answer: too many requests, errors of the server, lost
    /// connections. What it says about when to come back is kept to.
    pub llm_retries: u32,
    /// Milliseconds before the first repetition; doubled for each further one.
    pub llm_retry_first_milliseconds: u64,
    /// Dollars for a million tokens that are sent.
    pub llm_price_per_million_input_tokens: Money,
    /// Dollars for a million tokens that are received.
    pub llm_price_per_million_output_tokens: Money,
    /// Dollars that making or revising one plan may cost by these prices.
    pub llm_max_cost: Money,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            playbooks_dir: String::new(),
            parallel_items: 8,
            llm_url: String::new(),
            llm_api: Api::Openai,
            llm_model: String::new(),
            llm_key_file: String::new(),
            llm_stream: false,
            llm_bounded_schema: false,
            llm_max_tokens: 8192,
            llm_timeout_seconds: 120,
            llm_retries: 3,
            llm_retry_first_milliseconds: 500,
            llm_price_per_million_input_tokens: Money::ZERO,
            llm_price_per_million_output_tokens: Money::ZERO,
            llm_max_cost: Money::from_micros(1_000_000),
        }
    }
}
