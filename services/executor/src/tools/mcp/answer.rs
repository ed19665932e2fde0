//! What a tool of a server answers, as an outcome.

use assent_plan::Map;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::{Value, json};

use crate::tools::{Outcome, ToolError};

/// Characters of the answer that stand in the summary.
const SHOWN: usize = 80;

/// The outcome of a call of `tool`: `text`, what the server says in words; `content`, all parts of it; `structured`,
/// what it says as data. What does not fit into `most` bytes is left out, and the summary says so.
pub(super) fn outcome(tool: &str, answer: CallToolResult, most: usize) -> Result<Outcome, ToolError> {
    let texts: Vec<&str> = answer.content.iter().filter_map(text).collect();
    let (text, mut whole) = cut(&texts.join("\n"), most);
    if answer.is_error == Some(true) {
        let text = if text.is_empty() { "it failed".to_owned() } else { text };
        return Err(ToolError::passing("MCP_FAILED", text));
    }
    let mut output = Map::new();
    let first: String = text.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
    let content = Value::Array(answer.content.iter().map(part).collect());
    for (name, value) in [("content", Some(content)), ("structured", answer.structured_content)] {
        match value {
            Some(value) if value.to_string().len() <= most => {
                output.insert(name.to_owned(), value);
            }
            Some(_) => whole = false,
            None => {}
        }
    }
    output.insert("text".to_owned(), Value::String(text));
    let colon = if first.is_empty() { "" } else { ": " };
    let cut = if whole { "" } else { " (cut off)" };
    Ok(Outcome { output, summary: format!("called {tool}{colon}{first}{cut}"), files: Vec::new() })
}

fn text(block: &ContentBlock) -> Option<&str> {
    match block {
        ContentBlock::Text(text) => Some(&text.text),
        ContentBlock::Resource(resource) => match &resource.resource {
            ResourceContents::TextResourceContents { text, .. } => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// A part of the answer. What is no text is named and not handed on.
fn part(block: &ContentBlock) -> Value {
    match block {
        ContentBlock::Text(text) => json!({ "type": "text", "text": text.text }),
        ContentBlock::Image(image) => json!({ "type": "image", "mime_type": image.mime_type }),
        ContentBlock::Audio(audio) => json!({ "type": "audio", "mime_type": audio.mime_type }),
        ContentBlock::ResourceLink(link) => {
            json!({ "type": "resource_link", "uri": link.uri, "name": link.name })
        }
        ContentBlock::Resource(resource) => match &resource.resource {
            ResourceContents::TextResourceContents { uri, mime_type, text, .. } => {
                json!({ "type": "resource", "uri": uri, "mime_type": mime_type, "text": text })
            }
            ResourceContents::BlobResourceContents { uri, mime_type, .. } => {
                json!({ "type": "resource", "uri": uri, "mime_type": mime_type })
            }
            _ => json!({ "type": "resource" }),
        },
        // A kind that is not known yet.
        _ => Value::Null,
    }
}

/// The first `most` bytes of `text`, in whole characters, and whether that is all of it.
fn cut(text: &str, most: usize) -> (String, bool) {
    if text.len() <= most {
        return (text.to_owned(), true);
    }
    (format!("{}\n[cut off]", &text[..text.floor_char_boundary(most)]), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(value: Value) -> CallToolResult {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn texts_and_data_come_through() {
        let parts = json!([
            { "type": "text", "text": "one" },
            { "type": "image", "data": "aGk=", "mimeType": "image/png" },
            { "type": "resource", "resource": { "uri": "file:///a", "mimeType": "text/plain", "text": "two" } },
        ]);
        let answer = answer(json!({ "content": parts, "structuredContent": { "n": 1 } }));
        let outcome = outcome("notes", answer, 1000).unwrap();
        assert_eq!(
            (outcome.summary.as_str(), &outcome.output["text"]),
            ("called notes: one", &json!("one\ntwo"))
        );
        assert_eq!(outcome.output["structured"], json!({ "n": 1 }));
        assert_eq!(outcome.output["content"][1], json!({ "type": "image", "mime_type": "image/png" }));
    }

    #[test]
    fn errors_of_the_tool_are_errors_and_large_answers_are_cut() {
        let failed =
            answer(json!({ "content": [{ "type": "text", "text": "no such file" }], "isError": true }));
        let error = outcome("t", failed, 1000).unwrap_err();
        assert_eq!(
            (error.reason, error.message.as_str(), error.retryable),
            ("MCP_FAILED", "no such file", true)
        );
        let large = answer(json!({
            "content": [{ "type": "text", "text": "ä".repeat(1000) }], "structuredContent": { "a": "b".repeat(1000) },
        }));
        let cut = outcome("t", large, 101).unwrap();
        assert_eq!(cut.output["text"], json!(format!("{}\n[cut off]", "ä".repeat(50))));
        assert!(cut.output.get("structured").is_none() && cut.summary.ends_with("(cut off)"));
    }
}
