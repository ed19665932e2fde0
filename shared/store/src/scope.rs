//! Knows which tasks hold a transaction.
//!
//! A call to another service while a [`Tx`](crate::Tx) is open would hold the database for as long as
//! the other takes, and with one writer it deadlocks when that service lives in the same process.
//! Debug builds keep count, so that the transport can refuse such a call on its first run.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::ThreadId;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    Task(tokio::task::Id),
    /// The root future of `block_on`, which has no task id but never leaves its thread.
    Thread(ThreadId),
}

impl Holder {
    fn current() -> Self {
        tokio::task::try_id().map_or_else(|| Self::Thread(std::thread::current().id()), Self::Task)
    }
}

static OPEN: LazyLock<Mutex<HashMap<Holder, usize>>> = LazyLock::new(Mutex::default);

/// Whether the current task holds a transaction. Always `false` in release builds. Branches of one
/// task (`join!`, `FuturesUnordered`) count as one.
pub fn in_transaction() -> bool {
    cfg!(debug_assertions)
        && OPEN.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&Holder::current())
}

/// Lives as long as its transaction.
pub(crate) struct Scope(Option<Holder>);

impl Scope {
    pub(crate) fn enter() -> Self {
        if !cfg!(debug_assertions) {
            return Self(None);
        }
        let holder = Holder::current();
        *OPEN.lock().unwrap_or_else(PoisonError::into_inner).entry(holder).or_default() += 1;
        Self(Some(holder))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let Some(holder) = self.0 else { return };
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&holder) {
            *count -= 1;
            if *count == 0 {
                open.remove(&holder);
            }
        }
    }
}
