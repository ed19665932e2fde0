//! Doorbells: "there is something new in that log". Rung within the process at once and, over Redis, in
//! every other. A ring may be lost or come twice; readers go by position.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use assent_core::id::{EventId, SessionId};
use serde::Serialize;
use tokio::sync::{mpsc, watch};

/// One published fact, as it goes over Redis. Not the fact itself: that is read from the log.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Notice {
    pub(crate) service: &'static str,
    pub(crate) position: i64,
    pub(crate) id: EventId,
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    pub(crate) session_id: Option<SessionId>,
}

/// The doorbells of this process, by service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hub(Arc<Mutex<HashMap<String, Bells>>>);

/// Those of one service: most who follow one session have nothing to do with what is said of the others.
#[derive(Debug, Default)]
struct Bells {
    all: watch::Sender<u64>,
    sessions: HashMap<SessionId, watch::Sender<u64>>,
}

fn sound(bell: &watch::Sender<u64>) {
    bell.send_modify(|count| *count += 1);
}

impl Hub {
    /// Wakes everybody who follows `service`: nobody knows what it is about.
    pub(crate) fn ring(&self, service: &str) {
        // Nobody to wake when nobody ever subscribed.
        if let Some(bells) = self.bells().get(service) {
            bells.all_of_them().for_each(sound);
        }
    }

    /// Wakes those who follow all of `service`, or one of `sessions`.
    pub(crate) fn ring_about(&self, service: &str, sessions: &BTreeSet<SessionId>) {
        if let Some(bells) = self.bells().get(service) {
            sound(&bells.all);
            sessions.iter().filter_map(|session| bells.sessions.get(session)).for_each(sound);
        }
    }

    pub(crate) fn ring_all(&self) {
        self.bells().values().flat_map(Bells::all_of_them).for_each(sound);
    }

    fn subscribe(&self, service: &str, session: Option<SessionId>) -> watch::Receiver<u64> {
        let mut services = self.bells();
        let bells = services.entry(service.to_owned()).or_default();
        let Some(session) = session else { return bells.all.subscribe() };
        bells.sessions.entry(session).or_default().subscribe()
    }

    /// Forgets the bell of a session that nobody follows any more.
    fn leave(&self, service: &str, session: SessionId) {
        if let Some(bells) = self.bells().get_mut(service)
            && bells.sessions.get(&session).is_some_and(|bell| bell.receiver_count() == 0)
        {
            bells.sessions.remove(&session);
        }
    }

    fn bells(&self) -> MutexGuard<'_, HashMap<String, Bells>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bells {
    fn all_of_them(&self) -> impl Iterator<Item = &watch::Sender<u64>> {
        std::iter::once(&self.all).chain(self.sessions.values())
    }
}

/// Wakes those who read a service's log: within this process, or over Redis in every process.
#[derive(Debug, Clone)]
pub struct Bus {
    hub: Hub,
    redis: Option<mpsc::Sender<Notice>>,
}

impl Bus {
    /// For services that all run in this process.
    pub fn local() -> Self {
        Self { hub: Hub::default(), redis: None }
    }

    pub(crate) fn over(hub: Hub, outgoing: mpsc::Sender<Notice>) -> Self {
        Self { hub, redis: Some(outgoing) }
    }

    /// A doorbell that rings when `service` has published something.
    pub fn subscribe(&self, service: &str) -> Doorbell {
        Doorbell { bell: self.hub.subscribe(service, None), hub: self.hub.clone(), session: None }
    }

    /// A doorbell that rings when `service` has published something about `session`, and now and then without need.
    pub fn subscribe_to(&self, service: &str, session: SessionId) -> Doorbell {
        let bell = self.hub.subscribe(service, Some(session));
        Doorbell { bell, hub: self.hub.clone(), session: Some((service.to_owned(), session)) }
    }

    /// Rings in this process only, for what another replica published.
    pub(crate) fn ring(&self, service: &str) {
        self.hub.ring(service);
    }

    /// Rings everywhere. Never waits: with Redis away and the queue full, readers elsewhere find out
    /// by looking from time to time.
    pub(crate) fn publish(&self, service: &'static str, notices: Vec<Notice>) {
        self.hub.ring_about(service, &notices.iter().filter_map(|notice| notice.session_id).collect());
        if let Some(redis) = &self.redis {
            // A full queue is tried no further; the driver logs the outage that filled it.
            let _full = notices.into_iter().try_for_each(|notice| redis.try_send(notice));
        }
    }
}

/// Waits for news from one service. Rings between two waits are not lost: they end the next one.
#[derive(Debug)]
pub struct Doorbell {
    bell: watch::Receiver<u64>,
    /// Keeps the other end alive.
    hub: Hub,
    /// Of which session of which service, where it is not of all.
    session: Option<(String, SessionId)>,
}

impl Clone for Doorbell {
    fn clone(&self) -> Self {
        Self { bell: self.bell.clone(), hub: self.hub.clone(), session: self.session.clone() }
    }
}

impl Drop for Doorbell {
    fn drop(&mut self) {
        if let Some((service, session)) = &self.session {
            // Gone before it is counted: of two that go at once, the last one must find nobody.
            self.bell = watch::Sender::new(0).subscribe();
            self.hub.leave(service, *session);
        }
    }
}

impl Doorbell {
    /// Forgets what has rung so far. Call it before reading the log, and [`Doorbell::ring`] after.
    pub fn clear(&mut self) {
        self.bell.mark_unchanged();
    }

    /// Returns when it has rung since the last call of `ring` or [`Doorbell::clear`].
    pub async fn ring(&mut self) {
        if self.bell.changed().await.is_err() {
            // The hub is held above, so its bells are never dropped.
            std::future::pending::<()>().await;
        }
    }
}
