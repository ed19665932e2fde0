//! What proves, without any server, what was decided and done: the chain of audit entries of a session, the log over
//! all chains with its signed heads, and the bundle that holds both with everything else about a session.
//! `docs/audit.md` specifies them for any language. No I/O: the approval gate writes them, and the gate, the CLI and the
//! tests check them with this one crate.

#![warn(missing_docs)]

pub mod bundle;
mod chain;
mod head;
mod keys;
pub mod log;
mod verify;

pub use chain::{Entry, Head, Verdict, Verifier};
pub use head::HeadClaims;
pub use keys::{Jwk, Jwks, PublicKeys, TokenError};
pub use verify::{Problem, Proof, executions, verify};
