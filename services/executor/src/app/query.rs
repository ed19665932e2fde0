//! Reading what happened.

use std::time::Duration;

use assent_core::Id;
use assent_core::id::{ArtifactKind, SessionId};
use assent_core::page::Page;
use tokio::time::timeout;

use super::App;
use crate::blobs::{BlobError, Pieces};
use crate::domain::{Execution, ExecutionState, Run};
use crate::error::ExecutorError;
use crate::store::artifacts::{self, Artifact};
use crate::store::executions::{self, Key};
use crate::store::runs;
use crate::tools::ToolError;
use crate::tools::mcp::Described;

/// How long an MCP server may take to say what it has.
const DESCRIBE: Duration = Duration::from_secs(30);

impl App {
    /// The execution of a session.
    pub(crate) async fn execution(&self, session: SessionId) -> Result<Execution, ExecutorError> {
        let found = executions::of_session(&self.db, session).await?;
        found.ok_or(ExecutorError::UnknownExecution(session))
    }

    /// The runs of an execution, in the order of the plan.
    pub(crate) async fn runs(&self, execution: &Execution) -> Result<Vec<Run>, ExecutorError> {
        Ok(runs::of_execution(&self.db, execution.id).await?)
    }

    /// A page of executions, and the token of the next one.
    pub(crate) async fn executions(
        &self,
        states: &[ExecutionState],
        page: &Page<Key>,
    ) -> Result<(Vec<Execution>, String), ExecutorError> {
        let mut found = executions::list(&self.db, states, page).await?;
        let token = page.finish(&mut found, |last| (last.created_at, last.id));
        Ok((found, token))
    }

    /// What the execution of a session produced.
    pub(crate) async fn artifacts(&self, session: SessionId) -> Result<Vec<Artifact>, ExecutorError> {
        let execution = self.execution(session).await?;
        Ok(artifacts::of_execution(&self.db, execution.id).await?)
    }

    /// The tools of an MCP server as it describes them.
    ///
    /// # Errors
    /// [`ExecutorError::UnknownServer`], or that it does not say.
    pub(crate) async fn mcp_server(&self, name: &str) -> Result<Vec<Described>, ExecutorError> {
        let room = self.waiting_room();
        let asked = Box::pin(self.toolbox.describe(name, &room));
        let late =
            |_| ToolError::passing("MCP_UNAVAILABLE", format!("the MCP server `{name}` gives no answer"));
        let answer = timeout(DESCRIBE, asked).await.map_err(late)?;
        Ok(answer.ok_or_else(|| ExecutorError::UnknownServer(name.to_owned()))??)
    }

    /// Opens the content of an artifact.
    pub(crate) async fn download(&self, id: Id<ArtifactKind>) -> Result<Download, ExecutorError> {
        let artifact = artifacts::get(&self.db, id).await?.ok_or(ExecutorError::UnknownArtifact(id))?;
        let pieces = self.blobs.open(artifact.digest).await.map_err(|error| unreadable(id, error))?;
        Ok(Download { id, pieces })
    }
}

/// The content of an artifact, read piece by piece and checked at its end.
pub(crate) struct Download {
    id: Id<ArtifactKind>,
    pieces: Pieces,
}

impl Download {
    /// The next piece; none after the last.
    ///
    /// # Errors
    /// [`ExecutorError::CorruptArtifact`] when the whole does not match its digest.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, ExecutorError> {
        self.pieces.next().await.map_err(|error| unreadable(self.id, error))
    }
}

fn unreadable(id: Id<ArtifactKind>, error: BlobError) -> ExecutorError {
    match error {
        BlobError::Corrupt | BlobError::Missing => ExecutorError::CorruptArtifact(id),
        error => ExecutorError::Artifacts(error),
    }
}
