//! Configuration: defaults, then a TOML file, then `ASSENT_<SECTION>__<KEY>` variables, then flags. A key that
//! nothing reads is an error.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use assent_rpc::{
    ClientTlsFiles, Connections, Issuer, LimitOptions, PeerOptions, ServerTls, ServerTlsFiles, TlsError,
};
use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Everything that a process reads. `C` is the part of the service itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "C: Serialize + DeserializeOwned")]
pub struct Settings<C> {
    /// The port.
    pub server: Server,
    /// Where state is kept.
    pub database: Database,
    /// How services wake each other.
    pub bus: BusSettings,
    /// Who may call.
    pub auth: Auth,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// What Prometheus reads.
    pub metrics: MetricsPort,
    /// Where the other services are.
    pub peers: Peers,
    /// What work items may use; the same for planner, risk, versioning and executor.
    pub tools: Tools,
    /// What only this service knows.
    pub service: C,
}

/// The port.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Seconds that running calls and tasks have to end after a stop signal.
    pub shutdown_grace_seconds: u64,
    /// Seconds without a sign of life after which a client is asked for one.
    pub keepalive_seconds: u64,
    /// Seconds that it then has, before its connection is closed.
    pub keepalive_timeout_seconds: u64,
    /// Seconds after which a connection is to be replaced by a new one, so that balancers choose again; between half of
    /// it and all of it. 0 for never.
    pub max_connection_age_seconds: u64,
    /// Seconds for which the calls of such a connection may go on.
    pub max_connection_age_grace_seconds: u64,
    /// Calls at once on one connection, at most.
    pub max_streams_per_connection: u32,
    /// Calls of one caller in a second, on average; 0 for any number. Services are not limited.
    pub calls_per_second: u32,
    /// Calls of one caller at once after a rest; no less than `calls_per_second`.
    pub calls_burst: u32,
    /// Calls of one caller that run at the same time, watches among them; 0 for any number.
    pub concurrent_calls: u32,
    /// PEM file with the certificate of the port and those that it was made by; plain when empty. Read again when it
    /// changes, as are the next two.
    pub tls_certificate_file: String,
    /// PEM file with its private key.
    pub tls_key_file: String,
    /// PEM file with the roots of clients' certificates. A client whose certificate has a name of the identities file
    /// needs no token.
    pub tls_client_ca_file: String,
    /// Whether a client without such a certificate is turned away.
    pub tls_client_required: bool,
    /// Address and port of a plain listener that answers health and nothing else, for probes that know no TLS; none when
    /// empty.
    pub health_listen: String,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            shutdown_grace_seconds: 30,
            keepalive_seconds: 20,
            keepalive_timeout_seconds: 10,
            max_connection_age_seconds: 0,
            max_connection_age_grace_seconds: 60,
            max_streams_per_connection: 1024,
            calls_per_second: 1000,
            calls_burst: 2000,
            concurrent_calls: 1000,
            tls_certificate_file: String::new(),
            tls_key_file: String::new(),
            tls_client_ca_file: String::new(),
            tls_client_required: false,
            health_listen: String::new(),
        }
    }
}

impl Server {
    /// How the port treats its connections.
    ///
    /// # Errors
    /// When the certificate cannot be used.
    pub fn connections(&self) -> Result<Connections, ConfigError> {
        let seconds = Duration::from_secs;
        Ok(Connections {
            keepalive: seconds(self.keepalive_seconds.max(1)),
            keepalive_timeout: seconds(self.keepalive_timeout_seconds.max(1)),
            max_age: (self.max_connection_age_seconds > 0).then(|| seconds(self.max_connection_age_seconds)),
            max_age_grace: seconds(self.max_connection_age_grace_seconds),
            max_streams: self.max_streams_per_connection.max(1),
            tls: self.tls()?,
        })
    }

    fn tls(&self) -> Result<Option<Arc<ServerTls>>, ConfigError> {
        let files = match (given(&self.tls_certificate_file), given(&self.tls_key_file)) {
            (Some(certificate), Some(key)) => ServerTlsFiles {
                certificate,
                key,
                client_ca: given(&self.tls_client_ca_file),
                client_required: self.tls_client_required,
            },
            (None, None) if self.tls_client_ca_file.is_empty() && !self.tls_client_required => {
                return Ok(None);
            }
            _ => return Err(ConfigError::TlsIncomplete),
        };
        if files.client_required && files.client_ca.is_none() {
            return Err(ConfigError::TlsIncomplete);
        }
        Ok(Some(Arc::new(ServerTls::new(files)?)))
    }

