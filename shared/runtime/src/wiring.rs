//! What a service is given to build itself from.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use assent_core::{Actor, ContextSource};
use assent_events::{Backoff, Bus, EventMetrics, Watching};
use assent_metrics::Metrics;
use assent_plan::Catalog;
use assent_rpc::{
    Credentials, Identities, LimitOptions, Limits, Passage, PeerOptions, RpcMetrics, Transport,
    TransportError,
};
use assent_store::{Db, DbOptions, Migrations, StoreError};
use tokio_util::sync::CancellationToken;

use crate::config::{Auth, Database, Peers, Tools};
use crate::service::BuildError;

/// The other services, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// `planner`
    Planner,
    /// `risk`
    Risk,
    /// `versioning`
    Versioning,
    /// `approval-gate`
    ApprovalGate,
    /// `executor`
    Executor,
    /// `notification`
    Notification,
}

impl Peer {
    /// Key in the section `peers`.
    const fn key(self) -> &'static str {
        match self {
            Self::Planner => "planner",
            Self::Risk => "risk",
            Self::Versioning => "versioning",
            Self::ApprovalGate => "approval_gate",
            Self::Executor => "executor",
            Self::Notification => "notification",
        }
    }

    fn address(self, peers: &Peers) -> &str {
        match self {
            Self::Planner => &peers.planner,
            Self::Risk => &peers.risk,
            Self::Versioning => &peers.versioning,
            Self::ApprovalGate => &peers.approval_gate,
            Self::Executor => &peers.executor,
            Self::Notification => &peers.notification,
        }
    }
}

#[derive(Debug, Clone)]
enum Reach {
    Local(Arc<OnceLock<axum::Router>>),
    Remote { peers: Box<Peers>, options: PeerOptions, token: String },
}

/// The surroundings of a service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Wiring {
    database: Database,
    bus: Bus,
    reach: Reach,
    credentials: Credentials,
    source: ContextSource,
    stop: CancellationToken,
    tools: Tools,
    patience: Duration,
    limits: LimitOptions,
    measures: Measures,
}

/// What is measured in every process.
#[derive(Debug, Clone)]
struct Measures {
    metrics: Metrics,
    events: EventMetrics,
    rpc: RpcMetrics,
}

impl From<Metrics> for Measures {
    fn from(metrics: Metrics) -> Self {
        Self { events: EventMetrics::new(&metrics), rpc: RpcMetrics::new(&metrics), metrics }
    }
}

impl Wiring {
    /// Surroundings in which every peer lives in the same process.
    pub fn local(database: Database, bus: Bus, credentials: Credentials, source: ContextSource) -> Self {
        let reach = Reach::Local(Arc::default());
        Self {
            database,
            bus,
            reach,
            credentials,
            source,
            stop: CancellationToken::new(),
            tools: Tools::default(),
            patience: Duration::ZERO,
            limits: LimitOptions::default(),
            measures: Metrics::default().into(),
        }
    }

    /// Surroundings in which every peer is reached over the network.
    ///
    /// # Errors
    /// When identities, token or bus cannot be used.
    pub fn remote(
        database: Database,
        bus: Bus,
        auth: &Auth,
        peers: Peers,
        source: ContextSource,
    ) -> Result<Self, BuildError> {
        let credentials = match &auth.identities {
            Some(path) => Credentials::new(&Identities::load(path)?, "static_token")?,
            None => Credentials::default(),
        };
        let credentials = credentials.with_issuers(auth.issuers.clone(), &source)?;
        let options = peers.options().map_err(TransportError::from)?;
        let token = auth.service_token_file.as_deref().map(read_token).transpose()?.unwrap_or_default();
        let reach = Reach::Remote { peers: Box::new(peers), options, token };
        Ok(Self {
            database,
            bus,
            reach,
            credentials,
            source,
            stop: CancellationToken::new(),
            tools: Tools::default(),
            patience: Duration::ZERO,
            limits: LimitOptions::default(),
            measures: Metrics::default().into(),
        })
    }

    /// The same, with tools of one's own.
    #[must_use]
    pub fn with_tools(self, tools: Tools) -> Self {
        Self { tools, ..self }
    }

    /// The same, with limits for each caller.
    #[must_use]
    pub fn with_limits(self, limits: LimitOptions) -> Self {
        Self { limits, ..self }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits::new(self.limits, self.source.clock().clone())
    }

