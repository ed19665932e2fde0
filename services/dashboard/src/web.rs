//! What browsers ask for: files, signing in and out, and gRPC-Web calls that are passed on.

use std::convert::Infallible;
use std::sync::Arc;

use assent_rpc::{Passage, RemoteFault};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use tonic::Status;
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, ServiceExt as _};

use crate::assets::Assets;
use crate::oidc::Oidc;
use crate::origin::Origins;
use crate::passages::Passages;
use crate::{session, sign_in};

/// Nothing from elsewhere, no script in the page, and no page around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types 'none'";

/// Set on every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Headers of a call that go on to the service; the credential is added, and everything else stays here.
const PASSED_ON: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::ACCEPT,
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("traceparent"),
];

/// What the handlers need.
#[derive(Debug)]
pub(crate) struct Web {
    pub(crate) assets: Assets,
    pub(crate) origins: Origins,
    pub(crate) passages: Passages,
    pub(crate) oidc: Option<Oidc>,
    pub(crate) trace_url: String,
}

/// Everything that is not gRPC.
pub(crate) fn router(web: Arc<Web>) -> Router {
    Router::new()
        .merge(sign_in::router())
        .route("/{service}/{method}", post(call).get(file))
        .fallback(axum::routing::get(file))
        .layer(map_response(harden))
        .with_state(web)
}

async fn harden(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn file(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap) -> Response {
    web.assets.answer(uri.path(), &headers)
}

pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Passes a gRPC-Web call on, with the caller's own credential and nothing else of theirs.
async fn call(
    State(web): State<Arc<Web>>,
    Path((service, _)): Path<(String, String)>,
    mut request: Request,
) -> Response {
    let own = request.headers().contains_key(header::AUTHORIZATION);
    if !own && !web.origins.admits(request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(passage) = web.passages.get(&service) else { return StatusCode::NOT_FOUND.into_response() };
    let came = std::mem::take(request.headers_mut());
    let kept = PASSED_ON.into_iter().filter_map(|name| Some((name.clone(), came.get(name)?.clone())));
    let authorization = session::authorization(&came).map(|value| (header::AUTHORIZATION, value));
    request.headers_mut().extend(kept.chain(authorization).map(|(name, value)| (Some(name), value)));
    request.extensions_mut().clear();

    let ask = tower::service_fn(move |request| ask(passage.clone(), request));
    let Ok(mut response) = GrpcWebLayer::new().layer(ask).oneshot(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    response.map(axum::body::Body::new)
}

async fn ask(passage: Passage, request: Request<Body>) -> Result<http::Response<Body>, Infallible> {
    Ok(passage.oneshot(request).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "a service does not answer");
        let fault = RemoteFault::from(Status::unavailable("no answer"));
        assent_rpc::status(&fault).into_http()
    }))
}
