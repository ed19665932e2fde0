//! What is measured of deliveries.

use assent_metrics::{Counters, Gauges, Metrics};

use crate::app::App;
use crate::domain::{Channel, Next};
use crate::store::outgoing;

/// What is measured of deliveries.
pub(crate) struct DeliveryMetrics {
    attempts: Counters<2>,
    waiting: Gauges<1>,
    oldest: Gauges<1>,
}

impl DeliveryMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            attempts: metrics.counters(
                "assent_deliveries",
                "Attempts to tell somebody, by channel and by what came of them",
                ["channel", "status"],
            ),
            waiting: metrics.gauges("assent_deliveries_waiting", "Deliveries that are due", ["channel"]),
            oldest: metrics.gauges(
                "assent_deliveries_oldest_seconds",
                "How long the first delivery has been due",
                ["channel"],
            ),
        }
    }

    /// Tells of an attempt whose outcome is committed.
    pub(crate) fn ended(&self, channel: Channel, next: &Next) {
        // The others, too, so that the first of each is an increase.
        let of = |status| self.attempts.of([channel.name(), status]);
        let (delivered, again, failed) = (of("delivered"), of("retried"), of("failed"));
        match next {
            Next::Delivered => delivered.inc(),
            Next::Again { .. } => again.inc(),
            Next::GivenUp { .. } => failed.inc(),
        };
    }
}

impl App {
    /// Sets what is asked of the database.
    pub(crate) async fn measure(&self) {
        let now = self.source.now();
        // While the database is away, readiness says so.
        let Ok(due) = outgoing::due(&self.db, now).await else { return };
        self.metrics.waiting.replace(due.iter().map(|due| ([due.channel.clone()], due.waiting as f64)));
        let oldest = due.iter().map(|due| ([due.channel.clone()], now.since(due.since).as_secs_f64()));
        self.metrics.oldest.replace(oldest);
    }
}
