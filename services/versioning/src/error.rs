//! Why a use case failed.

use std::time::Duration;

use assent_core::id::SessionId;
use assent_core::{Code, Digest, Fault, Reason, Violation};
use assent_plan::{Conflict, EditError, InvalidPlan};
use assent_proto::plan::v1::PlanConflicts;
use assent_rpc::RemoteFault;
use assent_store::StoreError;
use assent_store::idempotency::IdempotencyError;
use prost::{Message as _, Name as _};

use crate::domain::{Head, HeadError};
use crate::grpc::convert::conflicts_to_pb;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VersioningError {
    #[error(transparent)]
    Plan(#[from] InvalidPlan),
    #[error("{session} has no version{}", .number.map(|n| format!(" {n}")).unwrap_or_default())]
    NotFound { session: SessionId, number: Option<i32> },
    #[error("the newest version of {session} is {version}; read it and decide anew", version = .head.map_or(0, |h| h.0))]
    Superseded { session: SessionId, head: Option<(i32, Digest)> },
    #[error("a decision on {session} is being made, or was made; its plan cannot change")]
    Sealed { session: SessionId },
    #[error(
        "the plan of {session} is changed by its requester, and by people who develop, lead or administer"
    )]
    Forbidden { session: SessionId },
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error("the plan is already as these edits would make it")]
    NothingChanged { session: SessionId },
    #[error("version {head} of {session} and your edits of version {base} do not go together: {}", first(.conflicts))]
    Conflicts { session: SessionId, base: i32, head: i32, conflicts: Vec<Conflict> },
    #[error("version {version} of {session} is damaged")]
    Corrupted { session: SessionId, version: i32 },
    #[error(transparent)]
    Request(#[from] IdempotencyError),
    #[error(transparent)]
    Remote(#[from] RemoteFault),
    #[error("the answer of {peer} cannot be used: {problem}")]
    Answer { peer: &'static str, problem: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn first(conflicts: &[Conflict]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<_> = conflicts.iter().take(SHOWN).map(ToString::to_string).collect();
    match conflicts.len().saturating_sub(SHOWN) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}

impl VersioningError {
    /// What `error` about `head` means for `session`.
    pub(crate) fn of_head(session: SessionId, head: Option<&Head>, error: HeadError) -> Self {
        match error {
            HeadError::Superseded => {
                Self::Superseded { session, head: head.map(|head| (head.version, head.digest)) }
            }
            HeadError::Sealed => Self::Sealed { session },
            HeadError::Corrupted(version) => Self::Corrupted { session, version },
        }
    }

    /// Whether somebody else changed the same rows first, so that another look may help.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Conflict) | Self::Request(IdempotencyError::Store(StoreError::Conflict))
        )
    }
}

impl Fault for VersioningError {
    fn code(&self) -> Code {
        match self {
            Self::Plan(error) => error.code(),
            Self::NotFound { .. } => Code::NotFound,
            Self::Superseded { .. } => Code::Aborted,
            Self::Sealed { .. } | Self::NothingChanged { .. } => Code::FailedPrecondition,
            Self::Forbidden { .. } => Code::PermissionDenied,
            Self::Edit(error) => error.code(),
            Self::Conflicts { .. } => Code::Aborted,
            Self::Corrupted { .. } => Code::Internal,
            Self::Request(error) => error.code(),
            Self::Remote(error) => error.code(),
            Self::Answer { .. } => Code::Internal,
            Self::Store(error) => error.code(),
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Plan(error) => error.reason(),
            Self::NotFound { .. } => Reason::new("VERSION_NOT_FOUND"),
            Self::Superseded { .. } => Reason::new("VERSION_CONFLICT"),
            Self::Sealed { .. } => Reason::new("VERSION_SEALED"),
            Self::Forbidden { .. } => Reason::new("EDIT_FORBIDDEN"),
            Self::Edit(error) => error.reason(),
            Self::NothingChanged { .. } => Reason::new("NOTHING_CHANGED"),
            Self::Conflicts { .. } => Reason::new("EDIT_CONFLICT"),
            Self::Corrupted { .. } => Reason::new("DATA_CORRUPT"),
            Self::Request(error) => error.reason(),
            Self::Remote(error) => error.reason(),
            Self::Answer { .. } => Reason::new("INTERNAL"),
            Self::Store(error) => error.reason(),
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        let about = |session: &SessionId| ("session_id".to_owned(), session.to_string());
        match self {
            Self::NotFound { session, number } => {
                let number = number.map(|n| ("version_number".to_owned(), n.to_string()));
                std::iter::once(about(session)).chain(number).collect()
            }
            Self::Superseded { session, head } => {
                let digest = head.map(|(_, digest)| ("head_digest".to_owned(), digest.to_string()));
                let version = ("head_version".to_owned(), head.map_or(0, |(version, _)| version).to_string());
                [about(session), version].into_iter().chain(digest).collect()
            }
            Self::Sealed { session } | Self::Forbidden { session } | Self::NothingChanged { session } => {
                vec![about(session)]
            }
            Self::Edit(error) => error.metadata(),
            Self::Conflicts { session, base, head, conflicts } => vec![
                about(session),
                ("base_version".to_owned(), base.to_string()),
                ("head_version".to_owned(), head.to_string()),
                ("conflicts".to_owned(), conflicts.len().to_string()),
            ],
            Self::Corrupted { session, version } => {
                vec![about(session), ("version_number".to_owned(), version.to_string())]
            }
            Self::Plan(error) => error.metadata(),
            Self::Request(error) => error.metadata(),
            Self::Remote(error) => error.metadata(),
            Self::Answer { .. } => Vec::new(),
            Self::Store(error) => error.metadata(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Plan(error) => error.violations(),
            Self::Edit(error) => error.violations(),
            Self::Request(error) => error.violations(),
            Self::Remote(error) => error.violations(),
            _ => Vec::new(),
        }
    }

    fn details(&self) -> Vec<(String, Vec<u8>)> {
        match self {
            Self::Conflicts { base, head, conflicts, .. } => {
                let details = conflicts_to_pb(*base, *head, conflicts);
                vec![(PlanConflicts::full_name(), details.encode_to_vec())]
            }
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Request(error) => error.retry_after(),
            Self::Remote(error) => error.retry_after(),
            Self::Store(error) => error.retry_after(),
            _ => None,
        }
    }
}
