//! What can be configured.

use std::time::Duration;

use assent_runtime::BuildError;
use serde::{Deserialize, Serialize};

/// The section `service`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Every how many versions one is kept whole; those between are kept as changes. Less takes more space, more takes
    /// longer to read.
    pub snapshot_every: i32,
    /// Newest versions of a session that are kept however old they are.
    pub keep_versions: i32,
    /// Days for which every version is kept. After that, of sessions that have ended, those that were never voted on
    /// are removed.
    pub keep_days: u32,
    /// Seconds between two looks for versions that nobody needs any more.
    pub prune_every_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { snapshot_every: 50, keep_versions: 20, keep_days: 90, prune_every_seconds: 60 * 60 }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), BuildError> {
        let least = [
            ("snapshot_every", self.snapshot_every >= 1),
            ("keep_versions", self.keep_versions >= 1),
            // A vote becomes known here a moment after it was given.
            ("keep_days", self.keep_days >= 1),
            ("prune_every_seconds", self.prune_every_seconds >= 1),
        ];
        match least.iter().find(|(_, fits)| !fits) {
            Some((key, _)) => Err(BuildError::Config(format!("service.{key} must be at least 1"))),
            None => Ok(()),
        }
    }

    pub(crate) fn keep_time(&self) -> Duration {
        Duration::from_secs(u64::from(self.keep_days) * 24 * 60 * 60)
    }

    pub(crate) fn prune_every(&self) -> Duration {
        Duration::from_secs(self.prune_every_seconds)
    }
}
