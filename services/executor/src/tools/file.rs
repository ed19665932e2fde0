//! `file_write` and `file_delete`, and putting back what they changed.

use assent_core::Digest;
use assent_plan::Map;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::media_type::media_type_of;
use super::workspace::{self, Workspace};
use super::{Call, Outcome, ToolError, Written, size, text};
use crate::blobs::{BlobError, Blobs};
use crate::store::runs::Kept;

/// Bytes that are read at once.
const PIECE: usize = 65_536;

/// What the call will overwrite.
pub(super) async fn keep(call: &Call, blobs: &Blobs) -> Result<Kept, ToolError> {
    let path = workspace::tidy(text(&call.arguments, "path")?)?;
    let (place, name) = (call.workspace.clone(), path.clone());
    let previous = match blocking(move || place.read(&name)).await? {
        Some(content) => Some(blobs.put(&content).await.map_err(|e| storage(&e))?),
        None => None,
    };
    Ok(Kept { path, previous })
}

pub(super) async fn write(call: &Call, blobs: &Blobs) -> Result<Outcome, ToolError> {
    let path = workspace::tidy(text(&call.arguments, "path")?)?;
    let content = text(&call.arguments, "content")?.to_owned();
    let digest = blobs.put(content.as_bytes()).await.map_err(|e| storage(&e))?;
    let (place, name, draft) = (call.workspace.clone(), path.clone(), draft(&call.key));
    let bytes = content.len() as u64;
    blocking(move || place.write(&name, content.as_bytes(), &draft)).await?;
    Ok(Outcome {
        output: object(json!({ "path": path, "bytes": bytes, "digest": digest.to_string() })),
        summary: format!("wrote {path} ({})", size(bytes)),
        files: vec![Written { media_type: media_type_of(&path).to_owned(), path, size: bytes, digest }],
    })
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
    for Kept { path, previous } in kept.iter().cloned() {
        let content = match previous {
            Some(digest) => Some((blobs.get(digest).await.map_err(|e| storage(&e))?, digest)),
            None => None,
        };
        let place = workspace.clone();
        blocking(move || match content {
            None => place.delete(&path).map(drop),
            Some((content, digest)) => place.write(&path, &content, &draft(&digest.to_string())),
        })
        .await?;
    }
    Ok(())
}

/// Keeps the files of the workspace that the argument `artifacts` names.
pub(super) async fn collect(call: &Call, blobs: &Blobs) -> Result<Vec<Written>, ToolError> {
    let Some(Value::Array(paths)) = call.arguments.get("artifacts") else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for path in paths.iter().filter_map(Value::as_str) {
        let path = workspace::tidy(path)?;
        let (place, name) = (call.workspace.clone(), path.clone());
        let missing = || {
            let text = format!("`{path}` is not there, and the item says that it is produced");
            ToolError::lasting("ARTIFACT_MISSING", text)
        };
        let file = blocking(move || place.open(&name)).await?.ok_or_else(missing)?;
        let (digest, size) = kept(File::from_std(file), blobs).await.map_err(|e| storage(&e))?;
        files.push(Written { media_type: media_type_of(&path).to_owned(), path, size, digest });
    }
    Ok(files)
}

async fn kept(mut file: File, blobs: &Blobs) -> Result<(Digest, u64), BlobError> {
    let mut draft = blobs.draft().await?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).await? {
            0 => return draft.keep().await,
            count => draft.write(&piece[..count]).await?,
        }
    }
}

/// A name for the half-written file that no other attempt uses.
fn draft(key: &str) -> String {
    Digest::of(&[key.as_bytes()]).to_string()
}

pub(super) fn storage(error: &BlobError) -> ToolError {
    let text = format!("the content cannot be kept: {error}");
    if error.is_passing() {
        ToolError::passing("FILE_FAILED", text)
    } else {
        ToolError::lasting("FILE_FAILED", text)
    }
}

fn object(value: Value) -> Map {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|_| Err(ToolError::passing("FILE_FAILED", "the file could not be worked on")))
}
