//! The side of the worker: leasing, telling, reporting.

use std::time::Duration;

use assent_core::{OpContext, Violation};
use assent_events::append;
use assent_plan::{Map, WorkItem};
use assent_proto::event::v1::WorkItemProgressed;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::RunStep;
use assent_proto::executor::v1::Work;
use assent_rpc::convert::Wire as _;
use assent_rpc::{continue_from, stopping};
use tokio::sync::watch;
use tonic::Status;

use crate::app::App;
use crate::blobs::Draft;
use crate::domain::grant::Refusal;
use crate::domain::schedule::Runs;
use crate::domain::work::{self, Kind};
use crate::domain::{Execution, RunState};
use crate::drive::{Unready, Verified, bind};
use crate::error::ExecutorError;
use crate::store::work::{self as table, Held, Leased, Report, Worker};
use crate::store::{executions, runs, work_files};
use crate::tools::media_type::{is_media_type, media_type_of};
use crate::tools::workspace::tidy;
use crate::tools::{ToolError, Written};

/// How often a worker's stream looks for work without being told of it: for leases that ended.
const LOOK: Duration = Duration::from_secs(1);

/// Files that a worker may send with one attempt.
const MAX_FILES: i64 = 1000;

/// One worker's stream.
pub(crate) struct Leasing {
    worker: Worker,
    offers: watch::Receiver<u64>,
}

/// A file that a worker sends with its work.
pub(crate) struct Arriving {
    held: Held,
    path: String,
    media_type: String,
    draft: Draft,
}

impl Arriving {
    /// Adds a piece.
    ///
    /// # Errors
    /// When it is too large, or cannot be kept.
    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), ExecutorError> {
        Ok(self.draft.write(piece).await?)
    }
}

/// How far a worker is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    /// From 0 to 1.
    pub(crate) progress: f64,
    /// One line for people.
    pub(crate) message: String,
    /// Its own steps.
    pub(crate) steps: Vec<RunStep>,
}

impl App {
    /// Begins to hand work to `worker`.
    pub(crate) fn leasing(&self, worker: Worker) -> Leasing {
        Leasing { worker, offers: self.desk.offers() }
    }

