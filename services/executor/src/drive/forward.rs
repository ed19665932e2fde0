//! Running the items of an execution.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use assent_core::Timestamp;
use assent_core::id::SessionId;
use assent_plan::{ItemId, WorkItem};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::attempt::{Attempt, Hindrance, shown};
use super::ledger::{self, Batch};
use super::{Drive, Flow};
use crate::domain::control::Order;
use crate::domain::grant::Refusal;
use crate::domain::schedule::{Step, Verdict};
use crate::domain::{ExecutionFact, Run, RunFact, RunState, retry};
use crate::error::ExecutorError;
use crate::store::artifacts::Artifact;
use crate::store::runs::{self, Stored};
use crate::tools::mcp::TOOL_CHANGED;
use crate::tools::{Outcome, ToolError};

/// Shortest and longest wait between two looks at what is due.
const SOON: Duration = Duration::from_millis(10);
const LATE: Duration = Duration::from_secs(1);
/// What is due later is looked at when the lease is prolonged.
const FAR: Duration = Duration::from_secs(10);

/// How long the approval gate may take before what has ended is committed apart from what follows.
const PROMPT: Duration = Duration::from_millis(20);

type Ended = (ItemId, Result<Outcome, ToolError>);

/// What is said of an attempt whose driver died.
const INTERRUPTED: &str = "INTERRUPTED: the executor stopped while it ran, and it must not be repeated";

impl Drive {
    /// Runs items until all have ended, one stops the execution, a person does, or the process stops.
    pub(super) async fn forward(
        &mut self,
        bell: &Notify,
        stop: &CancellationToken,
    ) -> Result<Flow, ExecutorError> {
        let flow = Box::pin(self.run_items(bell, stop)).await;
        // Whatever went wrong, what has been done is known to have been done.
        if flow.is_err()
            && let Err(error) = self.ledger.flush().await
        {
            tracing::warn!(%error, "cannot keep what attempts came to");
        }
        flow
    }

    async fn run_items(&mut self, bell: &Notify, stop: &CancellationToken) -> Result<Flow, ExecutorError> {
        // Dropping it ends what still runs.
        let mut running: JoinSet<Ended> = JoinSet::new();
        let ready = std::mem::take(&mut self.ready);
        if ready.is_empty()
            && let Some(refusal) = self.recover(&mut running).await?
        {
            return self.refuse(&refusal).await;
        }
        for (item, attempt) in ready {
            self.start(item, attempt, &mut running);
        }
        if let Some(refusal) = self.rehearse().await? {
            return self.refuse(&refusal).await;
        }
        let mut news = true;
        let mut renewal = Instant::now() + self.app.renewal();
        let mut drained = None;
        loop {
            if drained.is_none() {
                if std::mem::take(&mut news) {
                    self.ledger.flush().await?;
                    if let Some(refusal) = self.amend().await? {
                        return self.refuse(&refusal).await;
                    }
                }
                self.ask().await?;
                let known = self.ledger.order;
                let turn = self.turn(&mut running).await?;
                self.ledger.look_first().await?;
                let retry = match turn {
                    // The commit said what a person has asked for meanwhile.
                    Turn::Wait(_) if self.ledger.order != known => continue,
                    Turn::Wait(retry) => retry,
                    Turn::Again => continue,
                    Turn::Over(flow) => return Ok(flow),
                };
                self.ledger.flush().await?;
                let look = Instant::now() + self.wait(retry, self.app.source.now());
                tokio::select! {
                    () = stop.cancelled() => {
                        drained = Some(Instant::now() + Duration::from_secs(self.app.config.drain_seconds));
                    }
                    Some(ended) = running.join_next() => {
                        if let Some(refusal) = self.take_in(ended.ok(), &mut running).await? {
                            return self.refuse(&refusal).await;
                        }
                    }
                    () = bell.notified() => {
                        self.ledger.look().await?;
                        self.doubt();
                        news = true;
                    }
                    () = sleep_until(look.min(renewal)) => {}
                }
            } else if running.is_empty() || drained.is_some_and(|end| Instant::now() >= end) {
                return Ok(Flow::Stopped);
            } else {
                tokio::select! {
                    Some(ended) = running.join_next() => {
                        if let Some(refusal) = self.take_in(ended.ok(), &mut running).await? {
                            return self.refuse(&refusal).await;
                        }
                        self.ledger.flush().await?;
                    }
                    () = sleep_until(drained.unwrap_or(renewal).min(renewal)) => {}
                }
            }
            if Instant::now() >= renewal {
                self.ledger.renew().await?;
                renewal = Instant::now() + self.app.renewal();
                news = true;
            }
        }
    }

