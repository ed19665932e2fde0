//! What a process counts and measures, and the text in which Prometheus reads it.
//!
//! There is one [`Metrics`] per process, handed to whoever measures; nothing here is global, so that tests of many
//! stacks in one process do not count each other's calls. Names and labels are in docs/metrics.md; a label has few
//! values, so never an id or a text that a caller chose.

#![warn(missing_docs)]

mod family;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::{Metric, Registry};

pub use family::{Counters, Gauge, Gauges, Histograms};
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::histogram::Histogram;

/// Content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Buckets of what a call takes, in seconds.
pub const CALL_SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Buckets of what work takes that may be long, in seconds: up to a day.
pub const WORK_SECONDS: &[f64] =
    &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0];
/// Buckets of what waits for people, in seconds: from ten seconds to a week.
pub const PEOPLE_SECONDS: &[f64] = &[
    10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0, 604_800.0,
];
/// Buckets of a share, where 0.2 is the aim.
pub const SHARES: &[f64] = &[0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0];

/// Longest time that a question to the database may hold up a reading.
const PATIENCE: Duration = Duration::from_secs(2);

type Sampler = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Everything that one process measures. Cheap to clone.
#[derive(Clone, Default)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    names: Arc<Mutex<BTreeSet<String>>>,
    samplers: Arc<Mutex<Vec<Arc<Sampler>>>>,
    /// Held while samplers run, so that two readings do not mix.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// A counter without labels. `name` is without its ending `_total`.
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        self.register(name, "_total", help, Counter::default())
    }

    /// A counter by labels. `name` is without its ending `_total`.
    pub fn counters<const N: usize>(
        &self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
    ) -> Counters<N> {
        let counters = Counters::new(labels);
        self.register(name, "_total", help, counters.family.clone());
        counters
    }

    /// A gauge without labels.
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        self.register(name, "", help, Gauge::default())
    }

    /// A gauge by labels.
    pub fn gauges<const N: usize>(
        &self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
    ) -> Gauges<N> {
        let gauges = Gauges::new(labels);
        self.register(name, "", help, gauges.family.clone());
        gauges
    }

    /// A histogram by labels, with the upper ends of its `buckets`.
    pub fn histograms<const N: usize>(
        &self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        buckets: &'static [f64],
    ) -> Histograms<N> {
        let histograms = Histograms::new(labels, buckets);
        self.register(name, "", help, histograms.family.clone());
        histograms
    }

    /// Has `sampler` set its gauges before every reading. One that takes too long is dropped and misses that reading.
    pub fn sample<F>(&self, sampler: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let sampler: Sampler = Box::new(move || Box::pin(sampler()));
        self.samplers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(sampler));
    }

    /// Everything as it is now, as OpenMetrics text.
    ///
    /// # Errors
    /// When a value cannot be written.
    pub async fn text(&self) -> Result<String, fmt::Error> {
        let _alone = self.reading.lock().await;
        let samplers = self.samplers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        join_all(samplers.iter().map(|sampler| tokio::time::timeout(PATIENCE, sampler()))).await;
        let mut text = String::new();
        encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }

    /// The name of everything that is measured, as it is asked for; what has no value yet is not in the text.
    pub fn names(&self) -> BTreeSet<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn register<M: Metric + Clone>(
        &self,
        name: &'static str,
        end: &'static str,
        help: &'static str,
        metric: M,
    ) -> M {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{name}{end}"));
        // The registry ends the text with a period of its own.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, metric.clone());
        metric
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn samplers_run_before_a_reading_and_labels_are_named() {
        let metrics = Metrics::default();
        let calls = metrics.counters("calls", "calls made", ["method", "code"]);
        calls.of(["Get", "Ok"]).inc();
        calls.of(["Get", "Ok"]).inc();
        let waiting = metrics.gauges("waiting", "what waits", ["queue"]);
        waiting.of(["gone"]).set(7.0);
        metrics.sample(move || {
            waiting.replace([(["a".to_owned()], 2.5)]);
            std::future::ready(())
        });
        metrics.histograms("took_seconds", "time", [], SHARES).of::<&'static str>([]).observe(0.3);
        let text = metrics.text().await.unwrap();
        assert!(text.contains("calls_total{method=\"Get\",code=\"Ok\"} 2\n"), "{text}");
        assert!(text.contains("waiting{queue=\"a\"} 2.5\n") && !text.contains("gone"), "{text}");
        assert!(text.contains("took_seconds_bucket{le=\"0.3\"} 1\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sampler_that_hangs_holds_up_nothing() {
        let metrics = Metrics::default();
        metrics.gauge("there", "it").set(1.0);
        metrics.sample(std::future::pending::<()>);
        assert!(metrics.text().await.unwrap().contains("there 1.0\n"));
    }
}
