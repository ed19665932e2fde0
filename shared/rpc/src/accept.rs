//! The first line of every handler.

use assent_core::{Code, Fault, OpContext, Reason, Violation, fault};
use prost::{Message, Name};
use tonic::{Request, Status};

use crate::status::status;

/// A request that breaks the rules of its fields.
#[derive(Debug, thiserror::Error)]
#[error("the request is invalid: {}", fault::summary(.0))]
pub struct InvalidRequest(pub Vec<Violation>);

impl Fault for InvalidRequest {
    fn code(&self) -> Code {
        Code::InvalidArgument
    }

    fn reason(&self) -> Reason {
        Reason::new("REQUEST_INVALID")
    }

    fn violations(&self) -> Vec<Violation> {
        self.0.clone()
    }
}

/// Splits a request into who asks and what is asked; the latter has passed its field rules.
///
/// # Errors
/// `INVALID_ARGUMENT REQUEST_INVALID` with every violation.
pub fn accept<M: Message + Name>(request: Request<M>) -> Result<(OpContext, M), Status> {
    let (_, mut extensions, message) = request.into_parts();
    // The door puts the context there; without a door nothing is served.
    let context = extensions.remove::<OpContext>().ok_or_else(|| {
        tracing::error!(method = M::full_name(), "a request came past the door");
        Status::unauthenticated("no identity")
    })?;
    let violations = crate::rules::validate(&message);
    if violations.is_empty() { Ok((context, message)) } else { Err(status(&InvalidRequest(violations))) }
}
