//! Which channels there are, and whether they work.

use std::collections::{BTreeMap, BTreeSet};

use assent_core::{OpContext, Timestamp};

use super::deliver::attempt;
use super::inbox::History;
use super::{App, Notice};
use crate::channels::{Parcel, Reach};
use crate::contacts::Contact;
use crate::domain::delivery::EVERYBODY;
use crate::domain::{Channel, Delivery, DeliveryStatus, Details, Kind, Next, Retry};
use crate::error::NotificationError;
use crate::store::outgoing;

/// A channel, as it is for somebody.
pub(crate) struct ChannelState {
    pub(crate) channel: Channel,
    pub(crate) configured: bool,
    pub(crate) reaches: bool,
    pub(crate) problem: &'static str,
    pub(crate) paused_until: Option<Timestamp>,
    pub(crate) waiting: i64,
}

impl App {
    /// Every channel, as it is for the caller.
    pub(crate) async fn channels(&self, ctx: &OpContext) -> Result<Vec<ChannelState>, NotificationError> {
        let contact = self.contact(ctx, &ctx.actor().id).await?;
        let waiting = outgoing::waiting(&self.db).await?;
        let state = |channel: Channel| {
            let now = ctx.now();
            let courier = self.couriers.of(channel);
            let paused_until = self.with_breaker(channel, |breaker| breaker.paused_until(now)).flatten();
            let reach = courier.map(|courier| courier.reach(&contact));
            let inbox = channel == Channel::InApp;
            ChannelState {
                channel,
                configured: inbox || courier.is_some(),
                reaches: inbox || matches!(reach, Some(Reach::Personal | Reach::Shared)),
                problem: match reach {
                    _ if inbox => "",
                    None => "not configured",
                    Some(Reach::Nowhere) => "the directory has no address of yours for it",
                    Some(_) if paused_until.is_some() => "it failed several times and is tried again later",
                    Some(_) => "",
                },
                paused_until,
                waiting: waiting
                    .iter()
                    .find(|(name, _)| name == channel.name())
                    .map_or(0, |(_, count)| *count),
            }
        };
        Ok(Channel::ALL.into_iter().map(state).collect())
    }

    /// Sends a test message to `user` (the caller when empty) and keeps what came of it.
    pub(crate) async fn test_channel(
        &self,
        ctx: &OpContext,
        channel: Channel,
        user: &str,
    ) -> Result<(Delivery, History), NotificationError> {
        let user = if user.is_empty() { &ctx.actor().id } else { user };
        let admin = ctx.actor().has_role(assent_core::actor::ADMIN) || ctx.actor().is_service();
        if *user != ctx.actor().id && !admin {
            return Err(NotificationError::AdminOnly);
        }
        let contact = self.contact(ctx, user).await?;
        let courier = self.couriers.of(channel);
        let user = match courier.map(|courier| courier.reach(&contact)) {
            // The inbox needs nobody to carry it there.
            None if channel == Channel::InApp => user,
            None => return Err(NotificationError::NotConfigured(channel)),
            Some(Reach::Nowhere) => return Err(NotificationError::NoAddress(channel)),
            Some(Reach::Shared) if !admin => return Err(NotificationError::AdminOnly),
            Some(Reach::Shared) => EVERYBODY,
            // The endpoint of the server is everybody's, too.
            Some(Reach::Personal) if channel == Channel::Webhook && contact.webhook.is_none() && !admin => {
                return Err(NotificationError::AdminOnly);
            }
            Some(Reach::Personal) => user,
        };
        let delivery = self.test_delivery(ctx, channel, user);
        // Claimed from the start, so that no worker takes it.
        let until = ctx.now().after(self.rules.attempt_timeout * 4);
        let mut tx = self.db.begin().await?;
        outgoing::insert(&mut tx, std::slice::from_ref(&delivery)).await?;
        if courier.is_some() {
            outgoing::claim_one(&mut tx, delivery.id, until).await?;
        }
        tx.commit().await?;
        if let Some(courier) = courier {
            let parcel = Parcel { delivery, contact, now: ctx.now() };
            let ended = attempt(courier.as_ref(), &parcel, self.rules.attempt_timeout).await;
            let once = Retry { max_attempts: 1, ..self.rules.retry };
            let next: Next = once.next(1, ended);
            let mut tx = self.db.begin().await?;
            self.record(&mut tx, &parcel.delivery, until, &next).await?;
            tx.commit().await?;
            return self.read_back(parcel.delivery).await;
        }
        self.read_back(delivery).await
    }

    async fn read_back(&self, delivery: Delivery) -> Result<(Delivery, History), NotificationError> {
        let mut tx = self.db.begin().await?;
        let kept = outgoing::find(&mut tx, delivery.id).await?;
        drop(tx);
        let kept = kept.ok_or(NotificationError::UnknownDelivery(delivery.id))?;
        let history = self.history(std::slice::from_ref(&kept)).await?;
        Ok((kept, history))
    }

    fn test_delivery(&self, ctx: &OpContext, channel: Channel, user: &str) -> Delivery {
        let details = Details { by: ctx.actor().display().to_owned(), ..Details::default() };
        let notice = Notice {
            kind: Kind::Test,
            priority: Kind::Test.floor(),
            session: None,
            details,
            text: None,
            delegators: BTreeMap::new(),
            named: Vec::new(),
        };
        let text = self.templates.notice(notice.kind, notice.priority, None, &notice.details);
        let (now, inbox) = (ctx.now(), channel == Channel::InApp);
        Delivery {
            id: ctx.new_id(),
            event: ctx.new_id(),
            session: None,
            user: user.to_owned(),
            channel,
            status: if inbox { DeliveryStatus::Delivered } else { DeliveryStatus::Pending },
            priority: notice.priority,
            attempts: u32::from(inbox),
            earlier_attempts: 0,
            error: None,
            hold: None,
            merged_into: None,
            kind: notice.kind.name().to_owned(),
            title: text.title,
            body: text.body,
            details: notice.details,
            created_at: now,
            delivered_at: inbox.then_some(now),
            read_at: None,
            next_attempt_at: (!inbox).then_some(now),
        }
    }

    async fn contact(&self, ctx: &OpContext, user: &str) -> Result<Contact, NotificationError> {
        let mut found = self.contacts.of(ctx, &BTreeSet::from([user.to_owned()])).await?;
        Ok(found.remove(user).unwrap_or_default())
    }
}
