//! Somebody should know of something.

use std::collections::{BTreeMap, BTreeSet};

use assent_core::id::{EventId, SessionId};
use assent_core::{OpContext, Timestamp};
use assent_events::{Cursor, append_all};
use assent_proto::event::v1::NotificationDelivered;
use assent_proto::event::v1::event::Payload;
use assent_rpc::convert::{Wire as _, WireEnum as _};
use assent_store::Tx;

use super::App;
use crate::channels::Reach;
use crate::contacts::Contact;
use crate::domain::delivery::EVERYBODY;
use crate::domain::{
    Channel, Delivery, DeliveryStatus, Details, Kind, Preferences, Priority, Recent, Route, Told, quote,
};
use crate::error::NotificationError;
use crate::store::{outgoing, preferences, reminders};
use crate::templates::Text;

/// Ids of users.
pub(crate) type Recipients = BTreeSet<String>;

/// What is told.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) kind: Kind,
    pub(crate) priority: Priority,
    pub(crate) session: Option<SessionId>,
    pub(crate) details: Details,
    /// Where it does not come from a template.
    pub(crate) text: Option<Text>,
    /// In whose place some of those who are told may act.
    pub(crate) delegators: BTreeMap<String, String>,
    /// Channels that the requester or the policy names; each person's own when empty.
    pub(crate) named: Vec<Channel>,
}

/// What is told, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Addressed {
    pub(crate) notice: Notice,
    pub(crate) recipients: Recipients,
}

/// Everything that one fact leads to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Telling {
    /// Whoever is in several is told the first of them only.
    pub(crate) notices: Vec<Addressed>,
    /// A session that needs nobody any more: what asks is not worth sending.
    pub(crate) settled: Option<SessionId>,
    /// A session whose approvers are to be told at this time, if it still waits then.
    pub(crate) expiring: Option<(SessionId, Timestamp)>,
}

impl Telling {
    pub(crate) fn is_empty(&self) -> bool {
        self.settled.is_none()
            && self.expiring.is_none()
            && self.notices.iter().all(|addressed| addressed.recipients.is_empty())
    }
}

/// One person and what they are told.
#[derive(Clone)]
struct Letter<'a> {
    user: &'a str,
    notice: &'a Notice,
    text: Text,
    details: Details,
    contact: &'a Contact,
}

/// What one fact leads to, with the addresses of those who are told.
pub(crate) struct Mail {
    ctx: OpContext,
    event: EventId,
    telling: Telling,
    contacts: BTreeMap<String, Contact>,
}

impl App {
    /// Looks up how those are reached who are told; none when nothing comes of it.
    pub(crate) async fn addressed(
        &self,
        ctx: OpContext,
        event: EventId,
        telling: Telling,
    ) -> Result<Option<Mail>, NotificationError> {
        if telling.is_empty() {
            return Ok(None);
        }
        let everybody: Recipients =
            telling.notices.iter().flat_map(|a| a.recipients.iter().cloned()).collect();
        let contacts = self.contacts.of(&ctx, &everybody).await?;
        Ok(Some(Mail { ctx, event, telling, contacts }))
    }

    /// Tells of one fact. Returns how many people are told by it.
    pub(crate) async fn tell(
        &self,
        ctx: OpContext,
        event: EventId,
        telling: Telling,
    ) -> Result<usize, NotificationError> {
        match self.addressed(ctx, event, telling).await? {
            Some(mail) => self.deliver(&[mail], None).await,
            None => Ok(0),
        }
    }

    /// Puts what is told into inboxes and on the way, in one transaction with the consumer's position. Returns how
    /// many people are told by it.
    pub(crate) async fn deliver(
        &self,
        mails: &[Mail],
        cursor: Option<&Cursor>,
    ) -> Result<usize, NotificationError> {
        let mut tx = self.db.begin().await?;
        let mut told = 0;
        for mail in mails {
            told += self.put(&mut tx, mail).await?;
        }
        if let Some(cursor) = cursor {
            cursor.advance(&mut tx).await?;
        }
        tx.commit().await?;
        self.ring();
        Ok(told)
    }

