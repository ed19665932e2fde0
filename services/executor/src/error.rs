//! What can go wrong, and what it means to a caller.

use std::time::Duration;

use assent_core::id::{ArtifactKind, SessionId};
use assent_core::{Code, Fault, Id, Reason, Violation};
use assent_rpc::RemoteFault;
use assent_store::StoreError;
use tonic::Status;

use crate::domain::IllegalTransition;

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
    /// The request cannot be read.
    #[error("the request is invalid")]
    Invalid(Vec<Violation>),
    /// A state does not allow what was about to happen: a defect.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
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
            Self::UnknownExecution(_) | Self::UnknownArtifact(_) => Code::NotFound,
            Self::Invalid(_) => Code::InvalidArgument,
            Self::CorruptArtifact(_) | Self::Illegal(_) => Code::Internal,
            Self::LeaseLost => Code::Aborted,
            Self::Remote(fault) => fault.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::UnknownExecution(_) => Reason::new("EXECUTION_NOT_FOUND"),
            Self::UnknownArtifact(_) => Reason::new("ARTIFACT_NOT_FOUND"),
            Self::CorruptArtifact(_) => Reason::new("DATA_CORRUPT"),
            Self::Invalid(_) => Reason::new("REQUEST_INVALID"),
            Self::Illegal(_) => Reason::new("INTERNAL"),
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

impl From<ExecutorError> for Status {
    fn from(error: ExecutorError) -> Self {
        assent_rpc::status(&error)
    }
}
