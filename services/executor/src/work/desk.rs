//! Who waits for what, in this process.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store::work;

/// How often to look for reports without being told of one.
const POLL: Duration = Duration::from_secs(2);
/// Shortest time between two looks for what other replicas took.
const BETWEEN: Duration = Duration::from_millis(50);

/// The desk of this process.
#[derive(Debug)]
pub(crate) struct Desk {
    waiting: Mutex<HashMap<String, Arc<Notify>>>,
    offered: watch::Sender<u64>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { waiting: Mutex::default(), offered: watch::Sender::new(0) }
    }
}

/// Waits for news of one attempt for as long as it lives.
pub(super) struct Waiting<'d> {
    desk: &'d Desk,
    key: String,
    /// Rings when a worker has taken the attempt or reported on it.
    pub(super) news: Arc<Notify>,
}

impl Desk {
    /// Begins to wait for news of `key`.
    pub(super) fn wait(&self, key: &str) -> Waiting<'_> {
        let news = Arc::new(Notify::new());
        self.waiting().insert(key.to_owned(), Arc::clone(&news));
        Waiting { desk: self, key: key.to_owned(), news }
    }

    /// Tells whoever waits for `key` here.
    pub(super) fn tell(&self, key: &str) {
        if let Some(news) = self.waiting().get(key) {
            news.notify_one();
        }
    }

    /// Tells workers that there may be work for them.
    pub(crate) fn offered(&self) {
        self.offered.send_modify(|count| *count += 1);
    }

    /// Changes when there may be work.
    pub(super) fn offers(&self) -> watch::Receiver<u64> {
        self.offered.subscribe()
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.desk.waiting();
        if waiting.get(&self.key).is_some_and(|news| Arc::ptr_eq(news, &self.news)) {
            waiting.remove(&self.key);
        }
    }
}

/// Finds out what workers told other replicas, until `stop`. One question for everybody who waits.
pub(crate) async fn attend(app: Arc<App>, stop: CancellationToken) -> Result<(), Infallible> {
    let mut doorbell = app.watching.bus.subscribe(crate::NAME);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = doorbell.ring() => {}
            () = tokio::time::sleep(app.source.jitter(POLL)) => {}
        }
        app.desk.offered();
        let keys: Vec<String> = app.desk.waiting().keys().cloned().collect();
        if keys.is_empty() {
            continue;
        }
        match work::news(&app.db, &keys).await {
            Ok(keys) => keys.iter().for_each(|key| app.desk.tell(key)),
            Err(error) => tracing::debug!(%error, "cannot look for reports of workers"),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(BETWEEN) => {}
        }
    }
}
