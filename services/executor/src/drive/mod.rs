//! Driving executions to their end. An execution belongs to the process that holds its lease; whoever holds it
//! later finds everything that it needs in the database.

mod amend;
mod attempt;
mod binding;
mod first;
mod forward;
mod ledger;
mod rehearsal;
mod undo;
mod verified;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use assent_core::Timestamp;
use assent_core::id::SessionId;
use assent_events::Backoff;
use assent_plan::{ItemId, WorkItem};
use assent_store::Backend;
use tokio::sync::{Notify, mpsc};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use self::attempt::Attempt;
pub(crate) use self::binding::{Unready, bind};
pub(crate) use self::first::Adding;
use self::ledger::{Batch, Ledger};
pub(crate) use self::verified::Verified;
use crate::app::App;
use crate::app::driven::Handed;
use crate::domain::grant::Refusal;
use crate::domain::schedule::Schedule;
use crate::domain::{ExecutionFact, ExecutionState, Run, RunState};
use crate::error::ExecutorError;
use crate::store::leases::{self, Lease, Renewed};

/// How often to look for work without being told of it: for what a dead replica left.
const POLL: Duration = Duration::from_secs(5);
/// Shortest time between two looks for orders that another replica took.
const ATTEND: Duration = Duration::from_millis(100);

/// Drives whatever nobody else does, until `stop`.
pub(crate) async fn run(
    app: Arc<App>,
    mut handed: mpsc::UnboundedReceiver<Handed>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    if app.db.backend() == Backend::Sqlite {
        // The file belongs to this process alone, so every other lease in it is of one that is dead. It may have accepted
        // executions already, and begun them.
        if let Err(error) = leases::release_all(&app.db, &app.driven.owner).await {
            tracing::warn!(%error, "cannot end old leases; they end by themselves");
        }
    }
    let mut driving = JoinSet::new();
    let mut driven = HashMap::new();
    let mut look = true;
    while !stop.is_cancelled() {
        let found = if look { claim(&app).await } else { Vec::new() };
        found.into_iter().for_each(|one| begin(&app, one, &stop, &mut driving, &mut driven));
        look = true;
        tokio::select! {
            () = stop.cancelled() => {}
            Some(one) = handed.recv() => {
                begin(&app, one, &stop, &mut driving, &mut driven);
                look = false;
            }
            () = app.wake.notified() => {}
            () = tokio::time::sleep(app.source.jitter(POLL)) => {}
            Some(ended) = driving.join_next_with_id() => tidy(&app, &mut driven, ended).await,
        }
    }
    // What is accepted at this moment may have begun with that.
    let mut emptied = std::pin::pin!(app.driven.emptied());
    loop {
        tokio::select! {
            () = &mut emptied => break,
            Some(one) = handed.recv() => begin(&app, one, &stop, &mut driving, &mut driven),
            Some(ended) = driving.join_next_with_id() => tidy(&app, &mut driven, ended).await,
        }
    }
    Ok(())
}

/// Drives one execution beside the others.
fn begin(
    app: &Arc<App>,
    Handed { lease, room, drive: accepted }: Handed,
    stop: &CancellationToken,
    driving: &mut JoinSet<()>,
    driven: &mut HashMap<Id, Lease>,
) {
    let work = Box::pin(drive(Arc::clone(app), lease, accepted, stop.clone()));
    let work = async move {
        work.await;
        drop(room);
    };
    let task = driving.spawn(work.instrument(tracing::info_span!("drive", execution = %lease.execution)));
    driven.insert(task.id(), lease);
}

/// Takes executions that nobody drives, as far as there is room.
async fn claim(app: &App) -> Vec<Handed> {
    let mut rooms: Vec<_> = std::iter::from_fn(|| app.driven.room()).collect();
    let now = app.source.now();
    let driven = app.driven.executions();
    match leases::claim(&app.db, &app.driven.owner, &driven, now, app.lease_until(), rooms.len()).await {
        Ok(claimed) => {
            let with_room = claimed.into_iter().filter_map(|lease| {
                let room = rooms.pop()?;
                Some(Handed { lease, room, drive: None })
            });
            with_room.collect()
        }
        Err(error) => {
            tracing::warn!(%error, "cannot look for executions");
            Vec::new()
        }
    }
}

/// Tells the drivers in this process of orders that other replicas took, until `stop`.
pub(crate) async fn attend(app: Arc<App>, stop: CancellationToken) -> Result<(), Infallible> {
    let mut doorbell = app.watching.bus.subscribe(crate::NAME);
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = doorbell.ring() => {}
        }
        // A process that has the file to itself heard of every order when it took it.
        if app.db.backend() == Backend::Sqlite || app.driven.is_empty() {
            continue;
        }
        match leases::orders(&app.db, &app.driven.owner).await {
            Ok(ordered) => ordered.into_iter().for_each(|execution| app.driven.wake(execution)),
            // The next prolonging of the lease finds out.
            Err(error) => tracing::debug!(%error, "cannot look for orders"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(ATTEND) => {}
        }
    }
    Ok(())
}

/// Forgets a task that has ended; one that panicked leaves its execution to whoever comes first.
async fn tidy(app: &App, driven: &mut HashMap<Id, Lease>, ended: Result<(Id, ()), JoinError>) {
    match ended {
        Ok((task, ())) => {
            driven.remove(&task);
        }
        Err(error) => {
            tracing::error!(%error, "driving an execution ended badly");
            if let Some(lease) = driven.remove(&error.id()) {
                release(app, lease).await;
            }
        }
    }
}