    /// Where health is answered besides.
    ///
    /// # Errors
    /// When it is no address.
    pub fn health_address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        match self.health_listen.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| ConfigError::HealthAddress(text.to_owned())),
        }
    }

    /// What one caller may do.
    pub fn limits(&self) -> LimitOptions {
        LimitOptions {
            calls_per_second: self.calls_per_second,
            burst: self.calls_burst,
            concurrent_calls: self.concurrent_calls,
        }
    }
}

/// Where state is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `postgres://…` (each service in a schema of its own), or `sqlite://DIRECTORY` (a file per service).
    pub url: String,
    /// Most connections of one service.
    pub max_connections: u32,
}

/// How services wake each other. Losing it only makes them slower.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusSettings {
    /// `redis://…`; empty for the bus inside the process.
    pub url: String,
}

/// Who may call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// YAML file of identities and the digests of their tokens; without it nobody may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identities: Option<PathBuf>,
    /// File with the token that this service shows to the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_token_file: Option<PathBuf>,
    /// Identity providers whose tokens (JWT) are believed.
    pub issuers: Vec<Issuer>,
}

/// Logs and traces.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// What to log, e.g. `info,assent_executor=debug`.
    pub log: String,
    /// How.
    pub format: LogFormat,
    /// OTLP endpoint for traces, e.g. `http://localhost:4317`; empty for none.
    pub otlp_endpoint: String,
    /// Share of traces that are kept, from 0 to 1, of those that begin here; whether a caller's trace is kept was decided
    /// by whoever began it.
    pub sampling_ratio: f64,
}

/// What Prometheus reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsPort {
    /// Address and port on which `GET /metrics` is answered to anybody, without a credential; port 0 takes a free one.
    /// Nothing is served without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Where the other services are, as `http://host:port` or `https://host:port`. Only those that a service calls are needed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Peers {
    /// The planner.
    pub planner: String,
    /// The risk service.
    pub risk: String,
    /// The versioning service.
    pub versioning: String,
    /// The approval gate.
    pub approval_gate: String,
    /// The executor.
    pub executor: String,
    /// The notification service.
    pub notification: String,
    /// PEM file with the roots of their certificates, for `https`.
    pub ca_file: String,
    /// PEM file with the certificate that this service shows to them; none when empty. Read for each connection anew.
    pub certificate_file: String,
    /// PEM file with its private key.
    pub key_file: String,
    /// Connections to each of them: calls go round them, and each goes to another address of the name, where it has
    /// several.
    pub connections: usize,
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            planner: String::new(),
            risk: String::new(),
            versioning: String::new(),
            approval_gate: String::new(),
            executor: String::new(),
            notification: String::new(),
            ca_file: String::new(),
            certificate_file: String::new(),
            key_file: String::new(),
            connections: 3,
        }
    }
}

/// A path, where there is one.
fn given(path: &str) -> Option<PathBuf> {
    (!path.is_empty()).then(|| PathBuf::from(path))
}

impl Peers {
    /// How they are reached.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn options(&self) -> Result<PeerOptions, TlsError> {
        let identity = given(&self.certificate_file).map(|file| (file, PathBuf::from(&self.key_file)));
        let tls = ClientTlsFiles { ca: given(&self.ca_file), identity };
        if tls != ClientTlsFiles::default() {
            tls.check()?;
        }
        Ok(PeerOptions { connections: self.connections, tls })
    }
}

impl<C: Default> Settings<C> {
    /// The defaults, listening on `port` of the loopback interface and keeping state below `./.assent`.
    pub fn with_port(port: u16) -> Self {
        Self {
            server: Server { listen: SocketAddr::from(([127, 0, 0, 1], port)), ..Server::default() },
            database: Database { url: "sqlite://.assent/data".to_owned(), max_connections: 16 },
            bus: BusSettings::default(),
            auth: Auth::default(),
            telemetry: Telemetry {
                log: "info".to_owned(),
                format: LogFormat::Auto,
                otlp_endpoint: String::new(),
                sampling_ratio: 1.0,
            },
            metrics: MetricsPort::default(),
            peers: Peers::default(),
            tools: Tools::default(),
            service: C::default(),
        }
    }
}

