//! What the risk service is told.

use serde::{Deserialize, Serialize};

/// Configuration of the risk service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Path of the policy; empty for the one that Assent ships.
    pub policy_file: String,
    /// How often the policy file is looked at for a change, in seconds; 0 for never.
    pub policy_reload_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { policy_file: String::new(), policy_reload_seconds: 5 }
    }
}
