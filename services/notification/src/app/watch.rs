//! Following an inbox: this service's own log says what arrived in it, so nothing is missed between two looks and a
//! position is enough to go on from.

use std::sync::Arc;

use assent_core::{Id, OpContext};
use assent_events::watch;
use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::watch_events_response::Message;
use assent_proto::plan::v1::NotificationChannel;
use futures_util::{Stream, StreamExt as _};
use tonic::Status;

use super::App;
use crate::domain::Delivery;
use crate::error::NotificationError;
use crate::store::inbox;

/// What a watcher is told.
pub(crate) struct Seen {
    /// A new one; none in between.
    pub(crate) arrived: Option<Delivery>,
    pub(crate) position: i64,
    pub(crate) unread: i64,
}

impl App {
    /// What arrives in the caller's inbox after `position`, or from now on.
    pub(crate) async fn watch_inbox(
        self: Arc<Self>,
        ctx: &OpContext,
        position: Option<i64>,
    ) -> Result<impl Stream<Item = Result<Seen, Status>> + Send + use<>, NotificationError> {
        let after = match position {
            Some(position) => position,
            None => self.log.head().await?,
        };
        let user = ctx.actor().id.clone();
        let facts = watch(self.log.clone(), self.watching.clone(), None, after);
        Ok(facts.filter_map(move |message| {
            let (app, user) = (Arc::clone(&self), user.clone());
            async move {
                match message {
                    Ok(message) => app.seen(&user, message).await.map_err(Status::from).transpose(),
                    Err(status) => Some(Err(status)),
                }
            }
        }))
    }

    async fn seen(&self, user: &str, message: Message) -> Result<Option<Seen>, NotificationError> {
        let (arrived, position) = match message {
            Message::Bookmark(bookmark) => (None, bookmark.position),
            Message::Event(event) => {
                let Some(id) = inbox_delivery(&event, user) else { return Ok(None) };
                let Some(delivery) = inbox::one(&self.db, id, user).await? else { return Ok(None) };
                (Some(delivery), event.position)
            }
        };
        let unread = inbox::count_unread(&self.db, user).await?;
        Ok(Some(Seen { arrived, position, unread }))
    }
}

fn inbox_delivery(event: &Event, user: &str) -> Option<Id<assent_core::id::DeliveryKind>> {
    let Some(Payload::NotificationDelivered(fact)) = &event.payload else { return None };
    let mine = fact.channel() == NotificationChannel::InApp && fact.user_id == user;
    mine.then(|| fact.delivery_id.parse().ok()).flatten()
}
