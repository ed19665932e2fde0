//! Calls to one peer: within their deadline, repeated where that is safe, and not at all while it never answers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use assent_core::{Code, ContextSource, Fault, Reason};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::{BoxError, ServiceExt as _};
use tracing::Instrument as _;

use crate::breaker::{Admitted, Breaker};
use crate::connect::{PeerOptions, channels};
use crate::deadline;
use crate::method::{Repeat, repeat};
use crate::status::status;
use crate::transport::TransportError;

/// Attempts at one call, at most.
const ATTEMPTS: u32 = 4;
/// A call that was given less time says nothing about a peer that did not answer it: else callers without patience
/// would cut it off from everybody.
const PATIENCE: Duration = Duration::from_secs(1);
/// Wait before the second attempt, at most; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// A peer elsewhere.
#[derive(Debug)]
pub(crate) struct Peer {
    address: String,
    channels: Vec<Channel>,
    turn: AtomicUsize,
    breaker: Breaker,
    trials: Mutex<JoinSet<()>>,
    source: ContextSource,
}

/// What a call came to that the peer did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// Nothing was sent.
    #[error("a service that this call needs is not reachable")]
    Unsent,
    /// The connection broke; it may have been received.
    #[error("the connection to a service that this call needs broke")]
    Broken,
    /// It took too long.
    #[error("a service that this call needs did not answer in time")]
    Late,
    /// It has not answered for a while, and is left alone.
    #[error("a service that this call needs does not answer, and is left alone for a moment")]
    Paused(Duration),
}

impl Fault for NoAnswer {
    fn code(&self) -> Code {
        if *self == Self::Late { Code::DeadlineExceeded } else { Code::Unavailable }
    }

    fn reason(&self) -> Reason {
        Reason::new("PEER_UNAVAILABLE")
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Late => None,
            Self::Paused(left) => Some(*left),
            Self::Unsent | Self::Broken => Some(Duration::from_secs(1)),
        }
    }
}

impl Peer {
    pub(crate) fn new(
        address: &str,
        options: &PeerOptions,
        source: ContextSource,
    ) -> Result<Self, TransportError> {
        Ok(Self {
            address: address.to_owned(),
            channels: channels(address, options)?,
            turn: AtomicUsize::default(),
            breaker: Breaker::default(),
            trials: Mutex::default(),
            source,
        })
    }

    /// A connection, another one each time.
    pub(crate) fn channel(&self) -> Channel {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        // There is always one.
        self.channels[turn % self.channels.len()].clone()
    }

    /// Calls, and calls again where that is safe. What the peer does not answer is answered in its place.
    pub(crate) async fn call(self: Arc<Self>, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let repeat = repeat(request.uri().path());
        let deadline = deadline::read(request.headers()).map(|left| Instant::now() + left);
        if repeat == Repeat::Never {
            let answer = self.attempt(request, deadline).await;
            return Ok(answer.unwrap_or_else(|failure| status(&failure).into_http()));
        }
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let mut attempt = 1;
        loop {
            let last = attempt == ATTEMPTS;
            let mut request = Request::from_parts(head.clone(), Body::new(Full::new(body.clone())));
            let until = match deadline {
                // Some of the time is kept for those that come after, for the peer may have other addresses.
                Some(until) if repeat == Repeat::Always && !last => {
                    let now = Instant::now();
                    Some(now + until.saturating_duration_since(now) / 2)
                }
                until => until,
            };
            if let Some(until) = until {
                deadline::write(request.headers_mut(), until.saturating_duration_since(Instant::now()));
            }
            let answer = self.attempt(request, until).await;
            let again = match &answer {
                Ok(answer) => repeat == Repeat::Always && is_unavailable(answer),
                Err(NoAnswer::Unsent) => true,
                Err(NoAnswer::Paused(_)) => false,
                Err(NoAnswer::Broken | NoAnswer::Late) => repeat == Repeat::Always,
            };
            let wait = self.source.jitter(FIRST_WAIT * 2u32.pow(attempt - 1));
            let time_left = deadline.is_none_or(|deadline| Instant::now() + wait < deadline);
            if !again || last || !time_left {
                return Ok(answer.unwrap_or_else(|failure| status(&failure).into_http()));
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn attempt(
        self: &Arc<Self>,
        request: Request<Body>,
        until: Option<Instant>,
    ) -> Result<Response<Body>, NoAnswer> {
        match self.breaker.admit(Instant::now()).map_err(NoAnswer::Paused)? {
            Admitted::Freely => self.send(request, until).await,
            Admitted::OnTrial => self.try_out(request, until).await,
        }
    }

    /// Sends even if the caller goes away meanwhile: callers who make two calls at once give one up when the other is
    /// refused, and the trial would never end.
    async fn try_out(
        self: &Arc<Self>,
        request: Request<Body>,
        until: Option<Instant>,
    ) -> Result<Response<Body>, NoAnswer> {
        let (tell, told) = oneshot::channel();
        let peer = Arc::clone(self);
        let trial = async move { drop(tell.send(peer.send(request, until).await)) }.in_current_span();
        {
            let mut trials = self.trials.lock().unwrap_or_else(PoisonError::into_inner);
            while trials.try_join_next().is_some() {}
            trials.spawn(trial);
        }
        told.await.unwrap_or(Err(NoAnswer::Broken))
    }

    async fn send(&self, request: Request<Body>, until: Option<Instant>) -> Result<Response<Body>, NoAnswer> {
        let begun = Instant::now();
        let call = self.channel().oneshot(request);
        let ended = match until {
            Some(until) => tokio::time::timeout_at(until, call).await,
            None => Ok(call.await),
        };
        let (failure, cause): (_, Option<BoxError>) = match ended {
            Ok(Ok(answer)) => {
                self.breaker.succeeded();
                return Ok(answer);
            }
            Ok(Err(error)) => (no_answer(&error), Some(error.into())),
            Err(_) => (NoAnswer::Late, None),
        };
        if (failure != NoAnswer::Late || begun.elapsed() >= PATIENCE)
            && let Some(pause) = self.breaker.failed(Instant::now())
        {
            let (peer, pause_ms, cause) = (&self.address, pause.as_millis(), cause.as_deref());
            tracing::warn!(peer, pause_ms, error = %failure, cause, "peer does not answer and is left alone");
        }
        Err(failure)
    }
}

fn no_answer(error: &tonic::transport::Error) -> NoAnswer {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<tonic::ConnectError>() {
            return NoAnswer::Unsent;
        }
        if error.is::<tonic::TimeoutExpired>() {
            return NoAnswer::Late;
        }
        cause = error.source();
    }
    NoAnswer::Broken
}

/// Whether the peer said at once that it cannot.
fn is_unavailable(answer: &Response<Body>) -> bool {
    Status::from_header_map(answer.headers()).is_some_and(|status| status.code() == tonic::Code::Unavailable)
}