    /// The same, waiting so long for a database that does not answer. Without this it is a failure at once.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same, measuring in `metrics`.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { measures: metrics.into(), ..self }
    }

    /// What the process measures.
    pub fn metrics(&self) -> &Metrics {
        &self.measures.metrics
    }

    /// What is measured of facts, for those who follow them.
    pub fn event_metrics(&self) -> &EventMetrics {
        &self.measures.events
    }

    pub(crate) fn rpc_metrics(&self) -> &RpcMetrics {
        &self.measures.rpc
    }

    /// What work items may use.
    ///
    /// # Errors
    /// When the file cannot be read, or is no catalog.
    pub fn catalog(&self) -> Result<Catalog, BuildError> {
        let catalog = match self.tools.catalog.as_str() {
            "" => Catalog::builtin(),
            path => {
                let unreadable = |source| BuildError::File { path: path.to_owned(), source };
                Catalog::from_yaml(&std::fs::read_to_string(path).map_err(unreadable)?)
            }
        };
        catalog.map_err(|error| BuildError::Config(error.to_string()))
    }

    /// Opens the database of a service and brings its tables up to date, those of the event log first.
    ///
    /// # Errors
    /// When it cannot be migrated, or not be reached for longer than the patience lasts.
    pub async fn database(&self, schema: &'static str, own: &Migrations) -> Result<Db, BuildError> {
        let url = match self.database.url.strip_prefix("sqlite://") {
            Some(directory) => {
                std::fs::create_dir_all(directory)
                    .map_err(|source| BuildError::File { path: directory.to_owned(), source })?;
                format!("sqlite://{directory}/{schema}.db")
            }
            None => self.database.url.clone(),
        };
        let options = DbOptions { url, schema, max_connections: self.database.max_connections };
        let began = tokio::time::Instant::now();
        let mut backoff = Backoff::new(self.source.clone());
        loop {
            match open(&options, own).await {
                Err(error @ StoreError::Unavailable(_)) if began.elapsed() < self.patience => {
                    let cause: &dyn std::error::Error = &error;
                    tracing::warn!(
                        database = schema,
                        error = cause,
                        "waits for the database and tries again"
                    );
                }
                ended => return Ok(ended?),
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    /// The way from the service `from` to a peer.
    ///
    /// # Errors
    /// When the peer is not configured.
    pub fn peer(&self, from: &str, peer: Peer) -> Result<Transport, BuildError> {
        match &self.reach {
            Reach::Local(routes) => Ok(Transport::local(routes.clone(), Actor::system(from))),
            Reach::Remote { peers, options, token } => match peer.address(peers) {
                "" => Err(BuildError::NoPeer(peer.key())),
                address => Ok(Transport::remote_with(address, token, options, self.source.clone())?),
            },
        }
    }

    /// The way to a peer for callers who show their own credential, such as people in a browser.
    ///
    /// # Errors
    /// When the peer is not configured.
    pub fn passage(&self, peer: Peer) -> Result<Passage, BuildError> {
        match &self.reach {
            Reach::Local(routes) => Ok(Passage::local(routes.clone())),
            Reach::Remote { peers, options, .. } => match peer.address(peers) {
                "" => Err(BuildError::NoPeer(peer.key())),
                address => Ok(Passage::remote(address, options, self.source.clone())?),
            },
        }
    }

    pub(crate) fn set_routes(&self, router: axum::Router) {
        if let Reach::Local(routes) = &self.reach {
            // Set once per host; a second host would need surroundings of its own.
            let _ = routes.set(router);
        }
    }

    /// How services wake each other.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Everybody who is known.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Where times and ids come from.
    pub fn source(&self) -> &ContextSource {
        &self.source
    }

    /// What streams over an event log need.
    pub fn watching(&self) -> Watching {
        Watching { bus: self.bus.clone(), source: self.source.clone(), shutdown: self.stop.clone() }
    }

    /// Ends when the process is to stop: long calls and streams watch it.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

async fn open(options: &DbOptions, own: &Migrations) -> Result<Db, StoreError> {
    let db = Db::connect(options).await?;
    db.migrate(&assent_store::idempotency::MIGRATIONS).await?;
    db.migrate(&assent_events::MIGRATIONS).await?;
    db.migrate(own).await?;
    Ok(db)
}

fn read_token(path: &Path) -> Result<String, BuildError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| BuildError::File { path: path.display().to_string(), source })?;
    Ok(text.trim().to_owned())
}
