//! What an operator can set.

use std::time::Duration;

use assent_runtime::BuildError;
use serde::{Deserialize, Serialize};

use crate::domain::license::Tier;
use crate::domain::options::Mode;
use crate::vault::{SHORTEST_SECRET, Vault};

/// Configuration of the approval gate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Mode of submissions that name none: `review_always`, `review_by_risk` or `direct`.
    pub default_mode: Mode,
    /// Modes of single requesters who name none, each as `ID=MODE`; the others get `default_mode`.
    pub requester_modes: Vec<String>,
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
    /// Days for which an approved session is kept after its last change, and after its execution ended.
    pub keep_completed_days: u32,
    /// Days for which a rejected, timed out or cancelled session is kept.
    pub keep_rejected_days: u32,
    /// Days for which the audit of a session is kept after the session was removed.
    pub keep_audit_days: u32,
    /// What the license has: `core`, `writer_pro`, `teams` or `enterprise`.
    pub license_tier: Tier,
    /// Seconds between two signed heads of the log over all audit chains; none is signed while nothing was added.
    pub tree_head_seconds: u64,
    /// Days after which another key signs grants; 0 leaves it to administrators.
    pub key_rotation_days: u64,
    /// File with a secret of at least 32 bytes that encrypts the signing keys in the database; empty to keep them as they
    /// are.
    pub key_encryption_secret_file: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_mode: Mode::ReviewAlways,
            requester_modes: Vec::new(),
            default_timeout_seconds: 24 * 60 * 60,
            grant_ttl_seconds: 7 * 24 * 60 * 60,
            sweep_seconds: 1,
            directory: String::new(),
            comments_per_minute: 30,
            tree_head_seconds: 300,
            key_rotation_days: 90,
            key_encryption_secret_file: String::new(),
            keep_completed_days: 30,
            keep_rejected_days: 7,
            keep_audit_days: 7 * 365,
            license_tier: Tier::Enterprise,
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
            ("keep_completed_days", u64::from(self.keep_completed_days)),
            ("keep_rejected_days", u64::from(self.keep_rejected_days)),
            ("keep_audit_days", u64::from(self.keep_audit_days)),
        ];
        if let Some((key, _)) = amounts.iter().find(|(_, amount)| *amount == 0) {
            return Err(BuildError::Config(format!("service.{key} must be at least 1")));
        }
        match self.requester_modes.iter().find(|entry| mode_of(entry).is_none()) {
            Some(entry) => {
                let text = "expected ID=MODE with review_always, review_by_risk or direct";
                Err(BuildError::Config(format!("service.requester_modes: {entry}: {text}")))
            }
            None => Ok(()),
        }
    }

    /// What encrypts the signing keys; none where nothing does.
    pub(crate) fn vault(&self) -> Result<Option<Vault>, BuildError> {
        let file = &self.key_encryption_secret_file;
        if file.is_empty() {
            return Ok(None);
        }
        let bad =
            |why: String| BuildError::Config(format!("service.key_encryption_secret_file {file}: {why}"));
        let secret = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
        let vault = Vault::new(secret.trim_ascii());
        vault.map(Some).ok_or_else(|| bad(format!("the secret has fewer than {SHORTEST_SECRET} bytes")))
    }

    /// The mode of a submission of `requester` that names none.
    pub(crate) fn mode_of(&self, requester: &str) -> Mode {
        let modes = self.requester_modes.iter().filter_map(|entry| mode_of(entry));
        modes
            .filter(|(id, _)| *id == requester)
            .map(|(_, mode)| mode)
            .next_back()
            .unwrap_or(self.default_mode)
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

/// The id and the mode of `ID=MODE`. Ids may hold `=`.
fn mode_of(entry: &str) -> Option<(&str, Mode)> {
    let (id, mode) = entry.rsplit_once('=')?;
    Mode::parse(mode).filter(|_| !id.is_empty()).map(|mode| (id, mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_requesters_have_modes_of_their_own() {
        let modes = vec!["ci@example.com=direct".to_owned(), "a=b=review_by_risk".to_owned()];
        let config = Config { requester_modes: modes, ..Config::default() };
        assert!(config.validate().is_ok());
        assert_eq!(config.mode_of("ci@example.com"), Mode::Direct);
        assert_eq!(config.mode_of("a=b"), Mode::ReviewByRisk);
        assert_eq!(config.mode_of("dev"), Mode::ReviewAlways);
        for bad in ["ci", "=direct", "ci=often"] {
            let config = Config { requester_modes: vec![bad.to_owned()], ..Config::default() };
            assert!(config.validate().is_err(), "{bad}");
        }
    }
}
