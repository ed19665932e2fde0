//! What can go wrong, and what it means to a caller.

use std::time::Duration;

use assent_core::id::{ArtifactKind, SessionId};
use assent_core::{Code, Fault, Id, Reason, Violation};
use assent_plan::ItemId;
use assent_rpc::RemoteFault;
use assent_store::StoreError;
use tonic::Status;

use crate::blobs::BlobError;
use crate::domain::IllegalTransition;
use crate::domain::control::{Command, NotAllowed};
use crate::domain::grant::Refusal;
use crate::domain::retry::{AgainError, NotRepeatable};
use crate::tools::ToolError;

/// An error of the executor.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecutorError {
    /// The session has not been executed.
    #[error("the session {0} has not been executed")]
    UnknownExecution(SessionId),
    /// There is no such artifact.
    #[error("there is no artifact {0}")]
    UnknownArtifact(Id<ArtifactKind>),
    /// The content of an artifact is not what was kept.
    #[error("the content of the artifact {0} does not match its digest")]
    CorruptArtifact(Id<ArtifactKind>),
    /// Artifacts cannot be read or kept.
    #[error("artifacts: {0}")]
    Artifacts(#[from] BlobError),
    /// An attempt has as many artifacts as it may.
    #[error("an attempt may have {most} artifacts")]
    TooManyArtifacts {
        /// What is allowed.
        most: i64,
    },
    /// The request cannot be read.
    #[error("the request is invalid")]
    Invalid(Vec<Violation>),
    /// A state does not allow what was about to happen: a defect.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The execution does not allow what is asked.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The plan has no such item.
    #[error("the plan has no work item `{0}`")]
    UnknownItem(ItemId),
    /// The item does not allow what is asked.
    #[error(transparent)]
    NotRepeatable(NotRepeatable),
    /// Nothing runs on the grant.
    #[error("nothing runs on the grant: {0}")]
    Refused(Refusal),
    /// A worker reports on what is not its own any more.
    #[error("the lease has ended, and the work is another's or not wanted any more")]
    WorkLost,
    /// Only people may ask for that.
    #[error("an agent may not {} an execution", .0.as_str())]
    Agent(Command),
    /// The configuration has no such MCP server.
    #[error("service.mcp_servers does not have `{0}`")]
    UnknownServer(String),
    /// An MCP server does not say what it has.
    #[error(transparent)]
    Server(#[from] ToolError),
    /// Another service answered with something that cannot be.
    #[error("{0}")]
    Answer(&'static str),
    /// Somebody else drives the execution.
    #[error("another executor has taken the execution over")]
    LeaseLost,
    /// Another service did not do what was asked.
    #[error(transparent)]
    Remote(#[from] RemoteFault),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for ExecutorError {
    fn code(&self) -> Code {
        match self {
            Self::UnknownExecution(_)
            | Self::UnknownArtifact(_)
            | Self::UnknownItem(_)
            | Self::UnknownServer(_) => Code::NotFound,
            Self::Artifacts(BlobError::TooLarge { .. }) | Self::TooManyArtifacts { .. } => {
                Code::ResourceExhausted
            }
            Self::Artifacts(_) => Code::Unavailable,
            Self::Server(error) if error.retryable => Code::Unavailable,
            Self::Server(_) => Code::FailedPrecondition,
            Self::NotAllowed(_) | Self::NotRepeatable(_) | Self::Refused(_) | Self::WorkLost => {
                Code::FailedPrecondition
            }
            Self::Invalid(_) => Code::InvalidArgument,
            Self::CorruptArtifact(_) | Self::Illegal(_) | Self::Answer(_) => Code::Internal,
            Self::Agent(_) => Code::PermissionDenied,
            Self::LeaseLost => Code::Aborted,
            Self::Remote(fault) => fault.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::UnknownExecution(_) => Reason::new("EXECUTION_NOT_FOUND"),
            Self::UnknownArtifact(_) => Reason::new("ARTIFACT_NOT_FOUND"),
            Self::UnknownItem(_) => Reason::new("ITEM_NOT_FOUND"),
            Self::Artifacts(BlobError::TooLarge { .. }) => Reason::new("ARTIFACT_TOO_LARGE"),
            Self::Artifacts(_) => Reason::new("ARTIFACT_STORE_UNAVAILABLE"),
            Self::TooManyArtifacts { .. } => Reason::new("ARTIFACT_LIMIT_REACHED"),
            Self::UnknownServer(_) => Reason::new("MCP_SERVER_NOT_FOUND"),
            Self::Server(error) => Reason::new(error.reason),
            Self::NotAllowed(_) => Reason::new("EXECUTION_STATE"),
            Self::NotRepeatable(_) => Reason::new("ITEM_STATE"),
            Self::Refused(_) => Reason::new("EXECUTION_REFUSED"),
            Self::CorruptArtifact(_) => Reason::new("DATA_CORRUPT"),
            Self::Invalid(_) => Reason::new("REQUEST_INVALID"),
            Self::Illegal(_) | Self::Answer(_) => Reason::new("INTERNAL"),
            Self::WorkLost => Reason::new("LEASE_LOST"),
            Self::Agent(_) => Reason::new("AGENT_FORBIDDEN"),
            Self::LeaseLost => Reason::new("STORE_CONFLICT"),
            Self::Remote(fault) => fault.reason(),
            Self::Store(error) => error.reason(),
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::UnknownExecution(session) => vec![("session_id".to_owned(), session.to_string())],
            Self::UnknownArtifact(id) | Self::CorruptArtifact(id) => {
                vec![("artifact_id".to_owned(), id.to_string())]
            }
            Self::Artifacts(BlobError::TooLarge { most }) => vec![("max_bytes".to_owned(), most.to_string())],
            Self::TooManyArtifacts { most } => vec![("max_artifacts".to_owned(), most.to_string())],
            Self::UnknownServer(name) => vec![("server".to_owned(), name.clone())],
            Self::UnknownItem(item) => vec![("item_id".to_owned(), item.to_string())],
            Self::NotAllowed(NotAllowed { state, .. }) => {
                vec![("state".to_owned(), state.as_str().to_ascii_uppercase())]
            }
            Self::NotRepeatable(NotRepeatable { item, state, .. }) => vec![
                ("item_id".to_owned(), item.to_string()),
                ("state".to_owned(), state.as_str().to_ascii_uppercase()),
            ],
            Self::Refused(refusal) => vec![("refusal".to_owned(), refusal.reason().to_owned())],
            Self::Remote(fault) => fault.metadata(),
            _ => Vec::new(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Invalid(violations) => violations.clone(),
            Self::Remote(fault) => fault.violations(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Remote(fault) => fault.retry_after(),
            Self::Store(error) => error.retry_after(),
            _ => None,
        }
    }
}

impl From<AgainError> for ExecutorError {
    fn from(error: AgainError) -> Self {
        match error {
            AgainError::NotRepeatable(why) => Self::NotRepeatable(why),
            AgainError::Illegal(error) => Self::Illegal(error),
        }
    }
}

impl From<ExecutorError> for Status {
    fn from(error: ExecutorError) -> Self {
        assent_rpc::status(&error)
    }
}
