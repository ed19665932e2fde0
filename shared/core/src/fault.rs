//! What a failure means to a caller. Services write their own error enums and implement [`Fault`]
//! once; one function of `assent-rpc` turns any fault into a gRPC status.

use std::borrow::Cow;
use std::time::Duration;

/// The canonical codes that Assent uses, a chosen part of gRPC's
/// (<https://grpc.io/docs/guides/status-codes/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request can never succeed as it stands.
    InvalidArgument,
    /// The thing named does not exist, or the caller may not know that it does.
    NotFound,
    /// The thing exists already with other content.
    AlreadyExists,
    /// The caller is known and may not do this.
    PermissionDenied,
    /// The caller is not known.
    Unauthenticated,
    /// The state must change first.
    FailedPrecondition,
    /// The caller's view is outdated: read again, then retry.
    Aborted,
    /// A limit is reached.
    ResourceExhausted,
    /// A position lies outside what is kept.
    OutOfRange,
    /// Not now; the same call may be repeated as it is.
    Unavailable,
    /// It took longer than the caller wanted to wait.
    DeadlineExceeded,
    /// There is no such method here.
    Unimplemented,
    /// A defect or a broken store. The caller learns nothing but the request id.
    Internal,
}

/// A stable name of why a call failed, e.g. `SESSION_NOT_FOUND`. Part of the API: each has a page in
/// `docs/errors/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reason(pub Cow<'static, str>);

impl Reason {
    /// A reason known when the code is written.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

/// One thing wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Path of the field in proto names, e.g. `plan.items[2].tool`.
    pub field: String,
    /// Stable code, e.g. `REQUIRED` or `PLAN_CYCLE`.
    pub code: Cow<'static, str>,
    /// What is wrong and what would be right; no final period.
    pub description: String,
}

impl Violation {
    /// A violation of `field`.
    pub fn new(field: impl Into<String>, code: &'static str, description: impl Into<String>) -> Self {
        Self { field: field.into(), code: Cow::Borrowed(code), description: description.into() }
    }
}

/// The first few of `violations` as one text, and how many more there are.
pub fn summary(violations: &[Violation]) -> String {
    let first: Vec<_> =
        violations.iter().take(3).map(|v| format!("{}: {}", v.field, v.description)).collect();
    let more = match violations.len().saturating_sub(first.len()) {
        0 => String::new(),
        n => format!("; and {n} more"),
    };
    format!("{}{more}", first.join("; "))
}

/// An error that knows what it means to a caller. The `Display` text reaches the caller, except for
/// [`Code::Internal`], where it is only logged.
pub trait Fault: std::error::Error {
    /// The canonical code.
    fn code(&self) -> Code;

    /// The stable reason.
    fn reason(&self) -> Reason;

    /// Every value that the message names, for programs.
    fn metadata(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Everything wrong with the request, for [`Code::InvalidArgument`].
    fn violations(&self) -> Vec<Violation> {
        Vec::new()
    }

    /// What else programs may want to know, as messages of the contract: full name and encoded bytes of each.
    fn details(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }

    /// How long to wait before repeating, for [`Code::Unavailable`] and [`Code::ResourceExhausted`].
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}
