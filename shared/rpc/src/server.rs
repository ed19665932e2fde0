//! What a port answers: health from its first moment, and the services behind their door once they are built.

use std::sync::{Arc, OnceLock};

use assent_core::{Code, Fault, Reason};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use tonic::service::{Routes, RoutesBuilder};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::ServiceExt as _;

use crate::access::OPEN_SERVICES;
use crate::door::{Door, door};
use crate::reflection;
use crate::status::status;

/// Largest message that is read: a plan at its limits fits.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// What to ask health for to learn whether the process runs, whatever it may be waiting for.
pub const LIVENESS: &str = "liveness";

const HEALTH: &str = "/grpc.health.v1.Health/";

/// Puts reflection beside `routes` and the door before all of them.
pub fn router(routes: RoutesBuilder, guard: Door) -> axum::Router {
    let served = guard.services().chain(OPEN_SERVICES.iter().copied()).map(str::to_owned).collect();
    let router = routes.routes().into_axum_router().merge(reflection::routes(served));
    router.layer(axum::middleware::from_fn_with_state(guard, door))
}

/// What listens: it is alive from the beginning, and answers calls once [`Port::open`] gave it something to answer with.
#[derive(Debug, Clone)]
pub struct Port {
    health: HealthReporter,
    health_routes: axum::Router,
    services: Arc<OnceLock<Services>>,
}

#[derive(Debug)]
struct Services {
    grpc: axum::Router,
    web: Option<axum::Router>,
}

impl Port {
    /// A port that is alive and not ready.
    pub async fn new() -> Self {
        let (health, service) = tonic_health::server::health_reporter();
        health.set_service_status("", ServingStatus::NotServing).await;
        health.set_service_status(LIVENESS, ServingStatus::Serving).await;
        let health_routes = Routes::new(service).into_axum_router();
        Self { health, health_routes, services: Arc::default() }
    }

    /// Lets calls through to `grpc`, and to `web` whatever is not gRPC. A second time changes nothing.
    pub fn open(&self, grpc: axum::Router, web: Option<axum::Router>) {
        let _ = self.services.set(Services { grpc, web });
    }

    /// Says that calls may come, or may no longer.
    pub async fn set_ready(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.health.set_service_status("", status).await;
    }

    /// To serve.
    pub fn router(&self) -> axum::Router {
        let port = self.clone();
        axum::Router::new().fallback(move |request| port.clone().answer(request))
    }

    /// To serve where nothing but health is answered.
    pub fn health_router(&self) -> axum::Router {
        self.health_routes.clone()
    }

    async fn answer(self, request: axum::extract::Request) -> Response {
        // gRPC says what it is in its content type, and nothing else is let near it.
        let grpc = is_grpc(&request);
        let router = if grpc && request.uri().path().starts_with(HEALTH) {
            &self.health_routes
        } else {
            match self.services.get() {
                Some(services) if grpc => &services.grpc,
                Some(Services { web: Some(web), .. }) => web,
                Some(_) => return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
                None if grpc => return status(&Starting).into_http(),
                None => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
            }
        };
        // A router cannot fail.
        router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}

fn is_grpc(request: &axum::extract::Request) -> bool {
    let content_type = request.headers().get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let rest = content_type.strip_prefix("application/grpc");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

#[derive(Debug, thiserror::Error)]
#[error("the server is starting; repeat the call")]
struct Starting;

impl Fault for Starting {
    fn code(&self) -> Code {
        Code::Unavailable
    }

    fn reason(&self) -> Reason {
        Reason::new("SERVER_STARTING")
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        Some(std::time::Duration::from_secs(1))
    }
}