    /// Does what can be done now.
    async fn turn(&mut self, running: &mut JoinSet<Ended>) -> Result<Turn, ExecutorError> {
        let order = self.ledger.order;
        if let Some(order @ (Order::Cancel | Order::Rollback)) = order {
            running.shutdown().await;
            self.ledger.carry_out(order).await?;
            return Ok(Turn::Over(Flow::Next));
        }
        let now = self.app.source.now();
        let step = self.schedule.next(&self.ledger.runs, now);
        match (order, &step.verdict) {
            // What has ended has ended; a failure waits for the person who holds the execution.
            (Some(Order::Pause), verdict) if *verdict != Verdict::Completed => {
                if !running.is_empty() {
                    return Ok(Turn::Wait(None));
                }
                self.ledger.carry_out(Order::Pause).await?;
                Ok(Turn::Over(Flow::Next))
            }
            (_, Verdict::GoOn(retry)) => {
                let retry = *retry;
                match self.begin(step, running).await? {
                    Begun::Refused(refusal) => self.refuse(&refusal).await.map(Turn::Over),
                    // Something failed before it began: what follows from that?
                    Begun::Changed => Ok(Turn::Again),
                    Begun::Waiting => Ok(Turn::Wait(retry)),
                    Begun::NotBefore(time) => {
                        Ok(Turn::Wait(Some(retry.map_or(time, |retry| retry.min(time)))))
                    }
                }
            }
            // It does not rest before its reviews are asked for.
            (_, Verdict::Waiting) if self.is_unasked() => Ok(Turn::Wait(Some(now.after(LATE)))),
            (_, Verdict::Completed | Verdict::Failed(_) | Verdict::Waiting) => {
                self.conclude(step, now).await?;
                Ok(Turn::Over(Flow::Next))
            }
        }
    }

    fn wait(&self, retry: Option<Timestamp>, now: Timestamp) -> Duration {
        let wait = retry.map(|at| at.since(now)).filter(|wait| *wait < FAR);
        wait.map_or(self.app.renewal(), |wait| wait.clamp(SOON, LATE))
    }

    /// Goes on with attempts that ran when their driver died: repeats those that may be, and gives up the others.
    async fn recover(&mut self, running: &mut JoinSet<Ended>) -> Result<Option<Refusal>, ExecutorError> {
        let now = self.app.source.now();
        let mut batch = self.batch(now)?;
        let mut attempts = Vec::new();
        let found = self.ledger.runs.values().filter(|run| run.state == RunState::Running);
        for run in found.cloned().collect::<Vec<Run>>() {
            let stored = runs::item(&self.app.db, run.id).await?;
            let item = &stored.0;
            if !self.app.is_repeatable(&item.tool, &item.arguments) {
                give_up(&mut batch, run, INTERRUPTED.to_owned(), now)?;
                continue;
            }
            match self.prepare(&run, Some(stored), run.attempt, true).await {
                Ok(attempt) => attempts.push((run.item, attempt)),
                Err(Hindrance::Refused(refusal)) => return Ok(Some(refusal)),
                Err(hindrance) => self.fail(&mut batch, run, hindrance, now)?,
            }
        }
        if !batch.is_empty() {
            self.ledger.commit(batch).await?;
        }
        for (item, attempt) in attempts {
            tracing::info!(item = %item, "the attempt is repeated, because its driver died");
            self.start(item, attempt, running);
        }
        Ok(None)
    }

    /// Commits what `step` asks for, then begins its attempts.
    async fn begin(&mut self, step: Step, running: &mut JoinSet<Ended>) -> Result<Begun, ExecutorError> {
        let now = self.app.source.now();
        let ids = step.start.iter().filter_map(|id| self.ledger.runs.get(id)).map(|run| run.id);
        let (app, ids) = (Arc::clone(&self.app), ids.collect::<Vec<_>>());
        let stored = async {
            match ids.as_slice() {
                [] => Ok(Stored::new()),
                ids => runs::items(&app.db, ids).await,
            }
        };
        let (standing, stored) = tokio::join!(self.stand_by(&step.start), stored);
        match standing {
            Ok(Ok(())) => {}
            Ok(Err(Refusal::Expired)) => {}
            Ok(Err(refusal)) => return Ok(Begun::Refused(refusal)),
            // What runs goes on; nothing begins that the gate might have taken back.
            Err(ExecutorError::Remote(error)) => {
                tracing::warn!(%error, "nothing begins, because the approval gate cannot be asked about the grant");
                return Ok(Begun::NotBefore(now.after(LATE)));
            }
            Err(error) => return Err(error),
        }
        let Prepared { batch, attempts, later, failed } = match self.prepare_all(&step, stored?, now).await? {
            Ok(prepared) => prepared,
            Err(refusal) => return Ok(Begun::Refused(refusal)),
        };
        let waiting = later.map_or(Begun::Waiting, Begun::NotBefore);
        if batch.is_empty() {
            return Ok(waiting);
        }
        self.ledger.commit(batch).await?;
        for (item, attempt) in attempts {
            self.start(item, attempt, running);
        }
        Ok(if failed { Begun::Changed } else { waiting })
    }

