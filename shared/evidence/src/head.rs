//! Signed heads of the log.

use assent_core::Digest;
use serde::{Deserialize, Serialize};

/// What a head says, signed as an EdDSA JWT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadClaims {
    /// `assent`.
    pub iss: String,
    /// When it was signed, in whole seconds since the Unix epoch.
    pub iat: i64,
    /// Entries that it covers.
    pub tree_size: u64,
    /// Merkle root over their digests.
    pub root: Digest,
}
