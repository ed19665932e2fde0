//! What the planner is told.

use serde::{Deserialize, Serialize};

/// Configuration of the planner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Directory whose `*.yaml` files are playbooks beside those that Assent ships; empty for none.
    pub playbooks_dir: String,
}
