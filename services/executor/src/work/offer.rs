//! The side of the driver: an attempt is offered, and its report awaited.

use std::time::Duration;

use assent_core::Timestamp;
use assent_events::Backoff;
use assent_plan::Span;
use assent_store::StoreError;

use crate::app::App;
use crate::domain::work::WorkState;
use crate::store::work::{self, Offer, Report, Standing};
use crate::store::work_files;
use crate::tools::{Outcome, ToolError, Written};

/// Longest time between two looks at a clock that tests move.
const LOOK: Duration = Duration::from_millis(500);

/// Offers the attempt to workers, unless it is offered already, and waits for what they report. Its time begins when a
/// worker takes it. Dropping the future leaves the offer where it is: whoever makes the attempt again finds it.
pub(crate) async fn made_by_a_worker(app: &App, offer: &Offer) -> Result<Outcome, ToolError> {
    let waiting = app.desk.wait(&offer.key);
    // A worker may have the work while the database is away: giving up would have it done twice.
    patiently(app, || keep(app, offer)).await;
    app.desk.offered();
    loop {
        let standing = patiently(app, || work::standing(&app.db, &offer.key)).await;
        let Some(Standing { state, deadline, report }) = standing else {
            return Err(ToolError::lasting("CANCELLED", "the work was withdrawn"));
        };
        let now = app.source.now();
        let rest = match (state, report, deadline) {
            (WorkState::Ended, Some(report), _) => {
                let files = patiently(app, || work_files::of_attempt(&app.db, &offer.key)).await;
                return outcome(report, files);
            }
            (WorkState::Leased, _, Some(deadline)) if now >= deadline => {
                if patiently(app, || withdraw(app, &offer.key)).await {
                    let text = format!("the worker took longer than {}", Span::from(offer.timeout));
                    return Err(ToolError::passing("TIMED_OUT", text));
                }
                continue;
            }
            (WorkState::Leased, _, Some(deadline)) => left(deadline, now),
            _ => Duration::MAX,
        };
        tokio::select! {
            () = waiting.news.notified() => {}
            () = tokio::time::sleep(rest.min(Duration::from_secs(3600))) => {}
        }
    }
}

fn left(deadline: Timestamp, now: Timestamp) -> Duration {
    deadline.since(now).min(LOOK)
}

async fn keep(app: &App, offer: &Offer) -> Result<(), StoreError> {
    app.config.faults.before().await;
    let mut tx = app.db.begin().await?;
    work::offer(&mut tx, offer, app.source.now()).await?;
    tx.commit().await?;
    app.config.faults.after().await;
    Ok(())
}

async fn withdraw(app: &App, key: &str) -> Result<bool, StoreError> {
    let mut tx = app.db.begin().await?;
    let withdrawn = work::withdraw(&mut tx, key).await?;
    tx.commit().await?;
    Ok(withdrawn)
}

fn outcome(report: Report, files: Vec<Written>) -> Result<Outcome, ToolError> {
    match report {
        Report::Done { output, summary } => Ok(Outcome { output, summary, files }),
        Report::Failed { reason, message, retryable } => {
            let message = format!("{reason}: {message}");
            Err(if retryable {
                ToolError::passing("WORKER_FAILED", message)
            } else {
                ToolError::lasting("WORKER_FAILED", message)
            })
        }
    }
}

/// Tries until the database answers. Whoever loses the lease meanwhile drops the future.
async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(app: &App, attempt: impl Fn() -> F) -> T {
    let mut backoff = Backoff::new(app.source.clone());
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => {
                if backoff.is_fresh() {
                    tracing::warn!(%error, "an attempt for workers waits for the database");
                }
                tokio::time::sleep(backoff.next_delay()).await;
            }
        }
    }
}
