//! What a peer answered when it did not do what was asked.

use std::borrow::Cow;
use std::time::Duration;

use assent_core::{Code, Fault, Reason, Violation};
use tonic::Status;
use tonic_types::StatusExt as _;

/// A peer's status, read back so that it can be judged, or passed on as it is.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct RemoteFault {
    code: Code,
    reason: String,
    message: String,
    metadata: Vec<(String, String)>,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
}

impl RemoteFault {
    /// The reason as text, to compare with: `fault.is("VERSION_NOT_FOUND")`.
    pub fn is(&self, reason: &str) -> bool {
        self.reason == reason
    }

    /// Whether the same call may succeed later as it is.
    pub fn is_transient(&self) -> bool {
        matches!(self.code, Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted)
    }
}

impl From<Status> for RemoteFault {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let violations = details.bad_request().map(|b| b.field_violations.as_slice()).unwrap_or_default();
        let violations = violations.iter().map(|v| match v.description.split_once(": ") {
            Some((code, text)) => Violation {
                field: v.field.clone(),
                code: Cow::Owned(code.to_owned()),
                description: text.to_owned(),
            },
            None => Violation::new(v.field.clone(), "INVALID", v.description.clone()),
        });
        let info = details.error_info();
        let code = match (info.is_some(), status.code()) {
            // An answer that broke off on its way.
            (false, tonic::Code::Unknown | tonic::Code::Internal | tonic::Code::Cancelled) => {
                Code::Unavailable
            }
            (_, code) => crate::status::own_code(code),
        };
        if info.is_none() {
            tracing::warn!(code = ?status.code(), error = status.message(), "a peer did not answer");
        }
        Self {
            code,
            // Without ErrorInfo it did not come from a handler: the connection failed, or a proxy spoke.
            reason: info.map_or_else(|| "PEER_UNAVAILABLE".to_owned(), |i| i.reason.clone()),
            message: match info {
                Some(_) => status.message().to_owned(),
                None => "a service that this call needs is not reachable".to_owned(),
            },
            metadata: info.map(|i| i.metadata.clone().into_iter().collect()).unwrap_or_default(),
            violations: violations.collect(),
            retry_after: details.retry_info().and_then(|r| r.retry_delay),
        }
    }
}

impl Fault for RemoteFault {
    fn code(&self) -> Code {
        self.code
    }

    fn reason(&self) -> Reason {
        Reason(Cow::Owned(self.reason.clone()))
    }

    fn metadata(&self) -> Vec<(String, String)> {
        self.metadata.clone()
    }

    fn violations(&self) -> Vec<Violation> {
        self.violations.clone()
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
