//! Messages as Anthropic defined them. The answer is the input of a tool that the model must use: its schema is the
//! schema of the answer.

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
    json!({
        "model": model,
        "max_tokens": question.max_tokens,
        "system": question.system,
        "messages": said.collect::<Vec<_>>(),
        "tools": [{
            "name": question.name,
            "description": "Takes the answer.",
            "input_schema": question.schema,
        }],
        "tool_choice": { "type": "tool", "name": question.name },
        "stream": stream,
    })
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Vec<Block>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Usage,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    ToolUse {
        input: Value,
    },
    Text {
        text: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize, Default)]
struct Usage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Message,
    },
    ContentBlockDelta {
        delta: Delta,
    },
    MessageDelta {
        delta: Stop,
        #[serde(default)]
        usage: Usage,
    },
    MessageStop,
    Error,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Delta {
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: String },
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Stop {
    #[serde(default)]
    stop_reason: Option<String>,
}

/// A whole answer.
pub(super) fn answer(body: &Value) -> Result<Answer, ModelError> {
    let message: Message =
        serde_json::from_value(body.clone()).map_err(|_| ModelError::garbled("no message"))?;
    let mut answer = Answer::default();
    for block in message.content {
        match block {
            Block::ToolUse { input } => answer.text = input.to_string(),
            Block::Text { text } => answer.aside.push_str(&text),
            Block::Other => {}
        }
    }
    if message.stop_reason.is_none() && answer.text.is_empty() {
        return Err(ModelError::garbled("no answer"));
    }
    count(&mut answer, &message.usage);
    stop(&mut answer, message.stop_reason.as_deref());
    Ok(answer)
}

/// Takes in one event of a stream; whether it was the last.
pub(super) fn hear(data: &str, answer: &mut Answer) -> Result<bool, ModelError> {
    let event: Event = serde_json::from_str(data).map_err(|_| ModelError::garbled("no event"))?;
    match event {
        Event::MessageStart { message } => count(answer, &message.usage),
        Event::ContentBlockDelta { delta } => match delta {
            Delta::InputJson { partial_json } => answer.text.push_str(&partial_json),
            Delta::Text { text } => answer.aside.push_str(&text),
            Delta::Other => {}
        },
        Event::MessageDelta { delta, usage } => {
            count(answer, &usage);
            stop(answer, delta.stop_reason.as_deref());
        }
        Event::MessageStop => return Ok(true),
        Event::Error => return Err(ModelError::passing("its server reports an error")),
        Event::Other => {}
    }
    Ok(false)
}

fn count(answer: &mut Answer, usage: &Usage) {
    answer.input_tokens = usage.input_tokens.or(answer.input_tokens);
    answer.output_tokens = usage.output_tokens.or(answer.output_tokens);
}

fn stop(answer: &mut Answer, reason: Option<&str>) {
    let aside = std::mem::take(&mut answer.aside);
    if reason == Some("refusal") {
        answer.refusal = Some(aside);
    } else if answer.text.is_empty() {
        // Without the tool, what is said may be the answer.
        answer.text = aside;
    }
    answer.cut_off = reason == Some("max_tokens");
}
