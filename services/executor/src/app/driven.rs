//! The executions that this process drives, and how to wake those who do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use assent_core::id::ExecutionId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use crate::drive::Drive;
use crate::store::leases::Lease;

/// An execution that is to be driven here, with the room for it.
pub(crate) struct Handed {
    /// The right to drive it.
    pub(crate) lease: Lease,
    /// Its place among the executions of this process.
    pub(crate) room: OwnedSemaphorePermit,
    /// It, when it was accepted here: what was just written need not be read.
    pub(crate) drive: Option<Box<Drive>>,
}

/// What this process drives.
#[derive(Debug)]
pub(crate) struct Driven {
    /// Name of this process in leases; a new one with each start.
    pub(crate) owner: String,
    room: Arc<Semaphore>,
    most: u32,
    handed: mpsc::UnboundedSender<Handed>,
    bells: Mutex<HashMap<ExecutionId, Arc<Notify>>>,
}

/// Wakes the driver of one execution for as long as it lives.
pub(crate) struct Bell<'d> {
    driven: &'d Driven,
    execution: ExecutionId,
    /// Rings when there may be an order, or something that it waits for has happened.
    pub(crate) notify: Arc<Notify>,
}

impl Driven {
    /// Room for `most` executions; what is handed over comes out of the other end.
    pub(crate) fn new(owner: String, most: usize) -> (Self, mpsc::UnboundedReceiver<Handed>) {
        let (handed, taken) = mpsc::unbounded_channel();
        let most = u32::try_from(most.max(1)).unwrap_or(u32::MAX);
        let room = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS)));
        (Self { owner, room, most, handed, bells: Mutex::default() }, taken)
    }

    /// Room for one more, if there is any.
    pub(crate) fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// Has an execution driven here that was accepted with a lease of this process.
    pub(crate) fn hand(&self, drive: Box<Drive>, room: OwnedSemaphorePermit) {
        // Somebody takes it: who drives waits until all room is free again.
        let _gone = self.handed.send(Handed { lease: drive.lease(), room, drive: Some(drive) });
    }

    /// Waits until nothing is driven here, nor about to be; from then on there is no room.
    pub(crate) async fn emptied(&self) {
        if let Ok(all) = self.room.acquire_many(self.most).await {
            all.forget();
        }
    }

    /// Registers the driver of an execution.
    pub(crate) fn enter(&self, execution: ExecutionId) -> Bell<'_> {
        let notify = Arc::new(Notify::new());
        self.bells().insert(execution, Arc::clone(&notify));
        Bell { driven: self, execution, notify }
    }

    /// Wakes the driver of an execution if it is in this process.
    pub(crate) fn wake(&self, execution: ExecutionId) {
        if let Some(notify) = self.bells().get(&execution) {
            notify.notify_one();
        }
    }

    /// Whether nothing is driven here.
    pub(crate) fn is_empty(&self) -> bool {
        self.bells().is_empty()
    }

    /// Whatever is driven here.
    pub(crate) fn executions(&self) -> Vec<ExecutionId> {
        self.bells().keys().copied().collect()
    }

    fn bells(&self) -> MutexGuard<'_, HashMap<ExecutionId, Arc<Notify>>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        let mut bells = self.driven.bells();
        // Another driver may have come after this one.
        if bells.get(&self.execution).is_some_and(|notify| Arc::ptr_eq(notify, &self.notify)) {
            bells.remove(&self.execution);
        }
    }
}
