//! What every crate of Assent speaks in: ids, times, actors, digests, page tokens, faults and the
//! context of an operation. No I/O and no transport.

#![warn(missing_docs)]

pub mod actor;
pub mod context;
pub mod digest;
pub mod fault;
pub mod grant;
pub mod id;
pub mod net;
pub mod page;
#[cfg(feature = "sqlx")]
mod sql;
pub mod time;

pub use actor::{Actor, ActorKind, Role};
pub use context::{ContextSource, OpContext, trace_id};
pub use digest::Digest;
pub use fault::{Code, Fault, Reason, Violation};
pub use id::{Id, Kind};
pub use time::{Clock, Timestamp};
