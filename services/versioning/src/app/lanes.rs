//! One editor of a session at a time, in this process. The database would sort them out as well, but everybody but one
//! would have asked planner and risk in vain.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use assent_core::id::SessionId;
use tokio::sync::OwnedMutexGuard;

type Lane = tokio::sync::Mutex<()>;

/// A queue for each session that is being edited.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<HashMap<SessionId, Weak<Lane>>>);

impl Lanes {
    /// Waits for one's turn, which lasts as long as the guard.
    pub(crate) async fn enter(&self, session: SessionId) -> OwnedMutexGuard<()> {
        self.lane(session).lock_owned().await
    }

    fn lane(&self, session: SessionId) -> Arc<Lane> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&session).and_then(Weak::upgrade) {
            return lane;
        }
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = Arc::new(Lane::default());
        lanes.insert(session, Arc::downgrade(&lane));
        lane
    }
}
