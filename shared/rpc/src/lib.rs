//! Everything between a use case and the wire: who calls and may they, is the request well-formed, how a fault
//! becomes a status, how a peer is called, and how a port is served. The only crate besides each service's
//! `grpc` module that knows tonic.

#![warn(missing_docs)]

mod accept;
mod access;
mod breaker;
mod connect;
pub mod convert;
mod deadline;
mod door;
mod identity;
mod jwt;
mod limits;
mod listen;
mod measure;
mod method;
mod outbound;
mod peer;
mod reflection;
mod remote;
mod rules;
mod server;
mod status;
mod tls;
mod trace;
mod transport;
mod wire;

pub use accept::{InvalidRequest, accept};
pub use access::{Access, AccessTable};
pub use connect::PeerOptions;
pub use door::Door;
pub use identity::{Credentials, Identities, Identity, IdentityError};
pub use jwt::{Claims, Issuer, IssuerError, SignatureAlgorithm, TokenError};
pub use limits::{LimitOptions, Limits};
pub use listen::{Connections, serve};
pub use measure::{RpcMetrics, measured};
pub use outbound::{outbound, outbound_within};
pub use remote::RemoteFault;
pub use rules::validate;
pub use server::{LIVENESS, MAX_MESSAGE_BYTES, Port, router};
pub use status::{invalid, status, stopping};
pub use tls::{ClientTlsFiles, ServerTls, ServerTlsFiles, TlsError};
pub use trace::{TRACEPARENT, continue_from, resume, traceparent_of};
pub use transport::{Passage, Transport, TransportError};
