//! What the risk service is told.

use serde::{Deserialize, Serialize};

/// Configuration of the risk service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Path of the policy; empty for the one that Assent ships.
    pub policy_file: String,
}
