//! Why a use case failed.

use std::time::Duration;

use assent_core::{Code, Fault, Reason, Violation};
use assent_rpc::RemoteFault;
use assent_store::StoreError;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotificationError {
    #[error(transparent)]
    Remote(#[from] RemoteFault),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for NotificationError {
    fn code(&self) -> Code {
        match self {
            Self::Remote(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Remote(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::Remote(error) => error.metadata(),
            Self::Store(error) => error.metadata(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Remote(error) => error.violations(),
            Self::Store(error) => error.violations(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Remote(error) => error.retry_after(),
            Self::Store(error) => error.retry_after(),
        }
    }
}
