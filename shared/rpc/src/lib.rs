//! Everything between a use case and the wire: who calls and may they, is the request well-formed, how a fault
//! becomes a status, how a peer is called, and how a port is served. The only crate besides each service's
//! `grpc` module that knows tonic.

#![warn(missing_docs)]

mod accept;
mod access;
pub mod convert;
mod door;
mod identity;
mod measure;
mod outbound;
mod remote;
mod rules;
mod server;
mod status;
mod trace;
mod transport;

pub use accept::{InvalidRequest, accept};
pub use access::{Access, AccessTable};
pub use door::Door;
pub use identity::{Credentials, Identities, Identity, IdentityError};
pub use measure::{RpcMetrics, measured};
pub use outbound::{outbound, outbound_within};
pub use remote::RemoteFault;
pub use rules::validate;
pub use server::{MAX_MESSAGE_BYTES, ServeError, Served, router, serve};
pub use status::{invalid, status, stopping};
pub use trace::{TRACEPARENT, continue_from, resume, traceparent_of};
pub use transport::{Passage, Transport, TransportError};
