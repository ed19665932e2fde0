//! Posts signed as Standard Webhooks asks for (<https://www.standardwebhooks.com>).

use std::time::Duration;

use assent_core::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, StatusCode, Url, redirect};
use serde_json::json;
use sha2::Sha256;

use crate::domain::{Attempt, Delivery, Retry};

/// Longest time of one attempt.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Fewest bytes of a secret that the standard allows.
const SHORTEST_SECRET: usize = 24;

/// The endpoint.
#[derive(Debug)]
pub(crate) struct Webhook {
    client: Client,
    url: Url,
    signer: Signer,
    retry: Retry,
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    #[error("webhook_url is no http or https address")]
    Url,
    #[error("the webhook secret must be whsec_ and the base64 of at least {SHORTEST_SECRET} bytes")]
    Secret,
    #[error("the webhook client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
}

impl Webhook {
    /// The endpoint at `url`, with the text of its secret.
    pub(crate) fn new(url: &str, secret: &str, retry: Retry) -> Result<Self, WebhookError> {
        let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let signer = Signer::new(secret)?;
        let client = Client::builder()
            .timeout(TIMEOUT)
            // A signed post goes where it was meant to go, or nowhere.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("assent/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, url: url.ok_or(WebhookError::Url)?, signer, retry })
    }

    /// How often and how soon it is tried again.
    pub(crate) fn retry(&self) -> Retry {
        self.retry
    }

    /// Posts `delivery` once. Its id stays the same in every attempt, so that the receiver can tell a repetition.
    pub(crate) async fn post(&self, delivery: &Delivery, now: Timestamp) -> Attempt {
        let (id, time) = (delivery.id.to_string(), now.utc().timestamp().to_string());
        let body = body(delivery);
        let post = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-signature", self.signer.sign(&id, &time, &body))
            .header("webhook-id", id)
            .header("webhook-timestamp", time)
            .body(body);
        match post.send().await {
            Ok(answer) if answer.status().is_success() => Attempt::Accepted,
            Ok(answer) if answer.status() == StatusCode::GONE => Attempt::Gone(answered(answer.status())),
            Ok(answer) => Attempt::Refused(answered(answer.status())),
            // The address may carry a token.
            Err(error) => Attempt::Refused(describe(&error.without_url())),
        }
    }
}

fn body(delivery: &Delivery) -> String {
    json!({
        "id": delivery.id,
        "kind": delivery.kind,
        "session_id": delivery.session,
        "user_id": delivery.user,
        "title": delivery.title,
        "body": delivery.body,
        "time": delivery.created_at.to_string(),
    })
    .to_string()
}

fn answered(status: StatusCode) -> String {
    format!("the endpoint answered {status}")
}

fn describe(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

struct Signer(Hmac<Sha256>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    fn new(secret: &str) -> Result<Self, WebhookError> {
        let key = secret.trim().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
        let key = key.filter(|key| key.len() >= SHORTEST_SECRET).ok_or(WebhookError::Secret)?;
        Hmac::new_from_slice(&key).map(Self).map_err(|_| WebhookError::Secret)
    }

    fn sign(&self, id: &str, time: &str, body: &str) -> String {
        let mut mac = self.0.clone();
        for part in [id, ".", time, ".", body] {
            mac.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_standard() {
        // The example of the specification's reference libraries.
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn weak_or_malformed_secrets_are_refused() {
        for secret in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_%"] {
            assert!(matches!(Signer::new(secret), Err(WebhookError::Secret)), "{secret}");
        }
    }
}
