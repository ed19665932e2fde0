//! What begins at once of an execution that is accepted: it is committed together with the execution, so that it need
//! not wait for a commit of its own.

use std::sync::Arc;

use assent_core::OpContext;
use assent_events::{Fact, append_facts};
use assent_plan::Condition;
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{ExecutionStarted, WorkItemRunChanged};
use assent_store::{StoreError, Tx};

use super::forward::Prepared;
use super::ledger::Ledger;
use super::{Drive, Verified};
use crate::app::App;
use crate::convert;
use crate::domain::pins::Pins;
use crate::domain::schedule::{Runs, Schedule, Verdict};
use crate::domain::{Execution, Run, RunState};
use crate::store::executions::{self, Approved};
use crate::store::leases::Lease;
use crate::store::runs::{self, Added, Stored};

/// An execution that is about to be added.
#[derive(Debug)]
pub(crate) struct Adding {
    /// As it is accepted.
    pub(crate) execution: Execution,
    /// What it runs on.
    pub(crate) approved: Approved,
    /// Its runs, as they are accepted.
    pub(crate) runs: Runs,
}

impl Adding {
    /// Writes it, with what `drive` begins at once; false when its version has an execution already.
    pub(crate) async fn write(
        &self,
        tx: &mut Tx,
        app: &App,
        ctx: &OpContext,
        drive: Option<&Drive>,
    ) -> Result<bool, StoreError> {
        let Self { execution, approved, runs } = self;
        // Where it is driven here, nobody has to find it first.
        let driver = drive.map(|_| (app.driven.owner.as_str(), app.lease_until()));
        let begun = drive.map_or(execution, |drive| &drive.ledger.execution);
        if !executions::insert(tx, begun, approved, driver).await? {
            return Ok(false);
        }
        let now = drive.map_or(runs, |drive| &drive.ledger.runs);
        let added = approved.plan.items.iter().filter_map(|item| {
            Some(Added::new(execution.id, now.get(&item.id)?, item, Pins::of(&app.catalog, item)))
        });
        let added = runs::insert(&added.collect::<Vec<_>>())?;
        append_facts(tx, &self.facts(ctx, drive).iter().collect::<Vec<_>>(), vec![added]).await?;
        for (item, attempt) in drive.iter().flat_map(|drive| &drive.ready) {
            let Some(run) = now.get(item) else { continue };
            for kept in &attempt.kept {
                runs::keep(tx, run.id, kept).await?;
            }
        }
        Ok(true)
    }

    /// It is there, and then something has begun.
    fn facts(&self, ctx: &OpContext, drive: Option<&Drive>) -> Vec<Fact> {
        let Self { execution, runs, .. } = self;
        let fact = |ctx: &OpContext, payload| Fact::new(ctx, Some(execution.session), payload);
        let outline = Some(convert::outline(execution, runs));
        let started = fact(ctx, Payload::ExecutionStarted(ExecutionStarted { execution: outline }));
        let begun = drive.into_iter().flat_map(|drive| {
            let running = drive.ledger.runs.values().filter(|run| run.state == RunState::Running);
            running.map(|run| {
                let (execution_id, run) = (execution.id.to_string(), Some(convert::run(run)));
                let changed = WorkItemRunChanged { execution_id, run };
                fact(&drive.ledger.ctx, Payload::WorkItemRunChanged(changed))
            })
        });
        std::iter::once(started).chain(begun).collect()
    }
}

impl Drive {
    /// An execution that is about to be added, verified, with everything ready that begins at once. None when its plan
    /// cannot be run.
    pub(crate) async fn first(app: &Arc<App>, adding: &Adding, verified: Verified) -> Option<Box<Self>> {
        let Adding { execution, approved, runs } = adding;
        let schedule = Schedule::new(&verified.plan, app.config.max_parallel_items).ok()?;
        let lease = Lease { execution: execution.id, fence: 0 };
        let ledger = Ledger::new(app, lease, execution.clone(), approved.clone(), runs.clone());
        let mut drive = Self::with(app, ledger, verified, schedule);
        if let Some(Prepared { batch, attempts, .. }) = drive.at_once().await {
            drive.ledger.take(&batch);
            drive.ready = attempts;
        }
        Some(Box::new(drive))
    }

    /// It has been added: tells of what began with it.
    pub(crate) fn added(&self, accepted: &Execution) {
        let Ledger { execution, approved, .. } = &self.ledger;
        self.app.changed(execution, approved, accepted.state);
    }

    /// The right to drive it.
    pub(crate) fn lease(&self) -> Lease {
        self.ledger.lease
    }

    /// What begins now, if that is all that there is to do. Whatever is in the way is met again once it is driven.
    async fn at_once(&self) -> Option<Prepared> {
        let now = self.app.source.now();
        if !self.app.standing.is_fresh(self.verified.grant())
            || self.verified.conditions.contains(&Condition::DryRunFirst)
        {
            return None;
        }
        let step = self.schedule.next(&self.ledger.runs, now);
        if step.start.is_empty() || !matches!(step.verdict, Verdict::GoOn(_)) {
            return None;
        }
        let items = self.ledger.approved.plan.items.iter();
        let stored = items.filter_map(|item| {
            let run: &Run = self.ledger.runs.get(&item.id)?;
            Some((run.id, (item.clone(), Pins::of(&self.app.catalog, item))))
        });
        let stored: Stored = stored.collect();
        let prepared = self.prepare_all(&step, stored, now).await.ok()?.ok()?;
        (prepared.later.is_none() && !prepared.failed).then_some(prepared)
    }
}
