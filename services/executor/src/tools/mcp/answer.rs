//! What a tool of a server answers, as an outcome.

use assent_plan::{ItemId, Map};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::{Value, json};

use crate::tools::media_type::{extension_of, is_media_type};
use crate::tools::{Call, Outcome, ToolError};

/// Characters of the answer that stand in the summary.
const SHOWN: usize = 80;

/// A part that is no text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Binary {
    /// Path among the artifacts.
    pub(super) path: String,
    /// Media type.
    pub(super) media_type: String,
    /// The content.
    pub(super) content: Vec<u8>,
}

/// The parts of an answer to `item` that are no texts. What cannot be decoded is left out.
pub(super) fn binaries(item: &ItemId, answer: &CallToolResult) -> Vec<Binary> {
    let all = answer.content.iter().enumerate().filter_map(|(index, block)| {
        let (data, media_type) = data(block)?;
        let content = BASE64_STANDARD.decode(data).ok()?;
        Some(Binary { path: path(item, index, media_type), media_type: media_type.to_owned(), content })
    });
    all.collect()
}

fn path(item: &ItemId, index: usize, media_type: &str) -> String {
    format!("{item}/{index}.{}", extension_of(media_type))
}

/// The outcome of a call: `text`, what the server says in words; `content`, all parts of it; `structured`,
/// what it says as data. What does not fit into `most` bytes is left out, and the summary says so.
pub(super) fn outcome(call: &Call, answer: CallToolResult, most: usize) -> Result<Outcome, ToolError> {
    let texts: Vec<&str> = answer.content.iter().filter_map(text).collect();
    let (text, mut whole) = cut(&texts.join("\n"), most);
    if answer.is_error == Some(true) {
        let text = if text.is_empty() { "it failed".to_owned() } else { text };
        return Err(ToolError::passing("MCP_FAILED", text));
    }
    let mut output = Map::new();
    let first: String = text.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
    let content = Value::Array(
        answer.content.iter().enumerate().map(|(index, block)| part(&call.item, index, block)).collect(),
    );
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
    Ok(Outcome { output, summary: format!("called {}{colon}{first}{cut}", call.tool), files: Vec::new() })
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

/// The content of a part that is no text, and its media type.
fn data(block: &ContentBlock) -> Option<(&str, &str)> {
    let (data, media_type) = match block {
        ContentBlock::Image(image) => (image.data.as_str(), image.mime_type.as_str()),
        ContentBlock::Audio(audio) => (audio.data.as_str(), audio.mime_type.as_str()),
        ContentBlock::Resource(resource) => match &resource.resource {
            ResourceContents::BlobResourceContents { blob, mime_type, .. } => {
                (blob.as_str(), mime_type.as_deref().unwrap_or_default())
            }
            _ => return None,
        },
        _ => return None,
    };
    Some((data, if is_media_type(media_type) { media_type } else { "application/octet-stream" }))
}

/// A part of the answer. What is no text is an artifact, and stands here by its path.
fn part(item: &ItemId, index: usize, block: &ContentBlock) -> Value {
    if let Some((_, media_type)) = data(block) {
        let path = path(item, index, media_type);
        return json!({ "type": "artifact", "media_type": media_type, "path": path });
    }
    match block {
        ContentBlock::Text(text) => json!({ "type": "text", "text": text.text }),
        ContentBlock::ResourceLink(link) => {
            json!({ "type": "resource_link", "uri": link.uri, "name": link.name })
        }
        ContentBlock::Resource(resource) => match &resource.resource {
            ResourceContents::TextResourceContents { uri, mime_type, text, .. } => {
                json!({ "type": "resource", "uri": uri, "media_type": mime_type, "text": text })
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
    use crate::tools::workspace::Workspace;

    fn answer(value: Value) -> CallToolResult {
        serde_json::from_value(value).unwrap()
    }

    fn call() -> Call {
        Call {
            tool: "notes".to_owned(),
            arguments: Map::new(),
            session: "ses_0190163d8694739aaea5966c26f8ad91".parse().unwrap(),
            item: "look".parse().unwrap(),
            key: String::new(),
            timeout: std::time::Duration::ZERO,
            workspace: Workspace::new("/nowhere".into()),
        }
    }

    #[test]
    fn texts_and_data_come_through_and_the_rest_becomes_artifacts() {
        let parts = json!([
            { "type": "text", "text": "one" },
            { "type": "image", "data": "aGk=", "mimeType": "image/png" },
            { "type": "resource", "resource": { "uri": "file:///a", "mimeType": "text/plain", "text": "two" } },
            { "type": "resource", "resource": { "uri": "file:///b", "mimeType": "no type", "blob": "aGk=" } },
            { "type": "audio", "data": "!", "mimeType": "audio/wav" },
        ]);
        let answer = answer(json!({ "content": parts, "structuredContent": { "n": 1 } }));
        let found = binaries(&call().item, &answer);
        let binary = |path: &str, media_type: &str| Binary {
            path: path.to_owned(),
            media_type: media_type.to_owned(),
            content: b"hi".to_vec(),
        };
        assert_eq!(
            found,
            [binary("look/1.png", "image/png"), binary("look/3.bin", "application/octet-stream")]
        );
        let outcome = outcome(&call(), answer, 1000).unwrap();
        assert_eq!(
            (outcome.summary.as_str(), &outcome.output["text"]),
            ("called notes: one", &json!("one\ntwo"))
        );
        assert_eq!(outcome.output["structured"], json!({ "n": 1 }));
        let image = json!({ "type": "artifact", "media_type": "image/png", "path": "look/1.png" });
        assert_eq!(outcome.output["content"][1], image);
    }

    #[test]
    fn errors_of_the_tool_are_errors_and_large_answers_are_cut() {
        let failed =
            answer(json!({ "content": [{ "type": "text", "text": "no such file" }], "isError": true }));
        let error = outcome(&call(), failed, 1000).unwrap_err();
        assert_eq!(
            (error.reason, error.message.as_str(), error.retryable),
            ("MCP_FAILED", "no such file", true)
        );
        let large = answer(json!({
            "content": [{ "type": "text", "text": "ä".repeat(1000) }], "structuredContent": { "a": "b".repeat(1000) },
        }));
        let cut = outcome(&call(), large, 101).unwrap();
        assert_eq!(cut.output["text"], json!(format!("{}\n[cut off]", "ä".repeat(50))));
        assert!(cut.output.get("structured").is_none() && cut.summary.ends_with("(cut off)"));
    }
}
