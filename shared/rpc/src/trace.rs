//! W3C trace context in and out.

use std::collections::HashMap;

use assent_core::Actor;
use assent_core::id::RequestId;
use http::HeaderMap;
use opentelemetry::global::get_text_map_propagator;
use opentelemetry::propagation::Extractor;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// W3C Trace Context, <https://www.w3.org/TR/trace-context/>.
pub(crate) const TRACEPARENT: &str = "traceparent";

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

pub(crate) fn traceparent(headers: &HeaderMap) -> Option<String> {
    // 00-<32 hex>-<16 hex>-<2 hex>
    Headers(headers).get(TRACEPARENT).filter(|text| text.len() == 55 && text.is_ascii()).map(str::to_owned)
}

pub(crate) fn server_span(method: &str, id: RequestId, actor: &Actor, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "rpc",
        otel.name = method,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.method = method,
        request.id = %id,
        actor.id = %actor.id,
    );
    let parent = get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
    // Refused only when no exporter is set up, and then nobody reads the span.
    let _ = span.set_parent(parent);
    span
}

/// The trace context of a span; none when nothing is exported.
pub(crate) fn current_traceparent(span: &Span) -> Option<String> {
    let mut carrier = HashMap::new();
    get_text_map_propagator(|propagator| propagator.inject_context(&span.context(), &mut carrier));
    carrier.remove(TRACEPARENT)
}
