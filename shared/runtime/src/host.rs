//! A host runs services on one port: one in a cluster, all of them in the embedded stack.

use std::net::SocketAddr;
use std::time::Duration;

use assent_events::{EventServer, Log, RedisDriver, Relay};
use assent_metrics::Metrics;
use assent_rpc::{AccessTable, Connections, Door, Port};
use assent_store::{Db, idempotency};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::RoutesBuilder;

use crate::error::RunError;
use crate::metrics::{self, HostMetrics};
use crate::service::Service;
use crate::tasks::{OnError, TaskSet};
use crate::wiring::Wiring;

/// How often a port says anew whether its databases answer.
const READINESS_EVERY: Duration = Duration::from_secs(5);
/// How often answers to repeated requests are forgotten that nobody will repeat any more.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long facts are kept for readers who are behind.
const KEEP_EVENTS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Services that are built and not served yet.
pub struct Host {
    wiring: Wiring,
    routes: RoutesBuilder,
    web: Option<axum::Router>,
    access: AccessTable,
    tasks: TaskSet,
    starts: Vec<Start>,
    logs: Vec<Log>,
    metrics: HostMetrics,
}

/// Starts the tasks of a service; only once it is served, because they call peers in the same process.
type Start = Box<dyn FnOnce(&mut TaskSet) + Send>;

/// A port that is listened on: alive, and not ready before services are put behind it.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    port: Port,
    server: tokio::task::JoinHandle<()>,
    health: Option<tokio::task::JoinHandle<()>>,
}

impl Listening {
    /// Answers on `listener` until the services of `wiring` are to stop.
    ///
    /// # Errors
    /// When the listener has no address.
    pub async fn open(
        listener: TcpListener,
        connections: Connections,
        wiring: &Wiring,
    ) -> Result<Self, RunError> {
        let (address, port) = (listener.local_addr()?, Port::new().await);
        let (source, stop) = (wiring.source().clone(), wiring.stop().clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the server outlives the tasks: it ends when they are told to"
        )]
        let server = tokio::spawn(assent_rpc::serve(listener, port.router(), connections, source, stop));
        Ok(Self { address, port, server, health: None })
    }

    /// Answers health on another listener, too, without TLS and nothing else.
    #[must_use]
    pub fn with_health(mut self, listener: TcpListener, wiring: &Wiring) -> Self {
        let (router, connections) = (self.port.health_router(), Connections::default());
        let (source, stop) = (wiring.source().clone(), wiring.stop().clone());
        #[expect(clippy::disallowed_methods, reason = "as the server itself")]
        let health = tokio::spawn(assent_rpc::serve(listener, router, connections, source, stop));
        self.health = Some(health);
        self
    }
}

/// Services that are being served.
pub struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    port: Port,
    server: tokio::task::JoinHandle<()>,
    health: Option<tokio::task::JoinHandle<()>>,
    tasks: TaskSet,
    databases: Vec<Db>,
    metrics: Metrics,
}

impl Host {
    /// An empty host.
    pub fn new(wiring: Wiring) -> Self {
        let tasks =
            TaskSet::new(wiring.stop().clone(), wiring.source().clone(), wiring.event_metrics().clone());
        let metrics = HostMetrics::new(wiring.metrics());
        Self {
            wiring,
            routes: RoutesBuilder::default(),
            web: None,
            access: AccessTable::default(),
            tasks,
            starts: Vec::new(),
            logs: Vec::new(),
            metrics,
        }
    }

