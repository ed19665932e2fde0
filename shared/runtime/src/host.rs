//! A host runs services on one port: one in a cluster, all of them in the embedded stack.

use std::net::SocketAddr;
use std::time::Duration;

use assent_events::{EventServer, Log, RedisDriver, Relay};
use assent_metrics::Metrics;
use assent_rpc::{AccessTable, Door, Served};
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

/// Services that are being served.
pub struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    served: Served,
    server: tokio::task::JoinHandle<Result<(), assent_rpc::ServeError>>,
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

    /// Serves everything that was added.
    ///
    /// # Errors
    /// When the port cannot be served.
    pub async fn start(mut self, listener: TcpListener) -> Result<Running, RunError> {
        let address = listener.local_addr()?;
        let stop = self.wiring.stop().clone();
        let databases: Vec<Db> = self.logs.iter().map(|log| log.db().clone()).collect();
        if !self.logs.is_empty() {
            self.access.extend(EventServer::ACCESS);
            self.routes.add_service(EventServer::new(self.logs, self.wiring.watching()).into_service());
        }
        self.metrics.watch_readiness(databases.clone());
        let rpc = self.wiring.rpc_metrics().clone();
        let access = self.access.clone();
        let door = Door::new(self.wiring.credentials().clone(), self.access, self.wiring.source().clone());
        let mut served = assent_rpc::router(self.routes, door).await?;
        served.router = assent_rpc::measured(served.router, &access, rpc);
        self.wiring.set_routes(served.router.clone());
        for start in self.starts {
            start(&mut self.tasks);
        }
        {
            let (served, databases) = (served.clone(), databases.clone());
            self.tasks.every("watch_readiness", READINESS_EVERY, move || {
                let (served, databases) = (served.clone(), databases.clone());
                async move {
                    let pings = futures_util::future::join_all(databases.iter().map(Db::ping)).await;
                    let broken = pings.into_iter().find_map(Result::err);
                    served.set_ready(broken.is_none()).await;
                    broken.map_or(Ok(()), Err)
                }
            });
        }
        served.set_ready(true).await;
        #[expect(
            clippy::disallowed_methods,
            reason = "the server outlives the tasks: it ends when they are told to"
        )]
        let server = tokio::spawn(assent_rpc::serve(
            listener,
            served.router.clone(),
            self.web,
            stop.clone().cancelled_owned(),
        ));
        let metrics = self.wiring.metrics().clone();
        Ok(Running { address, stop, served, server, tasks: self.tasks, databases, metrics })
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
        self.served.set_ready(false).await;
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
        for db in &self.databases {
            db.close().await;
        }
        match (ended, failed) {
            (Ok(Ok(Err(error))), _) => Err(error.into()),
            (_, Some(task)) => Err(RunError::Task(task)),
            _ => Ok(()),
        }
    }
}
