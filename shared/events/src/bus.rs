//! Doorbells: "there is something new in that log". Rung within the process at once and, over Redis, in
//! every other. A ring may be lost or come twice; readers go by position.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

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
pub(crate) struct Hub(Arc<Mutex<HashMap<String, watch::Sender<u64>>>>);

impl Hub {
    pub(crate) fn ring(&self, service: &str) {
        // Nobody to wake when nobody ever subscribed.
        if let Some(bell) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(service) {
            bell.send_modify(|count| *count += 1);
        }
    }

    pub(crate) fn ring_all(&self) {
        for bell in self.0.lock().unwrap_or_else(PoisonError::into_inner).values() {
            bell.send_modify(|count| *count += 1);
        }
    }

    fn subscribe(&self, service: &str) -> watch::Receiver<u64> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.entry(service.to_owned()).or_insert_with(|| watch::Sender::new(0)).subscribe()
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
        Doorbell { bell: self.hub.subscribe(service), _hub: self.hub.clone() }
    }

    /// Rings in this process only, for what another replica published.
    pub(crate) fn ring(&self, service: &str) {
        self.hub.ring(service);
    }

    /// Rings everywhere. Never waits: with Redis away and the queue full, readers elsewhere find out
    /// by looking from time to time.
    pub(crate) fn publish(&self, service: &'static str, notices: Vec<Notice>) {
        self.hub.ring(service);
        if let Some(redis) = &self.redis {
            // A full queue is tried no further; the driver logs the outage that filled it.
            let _full = notices.into_iter().try_for_each(|notice| redis.try_send(notice));
        }
    }
}

/// Waits for news from one service. Rings between two waits are not lost: they end the next one.
#[derive(Debug, Clone)]
pub struct Doorbell {
    bell: watch::Receiver<u64>,
    /// Keeps the other end alive.
    _hub: Hub,
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
