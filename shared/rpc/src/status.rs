//! The one place that makes a gRPC status of a fault (google.rpc error model,
//! <https://cloud.google.com/apis/design/errors>).

use std::collections::HashMap;
use std::error::Error;

use assent_core::id::RequestId;
use assent_core::{Code, Fault, Reason, Violation};
use prost::Message as _;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::accept::InvalidRequest;

/// Domain of every reason.
pub(crate) const DOMAIN: &str = "assent.dev";

tokio::task_local! {
    /// The call that this task serves; set by the door.
    pub(crate) static REQUEST: Serving;
}

/// By what the caller and the logs know a call.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    pub(crate) id: RequestId,
    /// The trace that it belongs to; empty where there is none.
    pub(crate) trace_id: String,
}

/// Makes the status that tells a caller about `fault`: always with `ErrorInfo` and `RequestInfo`. The text of an
/// internal fault is logged here, once, and not sent.
pub fn status<F: Fault + ?Sized>(fault: &F) -> Status {
    let code = fault.code();
    let Reason(reason) = fault.reason();
    let mut metadata: HashMap<_, _> = fault.metadata().into_iter().collect();
    let (request, trace) =
        REQUEST.try_with(|call| (call.id.to_string(), call.trace_id.clone())).unwrap_or_default();
    let mut details = ErrorDetails::new();
    let message = if code == Code::Internal {
        tracing::error!(reason = %reason, request.id = %request, error = %chain(fault), "internal error");
        "internal error".to_owned()
    } else {
        fault.to_string()
    };
    for violation in fault.violations() {
        details.add_bad_request_violation(
            violation.field,
            format!("{}: {}", violation.code, violation.description),
        );
    }
    if code == Code::FailedPrecondition {
        let subject = metadata.get("session_id").cloned().unwrap_or_default();
        details.add_precondition_failure_violation(reason.to_string(), subject, message.clone());
    }
    if let Some(delay) = fault.retry_after() {
        details.set_retry_info(Some(delay));
    }
    if !trace.is_empty() {
        metadata.insert("trace_id".to_owned(), trace);
    }
    details.set_error_info(reason, DOMAIN, metadata);
    if !request.is_empty() {
        details.set_request_info(request, "");
    }
    let status = Status::with_error_details(grpc_code(code), message, details);
    with_own_details(status, fault.details())
}

/// Puts messages of the contract behind the standard details.
fn with_own_details(status: Status, own: Vec<(String, Vec<u8>)>) -> Status {
    if own.is_empty() {
        return status;
    }
    let Ok(mut rich) = tonic_types::pb::Status::decode(status.details()) else { return status };
    let any = |(name, value)| prost_types::Any { type_url: format!("type.googleapis.com/{name}"), value };
    rich.details.extend(own.into_iter().map(any));
    Status::with_details(status.code(), status.message(), rich.encode_to_vec().into())
}

/// The status of a request with these violations.
pub fn invalid(violations: Vec<Violation>) -> Status {
    status(&InvalidRequest(violations))
}

/// The status that ends long calls when the server stops: the same call may be repeated elsewhere.
pub fn stopping() -> Status {
    status(&Stopping)
}

#[derive(Debug, thiserror::Error)]
#[error("the server is stopping; repeat the call")]
struct Stopping;

impl Fault for Stopping {
    fn code(&self) -> Code {
        Code::Unavailable
    }

    fn reason(&self) -> Reason {
        Reason::new("SERVER_STOPPING")
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        Some(std::time::Duration::from_secs(1))
    }
}

fn chain<F: Fault + ?Sized>(fault: &F) -> String {
    let mut text = fault.to_string();
    let mut source: Option<&dyn Error> = fault.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

const CODES: &[(Code, tonic::Code)] = &[
    (Code::InvalidArgument, tonic::Code::InvalidArgument),
    (Code::NotFound, tonic::Code::NotFound),
    (Code::AlreadyExists, tonic::Code::AlreadyExists),
    (Code::PermissionDenied, tonic::Code::PermissionDenied),
    (Code::Unauthenticated, tonic::Code::Unauthenticated),
    (Code::FailedPrecondition, tonic::Code::FailedPrecondition),
    (Code::Aborted, tonic::Code::Aborted),
    (Code::ResourceExhausted, tonic::Code::ResourceExhausted),
    (Code::OutOfRange, tonic::Code::OutOfRange),
    (Code::Unavailable, tonic::Code::Unavailable),
    (Code::DeadlineExceeded, tonic::Code::DeadlineExceeded),
    (Code::Unimplemented, tonic::Code::Unimplemented),
    (Code::Internal, tonic::Code::Internal),
];

pub(crate) fn grpc_code(code: Code) -> tonic::Code {
    CODES.iter().find(|(ours, _)| *ours == code).map_or(tonic::Code::Internal, |(_, grpc)| *grpc)
}

/// Our code for a peer's; what we do not use ourselves counts as internal.
pub(crate) fn own_code(code: tonic::Code) -> Code {
    CODES.iter().find(|(_, grpc)| *grpc == code).map_or(Code::Internal, |(ours, _)| *ours)
}
