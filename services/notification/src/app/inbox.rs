//! Reading and marking.

use std::collections::{BTreeMap, HashMap};

use assent_core::id::{DeliveryKind, EventId, SessionId};
use assent_core::page::Page;
use assent_core::{Id, OpContext};
use assent_store::StoreError;

use super::{Addressed, App, Notice, Recipients, Telling};
use crate::domain::details::shorten;
use crate::domain::{Delivery, DeliveryStatus, Details, Kind, Priority};
use crate::error::NotificationError;
use crate::store::attempts::{self, PastAttempt};
use crate::store::inbox::{self, Place};
use crate::store::outgoing;
use crate::templates::Text;

/// Deliveries, and the token of the next page.
pub(crate) type Slice = (Vec<Delivery>, String);
/// The last attempts of deliveries, oldest first.
pub(crate) type History = HashMap<Id<DeliveryKind>, Vec<PastAttempt>>;

/// What a caller of `Notify` says.
pub(crate) struct Message {
    pub(crate) recipients: Recipients,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) priority: Priority,
    pub(crate) session: Option<SessionId>,
    /// Names the request, so that a repetition tells nobody twice.
    pub(crate) event: Option<EventId>,
}

impl App {
    /// Tells people what no event says; returns how many.
    pub(crate) async fn notify(&self, ctx: &OpContext, message: Message) -> Result<usize, NotificationError> {
        let lines = message.body.lines().map(|line| shorten(line, 1000));
        let body = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        let notice = Notice {
            kind: Kind::Message,
            priority: message.priority,
            session: message.session,
            details: Details { by: ctx.actor().display().to_owned(), ..Details::default() },
            text: Some(Text { title: shorten(&message.title, 200), body }),
            delegators: BTreeMap::new(),
            named: Vec::new(),
        };
        let recipients = message.recipients;
        let telling = Telling { notices: vec![Addressed { notice, recipients }], ..Telling::default() };
        let event = message.event.unwrap_or_else(|| ctx.new_id());
        self.tell(self.operation(), event, telling).await
    }

    /// A page of the caller's own notifications, and how many are unread in all.
    pub(crate) async fn inbox(
        &self,
        ctx: &OpContext,
        page: &Page<Place>,
        unread_only: bool,
    ) -> Result<(Slice, i64), NotificationError> {
        let user = ctx.actor().id.as_str();
        let place = page.after.unwrap_or_else(|| Place::end(ctx.now()));
        let mut rows = inbox::of_user(&self.db, user, place, unread_only, page.limit()).await?;
        let next = page.finish(&mut rows, Place::of);
        Ok(((rows, next), inbox::count_unread(&self.db, user).await?))
    }

    /// Marks notifications of the caller as read, all of them when `ids` is empty; returns how many were not.
    pub(crate) async fn mark_read(
        &self,
        ctx: &OpContext,
        ids: &[Id<DeliveryKind>],
    ) -> Result<u64, NotificationError> {
        let (user, now) = (ctx.actor().id.as_str(), ctx.now());
        let mut tx = self.db.begin().await?;
        let marked = match ids {
            [] => inbox::mark_all(&mut tx, user, now).await?,
            ids => inbox::mark(&mut tx, user, ids, now).await?,
        };
        tx.commit().await?;
        Ok(marked)
    }

    /// A page of everybody's deliveries, and their attempts.
    pub(crate) async fn deliveries(
        &self,
        ctx: &OpContext,
        page: &Page<Place>,
        failed_only: bool,
        session: Option<SessionId>,
    ) -> Result<(Slice, History), NotificationError> {
        let place = page.after.unwrap_or_else(|| Place::end(ctx.now()));
        let mut rows = inbox::all(&self.db, session, place, failed_only, page.limit()).await?;
        let next = page.finish(&mut rows, Place::of);
        let history = self.history(&rows).await?;
        Ok(((rows, next), history))
    }

    /// The attempts of `deliveries`.
    pub(super) async fn history(&self, deliveries: &[Delivery]) -> Result<History, StoreError> {
        let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.id).collect();
        let mut history = History::new();
        for (id, attempt) in attempts::of(&self.db, &ids).await? {
            history.entry(id).or_default().push(attempt);
        }
        Ok(history)
    }

    /// Tries a delivery anew that was given up.
    pub(crate) async fn retry(
        &self,
        ctx: &OpContext,
        id: Id<DeliveryKind>,
    ) -> Result<(Delivery, History), NotificationError> {
        let mut tx = self.db.begin().await?;
        let delivery = outgoing::find(&mut tx, id).await?.ok_or(NotificationError::UnknownDelivery(id))?;
        if delivery.status != DeliveryStatus::Failed {
            return Err(NotificationError::NotFailed(delivery.status));
        }
        outgoing::renew(&mut tx, &delivery, ctx.now()).await?;
        let renewed = outgoing::find(&mut tx, id).await?.ok_or(NotificationError::UnknownDelivery(id))?;
        tx.commit().await?;
        self.ring();
        let history = self.history(std::slice::from_ref(&renewed)).await?;
        Ok((renewed, history))
    }
}