/// Drives one execution until it ends, the lease is lost or the process stops.
async fn drive(app: Arc<App>, lease: Lease, mut accepted: Option<Box<Drive>>, stop: CancellationToken) {
    let mut backoff = Backoff::new(app.source.clone());
    let bell = app.driven.enter(lease.execution);
    loop {
        // What was accepted is as it was only until it is driven.
        let opened = match accepted.take() {
            Some(drive) => Ok(Some(drive)),
            None => Drive::open(&app, lease).await.map(|drive| drive.map(Box::new)),
        };
        let ended = match opened {
            Ok(Some(drive)) => {
                let span = drive.ledger.span.clone();
                Box::pin(drive.run(&bell.notify, &stop)).instrument(span).await
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => return,
            Err(ExecutorError::LeaseLost) => {
                tracing::info!("another executor goes on with the execution");
                return;
            }
            Err(error) => {
                if backoff.is_fresh() {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the execution waits and goes on"
                    );
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => {
                release(&app, lease).await;
                return;
            }
            () = tokio::time::sleep(backoff.next_delay()) => {}
        }
        if let Ok(Renewed::Lost) = leases::renew(&app.db, lease, app.lease_until()).await {
            return;
        }
    }
}

async fn release(app: &App, lease: Lease) {
    if let Err(error) = leases::release(&app.db, lease).await {
        tracing::warn!(%error, "cannot release the execution; its lease ends by itself");
    }
}

/// An execution that this process drives.
pub(crate) struct Drive {
    app: Arc<App>,
    ledger: Ledger,
    verified: Verified,
    /// What runs under a grant of its own, by the session of its review.
    amendments: HashMap<SessionId, Verified>,
    /// Not before then is a review asked for again.
    ask_at: Instant,
    /// Whether the execution has been rehearsed, where its grant asks for that.
    rehearsed: bool,
    schedule: Schedule,
    /// Attempts that are committed with the execution itself and have not begun.
    ready: Vec<(ItemId, Attempt)>,
}

impl Drive {
    /// Reads the execution and verifies its grant anew, because rows can be changed by others than us. None when
    /// it was refused, and is over.
    async fn open(app: &Arc<App>, lease: Lease) -> Result<Option<Self>, ExecutorError> {
        let mut ledger = Ledger::open(app, lease).await?;
        let verified = Verified::of(app, &ledger.ctx, &ledger.execution, &ledger.approved).await?;
        let checked = verified.and_then(|verified| {
            let schedule = Schedule::new(&verified.plan, app.config.max_parallel_items)?;
            Ok((verified, schedule))
        });
        let mut drive = match checked {
            Ok((verified, schedule)) => Self::with(app, ledger, verified, schedule),
            Err(refusal) => {
                ledger.refuse(&refusal).await?;
                return Ok(None);
            }
        };
        match drive.load_amendments().await? {
            Ok(()) => Ok(Some(drive)),
            Err(refusal) => {
                drive.ledger.refuse(&refusal).await?;
                Ok(None)
            }
        }
    }

    fn with(app: &Arc<App>, ledger: Ledger, verified: Verified, schedule: Schedule) -> Self {
        Self {
            app: Arc::clone(app),
            ledger,
            verified,
            amendments: HashMap::new(),
            ask_at: Instant::now(),
            rehearsed: false,
            schedule,
            ready: Vec::new(),
        }
    }

    async fn run(mut self, bell: &Notify, stop: &CancellationToken) -> Result<(), ExecutorError> {
        loop {
            let gone_on = match (self.ledger.execution.state, self.ledger.order) {
                (ExecutionState::Pending | ExecutionState::Running, _) => self.forward(bell, stop).await?,
                (ExecutionState::RollingBack, _) => self.undo(stop).await?,
                (ExecutionState::Waiting, None) => match self.amend().await? {
                    Some(refusal) => self.refuse(&refusal).await?,
                    None if self.ledger.execution.state == ExecutionState::Waiting => return Ok(()),
                    None => Flow::Next,
                },
                // It came while the last step was committed.
                (_, Some(order)) => {
                    self.ledger.carry_out(order).await?;
                    Flow::Next
                }
                (_, None) => return Ok(()),
            };
            if let Flow::Stopped = gone_on {
                release(&self.app, self.ledger.lease).await;
                return Ok(());
            }
        }
    }

    /// Something has happened to the execution: its grants may have been taken back.
    fn doubt(&self) {
        for verified in self.amendments.values().chain([&self.verified]) {
            self.app.standing.forget(verified.grant());
        }
    }

    /// What `run` runs under; none when the review of its values has no grant.
    fn authority(&self, run: &Run) -> Option<&Verified> {
        match run.amended_by {
            // The session of a review that is still under way grants nothing.
            Some(session) if run.state != RunState::Held => self.amendments.get(&session),
            _ => Some(&self.verified),
        }
    }

    /// The item of `run` as it is stored now, if that is what was approved.
    async fn item(&self, run: &Run) -> Result<Result<WorkItem, Refusal>, ExecutorError> {
        match self.authority(run) {
            Some(verified) => verified.item(&self.app, run).await,
            None => Ok(Err(Refusal::Unavailable("the review of its values has no grant".to_owned()))),
        }
    }

    /// Nothing yet, to be filled; the first change of an execution begins it.
    fn batch(&self, now: Timestamp) -> Result<Batch, ExecutorError> {
        let mut batch = self.ledger.batch();
        if batch.execution.state == ExecutionState::Pending {
            batch.execution.apply(ExecutionFact::Started, now)?;
        }
        Ok(batch)
    }

    /// Stops everything because of `refusal`, and undoes nothing: what the database says is not to be trusted.
    async fn refuse(&mut self, refusal: &Refusal) -> Result<Flow, ExecutorError> {
        self.ledger.refuse(refusal).await?;
        Ok(Flow::Next)
    }
}

/// Whether to go on.
enum Flow {
    /// The execution is in another state now.
    Next,
    /// The process stops.
    Stopped,
}
