//! Why a process could not run.

use crate::config::ConfigError;
use crate::service::BuildError;

/// Why a process could not start, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration cannot be used.
    #[error("configuration: {0}")]
    Config(#[from] ConfigError),
    /// Telemetry cannot be set up.
    #[error("telemetry: {0}")]
    Telemetry(String),
    /// A service could not be built.
    #[error("{service} cannot start")]
    Build {
        /// The service.
        service: &'static str,
        /// Why.
        #[source]
        source: BuildError,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A process that was asked how it is is not ready.
    #[error("{address} is not ready: {why}")]
    NotReady {
        /// Where it was asked.
        address: std::net::SocketAddr,
        /// What it said, or why it did not.
        why: String,
    },
    /// A task that must not end did.
    #[error("the task {0} failed")]
    Task(&'static str),
    /// The runtime cannot be started.
    #[error("cannot start the runtime")]
    Io(#[from] std::io::Error),
}
