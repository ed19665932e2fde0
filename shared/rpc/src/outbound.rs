//! Requests to peers: for whom, under which request id and trace, and how long at most.

use std::time::Duration;

use assent_core::OpContext;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};

use crate::deadline;
use crate::door::{ACTOR_HEADER, REQUEST_ID_HEADER};
use crate::trace::TRACEPARENT;

/// Longest time that a service waits for a peer's answer.
const PEER_TIMEOUT: Duration = Duration::from_secs(30);

/// A request to a peer in the name of the caller of `context`. Only for unary calls.
pub fn outbound<M>(context: &OpContext, message: M) -> Request<M> {
    outbound_within(context, message, Some(PEER_TIMEOUT))
}

/// The same with another deadline; none for streams that stay open.
pub fn outbound_within<M>(context: &OpContext, message: M, timeout: Option<Duration>) -> Request<M> {
    // What has called a peer has done something, also when nothing came of it.
    tracing::Span::current().record("assent.called", true);
    let mut request = Request::new(message);
    // Nobody works on for a caller who has gone.
    let timeout = match (timeout, deadline::left()) {
        (Some(timeout), Some(left)) => Some(timeout.min(left)),
        (timeout, left) => timeout.or(left),
    };
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    let metadata = request.metadata_mut();
    let mut put = |key: &'static str, text: &str| {
        // All three are ASCII by construction.
        if let Ok(value) = text.parse::<MetadataValue<Ascii>>() {
            metadata.insert(key, value);
        }
    };
    put(REQUEST_ID_HEADER, &context.request_id().to_string());
    if let Ok(actor) = serde_json::to_vec(context.actor()) {
        put(ACTOR_HEADER, &URL_SAFE_NO_PAD.encode(actor));
    }
    if let Some(traceparent) = context.traceparent() {
        put(TRACEPARENT, traceparent);
    }
    request
}

#[cfg(test)]
mod tests {
    use assent_core::{Actor, ContextSource};
    use tokio::time::Instant;

    use super::*;
    use crate::deadline::DEADLINE;

    async fn given(left: Option<Duration>, timeout: Option<Duration>) -> Option<Duration> {
        let context = ContextSource::system().operation(Actor::system("planner"));
        let until = left.map(|left| Instant::now() + left);
        let request = DEADLINE.scope(until, async { outbound_within(&context, (), timeout) }).await;
        deadline::read(&request.metadata().clone().into_headers())
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_gets_what_is_left_of_the_callers_time() {
        let (short, long) = (Duration::from_secs(2), Duration::from_secs(30));
        assert_eq!(given(None, Some(long)).await, Some(long));
        assert_eq!(given(Some(short), Some(long)).await, Some(short));
        assert_eq!(given(Some(long), Some(short)).await, Some(short));
        assert_eq!(given(Some(short), None).await, Some(short), "a watch for somebody, too");
        assert_eq!(given(None, None).await, None);
    }
}
