//! What is measured of reviews, and what the log is told of a change that is committed.

use assent_core::Timestamp;
use assent_metrics::{Counters, Gauges, Histograms, Metrics, PEOPLE_SECONDS, SHARES};
use assent_plan::RiskLevel;
use assent_proto::event::v1::ExecutionEnded;
use assent_proto::execution::v1::ExecutionState;
use assent_proto::plan::v1::PlanEstimate;
use assent_proto::types::v1::Money;
use assent_rpc::convert::Wire as _;

use super::App;
use super::record::log_change;
use crate::domain::decision::Ending;
use crate::domain::options::Mode;
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::store;

/// What is measured of reviews.
pub(crate) struct GateMetrics {
    created: Counters<1>,
    approved: Counters<1>,
    rejected: Counters<1>,
    auto_approved: Counters<1>,
    timed_out: Counters<1>,
    cancelled: Counters<1>,
    modified: Counters<1>,
    overridden: Counters<1>,
    latency: Histograms<1>,
    estimate_error: Histograms<1>,
    pending: Gauges<1>,
    oldest: Gauges<1>,
    stored: assent_metrics::Gauge,
}

/// A session as it was before a change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) state: State,
    version: i32,
}

impl Before {
    pub(super) fn of(session: &Session) -> Self {
        Self { state: session.state, version: session.subject.version }
    }
}

impl GateMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let by_level = |name, help| {
            let counters = metrics.counters(name, help, ["risk_level"]);
            // So that the first one is an increase.
            for level in RiskLevel::ALL {
                counters.of([level.as_str()]);
            }
            counters
        };
        let created = metrics.counters("workflows_created", "Plans that were submitted", ["mode"]);
        for mode in Mode::ALL {
            created.of([mode.as_str()]);
        }
        Self {
            created,
            approved: by_level("workflows_approved", "Plans that people approved, whole or in part"),
            rejected: by_level("workflows_rejected", "Plans that people rejected"),
            auto_approved: by_level(
                "workflows_auto_approved",
                "Plans that the policy let pass, or the requester's clock",
            ),
            timed_out: by_level("workflows_timed_out", "Plans that nobody decided in time"),
            cancelled: by_level("workflows_cancelled", "Plans that were withdrawn"),
            modified: by_level("workflows_modified", "Plans that were changed under review, each once"),
            overridden: by_level(
                "workflows_overridden",
                "Plans that an admin approved alone, in an emergency",
            ),
            latency: metrics.histograms(
                "approval_latency_seconds",
                "Time from submission to the approval by people",
                ["risk_level"],
                PEOPLE_SECONDS,
            ),
            estimate_error: metrics.histograms(
                "assent_estimate_error_ratio",
                "How far executions that completed were off their estimate, as a share of it",
                ["measure"],
                SHARES,
            ),
            pending: metrics.gauges(
                "workflows_pending_approval",
                "Plans that wait for a decision",
                ["risk_level"],
            ),
            oldest: metrics.gauges(
                "assent_oldest_pending_seconds",
                "Age of the plan that has waited longest for a decision",
                ["risk_level"],
            ),
            stored: metrics.gauge("checkpoints_stored", "Review sessions that are kept"),
        }
    }
}

impl App {
    /// Tells that a session is there.
    pub(super) fn opened(&self, session: &Session) {
        self.metrics.created.of([session.mode.as_str()]).inc();
        log_change(session, None);
    }

    /// Tells of a committed change, which may have been the `ending`.
    pub(super) fn changed(&self, session: &Session, before: Before, ending: Option<Ending>) {
        if session.state != before.state {
            log_change(session, Some(before.state));
        }
        // The review after an emergency is of a workflow that has been counted.
        if session.after_review_of.is_some() {
            return;
        }
        let (metrics, level) = (&self.metrics, session.risk.level.as_str());
        if before.version == 1 && session.subject.version > 1 {
            metrics.modified.of([level]).inc();
        }
        let counter = match ending {
            None => return,
            Some(Ending::Approved | Ending::PartiallyApproved | Ending::BrokenGlass) => &metrics.approved,
            Some(Ending::AutoApproved | Ending::Proceeded) => &metrics.auto_approved,
            Some(Ending::Rejected) => &metrics.rejected,
            Some(Ending::TimedOut) => &metrics.timed_out,
            Some(Ending::Cancelled) => &metrics.cancelled,
        };
        counter.of([level]).inc();
        if ending == Some(Ending::BrokenGlass) {
            metrics.overridden.of([level]).inc();
        }
        if matches!(ending, Some(Ending::Approved | Ending::PartiallyApproved | Ending::BrokenGlass)) {
            let took = session.updated_at.since(session.created_at);
            metrics.latency.of([level]).observe(took.as_secs_f64());
        }
    }

    /// Sets what is asked of the database.
    pub(crate) async fn measure(&self) {
        let (Ok(waiting), Ok(stored)) =
            (store::session::waiting(&self.db).await, store::session::count(&self.db).await)
        else {
            // While the database is away, readiness says so.
            return;
        };
        let now = self.source.now();
        let of = |level: RiskLevel| waiting.iter().find(|row| row.risk_level == level.as_str());
        let age = |since: Timestamp| now.since(since).as_secs_f64();
        for level in RiskLevel::ALL {
            let found = of(*level);
            self.metrics.pending.of([level.as_str()]).set(found.map_or(0.0, |row| row.waiting as f64));
            self.metrics.oldest.of([level.as_str()]).set(found.map_or(0.0, |row| age(row.since)));
        }
        self.metrics.stored.set(stored as f64);
    }

    /// Compares what an execution took with what was expected of what was approved. An execution that did not complete
    /// says nothing about that.
    pub(super) async fn measure_estimate(&self, session: &Session, ended: &ExecutionEnded) {
        let Some(execution) = &ended.execution else { return };
        if execution.state() != ExecutionState::Completed {
            return;
        }
        let Some(estimate) = self.estimate_of(session, execution.version).await else { return };
        let micros = |time| Timestamp::from_pb(time, "time").ok().map(Timestamp::micros);
        let took = execution.end_time.and_then(micros).zip(execution.start_time.and_then(micros));
        let expected = estimate.estimated_duration.map(|d| d.seconds as f64 + f64::from(d.nanos) / 1e9);
        self.compare("duration", took.map(|(end, start)| (end - start) as f64 / 1e6), expected);
        self.compare("cost", amount(execution.cost.as_ref()), amount(estimate.estimated_cost.as_ref()));
    }

    fn compare(&self, measure: &'static str, actual: Option<f64>, expected: Option<f64>) {
        if let (Some(actual), Some(expected)) = (actual, expected.filter(|expected| *expected > 0.0)) {
            let error = (actual - expected).abs() / expected;
            self.metrics.estimate_error.of([measure]).observe(error);
        }
    }

    /// What was expected when `version` was decided; none where nobody can tell now: it is not asked for again.
    async fn estimate_of(&self, session: &Session, version: i32) -> Option<PlanEstimate> {
        let decision = store::decision::of_session(&self.db, session.id).await.ok()??;
        if let Some(subset) = decision.estimate {
            return Some(subset.to_pb());
        }
        let ctx = self.source.operation(assent_core::Actor::system("approval-gate"));
        self.peers.version(&ctx, session.id, version).await.ok()?.estimate
    }
}

fn amount(money: Option<&Money>) -> Option<f64> {
    money.map(|money| money.micros as f64 / 1e6)
}
