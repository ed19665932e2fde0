//! What an operator can set.

use std::time::Duration;

use assent_runtime::BuildError;
use serde::{Deserialize, Serialize};

use crate::domain::options::Mode;

/// Configuration of the approval gate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Mode of submissions that name none: `review_always`, `review_by_risk` or `direct`.
    pub default_mode: Mode,
    /// Seconds to decide where neither the request nor the policy says how long.
    pub default_timeout_seconds: u64,
    /// Seconds for which a grant may be acted on.
    pub grant_ttl_seconds: u64,
    /// Seconds between two looks for sessions whose time is over.
    pub sweep_seconds: u64,
    /// Path of a YAML file with entries for the directory, read at start; empty for none.
    pub directory: String,
    /// Comments that one author may write or edit within a minute.
    pub comments_per_minute: u32,
    /// Seconds between two signed heads of the log over all audit chains; none is signed while nothing was added.
    pub tree_head_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_mode: Mode::ReviewAlways,
            default_timeout_seconds: 24 * 60 * 60,
            grant_ttl_seconds: 7 * 24 * 60 * 60,
            sweep_seconds: 1,
            directory: String::new(),
            comments_per_minute: 30,
            tree_head_seconds: 300,
        }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), BuildError> {
        let amounts = [
            ("default_timeout_seconds", self.default_timeout_seconds),
            ("grant_ttl_seconds", self.grant_ttl_seconds),
            ("sweep_seconds", self.sweep_seconds),
            ("comments_per_minute", u64::from(self.comments_per_minute)),
            ("tree_head_seconds", self.tree_head_seconds),
        ];
        match amounts.iter().find(|(_, amount)| *amount == 0) {
            Some((key, _)) => Err(BuildError::Config(format!("service.{key} must be at least 1"))),
            None => Ok(()),
        }
    }

    pub(crate) fn default_timeout(&self) -> Duration {
        Duration::from_secs(self.default_timeout_seconds)
    }

    pub(crate) fn grant_ttl(&self) -> Duration {
        Duration::from_secs(self.grant_ttl_seconds)
    }

    pub(crate) fn tree_head(&self) -> Duration {
        Duration::from_secs(self.tree_head_seconds)
    }

    pub(crate) fn sweep(&self) -> Duration {
        Duration::from_secs(self.sweep_seconds)
    }
}
