//! Where a process dies, so that tests can have it die at each of its steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Lets a process die after so many of its commits; the usual one lives. Dead, it commits nothing any more, and whoever
/// is about to waits for ever.
#[derive(Debug, Clone, Default)]
pub struct Faults(Option<Arc<Fault>>);

#[derive(Debug)]
struct Fault {
    last: u64,
    passed: AtomicU64,
    died: Notify,
}

impl Faults {
    /// Dies with the commit of that number, from 1.
    pub fn at(last: u64) -> Self {
        Self(Some(Arc::new(Fault { last, passed: AtomicU64::new(0), died: Notify::new() })))
    }

    /// Returns once the process is dead: never for one that lives.
    pub async fn died(&self) {
        match &self.0 {
            Some(fault) => fault.died.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Before a commit.
    pub(crate) async fn before(&self) {
        if let Some(fault) = &self.0
            && fault.passed.load(Ordering::SeqCst) >= fault.last
        {
            std::future::pending::<()>().await;
        }
    }

    /// After a commit.
    pub(crate) async fn after(&self) {
        let Some(fault) = &self.0 else { return };
        if fault.passed.fetch_add(1, Ordering::SeqCst) + 1 >= fault.last {
            fault.died.notify_one();
            std::future::pending::<()>().await;
        }
    }
}
