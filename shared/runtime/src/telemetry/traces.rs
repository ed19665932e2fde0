//! Traces over OTLP.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor,
};
use tracing::{Level, Metadata};

use crate::config::Telemetry;
use crate::error::RunError;

/// Set by who made a span and found that nothing was to be done.
const SKIPPED: &str = "assent.skipped";
/// Set by calls to peers: their spans are children of this one.
const CALLED: &str = "assent.called";
/// Spans that wait to be sent at most; more are dropped, for nothing waits for the receiver.
const QUEUE: usize = 16_384;
/// How long a span waits for others before it is sent.
const SEND_EVERY: Duration = Duration::from_secs(1);

/// What exports the traces of `service`; none without an endpoint.
///
/// # Errors
/// When the endpoint or the ratio cannot be used.
pub(super) fn provider(
    settings: &Telemetry,
    service: &'static str,
) -> Result<Option<SdkTracerProvider>, RunError> {
    if !(0.0..=1.0).contains(&settings.sampling_ratio) {
        let ratio = settings.sampling_ratio;
        return Err(RunError::Telemetry(format!("telemetry.sampling_ratio is {ratio}, and not from 0 to 1")));
    }
    if settings.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let exporter =
        opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(&settings.otlp_endpoint);
    let exporter = exporter.build().map_err(|error| RunError::Telemetry(error.to_string()))?;
    let config = BatchConfigBuilder::default().with_max_queue_size(QUEUE).with_scheduled_delay(SEND_EVERY);
    let batches = BatchSpanProcessor::builder(exporter).with_batch_config(config.build()).build();
    let provider = SdkTracerProvider::builder()
        // Whoever began a trace has decided; a trace is whole or not there.
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sampling_ratio))))
        .with_span_processor(Sieve(batches))
        .with_resource(Resource::builder().with_service_name(format!("assent-{service}")).build());
    Ok(Some(provider.build()))
}

/// Whether something is traced: spans that say of which kind they are, and what went wrong in them. All others are for
/// log lines; among them are those of the exporter's own calls, which would feed back.
pub(super) fn is_traced(metadata: &Metadata<'_>) -> bool {
    if metadata.is_span() {
        return metadata.fields().field("otel.kind").is_some();
    }
    *metadata.level() <= Level::WARN && metadata.target().starts_with("assent")
}

/// Lets through what had something to do.
#[derive(Debug)]
struct Sieve<P>(P);

impl<P: SpanProcessor> SpanProcessor for Sieve<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.0.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        let has = |key: &str| span.attributes.iter().any(|attribute| attribute.key.as_str() == key);
        if has(CALLED) || !has(SKIPPED) {
            self.0.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}
