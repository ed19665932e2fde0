//! What browsers ask for: files, signing in and out, and gRPC-Web calls that are passed on.

use std::convert::Infallible;
use std::sync::Arc;

use assent_rpc::{Passage, RemoteFault};
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, ServiceExt as _};

use crate::assets::Assets;
use crate::origin::Origins;
use crate::passages::Passages;
use crate::session::{self, MAX_TOKEN};

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
}

/// Everything that is not gRPC.
pub(crate) fn router(web: Arc<Web>) -> Router {
    let signing = post(sign_in).delete(sign_out).layer(DefaultBodyLimit::max(2 * MAX_TOKEN));
    Router::new()
        .route("/session", signing)
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    token: String,
}

/// Keeps a token that is somebody's in the cookie.
async fn sign_in(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    body: Result<Json<SignIn>, JsonRejection>,
) -> Response {
    if !web.origins.admits(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Ok(Json(SignIn { token })) = body else { return StatusCode::BAD_REQUEST.into_response() };
    let token = token.trim();
    let Some(authorization) = session::is_token(token).then(|| session::bearer(token)).flatten() else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    match web.passages.recognise(&authorization).await {
        Ok(()) => with_cookie(token, &web.origins),
        Err(status) if status.code() == Code::Unauthenticated => StatusCode::UNAUTHORIZED.into_response(),
        Err(status) => {
            tracing::warn!(code = ?status.code(), error = status.message(), "the gate does not say whose token it is");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

async fn sign_out(State(web): State<Arc<Web>>, headers: HeaderMap) -> Response {
    if web.origins.admits(&headers) {
        with_cookie("", &web.origins)
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

fn with_cookie(token: &str, origins: &Origins) -> Response {
    let Some(cookie) = session::set_cookie(token, origins.is_secure()) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, NO_STORE)])
        .into_response()
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

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
