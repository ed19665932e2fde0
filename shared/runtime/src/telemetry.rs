//! Logs to stderr and traces over OTLP, set up once per process and flushed at its end.

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::config::{LogFormat, Telemetry};
use crate::error::RunError;

/// Keeps telemetry alive; [`Guard::flush`] before the process ends.
#[derive(Debug)]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

/// Sets up logs and, where an endpoint is configured, traces in the name of `service`. Call inside the runtime.
///
/// # Errors
/// When the filter or the endpoint cannot be used, or telemetry is set up already.
pub fn init(settings: &Telemetry, service: &'static str) -> Result<Guard, RunError> {
    let problem = |e: &dyn std::fmt::Display| RunError::Telemetry(e.to_string());
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let provider = match settings.otlp_endpoint.as_str() {
        "" => None,
        endpoint => {
            let exporter = opentelemetry_otlp::SpanExporter::builder()
                .with_tonic()
                .with_endpoint(endpoint)
                .build()
                .map_err(|e| problem(&e))?;
            let resource = Resource::builder().with_service_name(format!("assent-{service}")).build();
            Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
        }
    };
    let traces = provider.as_ref().map(|provider| {
        // The exporter's own calls would feed back.
        let filter =
            EnvFilter::new("info,h2=off,hyper=off,tonic=off,opentelemetry=off,tower=off,reqwest=off");
        tracing_opentelemetry::layer().with_tracer(provider.tracer("assent")).with_filter(filter)
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
    tracing_subscriber::registry().with(lines).with(traces).try_init().map_err(|e| problem(&e))?;
    Ok(Guard { provider })
}

impl Guard {
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
