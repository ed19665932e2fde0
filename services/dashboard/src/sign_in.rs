//! Signing in and out: with a token that somebody has, or through an OpenID provider.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tonic::Code;

use crate::oidc::{self, Ended, Oidc, SignInError};
use crate::origin::Origins;
use crate::session::{self, MAX_TOKEN};
use crate::web::{NO_STORE, Web};

/// Where the provider sends people back to.
const CALLBACK: &str = "/oidc/callback";

pub(crate) fn router() -> Router<Arc<Web>> {
    let signing = post(sign_in).delete(sign_out).layer(DefaultBodyLimit::max(2 * MAX_TOKEN));
    Router::new()
        .route("/session", signing)
        .route("/settings", get(settings))
        .route("/oidc/start", get(start))
        .route(CALLBACK, get(callback))
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
    match recognise(&web, token).await {
        Known::Yes => with_cookie(token, &web.origins),
        Known::No => StatusCode::UNAUTHORIZED.into_response(),
        Known::Unsure => StatusCode::SERVICE_UNAVAILABLE.into_response(),
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
    let Some(cookie) = session::set_cookie(token, None, origins.is_secure()) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, NO_STORE)])
        .into_response()
}

/// Whether a token is somebody's.
enum Known {
    Yes,
    No,
    /// Nobody could be asked.
    Unsure,
}

async fn recognise(web: &Web, token: &str) -> Known {
    let Some(authorization) = session::is_token(token).then(|| session::bearer(token)).flatten() else {
        return Known::No;
    };
    match web.passages.recognise(&authorization).await {
        Ok(()) => Known::Yes,
        Err(status) if status.code() == Code::Unauthenticated => Known::No,
        Err(status) => {
            tracing::warn!(code = ?status.code(), error = status.message(), "the gate does not say whose token it is");
            Known::Unsure
        }
    }
}

/// What the page must know of this server.
#[derive(Serialize)]
struct Settings<'a> {
    /// What the provider is called through which people sign in; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    /// Address of the page of a trace; only for those who are signed in, and absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_url: Option<&'a str>,
}

async fn settings(State(web): State<Arc<Web>>, headers: HeaderMap) -> Response {
    let trace_url = match session::authorization(&headers) {
        Some(own) if !web.trace_url.is_empty() && web.passages.recognise(&own).await.is_ok() => {
            Some(web.trace_url.as_str())
        }
        _ => None,
    };
    let settings = Settings { provider: web.oidc.as_ref().map(Oidc::name), trace_url };
    ([(header::CACHE_CONTROL, NO_STORE)], Json(settings)).into_response()
}

/// Sends a person to the provider; the page to go on to afterwards is the parameter `to`.
async fn start(State(web): State<Arc<Web>>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let Some((oidc, callback)) = oidc_of(&web, &headers) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let query = query.unwrap_or_default();
    let to = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "to");
    let begun = match oidc.begin(&callback, to.as_ref().map_or("/", |(_, page)| page)).await {
        Ok(begun) => begun,
        Err(error) => return failed(&web, &error),
    };
    let cookie = oidc::keep(&begun.visit, web.origins.is_secure());
    redirect(&begun.location, [cookie])
}

/// Takes a person back from the provider, and lets them in when the services know them.
async fn callback(State(web): State<Arc<Web>>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let Some((oidc, callback)) = oidc_of(&web, &headers) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ended { token, lifetime, to } = match oidc.end(&headers, &query.unwrap_or_default(), &callback).await
    {
        Ok(ended) => ended,
        Err(error) => return failed(&web, &error),
    };
    match recognise(&web, &token).await {
        Known::Yes => {
            let secure = web.origins.is_secure();
            redirect(&to, [session::set_cookie(&token, lifetime, secure), oidc::forget(secure)])
        }
        Known::No => {
            tracing::warn!(length = token.len(), "the services do not take the provider's token");
            to_login(&web, "unknown")
        }
        Known::Unsure => to_login(&web, "unavailable"),
    }
}

fn oidc_of<'a>(web: &'a Web, headers: &HeaderMap) -> Option<(&'a Oidc, String)> {
    Some((web.oidc.as_ref()?, web.origins.address(headers, CALLBACK)?))
}

fn failed(web: &Web, error: &SignInError) -> Response {
    tracing::warn!(%error, "a sign-in failed");
    to_login(
        web,
        match error {
            SignInError::NotBegun | SignInError::Claims(_) => "failed",
            SignInError::Refused(_) => "denied",
            SignInError::Provider(_) => "unavailable",
        },
    )
}

/// Back to the page, which says what went wrong.
fn to_login(web: &Web, problem: &str) -> Response {
    redirect(&format!("/login?problem={problem}"), [oidc::forget(web.origins.is_secure())])
}

fn redirect<const N: usize>(location: &str, cookies: [Option<HeaderValue>; N]) -> Response {
    let cookies: Vec<_> = cookies.into_iter().flatten().map(|cookie| (header::SET_COOKIE, cookie)).collect();
    let keep = [(header::CACHE_CONTROL, NO_STORE)];
    (AppendHeaders(cookies), keep, Redirect::to(location)).into_response()
}