    /// How many people are told by `mail`.
    async fn put(&self, tx: &mut Tx, mail: &Mail) -> Result<usize, NotificationError> {
        let Mail { ctx, event, telling, contacts } = mail;
        let letters = self.letters(telling, contacts);
        let users: Vec<&str> = letters.iter().map(|letter| letter.user).chain([EVERYBODY]).collect();
        let now = ctx.now();
        if let Some(session) = telling.settled {
            outgoing::drop_asking(tx, session, now).await?;
            reminders::forget(tx, session).await?;
        }
        if let Some((session, at)) = telling.expiring {
            reminders::plan(tx, session, Kind::ExpiringSoon, at, ctx.new_id()).await?;
        }
        let wishes = preferences::of(tx, &users).await?;
        let session = telling.notices.first().and_then(|addressed| addressed.notice.session);
        let recent = if self.couriers.all().next().is_some() {
            outgoing::recent(tx, &users, session, now).await?
        } else {
            BTreeMap::new()
        };
        let mut deliveries = Vec::new();
        for letter in &letters {
            let wish = wishes.get(letter.user).cloned().unwrap_or_default();
            deliveries.push(delivery(ctx, *event, letter, Channel::InApp, Route::Now));
            deliveries.extend(self.sent(ctx, *event, letter, &wish, &recent));
        }
        // Where an earlier round of the same fact was committed, it did all of this.
        let fresh = outgoing::insert(tx, &deliveries).await?;
        let arrived =
            |delivery: &&Delivery| delivery.channel == Channel::InApp && fresh.contains(&delivery.id);
        let arrived: Vec<&Delivery> = deliveries.iter().filter(arrived).collect();
        append_all(tx, ctx, arrived.iter().map(|letter| (letter.session, delivered(letter)))).await?;
        Ok(arrived.len())
    }

    /// A letter for everybody who is told.
    fn letters<'a>(&self, telling: &'a Telling, contacts: &'a BTreeMap<String, Contact>) -> Vec<Letter<'a>> {
        let mut letters = Vec::new();
        let mut seen = BTreeSet::new();
        for Addressed { notice, recipients } in &telling.notices {
            let render = |details: &Details| match &notice.text {
                Some(text) => text.clone(),
                None => self.templates.notice(notice.kind, notice.priority, notice.session, details),
            };
            let usual = render(&notice.details);
            for user in recipients {
                let Some(contact) = contacts.get(user).filter(|_| seen.insert(user.as_str())) else {
                    continue;
                };
                let mut details = notice.details.clone();
                let text = match notice.delegators.get(user) {
                    Some(delegator) => {
                        details.delegated_by = quote(delegator);
                        render(&details)
                    }
                    None => usual.clone(),
                };
                letters.push(Letter { user, notice, text, details, contact });
            }
        }
        letters
    }

    /// A letter over every channel that it may take.
    fn sent(
        &self,
        ctx: &OpContext,
        event: EventId,
        letter: &Letter<'_>,
        wish: &Preferences,
        recent: &BTreeMap<(String, Channel), Recent>,
    ) -> Vec<Delivery> {
        let named = &letter.notice.named;
        let mut deliveries = Vec::new();
        for courier in self.couriers.all() {
            let channel = courier.channel();
            if !named.is_empty() && !named.contains(&channel) {
                continue;
            }
            let common = Preferences::default();
            let (user, wish) = match courier.reach(letter.contact) {
                Reach::Personal => (letter.user, wish),
                Reach::Shared => (EVERYBODY, &common),
                Reach::Nowhere => continue,
            };
            let told = Told {
                kind: letter.notice.kind,
                priority: letter.notice.priority,
                channel,
                named: !named.is_empty(),
            };
            let recent = recent.get(&(user.to_owned(), channel)).copied().unwrap_or_default();
            let route = self.rules.policy.route(told, wish, recent, ctx.now());
            if route != Route::Never {
                let letter = Letter { user, ..letter.clone() };
                deliveries.push(delivery(ctx, event, &letter, channel, route));
            }
        }
        deliveries
    }
}

fn delivery(
    ctx: &OpContext,
    event: EventId,
    letter: &Letter<'_>,
    channel: Channel,
    route: Route,
) -> Delivery {
    let now = ctx.now();
    // Writing it is delivering it.
    let arrived = channel == Channel::InApp;
    let (status, next_attempt_at, hold) = match route {
        _ if arrived => (DeliveryStatus::Delivered, None, None),
        Route::Hold { until, hold } => (DeliveryStatus::Held, Some(until), Some(hold)),
        Route::Now | Route::Never => (DeliveryStatus::Pending, Some(now), None),
    };
    Delivery {
        id: ctx.new_id(),
        event,
        session: letter.notice.session,
        user: letter.user.to_owned(),
        channel,
        status,
        priority: letter.notice.priority,
        attempts: u32::from(arrived),
        earlier_attempts: 0,
        error: None,
        hold,
        merged_into: None,
        kind: letter.notice.kind.name().to_owned(),
        title: letter.text.title.clone(),
        body: letter.text.body.clone(),
        details: letter.details.clone(),
        created_at: now,
        delivered_at: arrived.then_some(now),
        read_at: None,
        next_attempt_at,
    }
}

/// The fact that a channel took `delivery`.
pub(super) fn delivered(delivery: &Delivery) -> Payload {
    Payload::NotificationDelivered(NotificationDelivered {
        delivery_id: delivery.id.to_pb(),
        user_id: delivery.user.clone(),
        channel: delivery.channel.number(),
    })
}
