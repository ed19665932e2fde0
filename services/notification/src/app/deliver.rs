//! Sending what is due, each channel by itself. A delivery is claimed in one transaction, tried outside any, and its
//! outcome kept in another; a worker that dies in between loses its claim, and the same message is repeated with the
//! same id.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use assent_core::Timestamp;
use assent_events::{Backoff, append, append_all};
use assent_proto::event::v1::NotificationFailed;
use assent_proto::event::v1::event::Payload;
use assent_rpc::convert::{Wire as _, WireEnum as _};
use assent_store::{StoreError, Tx};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::tell::delivered;
use super::{App, Recipients};
use crate::channels::{Courier, Parcel};
use crate::contacts::Contact;
use crate::domain::delivery::EVERYBODY;
use crate::domain::{Attempt, Channel, Delivery, Next};
use crate::error::NotificationError;
use crate::store::outgoing;

/// How often to look for what is due without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What comes within this time is claimed, or kept, together: a durable commit for each costs everybody more.
const GATHER: Duration = Duration::from_millis(10);
/// Beyond the time of an attempt: for asking where it goes, and for keeping its outcome while the database restarts.
const CLAIM_MARGIN: Duration = Duration::from_secs(60);

/// An attempt that has ended.
struct Ended {
    delivery: Delivery,
    attempt: Attempt,
    claimed_until: Timestamp,
}

