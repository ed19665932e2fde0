//! Serving a port: routes, health, reflection, the door, and an end that lets calls finish.

use std::time::Duration;

use tokio::net::TcpListener;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::ServiceExt as _;

use crate::access::OPEN_SERVICES;
use crate::door::{Door, door};

/// Largest message that is read: a plan at its limits fits.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// A port that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The reflection service does not like the descriptors.
    #[error("the contract cannot be reflected")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The listener broke.
    #[error("cannot serve")]
    Serve(#[from] tonic::transport::Error),
}

/// Routes behind their door, and the means to say whether they are ready.
#[derive(Debug, Clone)]
pub struct Served {
    /// To serve, and for the in-process transport.
    pub router: axum::Router,
    /// `""` is the whole port.
    pub health: HealthReporter,
}

/// Puts health and reflection beside `routes` and the door before all of them. Starts as not serving.
///
/// # Errors
/// When the descriptors are unusable.
pub async fn router(mut routes: RoutesBuilder, guard: Door) -> Result<Served, ServeError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", ServingStatus::NotServing).await;
    // Only what this port serves is advertised; the whole contract can be described.
    let served: Vec<String> =
        guard.services().chain(OPEN_SERVICES.iter().copied()).map(str::to_owned).collect();
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(assent_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
            .include_reflection_service(false);
        served.iter().fold(builder, |builder, name| builder.with_service_name(name))
    };
    routes.add_service(health_service);
    routes.add_service(reflection().build_v1()?);
    // grpcurl before 1.9 knows only the alpha.
    routes.add_service(reflection().build_v1alpha()?);
    let router = routes.routes().into_axum_router();
    Ok(Served { router: router.layer(axum::middleware::from_fn_with_state(guard, door)), health })
}

/// Serves until `stop` ends, then lets running calls finish. With `web`, whatever is not gRPC goes there, and HTTP/1.1
/// is spoken for its sake.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    listener: TcpListener,
    router: axum::Router,
    web: Option<axum::Router>,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let http1 = web.is_some();
    let router = match web {
        Some(web) => beside(router, web),
        None => router,
    };
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        .accept_http1(http1)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .max_concurrent_streams(Some(4096))
        .add_routes(Routes::from(router))
        .serve_with_incoming_shutdown(incoming, stop)
        .await?;
    Ok(())
}

/// One port for both: gRPC says what it is in its content type, and nothing else is let near it.
fn beside(grpc: axum::Router, web: axum::Router) -> axum::Router {
    axum::Router::new().fallback(move |request: axum::extract::Request| {
        let router = if is_grpc(&request) { grpc.clone() } else { web.clone() };
        router.oneshot(request)
    })
}

fn is_grpc(request: &axum::extract::Request) -> bool {
    let content_type = request.headers().get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let rest = content_type.strip_prefix("application/grpc");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

impl Served {
    /// Says that calls may come, or may no longer.
    pub async fn set_ready(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.health.set_service_status("", status).await;
    }
}
