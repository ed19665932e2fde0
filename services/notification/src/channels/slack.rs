//! Slack: a direct message of the bot to everybody whom the directory knows there, else a post to the room of the
//! incoming webhook.

use std::sync::Arc;

use assent_core::Timestamp;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::json;

use super::slack_message::{blocks, fallback};
use super::{Attempting, Courier, Guard, Parcel, Reach, http};
use crate::contacts::Contact;
use crate::domain::delivery::EVERYBODY;
use crate::domain::{Attempt, Blame, Channel};
use crate::templates::Templates;

/// A workspace.
pub(crate) struct Slack {
    pub(crate) client: Client,
    pub(crate) guard: Guard,
    /// Address of the method `chat.postMessage`, and the bot's token.
    pub(crate) bot: Option<(Url, String)>,
    /// The incoming webhook of a room.
    pub(crate) room: Option<Url>,
    /// Whether votes are taken from buttons.
    pub(crate) with_votes: bool,
    pub(crate) templates: Arc<Templates>,
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: String,
}

impl Slack {
    async fn post(&self, parcel: &Parcel) -> Attempt {
        let Parcel { delivery, contact, now } = parcel;
        let link = self.templates.link(delivery.session);
        let text = fallback(&delivery.title);
        let posted = match (&self.bot, &contact.slack, &self.room) {
            (Some((url, token)), Some(user), _) if delivery.user != EVERYBODY => {
                let blocks = blocks(delivery, link.as_deref(), self.with_votes);
                let body = json!({
                    "channel": user, "text": text, "blocks": blocks, "unfurl_links": false,
                    // So that a repetition can be told.
                    "metadata": { "event_type": "assent_notification", "event_payload": { "id": delivery.id } },
                });
                let post = self.client.post(url.clone()).bearer_auth(token).json(&body);
                self.call(url, post, *now).await
            }
            (_, _, Some(url)) => {
                let blocks = blocks(delivery, link.as_deref(), false);
                let post = self.client.post(url.clone()).json(&json!({ "text": text, "blocks": blocks }));
                http::send(&self.guard, url, post, *now).await.map(drop)
            }
            _ => Err(Attempt::Gone("the directory has no Slack id".to_owned())),
        };
        posted.map_or_else(|attempt| attempt, |()| Attempt::Accepted)
    }

    /// Slack says in the body whether it did what was asked.
    async fn call(&self, url: &Url, post: reqwest::RequestBuilder, now: Timestamp) -> Result<(), Attempt> {
        let text = http::read(http::send(&self.guard, url, post, now).await?).await?;
        let Ok(answer) = serde_json::from_str::<Answer>(&text) else {
            return Err(Attempt::refused(Blame::Channel, "Slack's answer cannot be read"));
        };
        if answer.ok {
            return Ok(());
        }
        let error = format!("Slack answered {}", crate::domain::quote(&answer.error));
        Err(match answer.error.as_str() {
            "ratelimited" | "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
                Attempt::refused(Blame::Channel, error)
            }
            // The bot itself cannot do it; once the operator has repaired that, it works again.
            "invalid_auth" | "token_revoked" | "token_expired" | "account_inactive" | "not_authed"
            | "missing_scope" => Attempt::refused(Blame::Channel, error),
            _ => Attempt::Gone(error),
        })
    }
}

impl Courier for Slack {
    fn channel(&self) -> Channel {
        Channel::Slack
    }

    fn reach(&self, contact: &Contact) -> Reach {
        match (&self.bot, &contact.slack, &self.room) {
            (Some(_), Some(_), _) => Reach::Personal,
            (_, _, Some(_)) => Reach::Shared,
            _ => Reach::Nowhere,
        }
    }

    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Attempting<'a> {
        Box::pin(self.post(parcel))
    }
}
