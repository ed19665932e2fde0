//! What is measured in every process, and the port on which Prometheus reads everything.

use assent_core::ContextSource;
use assent_events::{EventMetrics, Log};
use assent_metrics::{CONTENT_TYPE, Gauges, Metrics};
use assent_store::Db;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE as CONTENT_TYPE_HEADER;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Version of this build.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is measured of the services of a host.
pub(crate) struct HostMetrics {
    metrics: Metrics,
    build: Gauges<2>,
    connections: Gauges<2>,
    limit: Gauges<1>,
}

impl HostMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            metrics: metrics.clone(),
            build: metrics.gauges("assent_build_info", "What runs here; always 1", ["component", "version"]),
            connections: metrics.gauges(
                "assent_db_pool_connections",
                "Connections to the database, by what they do",
                ["database", "state"],
            ),
            limit: metrics.gauges(
                "assent_db_pool_limit",
                "Most connections to the database that there may be",
                ["database"],
            ),
        }
    }

    pub(crate) fn runs(&self, service: &'static str) {
        self.build.of([service, VERSION]).set(1.0);
    }

    /// Measures the connections of a database, and what waits in its log.
    pub(crate) fn watch(&self, log: &Log, events: &EventMetrics, source: &ContextSource) {
        let db = log.db().clone();
        let name = db.schema();
        let of = |state| self.connections.of([name, state]);
        let (used, idle, limit) = (of("used"), of("idle"), self.limit.of([name]));
        // Before the samplers that take connections themselves.
        self.metrics.sample(move || {
            let connections = db.connections();
            used.set(f64::from(connections.used));
            idle.set(f64::from(connections.idle));
            limit.set(f64::from(connections.limit));
            std::future::ready(())
        });
        events.watch(log, source);
    }

    /// Measures whether all `databases` answer.
    pub(crate) fn watch_readiness(&self, databases: Vec<Db>) {
        let ready = self.metrics.gauge("assent_ready", "1 when every database answers, else 0");
        self.metrics.sample(move || {
            let (ready, databases) = (ready.clone(), databases.clone());
            async move {
                // Stays so when a database does not answer in time.
                ready.set(0.0);
                let pings = futures_util::future::join_all(databases.iter().map(Db::ping)).await;
                ready.set(if pings.iter().all(Result::is_ok) { 1.0 } else { 0.0 });
            }
        });
    }
}

/// Answers `GET /metrics` until `stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = axum::Router::new().route("/metrics", get(read)).with_state(metrics);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn read(State(metrics): State<Metrics>) -> Response {
    match metrics.text().await {
        Ok(text) => ([(CONTENT_TYPE_HEADER, CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