    /// Gets everything ready that `step` asks for, of items as they are `stored`.
    pub(super) async fn prepare_all(
        &self,
        step: &Step,
        mut stored: Stored,
        now: Timestamp,
    ) -> Result<Result<Prepared, Refusal>, ExecutorError> {
        let mut batch = self.batch(now)?;
        let mut failed = self.pass_over(&mut batch, step, now)?;
        let mut attempts = Vec::new();
        let mut later = None;
        for id in &step.start {
            let Some(mut run) = self.ledger.runs.get(id).cloned() else { continue };
            match self.prepare(&run, stored.remove(&run.id), run.attempt + 1, false).await {
                Ok(attempt) => {
                    run.apply(RunFact::AttemptStarted, now)?;
                    run.cost = run.cost.plus(attempt.price);
                    batch.execution.cost = batch.execution.cost.plus(attempt.price);
                    batch.kept.extend(attempt.kept.iter().map(|kept| (run.id, kept.clone())));
                    batch.runs.push(run);
                    attempts.push((id.clone(), attempt));
                }
                Err(Hindrance::Refused(refusal)) => return Ok(Err(refusal)),
                Err(Hindrance::NotBefore(time)) => later = Some(time),
                Err(hindrance) => {
                    self.fail(&mut batch, run, hindrance, now)?;
                    failed = true;
                }
            }
        }
        Ok(Ok(Prepared { batch, attempts, later, failed }))
    }

    /// Asks the approval gate whether it stands by the grants under which `items` run, where that is not known.
    async fn stand_by(&mut self, items: &[ItemId]) -> Result<Result<(), Refusal>, ExecutorError> {
        let runs = items.iter().filter_map(|id| self.ledger.runs.get(id));
        let sessions: BTreeSet<SessionId> =
            runs.map(|run| run.amended_by.unwrap_or(self.ledger.execution.session)).collect();
        for session in sessions {
            let verified = self.amendments.get(&session).unwrap_or(&self.verified);
            let grant = verified.grant();
            if self.app.standing.is_fresh(grant) {
                continue;
            }
            let (ctx, asked) = (self.ledger.ctx.clone(), Instant::now());
            let mut answer = std::pin::pin!(verified.check_standing(&self.app, &ctx));
            let standing = match timeout(PROMPT, answer.as_mut()).await {
                Ok(standing) => standing,
                // What has ended must not be forgotten over it.
                Err(_) => {
                    self.ledger.flush().await?;
                    answer.await
                }
            };
            if let Err(refusal) = standing? {
                return Ok(Err(refusal));
            }
            self.app.standing.stood(grant, asked);
        }
        Ok(Ok(()))
    }

    fn start(&self, item: ItemId, attempt: Attempt, running: &mut JoinSet<Ended>) {
        let app = Arc::clone(&self.app);
        let span = self.ledger.span_of("item.attempt", &item, &attempt.call.tool);
        running.spawn(async move { (item, attempt.make(&app).await) }.instrument(span));
    }

    /// Notes which items will not run; whether there are any.
    fn pass_over(&self, batch: &mut Batch, step: &Step, now: Timestamp) -> Result<bool, ExecutorError> {
        for (id, why) in &step.skip {
            let Some(mut run) = self.ledger.runs.get(id).cloned() else { continue };
            run.apply(RunFact::PassedOver, now)?;
            run.error.clone_from(why);
            batch.runs.push(run);
        }
        for id in &step.give_up {
            let Some(run) = self.ledger.runs.get(id).cloned() else { continue };
            let error = run.error.clone();
            give_up(batch, run, error, now)?;
        }
        Ok(!step.skip.is_empty() || !step.give_up.is_empty())
    }

    /// Gives up an item that cannot begin.
    fn fail(&self, batch: &mut Batch, run: Run, why: Hindrance, now: Timestamp) -> Result<(), ExecutorError> {
        let error = match why {
            Hindrance::Broken(error) => return Err(error),
            Hindrance::OutOfBounds(error) => return self.hold(batch, run, &error, now),
            Hindrance::NotBefore(_) => return Ok(()),
            Hindrance::Failed(error) => shown(&error),
            Hindrance::Refused(refusal) | Hindrance::Expired(refusal) => {
                batch.refused = Some(ledger::refused(&self.ledger.execution, &refusal));
                format!("{}: {refusal}", refusal.reason())
            }
        };
        give_up(batch, run, error, now)
    }

