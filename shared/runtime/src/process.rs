//! The `main` of every service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use assent_core::ContextSource;
use assent_events::Bus;
use assent_metrics::Metrics;
use clap::Parser as _;
use tokio::net::TcpListener;

use crate::config::{self, Settings};
use crate::error::RunError;
use crate::healthy;
use crate::host::{Host, Listening};
use crate::service::{BuildError, Service};
use crate::telemetry;
use crate::wiring::Wiring;

/// How long `--migrate-only` waits for a database that does not answer.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(60);

/// Configuration comes from defaults, then the file, then ASSENT_<SECTION>__<KEY> variables, then --set.
#[derive(Debug, clap::Parser)]
#[command(version)]
struct Flags {
    /// TOML file with the configuration
    #[arg(long, env = "ASSENT_CONFIG")]
    config: Option<PathBuf>,
    /// One key, e.g. --set server.listen=0.0.0.0:7104; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    assignments: Vec<String>,
    /// Print the configuration that would be used, and end
    #[arg(long)]
    print_config: bool,
    /// Ask the process that serves with this configuration whether it is ready, and end
    #[arg(long)]
    healthy: bool,
    /// Bring the database up to date, and end
    #[arg(long)]
    migrate_only: bool,
}

/// Runs the service `S` as a process: until a signal, or until something breaks.
pub fn main<S: Service>() -> ExitCode {
    let flags = Flags::parse();
    match run::<S>(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(S::NAME, &error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "telemetry may not be up when this is said")]
fn complain(service: &str, error: &RunError) {
    let mut text = format!("assent-{service}: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    eprintln!("{text}");
}

#[expect(clippy::print_stdout, reason = "the configuration is the data that was asked for")]
fn run<S: Service>(flags: &Flags) -> Result<(), RunError> {
    let defaults = Settings::<S::Config>::with_port(S::PORT);
    let settings = config::load(defaults, flags.config.as_deref(), &flags.assignments)?;
    if flags.print_config {
        print!("{}", config::print(&settings)?);
        return Ok(());
    }
    install_tls();
    if flags.healthy {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime
            .block_on(healthy::ask(settings.server.health_address()?.unwrap_or(settings.server.listen)));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let guard = telemetry::init(&settings.telemetry, S::NAME)?;
        let ended = serve::<S>(settings, flags.migrate_only, guard.metrics().clone()).await;
        if let Err(error) = &ended {
            tracing::error!(%error, "the process ends");
        }
        guard.flush().await;
        ended
    })
}

/// Makes ring the TLS provider of the process; harmless when that is done.
pub fn install_tls() {
    // Only refuses when one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn serve<S: Service>(
    settings: Settings<S::Config>,
    migrate_only: bool,
    metrics: Metrics,
) -> Result<(), RunError> {
    let build = |source: BuildError| RunError::Build { service: S::NAME, source };
    let source = ContextSource::system();
    let (bus, driver) = match settings.bus.url.as_str() {
        "" => (Bus::local(), None),
        url => {
            let (bus, driver) = Bus::redis(url, source.clone()).map_err(|e| build(e.into()))?;
            (bus, Some(driver))
        }
    };
    let wiring = Wiring::remote(settings.database, bus, &settings.auth, settings.peers, source)
        .map_err(build)?
        .with_limits(settings.server.limits())
        .with_tools(settings.tools)
        .with_metrics(metrics);
    if migrate_only {
        let mut host = Host::new(wiring.with_patience(MIGRATION_PATIENCE));
        host.add::<S>(settings.service).await?;
        tracing::info!("the database is up to date");
        return Ok(());
    }
    // Alive before anything that may have to wait, so that nobody restarts a process that only waits.
    let listener = bind(settings.server.listen).await?;
    let wiring = wiring.with_patience(Duration::MAX);
    let mut listening = Listening::open(listener, settings.server.connections()?, &wiring).await?;
    if let Some(address) = settings.server.health_address()? {
        listening = listening.with_health(bind(address).await?, &wiring);
    }
    let mut host = Host::new(wiring);
    tokio::select! {
        added = host.add::<S>(settings.service) => added?,
        () = stop_signal() => {
            tracing::info!("stopping before the start");
            return Ok(());
        }
    }
    if let Some(driver) = driver {
        host.drive_bus(driver);
    }
    if let Some(address) = settings.metrics.listen {
        host.serve_metrics(bind(address).await?);
    }
    let running = host.start_on(listening).await;
    tracing::info!(service = S::NAME, address = %running.address(), "serving");
    tokio::select! {
        () = stop_signal() => tracing::info!("stopping"),
        () = running.stop().cancelled_owned() => {}
    }
    let grace = Duration::from_secs(settings.server.shutdown_grace_seconds);
    tokio::select! {
        ended = running.shutdown(grace) => ended,
        () = stop_signal() => {
            tracing::warn!("second signal; ending at once");
            Ok(())
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
}

/// Returns at SIGTERM or SIGINT.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminate => {}
        // An error means that the handler cannot be set; the process then ends by the default action.
        _ = tokio::signal::ctrl_c() => {}
    }
}
