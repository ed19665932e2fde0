//! What is known of an execution, and the only way to change it: in one transaction, under the lease, with the
//! events that tell of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_core::id::{RequestId, RunKind, SessionId};
use assent_core::{Id, OpContext};
use assent_events::{Backoff, Fact, append_facts};
use assent_plan::{ItemId, Plan, WorkItem};
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{ExecutionChanged, ExecutionEnded, ExecutionRefused, WorkItemRunChanged};
use assent_rpc::continue_from;
use assent_store::StoreError;
use tokio::time::Instant;
use tracing::Span;
use tracing::field::Empty;

use crate::app::App;
use crate::convert;
use crate::domain::control::{self, Order};
use crate::domain::grant::Refusal;
use crate::domain::pins::Pins;
use crate::domain::schedule::Runs;
use crate::domain::work::WORKER;
use crate::domain::{Execution, ExecutionFact, ExecutionState, Run, RunFact, RunState};
use crate::error::ExecutorError;
use crate::store::amendments;
use crate::store::artifacts::{self, Artifact};
use crate::store::executions::{self, Approved};
use crate::store::leases::{self, Change, Guarded, Lease, Renewed};
use crate::store::runs::{self, Kept};
use crate::store::work;

/// An execution as it is committed.
pub(super) struct Ledger {
    app: Arc<App>,
    pub(super) lease: Lease,
    pub(super) ctx: OpContext,
    /// In which it is driven.
    pub(super) span: Span,
    pub(super) execution: Execution,
    pub(super) runs: Runs,
    pub(super) approved: Approved,
    /// What a person has asked for, as last heard.
    pub(super) order: Option<Order>,
    /// Whether anybody has looked for orders since it was added.
    heard: bool,
    revision: i64,
    /// What is in `runs` already, and is written with whatever follows from it.
    staged: Option<Batch>,
}

/// Changes that become true together.
pub(super) struct Batch {
    pub(super) execution: Execution,
    pub(super) runs: Vec<Run>,
    pub(super) kept: Vec<(Id<RunKind>, Kept)>,
    pub(super) artifacts: Vec<Artifact>,
    /// Items whose artifacts are no more.
    pub(super) forgotten: Vec<ItemId>,
    pub(super) refused: Option<ExecutionRefused>,
    /// The order that it carries out.
    pub(super) answered: Option<Order>,
    /// Reviews to ask for.
    pub(super) asked: Vec<(RequestId, ItemId, Plan)>,
    /// Reviews that were opened.
    pub(super) opened: Vec<(RequestId, SessionId)>,
    /// Reviews by which it goes on.
    pub(super) applied: Vec<RequestId>,
    /// Items that were approved instead of others.
    pub(super) replaced: Vec<(Id<RunKind>, WorkItem)>,
}

impl Batch {
    /// Whether it changes anything.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.kept.is_empty() && self.artifacts.is_empty() && self.refused.is_none()
    }

    /// Whether it is of the execution, its runs and nothing else.
    fn is_plain(&self) -> bool {
        let Self { asked, opened, applied, replaced, kept, forgotten, artifacts, .. } = self;
        (asked.is_empty() && opened.is_empty() && applied.is_empty() && replaced.is_empty())
            && (kept.is_empty() && forgotten.is_empty() && artifacts.is_empty())
    }

    /// Both, of which `later` knows the execution as it is after both.
    fn and(mut self, later: Self) -> Self {
        self.runs.extend(later.runs);
        self.kept.extend(later.kept);
        self.artifacts.extend(later.artifacts);
        self.forgotten.extend(later.forgotten);
        self.asked.extend(later.asked);
        self.opened.extend(later.opened);
        self.applied.extend(later.applied);
        self.replaced.extend(later.replaced);
        self.refused = later.refused.or(self.refused);
        self.answered = later.answered.or(self.answered);
        Self { execution: later.execution, ..self }
    }

    /// Each run as it is in the end.
    fn last_of_runs(&self) -> Vec<&Run> {
        let last: BTreeMap<Id<RunKind>, &Run> = self.runs.iter().map(|run| (run.id, run)).collect();
        last.into_values().collect()
    }
}

