//! Named tasks: nothing runs beside the calls that the runtime does not know, watch and end.

use std::time::Duration;

use assent_core::ContextSource;
use assent_events::EventMetrics;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// What happens when a task ends with an error or a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The process cannot do its work without it: everything stops, and the exit code says so.
    Shutdown,
    /// It is logged.
    Log,
}

/// The running tasks of a process.
#[derive(Debug)]
pub struct TaskSet {
    tasks: JoinSet<Option<&'static str>>,
    stop: CancellationToken,
    source: ContextSource,
    events: EventMetrics,
}

impl TaskSet {
    pub(crate) fn new(stop: CancellationToken, source: ContextSource, events: EventMetrics) -> Self {
        Self { tasks: JoinSet::new(), stop, source, events }
    }

    /// Ends when tasks must; every task watches it.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Where those who follow a log say how far they have come.
    pub fn event_metrics(&self) -> EventMetrics {
        self.events.clone()
    }

    /// Starts a task that runs until [`TaskSet::stop`]. Its error text is logged.
    pub fn spawn<E>(
        &mut self,
        name: &'static str,
        on_error: OnError,
        work: impl Future<Output = Result<(), E>> + Send + 'static,
    ) where
        E: std::fmt::Display + Send + 'static,
    {
        let stop = self.stop.clone();
        let guarded = async move {
            // A panic must reach the policy below, not only the log.
            let ended = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(work)).await;
            let problem = match ended {
                Ok(Ok(())) => return None,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "panicked".to_owned(),
            };
            tracing::error!(task = name, error = %problem, "task failed");
            if on_error == OnError::Shutdown {
                stop.cancel();
                return Some(name);
            }
            None
        };
        self.tasks.spawn(guarded.instrument(tracing::info_span!("task", task = name)));
    }

    /// Starts a job that runs every `period` (with jitter, so that replicas do not run in step), first at once.
    /// A failed run is logged and the next one comes.
    pub fn every<E, F>(
        &mut self,
        name: &'static str,
        period: Duration,
        mut job: impl FnMut() -> F + Send + 'static,
    ) where
        E: std::fmt::Display + Send + 'static,
        F: Future<Output = Result<(), E>> + Send,
    {
        let (stop, source) = (self.stop.clone(), self.source.clone());
        self.spawn::<std::convert::Infallible>(name, OnError::Shutdown, async move {
            while !stop.is_cancelled() {
                if let Err(error) = job().await {
                    tracing::warn!(job = name, error = %error, "job failed; it runs again");
                }
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(source.jitter(period)) => {}
                }
            }
            Ok(())
        });
    }

    /// Waits for every task; the name of one that failed and had to take the process down.
    pub(crate) async fn join(&mut self) -> Option<&'static str> {
        let mut failed = None;
        while let Some(ended) = self.tasks.join_next().await {
            failed = failed.or(ended.ok().flatten());
        }
        failed
    }

    /// Ends every task where it is.
    pub(crate) async fn abort(&mut self) {
        self.tasks.shutdown().await;
    }
}