    /// The next work for a worker, verified anew.
    ///
    /// # Errors
    /// When the server stops, or the database fails.
    pub(crate) async fn next_work(&self, leasing: &mut Leasing) -> Result<Work, Status> {
        let stop = &self.watching.shutdown;
        loop {
            if stop.is_cancelled() {
                return Err(stopping());
            }
            leasing.offers.mark_unchanged();
            let leased = table::lease(&self.db, &leasing.worker, self.source.now()).await;
            if let Some(leased) = leased.map_err(ExecutorError::from)? {
                match self.work(&leased).await? {
                    Ok(work) => {
                        self.desk.tell(&leased.key);
                        return Ok(work);
                    }
                    Err(error) => self.hold_back(&leasing.worker, leased, error).await?,
                }
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                changed = leasing.offers.changed() => if changed.is_err() { return Err(stopping()); },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// What is handed out: the item as its grant has it, with its arguments resolved now. Nothing of it rests in the
    /// table that workers lease from, so that nobody can change it there.
    async fn work(&self, leased: &Leased) -> Result<Result<Work, ToolError>, ExecutorError> {
        let ctx = self.context(None);
        let (execution, approved, _) = executions::approved(&self.db, leased.execution).await?;
        let runs = runs::of_execution(&self.db, leased.execution).await?;
        let Some(run) = runs.iter().find(|run| run.id == leased.run).cloned() else {
            return Ok(Err(ToolError::lasting("CANCELLED", "the work item is not there any more")));
        };
        let expected = match leased.kind {
            Kind::Do => RunState::Running,
            Kind::Undo => RunState::RollingBack,
        };
        if run.state != expected {
            return Ok(Err(ToolError::lasting("CANCELLED", "the work is not wanted any more")));
        }
        let verified = Verified::for_run(self, &ctx, &execution, &approved, &run).await?;
        let refused = |refusal: Refusal| ToolError::lasting(refusal.reason(), refusal.to_string());
        let verified = match verified {
            Ok(verified) => verified,
            Err(refusal) => return Ok(Err(refused(refusal))),
        };
        // What was done is undone also when its grant holds no more.
        let in_time = match leased.kind {
            Kind::Do => {
                let standing = verified.check_standing(self, &ctx).await?;
                standing.and_then(|()| verified.check_time(self, self.source.now()))
            }
            Kind::Undo => Ok(()),
        };
        let item = match verified.item(self, &run).await?.and_then(|item| in_time.map(|()| item)) {
            Ok(item) => item,
            Err(refusal) => return Ok(Err(refused(refusal))),
        };
        let all = runs.into_iter().map(|run| (run.item.clone(), run)).collect();
        let arguments = match self.arguments(&item, leased.kind, &all).await {
            Ok(arguments) => arguments,
            Err(error) => return Ok(Err(error)),
        };
        // What the worker does follows from here.
        let span = tracing::info_span!(
            parent: None,
            "work.lease",
            otel.kind = "producer",
            workflow.id = %execution.session,
            item.id = %item.id,
        );
        let trace = continue_from(&span, approved.traceparent.as_deref());
        Ok(Ok(shown(leased, &execution, trace.as_deref(), &item, arguments)))
    }

    async fn arguments(&self, item: &WorkItem, kind: Kind, runs: &Runs) -> Result<Map, ToolError> {
        let none = || ToolError::lasting("NOT_REVERSIBLE", "the plan has no rollback for it");
        let (name, arguments, bounds) = match kind {
            Kind::Do => (&item.tool, &item.arguments, item.bounds.as_slice()),
            Kind::Undo => {
                let way = item.rollback.as_ref().ok_or_else(none)?;
                (&way.tool, &way.arguments, [].as_slice())
            }
        };
        let unknown = || ToolError::lasting("TOOL_UNKNOWN", format!("the catalog has no tool `{name}`"));
        let tool = self.catalog.get(name).ok_or_else(unknown)?;
        let ready = bind(arguments, bounds, tool, &self.catalog, runs, &self.secrets).await;
        ready.map(|ready| ready.arguments).map_err(Unready::failure)
    }

    /// Reports for the worker what keeps its work from being handed out.
    async fn hold_back(
        &self,
        worker: &Worker,
        leased: Leased,
        error: ToolError,
    ) -> Result<(), ExecutorError> {
        tracing::error!(key = leased.key, reason = error.reason, error = error.message, "work is held back");
        let held = Held { key: leased.key, fence: leased.fence, actor: worker.actor.clone() };
        let report = Report::Failed {
            reason: error.reason.to_owned(),
            message: error.message,
            retryable: error.retryable,
        };
        self.keep_report(&held, &report).await.map(drop)
    }

    /// Prolongs a lease, and tells how far the work is.
    ///
    /// # Errors
    /// [`ExecutorError::WorkLost`] when the lease does not hold.
    pub(crate) async fn heartbeat(
        &self,
        ctx: &OpContext,
        lease: &str,
        told: Told,
    ) -> Result<assent_core::Timestamp, ExecutorError> {
        let held = held(ctx, lease)?;
        let now = self.source.now();
        let mut tx = self.db.begin().await?;
        let found = table::prolong(&mut tx, &held, now).await?;
        let Some(found) = found else { return Err(ExecutorError::WorkLost) };
        let is_news = told.progress > 0.0 || !told.message.is_empty() || !told.steps.is_empty();
        if is_news {
            let (session, item) = runs::named(&mut tx, found.run).await?;
            let fact = WorkItemProgressed {
                execution_id: found.execution.to_string(),
                item_id: item,
                attempt: i32::try_from(found.attempt).unwrap_or(i32::MAX),
                worker: found.worker,
                progress: told.progress.clamp(0.0, 1.0),
                message: told.message,
                steps: told.steps,
            };
            append(&mut tx, ctx, Some(session), Payload::WorkItemProgressed(fact)).await?;
        }
        tx.commit().await?;
        Ok(found.until)
    }

    /// Keeps what a worker reports.
    ///
    /// # Errors
    /// [`ExecutorError::WorkLost`] when the lease does not hold.
    pub(crate) async fn report(
        &self,
        ctx: &OpContext,
        lease: &str,
        report: &Report,
    ) -> Result<(), ExecutorError> {
        let held = held(ctx, lease)?;
        if self.keep_report(&held, report).await? { Ok(()) } else { Err(ExecutorError::WorkLost) }
    }

    /// Begins to take in a file that a worker sends with its work.
    ///
    /// # Errors
    /// [`ExecutorError::WorkLost`] when the lease does not hold.
    pub(crate) async fn receive(
        &self,
        ctx: &OpContext,
        lease: &str,
        path: &str,
        mut media_type: String,
    ) -> Result<Arriving, ExecutorError> {
        let held = held(ctx, lease)?;
        let refuse = |error: ToolError| {
            ExecutorError::Invalid(vec![Violation::new("path", "NOT_IN_WORKSPACE", error.message)])
        };
        let path = tidy(path).map_err(refuse)?;
        if media_type.is_empty() {
            media_type = media_type_of(&path).to_owned();
        } else if !is_media_type(&media_type) {
            let text = "is no media type, like text/csv";
            let violation = Violation::new("media_type", "MALFORMED_MEDIA_TYPE", text);
            return Err(ExecutorError::Invalid(vec![violation]));
        }
        if !work_files::is_held(&self.db, &held).await? {
            return Err(ExecutorError::WorkLost);
        }
        Ok(Arriving { held, path, media_type, draft: self.blobs.draft().await? })
    }

    /// Keeps a file that has arrived; an artifact once the work is done.
    ///
    /// # Errors
    /// [`ExecutorError::WorkLost`] when the lease does not hold any more.
    pub(crate) async fn received(&self, file: Arriving) -> Result<Written, ExecutorError> {
        let Arriving { held, path, media_type, draft } = file;
        let (digest, size) = draft.keep().await?;
        let file = Written { path, media_type, size, digest };
        let mut tx = self.db.begin().await?;
        if !work_files::is_held_within(&mut tx, &held).await? {
            return Err(ExecutorError::WorkLost);
        }
        if work_files::others(&mut tx, &held.key, &file.path).await? >= MAX_FILES {
            return Err(ExecutorError::TooManyArtifacts { most: MAX_FILES });
        }
        work_files::save(&mut tx, &held.key, &file).await?;
        tx.commit().await?;
        Ok(file)
    }

    async fn keep_report(&self, held: &Held, report: &Report) -> Result<bool, ExecutorError> {
        self.config.faults.before().await;
        let mut tx = self.db.begin().await?;
        let kept = table::end(&mut tx, held, report).await?;
        // Other replicas hear of it as of a fact.
        tx.ring();
        tx.commit().await?;
        self.config.faults.after().await;
        self.desk.tell(&held.key);
        self.desk.offered();
        Ok(kept)
    }
}

fn held(ctx: &OpContext, lease: &str) -> Result<Held, ExecutorError> {
    let (key, fence) = work::read_token(lease).ok_or(ExecutorError::WorkLost)?;
    Ok(Held { key: key.to_owned(), fence, actor: ctx.actor().id.clone() })
}

fn shown(
    leased: &Leased,
    execution: &Execution,
    traceparent: Option<&str>,
    item: &WorkItem,
    arguments: Map,
) -> Work {
    Work {
        lease: work::token(&leased.key, leased.fence),
        idempotency_key: leased.key.clone(),
        session_id: execution.session.to_string(),
        execution_id: execution.id.to_string(),
        goal: execution.goal.clone(),
        item: Some(item.to_pb()),
        arguments: Some(arguments.to_pb()),
        attempt: i32::try_from(leased.attempt).unwrap_or(i32::MAX),
        undo: leased.kind == Kind::Undo,
        lease_expire_time: Some(leased.until.to_pb()),
        deadline: Some(leased.deadline.to_pb()),
        traceparent: traceparent.unwrap_or_default().to_owned(),
    }
}
