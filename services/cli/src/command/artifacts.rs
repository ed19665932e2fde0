use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use assent_core::digest::Digester;
use assent_proto::execution::v1::Artifact;
use assent_proto::executor::v1::{DownloadArtifactRequest, ListArtifactsRequest, ListArtifactsResponse};
use tonic::Request;

use crate::app::App;
use crate::client::{Client, ask};
use crate::failure::{Exit, stop};
use crate::output::{Tone, size, table, toned};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples: assent artifacts list ses_0190163d8694739aaea5966c26f8ad91
          assent artifacts get ses_0190163d8694739aaea5966c26f8ad91 exports/db_export.py --out db_export.py")]
pub(crate) struct Artifacts {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// What an execution produced, with digests
    List {
        /// The session
        session: String,
    },
    /// The content of an artifact, checked against its digest
    Get {
        /// The session
        session: String,
        /// Its path, as it is listed
        path: String,
        /// Write it to this file instead of stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

impl Artifacts {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        match self.what {
            What::List { session } => {
                let list = list(&client, &session).await?;
                if !app.console.for_people() {
                    return app.console.message(&list, Vec::new);
                }
                let rows: Vec<_> = list.artifacts.iter().map(row).collect();
                Ok(app.console.text(&table(&["PATH", "SIZE", "TYPE", "ITEM", "DIGEST"], &rows))?)
            }
            What::Get { session, path, out } => {
                let list = list(&client, &session).await?;
                let wanted = path.trim_start_matches("./");
                let artifact = list.artifacts.iter().find(|artifact| artifact.path == wanted);
                let artifact = artifact
                    .ok_or_else(|| stop(Exit::NotFound, format!("the execution produced no {path}")))?;
                match out {
                    None => Ok(app.console.bytes(&download(&client, artifact).await?)?),
                    Some(file) => {
                        save(&client, artifact, &file).await?;
                        let done = format!("{} in {}", size(artifact.size), file.display());
                        app.console.say([toned(done, Tone::Dim)]);
                        Ok(())
                    }
                }
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
    let mut content = Vec::new();
    fetch(client, artifact, &mut content).await?;
    Ok(content)
}

/// Writes the content to `file`, which appears once its digest was checked.
async fn save(client: &Client, artifact: &Artifact, file: &std::path::Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    // As the person's other files, not for them alone.
    let open = std::fs::Permissions::from_mode(0o666);
    let draft = tempfile::Builder::new().permissions(open).tempfile_in(folder.unwrap_or(".".as_ref()));
    let mut draft = draft.with_context(cannot)?;
    fetch(client, artifact, &mut draft).await?;
    draft.persist(file).with_context(cannot)?;
    Ok(())
}

async fn fetch(client: &Client, artifact: &Artifact, to: &mut impl std::io::Write) -> anyhow::Result<()> {
    let request = Request::new(DownloadArtifactRequest { artifact_id: artifact.id.clone() });
    let mut pieces = client.executor().download_artifact(request).await?.into_inner();
    let mut read = Digester::default();
    while let Some(piece) = pieces.message().await? {
        read.update(&piece.data);
        to.write_all(&piece.data).context("cannot write the artifact")?;
    }
    if read.finish().to_string() != artifact.digest {
        return Err(stop(
            Exit::Failure,
            format!("{} is not what was recorded: its digest differs", artifact.path),
        ));
    }
    Ok(())
}
