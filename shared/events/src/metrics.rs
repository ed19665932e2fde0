//! How far facts have come on their way from commit to effect.

use assent_core::ContextSource;
use assent_metrics::{Counters, Gauges, Metrics};

use crate::log::Log;

/// What is measured of facts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventMetrics {
    metrics: Metrics,
    relay_lag: Gauges<1>,
    relay_waiting: Gauges<1>,
    consumer_lag: Gauges<1>,
    handled: Counters<1>,
    failures: Counters<1>,
}

impl EventMetrics {
    /// Adds them to what the process measures; once per process.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            metrics: metrics.clone(),
            relay_lag: metrics.gauges(
                "assent_event_relay_lag_seconds",
                "Age of the oldest fact that is committed and not published",
                ["log"],
            ),
            relay_waiting: metrics.gauges(
                "assent_event_relay_waiting",
                "Facts that are committed and not published",
                ["log"],
            ),
            consumer_lag: metrics.gauges(
                "assent_event_consumer_lag_events",
                "Published facts that the consumer has not handled, when it last looked",
                ["consumer"],
            ),
            handled: metrics.counters(
                "assent_event_consumer_handled",
                "Facts that had an effect, by consumer",
                ["consumer"],
            ),
            failures: metrics.counters(
                "assent_event_consumer_failures",
                "Rounds of a consumer that failed, and are tried again",
                ["consumer"],
            ),
        }
    }

    /// Measures before every reading what waits in `log`.
    pub fn watch(&self, log: &Log, source: &ContextSource) {
        let (lag, waiting) = (self.relay_lag.of([log.service()]), self.relay_waiting.of([log.service()]));
        let (log, source) = (log.clone(), source.clone());
        self.metrics.sample(move || {
            let (lag, waiting, log, source) = (lag.clone(), waiting.clone(), log.clone(), source.clone());
            async move {
                // While the database is away, readiness says so.
                if let Ok((count, oldest)) = log.unpublished().await {
                    waiting.set(count as f64);
                    lag.set(oldest.map_or(0.0, |oldest| source.now().since(oldest).as_secs_f64()));
                }
            }
        });
    }

    pub(crate) fn looked(&self, consumer: &str, behind: i64) {
        self.consumer_lag.of([consumer.to_owned()]).set(behind.max(0) as f64);
    }

    pub(crate) fn handled(&self, consumer: &str, events: usize) {
        self.handled.of([consumer.to_owned()]).inc_by(events as u64);
    }

    pub(crate) fn began(&self, consumer: &str) {
        // So that the first failure is an increase.
        self.failures.of([consumer.to_owned()]);
        self.handled.of([consumer.to_owned()]);
    }

    pub(crate) fn failed(&self, consumer: &str) {
        self.failures.of([consumer.to_owned()]).inc();
    }
}
