//! What proves, without any server, what was decided and done: the chain of audit entries of a session, and the log
//! over all chains with its signed heads. `docs/audit.md` specifies them for any language.
//! No I/O: the approval gate writes them, and the gate, the CLI and the tests check them with this one crate.

#![warn(missing_docs)]

mod chain;
mod head;
pub mod log;

pub use chain::{Entry, Head, Verdict, Verifier};
pub use head::{HeadClaims, HeadError, PublicKeys};