    /// Builds a service and adds its routes and tasks.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn add<S: Service>(&mut self, config: S::Config) -> Result<(), RunError> {
        let built = S::build(config, &self.wiring).await;
        let service = built.map_err(|source| RunError::Build { service: S::NAME, source })?;
        service.routes(&mut self.routes);
        if let Some(web) = service.web() {
            self.web = Some(web);
        }
        self.access.extend(S::ACCESS);
        self.metrics.runs(S::NAME);
        if let Some(db) = service.database() {
            let log = Log::new(db.clone(), S::NAME);
            let (bus, source) = (self.wiring.bus().clone(), self.wiring.source().clone());
            let relay = Relay::new(log.clone(), bus, source, KEEP_EVENTS);
            let stop = self.tasks.stop();
            self.tasks.spawn::<std::convert::Infallible>("relay_events", OnError::Shutdown, async move {
                relay.run(stop).await;
                Ok(())
            });
            let (db, source) = (db.clone(), self.wiring.source().clone());
            self.tasks.every("forget_requests", FORGET_EVERY, move || {
                let (db, now) = (db.clone(), source.now());
                async move { idempotency::forget_before(&db, now.before(idempotency::KEPT)).await.map(drop) }
            });
            self.metrics.watch(&log, self.wiring.event_metrics(), self.wiring.source());
            self.logs.push(log);
        }
        self.starts.push(Box::new(move |tasks| service.tasks(tasks)));
        Ok(())
    }

    /// Keeps the bus connected for as long as the services run.
    pub fn drive_bus(&mut self, driver: RedisDriver) {
        let stop = self.tasks.stop();
        self.tasks.spawn::<std::convert::Infallible>("drive_bus", OnError::Shutdown, async move {
            driver.run(stop).await;
            Ok(())
        });
    }

    /// Answers Prometheus on `listener` for as long as the services run.
    pub fn serve_metrics(&mut self, listener: TcpListener) {
        let (metrics, stop) = (self.wiring.metrics().clone(), self.tasks.stop());
        self.tasks.spawn("serve_metrics", OnError::Shutdown, metrics::serve(listener, metrics, stop));
    }

    /// Serves everything that was added, with the connections' defaults.
    ///
    /// # Errors
    /// When the port cannot be served.
    pub async fn start(self, listener: TcpListener) -> Result<Running, RunError> {
        let listening = Listening::open(listener, Connections::default(), &self.wiring).await?;
        Ok(self.start_on(listening).await)
    }

    /// Serves everything that was added on a port that is listened on already.
    pub async fn start_on(mut self, listening: Listening) -> Running {
        let Listening { address, port, server, health } = listening;
        let stop = self.wiring.stop().clone();
        let databases: Vec<Db> = self.logs.iter().map(|log| log.db().clone()).collect();
        if !self.logs.is_empty() {
            self.access.extend(EventServer::ACCESS);
            self.routes.add_service(EventServer::new(self.logs, self.wiring.watching()).into_service());
        }
        self.metrics.watch_readiness(databases.clone());
        let (rpc, access) = (self.wiring.rpc_metrics().clone(), self.access.clone());
        let (credentials, source) = (self.wiring.credentials().clone(), self.wiring.source().clone());
        let door = Door::new(credentials.clone(), self.access, source).with_limits(self.wiring.limits());
        let router = assent_rpc::measured(assent_rpc::router(self.routes, door), &access, rpc);
        self.wiring.set_routes(router.clone());
        for start in self.starts {
            start(&mut self.tasks);
        }
        if let Some(period) = credentials.refresh_every() {
            self.tasks.every("refresh_keys", period, move || {
                let credentials = credentials.clone();
                async move {
                    credentials.refresh().await;
                    Ok::<(), std::convert::Infallible>(())
                }
            });
        }
        {
            let (port, databases) = (port.clone(), databases.clone());
            self.tasks.every("watch_readiness", READINESS_EVERY, move || {
                let (port, databases) = (port.clone(), databases.clone());
                async move {
                    let pings = futures_util::future::join_all(databases.iter().map(Db::ping)).await;
                    let broken = pings.into_iter().find_map(Result::err);
                    port.set_ready(broken.is_none()).await;
                    broken.map_or(Ok(()), Err)
                }
            });
        }
        port.open(router, self.web);
        port.set_ready(true).await;
        let metrics = self.wiring.metrics().clone();
        Running { address, stop, port, server, health, tasks: self.tasks, databases, metrics }
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it measures.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Ends when it stops, by itself or by [`Running::shutdown`].
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Stops: no new calls, long calls end, the others and the tasks finish within `grace`, then all is cut off.
    ///
    /// # Errors
    /// When the port broke, or a task failed that must not.
    pub async fn shutdown(mut self, grace: Duration) -> Result<(), RunError> {
        self.port.set_ready(false).await;
        self.stop.cancel();
        let mut failed = None;
        let orderly = async {
            failed = self.tasks.join().await;
            (&mut self.server).await
        };
        let ended = tokio::time::timeout(grace, orderly).await;
        if ended.is_err() {
            tracing::warn!("the grace period is over; what still runs is cut off");
            self.server.abort();
            self.tasks.abort().await;
        }
        if let Some(health) = &self.health {
            health.abort();
        }
        for db in &self.databases {
            db.close().await;
        }
        match (ended, failed) {
            (Ok(Err(error)), _) => Err(std::io::Error::other(error).into()),
            (_, Some(task)) => Err(RunError::Task(task)),
            _ => Ok(()),
        }
    }
}