impl App {
    /// Sends over one channel until `stop`.
    pub(crate) async fn run_channel(
        self: Arc<Self>,
        courier: Arc<dyn Courier>,
        stop: CancellationToken,
    ) -> Result<(), Infallible> {
        let mut wake = self.wake.subscribe();
        let mut flying: JoinSet<Ended> = JoinSet::new();
        let mut backoff = Backoff::new(self.source.clone());
        loop {
            wake.mark_unchanged();
            let mut full = false;
            if !stop.is_cancelled() {
                match self.launch(&courier, &mut flying).await {
                    Ok(more) => {
                        full = more;
                        backoff.reset();
                    }
                    Err(error) => self.rest(&mut backoff, &error, &stop).await,
                }
            }
            if stop.is_cancelled() && flying.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                Some(ended) = flying.join_next() => {
                    tokio::time::sleep(GATHER).await;
                    let mut all: Vec<_> = ended.ok().into_iter().collect();
                    while let Some(ended) = flying.try_join_next() {
                        all.extend(ended.ok());
                    }
                    self.learn(&courier, &all);
                    self.keep(&all, &mut backoff, &stop).await;
                }
                () = std::future::ready(()), if full => {}
                _ = wake.changed(), if !stop.is_cancelled() => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(self.source.jitter(LOOK_EVERY)), if !stop.is_cancelled() => {}
                () = stop.cancelled(), if !stop.is_cancelled() => {}
            }
        }
    }

    /// Claims what is due, as far as there is room, and starts an attempt for each. Returns whether there may be more
    /// and room for it.
    async fn launch(
        &self,
        courier: &Arc<dyn Courier>,
        flying: &mut JoinSet<Ended>,
    ) -> Result<bool, NotificationError> {
        let channel = courier.channel();
        let now = self.source.now();
        let allowed =
            self.with_breaker(channel, |b| b.allows(self.rules.concurrency, now)).unwrap_or_default();
        let room = allowed.saturating_sub(flying.len());
        if room == 0 {
            return Ok(false);
        }
        let until = now.after(self.rules.attempt_timeout + CLAIM_MARGIN);
        let limit = i64::try_from(room).unwrap_or(i64::MAX);
        let mut tx = self.db.begin().await?;
        let due = outgoing::claim(&mut tx, channel, now, until, limit).await?;
        tx.commit().await?;
        if due.is_empty() {
            return Ok(false);
        }
        let users: Recipients = due.iter().map(|d| d.user.clone()).filter(|user| user != EVERYBODY).collect();
        let contacts = match self.contacts.of(&self.operation(), &users).await {
            Ok(contacts) => contacts,
            Err(error) => {
                self.release_claims(&due, until).await?;
                return Err(error.into());
            }
        };
        let taken = due.len();
        for delivery in due {
            self.start(courier, flying, delivery, &contacts, until);
        }
        Ok(taken == room && room < allowed)
    }

    fn start(
        &self,
        courier: &Arc<dyn Courier>,
        flying: &mut JoinSet<Ended>,
        delivery: Delivery,
        contacts: &BTreeMap<String, Contact>,
        claimed_until: Timestamp,
    ) {
        let contact = contacts.get(&delivery.user).cloned().unwrap_or_default();
        let (courier, now) = (Arc::clone(courier), self.source.now());
        let timeout = self.rules.attempt_timeout;
        flying.spawn(async move {
            let parcel = Parcel { delivery, contact, now };
            let attempt = attempt(courier.as_ref(), &parcel, timeout).await;
            Ended { delivery: parcel.delivery, attempt, claimed_until }
        });
    }

    /// What could not even be tried is free for the next round.
    async fn release_claims(&self, due: &[Delivery], until: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        for delivery in due {
            outgoing::unclaim(&mut tx, delivery.id, until).await?;
        }
        tx.commit().await
    }

    fn learn(&self, courier: &Arc<dyn Courier>, ended: &[Ended]) {
        let (channel, now) = (courier.channel(), self.source.now());
        for Ended { attempt, .. } in ended {
            if self.with_breaker(channel, |breaker| breaker.learn(attempt, now)) == Some(true) {
                tracing::warn!(channel = channel.name(), ?attempt, "the channel fails and is paused");
            }
        }
    }

    /// Keeps outcomes, however long the database takes: one that is lost would be a message sent twice.
    async fn keep(&self, ended: &[Ended], backoff: &mut Backoff, stop: &CancellationToken) {
        while let Err(error) = self.try_keep(ended).await {
            if stop.is_cancelled() && !backoff.is_fresh() {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "outcomes are lost; these are sent again"
                );
                return;
            }
            self.rest(backoff, &error.into(), stop).await;
        }
        backoff.reset();
    }

    async fn try_keep(&self, ended: &[Ended]) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut arrived: BTreeMap<Timestamp, Vec<&Delivery>> = BTreeMap::new();
        let mut told = Vec::new();
        for Ended { delivery, attempt, claimed_until } in ended {
            match self.rules.retry.next(delivery.attempts.saturating_add(1), attempt.clone()) {
                Next::Delivered => arrived.entry(*claimed_until).or_default().push(delivery),
                next => {
                    if self.record(&mut tx, delivery, *claimed_until, &next).await? {
                        told.push((delivery.channel, next));
                    }
                }
            }
        }
        for (claimed_until, deliveries) in arrived {
            let own = self.record_delivered(&mut tx, &deliveries, claimed_until).await?;
            told.extend(own.into_iter().map(|channel| (channel, Next::Delivered)));
        }
        tx.commit().await?;
        told.into_iter().for_each(|(channel, next)| self.metrics.ended(channel, &next));
        Ok(())
    }

    /// Keeps and publishes that these arrived; returns the channels of those that no other worker has taken over.
    async fn record_delivered(
        &self,
        tx: &mut Tx,
        deliveries: &[&Delivery],
        claimed_until: Timestamp,
    ) -> Result<Vec<Channel>, StoreError> {
        let now = self.source.now();
        let kept = outgoing::record_delivered(tx, deliveries, claimed_until, now).await?;
        let (own, lost): (Vec<&Delivery>, Vec<&Delivery>) =
            deliveries.iter().copied().partition(|delivery| kept.contains(&delivery.id));
        lost.into_iter().for_each(taken_over);
        let facts = own.iter().map(|delivery| (delivery.session, delivered(delivery)));
        append_all(tx, &self.operation(), facts).await?;
        Ok(own.into_iter().map(|delivery| delivery.channel).collect())
    }

    /// Keeps how an attempt ended, and publishes what is final; false when another worker has taken over.
    pub(super) async fn record(
        &self,
        tx: &mut Tx,
        delivery: &Delivery,
        claimed_until: Timestamp,
        next: &Next,
    ) -> Result<bool, StoreError> {
        let now = self.source.now();
        let (again, fact) = match next {
            Next::Delivered => (None, Some(delivered(delivery))),
            Next::Again { after, least, .. } => {
                (Some(now.after(self.source.jitter(*after).max(*least))), None)
            }
            Next::GivenUp { error } => {
                tracing::warn!(delivery.id = %delivery.id, error, "notification given up");
                (None, Some(failed(delivery, error)))
            }
        };
        if !outgoing::record(tx, delivery, claimed_until, next, again, now).await? {
            taken_over(delivery);
            return Ok(false);
        }
        if let Some(fact) = fact {
            append(tx, &self.operation(), delivery.session, fact).await?;
        }
        Ok(true)
    }

    async fn rest(&self, backoff: &mut Backoff, error: &NotificationError, stop: &CancellationToken) {
        if backoff.is_fresh() {
            tracing::warn!(error = error as &dyn std::error::Error, "sending waits and goes on");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(backoff.next_delay()) => {}
        }
    }
}

/// One attempt, which ends in time whatever the courier does.
pub(super) async fn attempt(courier: &dyn Courier, parcel: &Parcel, timeout: Duration) -> Attempt {
    // A courier has the same limit; this one holds where it forgets.
    let limit = timeout.saturating_add(Duration::from_secs(1));
    match tokio::time::timeout(limit, courier.deliver(parcel)).await {
        Ok(attempt) => attempt,
        Err(_) => Attempt::refused(crate::domain::Blame::Channel, "the channel did not answer in time"),
    }
}

fn taken_over(delivery: &Delivery) {
    tracing::warn!(delivery.id = %delivery.id, "the claim ended during the attempt; another worker took over");
}

fn failed(delivery: &Delivery, error: &str) -> Payload {
    Payload::NotificationFailed(NotificationFailed {
        delivery_id: delivery.id.to_pb(),
        user_id: delivery.user.clone(),
        channel: delivery.channel.number(),
        error: error.to_owned(),
    })
}
