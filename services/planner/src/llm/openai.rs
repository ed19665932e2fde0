//! Chat completions as OpenAI defined them and many servers speak them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, ModelError, Question, Role};

pub(super) fn request(model: &str, question: &Question<'_>, stream: bool) -> Value {
    let said = question.turns.iter().map(|(role, text)| {
        let role = match role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        json!({ "role": role, "content": text })
    });
    let system = json!({ "role": "system", "content": question.system });
    let messages: Vec<Value> = std::iter::once(system).chain(said).collect();
    let mut body = json!({
        "model": model,
        "messages": messages,
        "max_completion_tokens": question.max_tokens,
        "response_format": {
            "type": "json_schema",
            "json_schema": { "name": question.name, "schema": question.schema, "strict": true },
        },
        "stream": stream,
    });
    if stream {
        body["stream_options"] = json!({ "include_usage": true });
    }
    body
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    /// Whole answers.
    #[serde(default)]
    message: Option<Message>,
    /// Pieces of one.
    #[serde(default)]
    delta: Option<Message>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
}

/// A whole answer.
pub(super) fn answer(body: &Value) -> Result<Answer, ModelError> {
    let mut answer = Answer::default();
    let finished = take(body.clone(), &mut answer)?;
    if finished || !answer.text.is_empty() || answer.refusal.is_some() {
        Ok(answer)
    } else {
        Err(ModelError::garbled("no answer"))
    }
}

/// Takes in one event of a stream; whether it was the last.
pub(super) fn hear(data: &str, answer: &mut Answer) -> Result<bool, ModelError> {
    if data.trim() == "[DONE]" {
        return Ok(true);
    }
    let event = serde_json::from_str(data).map_err(|_| ModelError::garbled("no JSON"))?;
    // The usage comes after the last piece, so the end is `[DONE]` and not the reason to finish.
    take(event, answer).map(|_| false)
}

/// Whether the answer is said to be complete.
fn take(body: Value, answer: &mut Answer) -> Result<bool, ModelError> {
    let completion: Completion =
        serde_json::from_value(body).map_err(|_| ModelError::garbled("no chat completion"))?;
    if completion.error.is_some() {
        return Err(ModelError::passing("its server reports an error"));
    }
    let mut finished = false;
    if let Some(choice) = completion.choices.into_iter().next() {
        if let Some(message) = choice.message.or(choice.delta) {
            answer.text.push_str(&message.content.unwrap_or_default());
            if let Some(text) = message.refusal.filter(|text| !text.is_empty()) {
                answer.refusal.get_or_insert_default().push_str(&text);
            }
        }
        match choice.finish_reason.as_deref() {
            Some("length") => answer.cut_off = true,
            Some("content_filter") => {
                answer.refusal.get_or_insert_with(|| "its server's filter stopped the answer".to_owned());
            }
            _ => {}
        }
        finished = choice.finish_reason.is_some();
    }
    if let Some(usage) = completion.usage {
        answer.input_tokens = usage.prompt_tokens.or(answer.input_tokens);
        answer.output_tokens = usage.completion_tokens.or(answer.output_tokens);
    }
    Ok(finished)
}
