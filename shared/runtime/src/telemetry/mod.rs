//! Logs to stderr and traces over OTLP, set up once per process and flushed at its end.

mod count;
mod traces;

use std::io::IsTerminal as _;

use assent_metrics::Metrics;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::config::{LogFormat, Telemetry};
use crate::error::RunError;

/// Keeps telemetry alive; [`Guard::flush`] before the process ends.
#[derive(Debug)]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
    metrics: Metrics,
}

/// Sets up logs and, where an endpoint is configured, traces in the name of `service`. Call inside the runtime.
///
/// # Errors
/// When the filter, the endpoint or the ratio cannot be used, or telemetry is set up already.
pub fn init(settings: &Telemetry, service: &'static str) -> Result<Guard, RunError> {
    let problem = |e: &dyn std::fmt::Display| RunError::Telemetry(e.to_string());
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let provider = traces::provider(settings, service)?;
    let traces = provider.as_ref().map(|provider| {
        // Where in the code and on which thread is of no use to operators, and not free.
        let layer = tracing_opentelemetry::layer().with_location(false).with_threads(false);
        let layer = layer.with_tracked_inactivity(false).with_target(false);
        layer.with_tracer(provider.tracer("assent")).with_filter(FilterFn::new(traces::is_traced))
    });
    let json = match settings.format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let filter = EnvFilter::try_new(&settings.log).map_err(|e| problem(&e))?;
    let lines = if json {
        fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).with_filter(filter).boxed()
    } else {
        let layer = fmt::layer().compact().with_target(false).with_ansi(std::io::stderr().is_terminal());
        layer.with_writer(std::io::stderr).with_filter(filter).boxed()
    };
    let metrics = Metrics::default();
    let count = count::Count::new(&metrics);
    let layers = tracing_subscriber::registry().with(lines).with(traces).with(count);
    layers.try_init().map_err(|e| problem(&e))?;
    Ok(Guard { provider, metrics })
}

impl Guard {
    /// What the process measures; what is logged is counted there.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Sends what is left. Blocks for as long as the exporter takes, hence off the runtime's threads.
    pub async fn flush(self) {
        if let Some(provider) = self.provider {
            let ended = tokio::task::spawn_blocking(move || provider.shutdown()).await;
            if let Ok(Err(error)) = ended {
                tracing::warn!(%error, "some traces were not sent");
            }
        }
    }
}
