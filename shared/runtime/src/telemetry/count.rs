//! Counts what is logged: lines that somebody should look at, and alarms by name.

use assent_metrics::{Counters, Metrics};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Field of a log line that raises an alarm.
const ALARM: &str = "alarm";
/// Every alarm that there is, so that its first one is an increase.
const ALARMS: [&str; 2] = ["amendment_unknown", "execution_refused"];

/// The layer that counts.
pub(super) struct Count {
    lines: Counters<1>,
    alarms: Counters<1>,
}

impl Count {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let lines = metrics.counters("assent_log_lines", "Warnings and errors that were logged", ["level"]);
        let alarms =
            metrics.counters("assent_alarms", "Log lines with a field `alarm`, by its value", ["alarm"]);
        for level in ["warn", "error"] {
            lines.of([level]);
        }
        for alarm in ALARMS {
            alarms.of([alarm]);
        }
        Self { lines, alarms }
    }
}

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            _ => return,
        };
        self.lines.of([level]).inc();
        if event.metadata().fields().field(ALARM).is_some() {
            let mut alarm = Alarm::default();
            event.record(&mut alarm);
            self.alarms.of([alarm.0]).inc();
        }
    }
}

#[derive(Default)]
struct Alarm(String);

impl Visit for Alarm {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == ALARM {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[tokio::test]
    async fn warnings_errors_and_alarms_are_counted() {
        let metrics = Metrics::default();
        let subscriber = tracing_subscriber::registry().with(Count::new(&metrics));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("nothing");
            tracing::warn!(alarm_level = "high", "look");
            tracing::error!(alarm = "execution_refused", "run");
        });
        let text = metrics.text().await.unwrap();
        for line in [
            "assent_log_lines_total{level=\"warn\"} 1\n",
            "assent_log_lines_total{level=\"error\"} 1\n",
            "assent_alarms_total{alarm=\"execution_refused\"} 1\n",
            "assent_alarms_total{alarm=\"amendment_unknown\"} 0\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