impl Ledger {
    /// An execution as the database has it.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn open(app: &Arc<App>, lease: Lease) -> Result<Self, ExecutorError> {
        let (execution, approved, revision) = executions::approved(&app.db, lease.execution).await?;
        let runs = runs::of_execution(&app.db, lease.execution).await?;
        let runs = runs.into_iter().map(|run| (run.item.clone(), run)).collect();
        let ledger = Self::new(app, lease, execution, approved, runs);
        Ok(Self { revision, heard: true, ..ledger })
    }

    /// An execution as it has been since it was added.
    pub(super) fn new(
        app: &Arc<App>,
        lease: Lease,
        execution: Execution,
        approved: Approved,
        runs: Runs,
    ) -> Self {
        let span = tracing::info_span!(
            parent: None,
            "execution.drive",
            otel.kind = "internal",
            execution.id = %execution.id,
            workflow.id = %execution.session,
        );
        let ctx = app.context(continue_from(&span, approved.traceparent.as_deref()).as_deref());
        let order = execution.order;
        Self {
            app: Arc::clone(app),
            lease,
            ctx,
            span,
            execution,
            runs,
            approved,
            order,
            heard: false,
            revision: 0,
            staged: None,
        }
    }

    /// The span of what is done about one item.
    pub(super) fn span_of(&self, name: &'static str, item: &ItemId, tool: &str) -> Span {
        tracing::info_span!(
            parent: &self.span,
            "item",
            otel.name = name,
            otel.kind = "internal",
            otel.status_code = Empty,
            workflow.id = %self.execution.session,
            item.id = %item,
            item.tool = tool,
            item.error = Empty,
        )
    }

    /// Nothing yet, to be filled.
    pub(super) fn batch(&self) -> Batch {
        Batch {
            answered: None,
            asked: Vec::new(),
            opened: Vec::new(),
            applied: Vec::new(),
            replaced: Vec::new(),
            execution: self.execution.clone(),
            runs: Vec::new(),
            kept: Vec::new(),
            artifacts: Vec::new(),
            forgotten: Vec::new(),
            refused: None,
        }
    }

    /// Takes in what begins with the execution itself, and is written with it.
    pub(super) fn take(&mut self, batch: &Batch) {
        self.execution = batch.execution.clone();
        self.runs.extend(batch.runs.iter().map(|run| (run.item.clone(), run.clone())));
    }

    /// Takes in what effects came to, to be written together with what begins because of it: before anything else
    /// happens that takes long, [`Ledger::flush`] must be called. Changes nothing of the execution itself.
    pub(super) fn stage(&mut self, batch: Batch) {
        self.runs.extend(batch.runs.iter().map(|run| (run.item.clone(), run.clone())));
        self.staged = Some(match self.staged.take() {
            Some(earlier) => earlier.and(batch),
            None => batch,
        });
    }

    /// Makes durable what is staged.
    ///
    /// # Errors
    /// As [`Ledger::commit`].
    pub(super) async fn flush(&mut self) -> Result<(), ExecutorError> {
        match self.staged.take() {
            Some(batch) => self.commit(batch).await,
            None => Ok(()),
        }
    }

    /// Makes `batch` durable, with what is staged. Tries again while the database is busy and the lease lasts.
    ///
    /// # Errors
    /// [`ExecutorError::LeaseLost`] when somebody else drives the execution: nothing was written.
    pub(super) async fn commit(&mut self, batch: Batch) -> Result<(), ExecutorError> {
        let batch = match self.staged.take() {
            Some(earlier) => earlier.and(batch),
            None => batch,
        };
        let ended = if batch.execution.state.is_final() { Some(self.ended(&batch).await?) } else { None };
        let before = self.execution.state;
        let deadline = Instant::now() + Duration::from_secs(self.app.config.lease_seconds);
        let mut backoff = Backoff::new(self.app.source.clone());
        loop {
            match self.write(&batch, ended.as_ref()).await {
                Ok(order) => {
                    (self.order, self.heard) = (order, true);
                    break;
                }
                Err(ExecutorError::Store(StoreError::Unavailable(_) | StoreError::Conflict))
                    if Instant::now() < deadline =>
                {
                    tokio::time::sleep(backoff.next_delay()).await;
                }
                Err(error) => return Err(error),
            }
        }
        self.revision += 1;
        self.execution = batch.execution;
        self.runs.extend(batch.runs.into_iter().map(|run| (run.item.clone(), run)));
        self.app.changed(&self.execution, &self.approved, before);
        Ok(())
    }

    /// The fact of the end, as it will be after `batch`.
    async fn ended(&self, batch: &Batch) -> Result<ExecutionEnded, ExecutorError> {
        let mut artifacts = artifacts::of_execution(&self.app.db, self.execution.id).await?;
        artifacts.retain(|artifact| !batch.forgotten.contains(&artifact.item));
        artifacts.extend(batch.artifacts.iter().cloned());
        artifacts.sort_by(|a, b| (&a.path, a.created_at, a.id).cmp(&(&b.path, b.created_at, b.id)));
        let mut runs = self.runs.clone();
        runs.extend(batch.runs.iter().map(|run| (run.item.clone(), run.clone())));
        Ok(ExecutionEnded {
            execution: Some(convert::outline(&batch.execution, &runs)),
            artifacts: artifacts.iter().map(convert::artifact).collect(),
        })
    }

    /// Returns what a person has ordered.
    async fn write(
        &self,
        batch: &Batch,
        ended: Option<&ExecutionEnded>,
    ) -> Result<Option<Order>, ExecutorError> {
        let Batch { execution, answered, .. } = batch;
        let (lease, revision, until) = (self.lease, self.revision, self.app.lease_until());
        let change = Change { lease, revision, until, execution, answered: *answered };
        let saved = match batch.last_of_runs() {
            runs if runs.is_empty() => Vec::new(),
            runs => vec![runs::save(&runs)?],
        };
        let facts = self.facts(batch, ended);
        let facts: Vec<&Fact> = facts.iter().collect();
        let ends_work = self.ends_work(execution);
        self.app.config.faults.before().await;
        if batch.is_plain() && !ends_work {
            let order = match leases::write_alone(&self.app.db, &change, &facts, saved).await? {
                Guarded::Written(order) | Guarded::Known(order) => order,
                Guarded::Lost => return Err(ExecutorError::LeaseLost),
            };
            self.app.config.faults.after().await;
            return Ok(order);
        }
        let mut tx = self.app.db.begin().await?;
        let order = match leases::write(&mut tx, &change).await? {
            Guarded::Written(order) => order,
            Guarded::Known(order) => return Ok(order),
            Guarded::Lost => return Err(ExecutorError::LeaseLost),
        };
        append_facts(&mut tx, &facts, saved).await?;
        for (request, item, plan) in &batch.asked {
            amendments::insert(&mut tx, self.execution.id, *request, item, plan).await?;
        }
        for (request, review) in &batch.opened {
            amendments::asked(&mut tx, *request, *review).await?;
        }
        for request in &batch.applied {
            amendments::applied(&mut tx, *request).await?;
        }
        for (run, item) in &batch.replaced {
            runs::replace(&mut tx, *run, item, Pins::of(&self.app.catalog, item)).await?;
        }
        for (run, kept) in &batch.kept {
            runs::keep(&mut tx, *run, kept).await?;
        }
        for item in &batch.forgotten {
            artifacts::remove(&mut tx, self.execution.id, item).await?;
        }
        for artifact in &batch.artifacts {
            artifacts::save(&mut tx, artifact).await?;
        }
        if ends_work {
            work::forget(&mut tx, execution.id).await?;
        }
        tx.commit().await?;
        self.app.config.faults.after().await;
        Ok(order)
    }

    /// Whether nobody waits for workers any more once the execution is as `next`, or not for the same work.
    fn ends_work(&self, next: &Execution) -> bool {
        let (state, before) = (next.state, self.execution.state);
        let mut tools = self.runs.values().map(|run| run.tool.as_str());
        state != before
            && (state.is_final()
                || (state == ExecutionState::RollingBack && tools.any(|tool| tool == WORKER)))
    }

    /// What becomes true with `batch`, in order.
    fn facts(&self, batch: &Batch, ended: Option<&ExecutionEnded>) -> Vec<Fact> {
        let execution = &batch.execution;
        let changed = batch.runs.iter().map(|run| {
            let shown = assent_proto::execution::v1::WorkItemRun { output: None, ..convert::run(run) };
            let execution_id = execution.id.to_string();
            Payload::WorkItemRunChanged(WorkItemRunChanged { execution_id, run: Some(shown) })
        });
        let refused = batch.refused.iter().map(|refused| Payload::ExecutionRefused(refused.clone()));
        let stands = match ended {
            Some(ended) => Some(Payload::ExecutionEnded(ended.clone())),
            None if execution.state != self.execution.state && !execution.state.is_driven() => {
                let (action, reason) = (execution.state.as_str().to_owned(), String::new());
                let execution = Some(convert::execution(execution));
                let changed = ExecutionChanged { execution, action, item_id: String::new(), reason };
                Some(Payload::ExecutionChanged(changed))
            }
            None => None,
        };
        let fact = |payload| Fact::new(&self.ctx, Some(execution.session), payload);
        changed.chain(refused).chain(stands).map(fact).collect()
    }

    /// Carries out what a person has ordered, once nothing runs. An order that came too late is forgotten.
    pub(super) async fn carry_out(&mut self, order: Order) -> Result<(), ExecutorError> {
        let mut batch = self.batch();
        batch.answered = Some(order);
        if self.execution.state.after(order.fact()).is_ok() {
            let now = self.app.source.now();
            batch.runs = control::carry_out(&mut batch.execution, &self.runs, order.fact(), now)?;
        }
        self.commit(batch).await
    }

    /// Looks whether a person has ordered something.
    pub(super) async fn look(&mut self) -> Result<(), ExecutorError> {
        self.order = leases::ordered(&self.app.db, self.execution.id).await?;
        self.heard = true;
        Ok(())
    }

    /// Looks, unless somebody has: what was ordered before the driver had a bell rang for nobody.
    pub(super) async fn look_first(&mut self) -> Result<(), ExecutorError> {
        if self.heard { Ok(()) } else { self.look().await }
    }

    /// Prolongs the lease.
    pub(super) async fn renew(&mut self) -> Result<(), ExecutorError> {
        match leases::renew(&self.app.db, self.lease, self.app.lease_until()).await {
            Ok(Renewed::Held(order)) => {
                self.order = order;
                Ok(())
            }
            Ok(Renewed::Lost) => Err(ExecutorError::LeaseLost),
            // Nobody can claim it while the database is away; the next write finds out.
            Err(StoreError::Unavailable(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the execution because what is stored is not what was approved.
    pub(super) async fn refuse(&mut self, refusal: &Refusal) -> Result<(), ExecutorError> {
        self.refuse_at(refusal, None).await
    }

    /// As [`Ledger::refuse`], because of the item that was about to be undone, if any.
    pub(super) async fn refuse_at(
        &mut self,
        refusal: &Refusal,
        undoing: Option<&ItemId>,
    ) -> Result<(), ExecutorError> {
        let now = self.app.source.now();
        let mut batch = self.batch();
        batch.execution.apply(ExecutionFact::Refused, now)?;
        batch.execution.error = format!("{}: {refusal}", refusal.reason());
        batch.refused = Some(refused(&self.execution, refusal));
        for run in self.runs.values() {
            let fact = match run.state {
                RunState::Pending | RunState::Held => RunFact::PassedOver,
                RunState::Running | RunState::Retrying => RunFact::GivenUp,
                RunState::RollingBack => RunFact::UndoFailed,
                RunState::Succeeded if undoing == Some(&run.item) => RunFact::UndoFailed,
                _ => continue,
            };
            let mut run = run.clone();
            run.apply(fact, now)?;
            run.error = match fact {
                RunFact::UndoFailed => batch.execution.error.clone(),
                _ => "the execution was stopped, because it is not what was approved".to_owned(),
            };
            batch.runs.push(run);
        }
        tracing::error!(
            alarm = "execution_refused",
            workflow_id = %self.execution.session,
            reason = refusal.reason(),
            "the execution is not what was approved"
        );
        self.commit(batch).await
    }
}

/// The event that tells of a refusal.
pub(super) fn refused(execution: &Execution, refusal: &Refusal) -> ExecutionRefused {
    ExecutionRefused {
        version: execution.version,
        reason: refusal.reason().to_owned(),
        message: refusal.to_string(),
    }
}
