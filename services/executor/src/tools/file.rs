//! `file_write` and `file_delete`, and putting back what they changed.

use assent_core::Digest;
use assent_plan::Map;
use serde_json::json;

use super::blobs::Blobs;
use super::workspace::{self, Workspace};
use super::{Call, Outcome, ToolError, Written, size, text};
use crate::store::runs::Kept;

/// What the call will overwrite.
pub(super) async fn keep(call: &Call, blobs: &Blobs) -> Result<Kept, ToolError> {
    let path = workspace::tidy(text(&call.arguments, "path")?)?;
    let (place, blobs) = (call.workspace.clone(), blobs.clone());
    blocking(move || {
        let previous = place.read(&path)?;
        let previous = previous.map(|content| blobs.put(&content)).transpose().map_err(storage)?;
        Ok(Kept { path, previous })
    })
    .await
}

pub(super) async fn write(call: &Call, blobs: &Blobs) -> Result<Outcome, ToolError> {
    let path = workspace::tidy(text(&call.arguments, "path")?)?;
    let content = text(&call.arguments, "content")?.to_owned();
    let (place, blobs, draft) = (call.workspace.clone(), blobs.clone(), draft(&call.key));
    blocking(move || {
        let digest = blobs.put(content.as_bytes()).map_err(storage)?;
        place.write(&path, content.as_bytes(), &draft)?;
        let bytes = content.len() as u64;
        Ok(Outcome {
            output: object(json!({ "path": path, "bytes": bytes, "digest": digest.to_string() })),
            summary: format!("wrote {path} ({})", size(bytes)),
            files: vec![Written { media_type: media_type(&path).to_owned(), path, size: bytes, digest }],
        })
    })
    .await
}

pub(super) async fn delete(call: &Call) -> Result<Outcome, ToolError> {
    let path = workspace::tidy(text(&call.arguments, "path")?)?;
    let place = call.workspace.clone();
    blocking(move || {
        let deleted = place.delete(&path)?;
        let summary = if deleted { format!("deleted {path}") } else { format!("{path} was not there") };
        Ok(Outcome {
            output: object(json!({ "path": path, "deleted": deleted })),
            summary,
            files: Vec::new(),
        })
    })
    .await
}

pub(super) async fn restore(workspace: &Workspace, kept: &[Kept], blobs: &Blobs) -> Result<(), ToolError> {
    let (place, kept, blobs) = (workspace.clone(), kept.to_vec(), blobs.clone());
    blocking(move || {
        for Kept { path, previous } in kept {
            match previous {
                None => drop(place.delete(&path)?),
                Some(digest) => {
                    let content = blobs.get(digest).map_err(storage)?;
                    place.write(&path, &content, &draft(&digest.to_string()))?;
                }
            }
        }
        Ok(())
    })
    .await
}

/// A name for the half-written file that no other attempt uses.
fn draft(key: &str) -> String {
    Digest::of(&[key.as_bytes()]).to_string()
}

fn storage(error: std::io::Error) -> ToolError {
    ToolError::passing("FILE_FAILED", format!("the content cannot be kept: {error}"))
}

fn object(value: serde_json::Value) -> Map {
    match value {
        serde_json::Value::Object(map) => map,
        _ => Map::new(),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|_| Err(ToolError::passing("FILE_FAILED", "the file could not be worked on")))
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("py") => "text/x-python",
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        Some("yaml" | "yml") => "application/yaml",
        Some("html" | "htm") => "text/html",
        Some("md") => "text/markdown",
        Some("sql") => "application/sql",
        Some("sh") => "text/x-shellscript",
        _ => "text/plain",
    }
}
