//! Microsoft Teams: an Adaptive Card to the webhook of a workflow, a person's own or one that all share.

use std::sync::Arc;

use reqwest::{Client, Url};

use super::card::envelope;
use super::{Attempting, Courier, Guard, Parcel, Reach, http};
use crate::contacts::Contact;
use crate::domain::delivery::EVERYBODY;
use crate::domain::{Attempt, Channel};
use crate::templates::Templates;

/// Workflows of Teams.
pub(crate) struct Teams {
    pub(crate) client: Client,
    pub(crate) guard: Guard,
    /// The workflow that posts for everybody without one of their own.
    pub(crate) shared: Option<Url>,
    pub(crate) templates: Arc<Templates>,
}

impl Teams {
    async fn post(&self, parcel: &Parcel) -> Attempt {
        let Parcel { delivery, contact, now } = parcel;
        let own = if delivery.user == EVERYBODY { None } else { own(contact) };
        let Some(url) = own.or_else(|| self.shared.clone()) else {
            return Attempt::Gone("the directory has no Teams workflow".to_owned());
        };
        let card = envelope(delivery, self.templates.link(delivery.session).as_deref());
        let post = self.client.post(url.clone()).json(&card);
        http::send(&self.guard, &url, post, *now).await.map_or_else(|attempt| attempt, |_| Attempt::Accepted)
    }
}

fn own(contact: &Contact) -> Option<Url> {
    http::endpoint(contact.teams.as_deref()?)
}

impl Courier for Teams {
    fn channel(&self) -> Channel {
        Channel::Teams
    }

    fn reach(&self, contact: &Contact) -> Reach {
        match (own(contact), &self.shared) {
            (Some(_), _) => Reach::Personal,
            (None, Some(_)) => Reach::Shared,
            (None, None) => Reach::Nowhere,
        }
    }

    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Attempting<'a> {
        Box::pin(self.post(parcel))
    }
}
