//! How people are reached: asked of the directory, and remembered for a while, so that a directory that is away holds
//! up nobody who was reached a moment ago.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use assent_core::{OpContext, Timestamp};
use assent_proto::approval::v1::directory_service_client::DirectoryServiceClient;
use assent_proto::approval::v1::{GetContactsRequest, UserContacts};
use assent_rpc::{RemoteFault, Transport, outbound};

/// How long an answer holds.
const FRESH: Duration = Duration::from_secs(60);
/// People who are remembered; beyond that, all are forgotten.
const MOST: usize = 20_000;
/// Most people that one request asks about.
const PAGE: usize = 1000;

/// How somebody is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contact {
    /// For display; empty where the directory has none.
    pub(crate) name: String,
    pub(crate) email: Option<String>,
    /// Id at Slack.
    pub(crate) slack: Option<String>,
    /// Webhook of a workflow of Teams; it may carry a secret.
    pub(crate) teams: Option<String>,
    /// HTTP endpoint.
    pub(crate) webhook: Option<String>,
}

impl Contact {
    /// Whether the directory knows them.
    pub(crate) fn is_known(&self) -> bool {
        let addresses = [&self.email, &self.slack, &self.teams, &self.webhook];
        !self.name.is_empty() || addresses.iter().any(|address| address.is_some())
    }
}

/// The directory, as far as it was asked.
pub(crate) struct Contacts {
    directory: DirectoryServiceClient<Transport>,
    known: Mutex<HashMap<String, (Timestamp, Contact)>>,
}

impl Contacts {
    pub(crate) fn new(directory: DirectoryServiceClient<Transport>) -> Self {
        Self { directory, known: Mutex::default() }
    }

    /// How each of `users` is reached.
    ///
    /// # Errors
    /// When the directory does not answer and somebody was never asked about.
    pub(crate) async fn of(
        &self,
        ctx: &OpContext,
        users: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Contact>, RemoteFault> {
        let now = ctx.now();
        let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for user in users {
                match known.get(user).filter(|(at, _)| now.since(*at) < FRESH) {
                    Some((_, contact)) => drop(found.insert(user.clone(), contact.clone())),
                    None => missing.push(user.clone()),
                }
            }
        }
        for user_ids in missing.chunks(PAGE) {
            let request = GetContactsRequest { user_ids: user_ids.to_vec() };
            match self.directory.clone().get_contacts(outbound(ctx, request)).await {
                Ok(answer) => {
                    let answer = answer.into_inner().contacts.into_iter().map(read);
                    self.remember(now, answer, &mut found);
                }
                Err(status) => {
                    self.recall(user_ids, &mut found).ok_or_else(|| RemoteFault::from(status))?;
                }
            }
        }
        Ok(found)
    }

    fn remember(
        &self,
        now: Timestamp,
        answer: impl Iterator<Item = (String, Contact)>,
        found: &mut BTreeMap<String, Contact>,
    ) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > MOST {
            known.clear();
        }
        for (user, contact) in answer {
            known.insert(user.clone(), (now, contact.clone()));
            found.insert(user, contact);
        }
    }

    /// What was known of `users`, however long ago; none unless all were known.
    fn recall(&self, users: &[String], found: &mut BTreeMap<String, Contact>) -> Option<()> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for user in users {
            let (_, contact) = known.get(user)?;
            found.insert(user.clone(), contact.clone());
        }
        Some(())
    }
}

fn read(contacts: UserContacts) -> (String, Contact) {
    let addresses = contacts.addresses.unwrap_or_default();
    let given = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let contact = Contact {
        name: contacts.name,
        email: given(addresses.email),
        slack: given(addresses.slack),
        teams: given(addresses.teams),
        webhook: given(addresses.webhook),
    };
    (contacts.user_id, contact)
}
