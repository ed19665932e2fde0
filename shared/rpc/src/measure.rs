//! Rate, errors and duration of every method that a port serves.

use std::collections::HashMap;
use std::sync::Arc;

use assent_metrics::{CALL_SECONDS, Counters, Gauges, Histograms, Metrics};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::access::AccessTable;

/// What is measured of calls.
#[derive(Debug, Clone)]
pub struct RpcMetrics {
    requests: Counters<3>,
    durations: Histograms<2>,
    in_flight: Gauges<2>,
}

/// What stands for every path that is not served, so that callers cannot make up labels.
const UNKNOWN: Method = Method { service: "unknown", method: "unknown", streams: false };

#[derive(Debug, Clone, Copy)]
struct Method {
    service: &'static str,
    method: &'static str,
    /// Open for as long as somebody listens: how long says nothing.
    streams: bool,
}

/// Knows the methods of a port.
#[derive(Debug, Clone)]
struct Meter {
    metrics: RpcMetrics,
    methods: Arc<HashMap<&'static str, Method>>,
}

impl RpcMetrics {
    /// Adds them to what the process measures; once per process.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.counters(
                "assent_rpc_requests",
                "Calls that have ended, by status code",
                ["rpc_service", "rpc_method", "code"],
            ),
            durations: metrics.histograms(
                "assent_rpc_duration_seconds",
                "Time from a call to the end of its answer; not of streams",
                ["rpc_service", "rpc_method"],
                CALL_SECONDS,
            ),
            in_flight: metrics.gauges(
                "assent_rpc_in_flight",
                "Calls and streams that have begun and not ended",
                ["rpc_service", "rpc_method"],
            ),
        }
    }
}

impl Meter {
    fn new(metrics: RpcMetrics, access: &AccessTable) -> Self {
        let methods = access.paths().filter_map(|path| {
            let (service, method) = path.strip_prefix('/')?.split_once('/')?;
            let streams = assent_proto::tables::method(path).is_some_and(|known| known.streams_out);
            Some((path, Method { service, method, streams }))
        });
        Self { metrics, methods: Arc::new(methods.collect()) }
    }

    fn begin(&self, path: &str) -> Call {
        let method = self.methods.get(path).copied().unwrap_or(UNKNOWN);
        self.metrics.in_flight.of([method.service, method.method]).inc();
        Call { metrics: self.metrics.clone(), method, started: Instant::now(), ended: false }
    }
}

/// A call that has begun. Dropped before its end, it was cancelled.
struct Call {
    metrics: RpcMetrics,
    method: Method,
    started: Instant,
    ended: bool,
}

impl Call {
    fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let Method { service, method, streams } = self.method;
        self.metrics.in_flight.of([service, method]).dec();
        self.metrics.requests.of([service, method, name(code)]).inc();
        if !streams {
            self.metrics.durations.of([service, method]).observe(self.started.elapsed().as_secs_f64());
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// The same routes, with every call of the methods in `access` measured.
pub fn measured(router: axum::Router, access: &AccessTable, metrics: RpcMetrics) -> axum::Router {
    let meter = Meter::new(metrics, access);
    router.layer(axum::middleware::from_fn_with_state(meter, measure))
}

/// The middleware. Probes and reflection are not measured.
async fn measure(State(meter): State<Meter>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if AccessTable::is_open(path) {
        return next.run(request).await;
    }
    let mut call = meter.begin(path);
    let response = next.run(request).await;
    if let Some(code) = code_of(response.headers()) {
        call.end(code);
        return response;
    }
    // The status of an answer comes behind it.
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            if let Some(code) = frame.trailers_ref().and_then(code_of) {
                call.end(code);
            }
            frame
        }))
    })
}

fn code_of(headers: &HeaderMap) -> Option<Code> {
    Status::from_header_map(headers).map(|status| status.code())
}

/// As tonic's `Debug` writes it, without making a text of it for every call.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "Ok",
        Code::Cancelled => "Cancelled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}
