//! W3C trace context in and out, and how a workflow stays one trace: docs/tracing.md says what is where.

use std::collections::HashMap;

use assent_core::id::{RequestId, SessionId};
use assent_core::{Actor, OpContext, trace_id};
use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::global::get_text_map_propagator;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::TraceContextExt as _;
use tracing::Span;
use tracing::field::{Empty, display};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// W3C Trace Context, <https://www.w3.org/TR/trace-context/>.
pub const TRACEPARENT: &str = "traceparent";

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
        parent: None,
        "rpc",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system = "grpc",
        rpc.method = method,
        rpc.grpc.status_code = Empty,
        request.id = %id,
        actor.id = %actor.id,
        workflow.id = Empty,
    );
    let parent = get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
    // Refused only when no exporter is set up, and then nobody reads the span.
    let _ = span.set_parent(parent);
    span
}

/// Notes how a call ended.
pub(crate) fn ended(span: &Span, code: tonic::Code) {
    span.record("rpc.grpc.status_code", i32::from(code));
    // What the caller did wrong is no error of ours.
    let failed = matches!(
        code,
        tonic::Code::Unknown
            | tonic::Code::DeadlineExceeded
            | tonic::Code::Unimplemented
            | tonic::Code::Internal
            | tonic::Code::Unavailable
            | tonic::Code::DataLoss
    );
    if failed {
        span.record("otel.status_code", "ERROR");
    }
}

fn context_of(traceparent: &str) -> Context {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    get_text_map_propagator(|propagator| propagator.extract(&carrier))
}

/// Makes `span`, which nobody has entered yet, a child of the span that `traceparent` names; returns its own
/// `traceparent`, which is the same when nothing is exported.
pub fn continue_from(span: &Span, traceparent: Option<&str>) -> Option<String> {
    if let Some(traceparent) = traceparent {
        // Refused only when no exporter is set up.
        let _ = span.set_parent(context_of(traceparent));
    }
    traceparent_of(span).or_else(|| traceparent.map(str::to_owned))
}

/// The trace context of a span; none when nothing is exported.
pub fn traceparent_of(span: &Span) -> Option<String> {
    let mut carrier = HashMap::new();
    get_text_map_propagator(|propagator| propagator.inject_context(&span.context(), &mut carrier));
    carrier.remove(TRACEPARENT)
}

/// The caller's operation as a part of the workflow that began in the trace of `workflow`. A call from within that trace
/// goes on as it is. Any other is days later or by somebody else: a span is added to the workflow's trace from which
/// everything follows, and it and the caller's span are linked with each other.
pub fn resume(ctx: &OpContext, workflow: Option<&str>, id: SessionId) -> OpContext {
    let caller = Span::current();
    caller.record("workflow.id", display(id));
    let Some(workflow) = workflow.filter(|workflow| trace_id(workflow) != ctx.trace_id()) else {
        return ctx.clone();
    };
    let span = tracing::info_span!(
        parent: None,
        "workflow.resume",
        otel.kind = "internal",
        workflow.id = %id,
        request.id = %ctx.request_id(),
        actor.id = %ctx.actor().id,
    );
    if let Some(from) = ctx.traceparent() {
        span.add_link(context_of(from).span().span_context().clone());
    }
    let own = continue_from(&span, Some(workflow));
    caller.add_link(span.context().span().span_context().clone());
    ctx.in_trace(own.as_deref())
}
