//! Where Slack tells of pressed buttons: HTTP, because Slack speaks nothing else. Off unless it is configured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reqwest::{Client, Url};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Voted};
use crate::channels::{Click, Guard, Signing, endpoint, read_click};

/// Where the interactions of the Slack app must be sent.
const PATH: &str = "/slack/actions";
/// Most bytes of a request.
const MAX_BODY: usize = 256 * 1024;
/// Slack waits for three seconds in all.
const VOTE_WITHIN: Duration = Duration::from_millis(2000);
const ANSWER_WITHIN: Duration = Duration::from_millis(900);

/// What the handler needs.
pub(crate) struct SlackEndpoint {
    pub(crate) address: SocketAddr,
    pub(crate) app: Arc<App>,
    pub(crate) signing: Signing,
    pub(crate) guard: Guard,
    pub(crate) client: Client,
}

/// Serves until `stop`.
///
/// # Errors
/// When the address cannot be listened on.
pub(crate) async fn serve(endpoint: Arc<SlackEndpoint>, stop: CancellationToken) -> std::io::Result<()> {
    let listener = TcpListener::bind(endpoint.address).await?;
    tracing::info!(address = %endpoint.address, path = PATH, "taking Slack's interactions");
    let router =
        Router::new().route(PATH, post(take)).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(endpoint);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn take(State(endpoint): State<Arc<SlackEndpoint>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (time, signature) = (header("x-slack-request-timestamp"), header("x-slack-signature"));
    // Before anything of it is read.
    if !endpoint.signing.verifies(time, signature, &body, endpoint.app.source.now()) {
        tracing::warn!("a request with a wrong signature or time came to the endpoint for Slack");
        return StatusCode::UNAUTHORIZED;
    }
    let Some(payload) = payload(&body) else { return StatusCode::BAD_REQUEST };
    // Other buttons, such as links, need nothing but an answer.
    let Some(click) = read_click(&payload) else { return StatusCode::OK };
    let voted = tokio::time::timeout(VOTE_WITHIN, endpoint.app.vote(&click)).await;
    let (counted, text) = match voted {
        Ok(Ok(Voted::Counted(text))) => (true, text),
        Ok(Ok(Voted::Refused(text))) => (false, text),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a vote from Slack failed");
            (false, "Assent cannot be reached now; try again later.".to_owned())
        }
        Err(_) => (false, "Assent takes long; look there whether your vote counted.".to_owned()),
    };
    endpoint.answer(&click, counted, &text).await;
    StatusCode::OK
}

/// The field `payload` of a form.
fn payload(body: &[u8]) -> Option<String> {
    // Addresses carry forms, so their parser reads them.
    let mut address = Url::parse("https://slack.invalid/").ok()?;
    address.set_query(Some(std::str::from_utf8(body).ok()?));
    address.query_pairs().find(|(name, _)| name == "payload").map(|(_, value)| value.into_owned())
}

impl SlackEndpoint {
    /// Says in the message what came of it. The vote stands whether or not this works.
    async fn answer(&self, click: &Click, counted: bool, text: &str) {
        let Some(url) = endpoint(&click.response_url).filter(|url| self.guard.admits(url).is_ok()) else {
            return;
        };
        let body = if counted {
            json!({ "replace_original": true, "text": text })
        } else {
            json!({ "response_type": "ephemeral", "replace_original": false, "text": text })
        };
        if let Err(error) = self.client.post(url).timeout(ANSWER_WITHIN).json(&body).send().await {
            tracing::warn!(error = %error.without_url(), "Slack does not take the answer to a vote");
        }
    }
}
