use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use assent_core::Digest;
use assent_proto::execution::v1::Artifact;
use assent_proto::executor::v1::{DownloadArtifactRequest, ListArtifactsRequest, ListArtifactsResponse};
use tonic::Request;

use crate::app::App;
use crate::client::{Client, ask};
use crate::failure::{Exit, stop};
use crate::output::{Tone, size, table, toned};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: assent artifacts ses_0190163d8694739aaea5966c26f8ad91 --get exports/db_export.py --out db_export.py"
)]
pub(crate) struct Artifacts {
    /// The session
    session: String,
    /// Write the content of this artifact instead of the list
    #[arg(long, value_name = "PATH")]
    get: Option<String>,
    /// Write it to this file instead of stdout
    #[arg(long, value_name = "FILE", requires = "get")]
    out: Option<PathBuf>,
}

impl Artifacts {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let list = list(&client, &self.session).await?;
        let Some(path) = self.get else {
            if !app.console.for_people() {
                return app.console.message(&list, Vec::new);
            }
            let rows: Vec<_> = list.artifacts.iter().map(row).collect();
            return Ok(app.console.text(&table(&["PATH", "SIZE", "TYPE", "ITEM", "DIGEST"], &rows))?);
        };
        let artifact = list
            .artifacts
            .iter()
            .find(|a| a.path == path.trim_start_matches("./"))
            .ok_or_else(|| stop(Exit::NotFound, format!("the execution produced no {path}")))?;
        let content = download(&client, artifact).await?;
        match self.out {
            None => Ok(app.console.bytes(&content)?),
            Some(file) => {
                let mut target = std::fs::File::create(&file)
                    .with_context(|| format!("cannot write {}", file.display()))?;
                target.write_all(&content).with_context(|| format!("cannot write {}", file.display()))?;
                let done = format!("{} in {}", size(artifact.size), file.display());
                app.console.say([toned(done, Tone::Dim)]);
                Ok(())
            }
        }
    }
}

fn row(artifact: &Artifact) -> Vec<String> {
    let Artifact { path, media_type, item_id, digest, .. } = artifact;
    vec![path.clone(), size(artifact.size), media_type.clone(), item_id.clone(), digest.clone()]
}

pub(super) async fn list(client: &Client, session: &str) -> anyhow::Result<ListArtifactsResponse> {
    let request = ask(ListArtifactsRequest { session_id: session.to_owned() });
    Ok(client.executor().list_artifacts(request).await?.into_inner())
}

/// The content, whose digest is checked here too: what was recorded is what is written.
pub(super) async fn download(client: &Client, artifact: &Artifact) -> anyhow::Result<Vec<u8>> {
    let request = Request::new(DownloadArtifactRequest { artifact_id: artifact.id.clone() });
    let mut pieces = client.executor().download_artifact(request).await?.into_inner();
    let mut content = Vec::new();
    while let Some(piece) = pieces.message().await? {
        content.extend_from_slice(&piece.data);
    }
    if Digest::of(&[&content]).to_string() != artifact.digest {
        return Err(stop(
            Exit::Failure,
            format!("{} is not what was recorded: its digest differs", artifact.path),
        ));
    }
    Ok(content)
}