    /// Takes in an attempt that has ended, and those that ended meanwhile. What a worker was not given, because it is
    /// not what was approved, is refused.
    async fn take_in(
        &mut self,
        first: Option<Ended>,
        running: &mut JoinSet<Ended>,
    ) -> Result<Option<Refusal>, ExecutorError> {
        let now = self.app.source.now();
        let mut batch = self.batch(now)?;
        let mut place = self.ledger.runs.values().filter_map(|run| run.completed).max().unwrap_or_default();
        let others = std::iter::from_fn(|| running.try_join_next()).filter_map(Result::ok);
        for (id, result) in first.into_iter().chain(others) {
            let Some(mut run) = self.ledger.runs.get(&id).cloned() else { continue };
            match result {
                Ok(outcome) => {
                    place += 1;
                    run.apply(RunFact::AttemptSucceeded, now)?;
                    run.completed = Some(place);
                    batch.artifacts.extend(self.artifacts(&id, &outcome, now));
                    (run.output, run.summary) = (Some(outcome.output), outcome.summary);
                    batch.runs.push(run);
                }
                Err(error) => {
                    let item = match self.item(&run).await? {
                        Ok(item) => item,
                        Err(refusal) => return Ok(Some(refusal)),
                    };
                    // Its server says that the tool is not what was pinned.
                    if error.reason == TOOL_CHANGED {
                        tracing::error!(item = %id, error = error.message, "the tool is not called");
                        return Ok(Some(Refusal::Tool(item.tool)));
                    }
                    self.failed(&mut batch, run, &item, &error, now)?;
                }
            }
        }
        self.ledger.stage(batch);
        Ok(None)
    }

    fn failed(
        &self,
        batch: &mut Batch,
        mut run: Run,
        item: &WorkItem,
        error: &ToolError,
        now: Timestamp,
    ) -> Result<(), ExecutorError> {
        let config = &self.app.config;
        let first = Duration::from_millis(config.retry_first_milliseconds);
        let longest = Duration::from_secs(config.retry_longest_seconds);
        let delay = retry::delay(item, run.attempt, first, longest).filter(|_| error.retryable);
        match delay {
            Some(delay) => {
                run.apply(RunFact::AttemptFailed, now)?;
                run.error = shown(error);
                run.retry_at = Some(now.after(self.app.source.jitter(delay)));
                batch.runs.push(run);
                Ok(())
            }
            None => give_up(batch, run, shown(error), now),
        }
    }

    fn artifacts(&self, item: &ItemId, outcome: &Outcome, now: Timestamp) -> Vec<Artifact> {
        let artifact = |file: &crate::tools::Written| Artifact {
            id: self.app.source.new_id(),
            execution: self.ledger.execution.id,
            item: item.clone(),
            path: file.path.clone(),
            media_type: file.media_type.clone(),
            size: file.size,
            digest: file.digest,
            created_at: now,
        };
        outcome.files.iter().map(artifact).collect()
    }

    /// Ends the items: all is done, or one failed and what was done is undone, or all that is left waits.
    async fn conclude(&mut self, step: Step, now: Timestamp) -> Result<(), ExecutorError> {
        let mut batch = self.batch(now)?;
        self.pass_over(&mut batch, &step, now)?;
        let fact = match &step.verdict {
            Verdict::Failed(id) => {
                let error = self.ledger.runs.get(id).map(|run| run.error.as_str()).unwrap_or_default();
                batch.execution.error = format!("`{id}` failed: {error}");
                if self.to_undo().is_empty() { ExecutionFact::ItemFailed } else { ExecutionFact::UndoBegun }
            }
            Verdict::Waiting => ExecutionFact::Parked,
            Verdict::Completed | Verdict::GoOn(_) => ExecutionFact::ItemsDone,
        };
        batch.execution.apply(fact, now)?;
        self.ledger.commit(batch).await
    }
}

/// What is to be committed before its attempts begin.
pub(super) struct Prepared {
    pub(super) batch: Batch,
    pub(super) attempts: Vec<(ItemId, Attempt)>,
    /// Something may not begin before that time.
    pub(super) later: Option<Timestamp>,
    /// Some items ended without having begun.
    pub(super) failed: bool,
}

enum Turn {
    /// There is nothing more to do until something ends, or a retry is due at that time.
    Wait(Option<Timestamp>),
    /// Things have changed: look again.
    Again,
    /// It goes on elsewhere.
    Over(Flow),
}

enum Begun {
    /// What was to begin has begun.
    Waiting,
    /// Some items ended without having begun.
    Changed,
    /// Something may not begin before that time.
    NotBefore(Timestamp),
    /// An item is not what was approved.
    Refused(Refusal),
}

fn give_up(batch: &mut Batch, mut run: Run, error: String, now: Timestamp) -> Result<(), ExecutorError> {
    run.apply(RunFact::GivenUp, now)?;
    run.error = error;
    batch.runs.push(run);
    Ok(())
}