/// What work items may use.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tools {
    /// YAML file of the tools; the catalog that Assent ships when empty.
    pub catalog: String,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named does not exist.
    #[error("there is no configuration file {0}")]
    NoFile(PathBuf),
    /// Unknown key, wrong type, malformed file; names key and source.
    #[error("{0}")]
    Invalid(Box<figment::Error>),
    /// `--set` without `key=value`.
    #[error("{0:?} is not of the form section.key=value")]
    Assignment(String),
    /// Some of the TLS keys are there, and others that they need are not.
    #[error(
        "server.tls_certificate_file and server.tls_key_file go together, and tls_client_required needs tls_client_ca_file"
    )]
    TlsIncomplete,
    /// The certificate of the port cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Not of the form `address:port`.
    #[error("server.health_listen: {0:?} is no address with a port")]
    HealthAddress(String),
    /// It cannot be printed.
    #[error("cannot print the configuration: {0}")]
    Print(#[from] toml::ser::Error),
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        Self::Invalid(Box::new(error))
    }
}

/// Reads the layers above `defaults`: `file`, the environment, then `assignments` (`section.key=value`).
///
/// # Errors
/// Names the key and where it came from.
pub fn load<T>(defaults: T, file: Option<&Path>, assignments: &[String]) -> Result<T, ConfigError>
where
    T: Serialize + DeserializeOwned,
{
    let mut figment = Figment::from(Serialized::defaults(defaults));
    if let Some(path) = file {
        if !path.is_file() {
            return Err(ConfigError::NoFile(path.to_owned()));
        }
        figment = figment.merge(Toml::file_exact(path));
    }
    // Only names with a section, so that ASSENT_TOKEN and the like are left to the command line.
    let environment = Env::prefixed("ASSENT_").filter(|key| key.as_str().contains("__")).split("__");
    figment = figment.merge(environment);
    for assignment in assignments {
        let (key, value) =
            assignment.split_once('=').ok_or_else(|| ConfigError::Assignment(assignment.clone()))?;
        // The same reading of numbers and booleans as in the environment.
        let value: figment::value::Value =
            value.parse().unwrap_or_else(|_: std::convert::Infallible| value.into());
        figment = figment.merge(Serialized::default(key, value));
    }
    Ok(figment.extract()?)
}

/// The configuration as TOML, as `--print-config` shows it.
///
/// # Errors
/// When it holds a value that TOML cannot express.
pub fn print<T: Serialize>(settings: &T) -> Result<String, ConfigError> {
    Ok(toml::to_string_pretty(settings)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Default, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Own {
        workers: u32,
    }

    #[test]
    fn later_layers_win_and_unknown_keys_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("assent.toml");
        std::fs::write(&file, "[server]\nlisten = \"127.0.0.1:7\"\n[service]\nworkers = 3\n").unwrap();
        let defaults = || Settings::<Own>::with_port(1);
        let settings = load(defaults(), Some(&file), &["service.workers=4".to_owned()]).unwrap();
        assert_eq!((settings.server.listen.port(), settings.service.workers), (7, 4));

        let error = load(defaults(), Some(&file), &["service.wokers=4".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("wokers"), "{error}");
        std::fs::write(&file, "[sevrer]\nlisten = \"127.0.0.1:7\"\n").unwrap();
        let error = load(defaults(), Some(&file), &[]).unwrap_err().to_string();
        assert!(error.contains("sevrer"), "{error}");
        assert!(matches!(load(defaults(), Some(Path::new("/nowhere")), &[]), Err(ConfigError::NoFile(_))));
        assert!(matches!(load(defaults(), None, &["x".to_owned()]), Err(ConfigError::Assignment(_))));
    }

    #[test]
    fn what_is_printed_reads_back() {
        let printed = print(&Settings::<Own>::with_port(9)).unwrap();
        let read: Settings<Own> = toml::from_str(&printed).unwrap();
        assert_eq!(read.server.listen.port(), 9);
    }
}
