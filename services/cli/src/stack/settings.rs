//! Configuration of the embedded stack: as that of a single service, with a section for each.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use assent_approval_gate::ApprovalGate;
use assent_dashboard::Dashboard;
use assent_executor::Executor;
use assent_notification::Notification;
use assent_planner::Planner;
use assent_risk::Risk;
use assent_rpc::Issuer;
use assent_runtime::config::{self, ConfigError, Database, MetricsPort, Server, Telemetry, Tools};
use assent_runtime::{Service, Settings};
use assent_versioning::Versioning;
use serde::{Deserialize, Serialize};

/// Everything that the embedded stack reads. Its people and peers are its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DevSettings {
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) telemetry: Telemetry,
    pub(crate) metrics: MetricsPort,
    pub(crate) tools: Tools,
    pub(crate) auth: Believed,
    pub(crate) service: Services,
}

/// Who is believed besides the people of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Believed {
    /// Identity providers whose tokens (JWT) are believed.
    pub(crate) issuers: Vec<Issuer>,
}

/// What only each service knows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Services {
    pub(crate) planner: <Planner as Service>::Config,
    pub(crate) risk: <Risk as Service>::Config,
    pub(crate) versioning: <Versioning as Service>::Config,
    pub(crate) approval_gate: <ApprovalGate as Service>::Config,
    pub(crate) executor: <Executor as Service>::Config,
    pub(crate) notification: <Notification as Service>::Config,
    pub(crate) dashboard: <Dashboard as Service>::Config,
}

/// Where configuration comes from, as on every command that runs services.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Sources {
    /// TOML file with the configuration
    #[arg(long, env = "ASSENT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// One key, e.g. --set service.executor.max_executions=4; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    assignments: Vec<String>,
}

impl DevSettings {
    /// The defaults, with all state below `directory`.
    pub(crate) fn below(directory: &Path, listen: SocketAddr) -> Self {
        let Settings { server, database, telemetry, metrics, tools, service, .. } =
            Settings::<Services>::with_port(0);
        let auth = Believed::default();
        let mut settings = Self { server, database, telemetry, metrics, tools, auth, service };
        settings.server.listen = listen;
        settings.database.url = format!("sqlite://{}", directory.join("data").display());
        settings.service.executor.data_dir = directory.join("executor");
        settings
    }

    /// What is configured above these defaults.
    ///
    /// # Errors
    /// Names the key that cannot be used and where it came from.
    pub(crate) fn load(self, sources: &Sources) -> Result<Self, ConfigError> {
        config::load(self, sources.config.as_deref(), &sources.assignments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_stands_below_the_directory_and_what_is_printed_reads_back() {
        let settings = DevSettings::below(Path::new("/d"), SocketAddr::from(([127, 0, 0, 1], 9)));
        assert_eq!(settings.database.url, "sqlite:///d/data");
        let read: DevSettings = toml::from_str(&config::print(&settings).unwrap()).unwrap();
        assert_eq!(
            (read.server.listen.port(), read.service.executor.data_dir),
            (9, PathBuf::from("/d/executor"))
        );
        let unknown =
            Sources { config: None, assignments: vec!["service.planer.playbooks_dir=x".to_owned()] };
        assert!(settings.load(&unknown).unwrap_err().to_string().contains("planer"));
    }
}
