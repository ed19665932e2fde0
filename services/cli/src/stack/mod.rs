//! The embedded stack: every service in this process, on one port.

mod identities;
mod settings;

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use assent_approval_gate::ApprovalGate;
use assent_core::ContextSource;
use assent_dashboard::Dashboard;
use assent_events::Bus;
use assent_executor::Executor;
use assent_metrics::Metrics;
use assent_notification::Notification;
use assent_planner::Planner;
use assent_risk::Risk;
use assent_rpc::Credentials;
use assent_runtime::{Host, Listening, Running, Service, Wiring};
use assent_versioning::Versioning;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::failure::{Exit, stop};
pub(crate) use identities::{ADMIN, AGENT, DEV, LEAD, token_file};
pub(crate) use settings::{DevSettings, Sources};

/// All services, being served.
pub(crate) struct Stack {
    running: Running,
    grace: Duration,
    // Held for as long as the services run: two processes on one directory would not wake each other.
    _lock: File,
}

impl Stack {
    /// Builds the services on `directory`, makes the development identities where they are missing, and serves.
    ///
    /// # Errors
    /// When the address is not loopback, the directory is in use, or a service cannot be built.
    pub(crate) async fn start(
        settings: DevSettings,
        directory: &Path,
        source: ContextSource,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let address = settings.server.listen;
        if !address.ip().is_loopback() {
            let text = format!(
                "{address} is not a loopback address, and the development tokens are for this machine only"
            );
            return Err(stop(Exit::Usage, text));
        }
        let lock = lock(directory)?;
        let known = identities::ensure(directory, &source)?;
        let credentials =
            Credentials::new(&known, "dev_token")?.with_issuers(settings.auth.issuers, &source)?;
        let wiring = Wiring::local(settings.database, Bus::local(), credentials, source)
            .with_tools(settings.tools)
            .with_metrics(metrics);
        let surroundings = wiring.clone();
        let mut host = Host::new(wiring);
        let services = settings.service;
        host.add::<Planner>(services.planner).await?;
        host.add::<Risk>(services.risk).await?;
        host.add::<Versioning>(services.versioning).await?;
        host.add::<ApprovalGate>(services.approval_gate).await?;
        host.add::<Executor>(services.executor).await?;
        host.add::<Notification>(services.notification).await?;
        host.add::<Dashboard>(services.dashboard).await?;
        if let Some(address) = settings.metrics.listen {
            host.serve_metrics(bind(address).await?);
        }
        let listener = bind(address).await?;
        let listening = Listening::open(listener, settings.server.connections()?, &surroundings).await?;
        let running = host.start_on(listening).await;
        let grace = Duration::from_secs(settings.server.shutdown_grace_seconds);
        Ok(Self { running, grace, _lock: lock })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// Ends when the stack stops by itself.
    pub(crate) fn stopped(&self) -> CancellationToken {
        self.running.stop()
    }

    /// Stops in order.
    ///
    /// # Errors
    /// When something had failed.
    pub(crate) async fn shutdown(self) -> anyhow::Result<()> {
        Ok(self.running.shutdown(self.grace).await?)
    }
}

/// Brings the tables of every service up to date, by building the services and serving none.
///
/// # Errors
/// Names the service whose database cannot be used.
pub(crate) async fn migrate(settings: DevSettings, source: ContextSource) -> anyhow::Result<()> {
    let wiring = Wiring::local(settings.database, Bus::local(), Credentials::default(), source)
        .with_tools(settings.tools);
    let services = settings.service;
    build::<Planner>(services.planner, &wiring).await?;
    build::<Risk>(services.risk, &wiring).await?;
    build::<Versioning>(services.versioning, &wiring).await?;
    build::<ApprovalGate>(services.approval_gate, &wiring).await?;
    build::<Executor>(services.executor, &wiring).await?;
    build::<Notification>(services.notification, &wiring).await
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

async fn build<S: Service>(config: S::Config, wiring: &Wiring) -> anyhow::Result<()> {
    let service = S::build(config, wiring).await.with_context(|| S::NAME)?;
    if let Some(db) = service.database() {
        db.close().await;
    }
    Ok(())
}

fn lock(directory: &Path) -> anyhow::Result<File> {
    let mut private = std::fs::DirBuilder::new();
    let made = private.recursive(true).mode(0o700).create(directory);
    made.with_context(|| format!("cannot create {}", directory.display()))?;
    let path = directory.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            bail!("another process serves from {}; choose another --data", directory.display())
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error).context("cannot lock the data directory"),
    }
}
