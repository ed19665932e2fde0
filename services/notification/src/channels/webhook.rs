//! Posts signed as Standard Webhooks asks for (<https://www.standardwebhooks.com>), with a body in the JSON format
//! of CloudEvents (<https://cloudevents.io>).

use assent_core::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, Url};
use serde_json::json;
use sha2::Sha256;

use super::{Attempting, Courier, Guard, Parcel, Reach, http};
use crate::contacts::Contact;
use crate::domain::{Attempt, Channel, Delivery};

/// Fewest bytes of a secret that the standard allows.
const SHORTEST_SECRET: usize = 24;

/// Endpoints: a person's own, else the one that gets a post for everybody who is told.
#[derive(Debug)]
pub(crate) struct Webhook {
    client: Client,
    guard: Guard,
    url: Option<Url>,
    signers: Vec<Signer>,
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    #[error("webhook_url is no http or https address")]
    Url,
    #[error(
        "each line of the webhook secret must be whsec_ and the base64 of at least {SHORTEST_SECRET} bytes"
    )]
    Secret,
}

impl Webhook {
    /// The endpoint at `url`, or none for the empty text; every line of `secrets` signs, so that a new secret can be
    /// added before the old one goes.
    pub(crate) fn new(url: &str, secrets: &str, guard: Guard, client: Client) -> Result<Self, WebhookError> {
        let url = match url {
            "" => None,
            url => Some(http::endpoint(url).ok_or(WebhookError::Url)?),
        };
        let lines = secrets.lines().filter(|line| !line.trim().is_empty());
        let signers = lines.map(Signer::new).collect::<Result<Vec<_>, _>>()?;
        if signers.is_empty() {
            return Err(WebhookError::Secret);
        }
        Ok(Self { client, guard, url, signers })
    }

    async fn post(&self, contact: &Contact, delivery: &Delivery, now: Timestamp) -> Attempt {
        let Some(url) = own(contact).or_else(|| self.url.clone()) else {
            return Attempt::Gone("the directory has no endpoint".to_owned());
        };
        // The id stays the same in every attempt, so that the receiver can tell a repetition.
        let (id, time) = (delivery.id.to_string(), now.utc().timestamp().to_string());
        let body = body(delivery);
        let signatures: Vec<_> = self.signers.iter().map(|signer| signer.sign(&id, &time, &body)).collect();
        let post = self
            .client
            .post(url.clone())
            .header("content-type", "application/cloudevents+json")
            .header("webhook-signature", signatures.join(" "))
            .header("webhook-id", id)
            .header("webhook-timestamp", time)
            .body(body);
        // What the endpoint has to say is of no interest, however long it is.
        http::send(&self.guard, &url, post, now).await.map_or_else(|attempt| attempt, |_| Attempt::Accepted)
    }
}

impl Courier for Webhook {
    fn channel(&self) -> Channel {
        Channel::Webhook
    }

    fn reach(&self, contact: &Contact) -> Reach {
        if self.url.is_some() || own(contact).is_some() { Reach::Personal } else { Reach::Nowhere }
    }

    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Attempting<'a> {
        Box::pin(self.post(&parcel.contact, &parcel.delivery, parcel.now))
    }
}

fn own(contact: &Contact) -> Option<Url> {
    http::endpoint(contact.webhook.as_deref()?)
}

fn body(delivery: &Delivery) -> String {
    json!({
        "specversion": "1.0",
        "id": delivery.id,
        "source": "/assent/notification",
        "type": format!("dev.assent.notification.{}", delivery.kind),
        "subject": delivery.session,
        "time": delivery.created_at.to_string(),
        "datacontenttype": "application/json",
        "data": {
            "kind": delivery.kind,
            "session_id": delivery.session,
            "user_id": delivery.user,
            "priority": delivery.priority,
            "title": delivery.title,
            "body": delivery.body,
            "risk": delivery.details.risk,
            "version": delivery.details.version,
        },
    })
    .to_string()
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
