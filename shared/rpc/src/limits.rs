//! How much one caller may ask for, so that none takes the place of all.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use assent_core::{Clock, Code, Fault, Reason};
use axum::body::{Body, Bytes};
use governor::clock::{Clock as RateClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Wait that is proposed to a caller with too many calls at once: nobody knows when one of them ends.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Callers whose rate is remembered; beyond that, those who have rested are forgotten.
const REMEMBERED: usize = 10_000;

/// What one caller may do; 0 is no limit. Services are not limited: they act for callers who were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitOptions {
    /// Calls in a second, on average.
    pub calls_per_second: u32,
    /// Calls at once after a rest; at least `calls_per_second`.
    pub burst: u32,
    /// Calls that run at the same time, watches among them.
    pub concurrent_calls: u32,
}

/// The limits of a port, and how far each caller is from them. Cheap to clone.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    options: LimitOptions,
    rate: Option<Rate>,
    running: Mutex<HashMap<String, u32>>,
}

type Rate = RateLimiter<String, HashMapStateStore<String>, OwnClock, NoOpMiddleware<Nanos>>;

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.options.fmt(f)
    }
}

/// A caller who asks for more than one may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitError {
    #[error("you call more often than {allowed} times a second")]
    Rate { allowed: u32, wait: Duration },
    #[error("{allowed} of your calls run already")]
    Concurrency { allowed: u32 },
}

impl Fault for LimitError {
    fn code(&self) -> Code {
        Code::ResourceExhausted
    }

    fn reason(&self) -> Reason {
        Reason::new(match self {
            Self::Rate { .. } => "CALLS_TOO_FREQUENT",
            Self::Concurrency { .. } => "TOO_MANY_CALLS",
        })
    }

    fn metadata(&self) -> Vec<(String, String)> {
        let (Self::Rate { allowed, .. } | Self::Concurrency { allowed }) = self;
        vec![("allowed".to_owned(), allowed.to_string())]
    }

    fn retry_after(&self) -> Option<Duration> {
        Some(match self {
            Self::Rate { wait, .. } => *wait,
            Self::Concurrency { .. } => RETRY_AFTER,
        })
    }
}

/// The process's clock, in the library's terms.
#[derive(Clone, Debug)]
struct OwnClock(Clock);

impl RateClock for OwnClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let micros = u64::try_from(self.0.now().micros()).unwrap_or_default();
        Nanos::from(micros.saturating_mul(1000))
    }
}

impl Limits {
    /// Limits by `clock`.
    pub fn new(options: LimitOptions, clock: Clock) -> Self {
        let rate = NonZeroU32::new(options.calls_per_second).map(|rate| {
            let burst = NonZeroU32::new(options.burst).unwrap_or(rate).max(rate);
            let quota = Quota::per_second(rate).allow_burst(burst);
            RateLimiter::new(quota, HashMapStateStore::default(), OwnClock(clock))
        });
        Self(Arc::new(Inner { options, rate, running: Mutex::default() }))
    }

    /// Counts a call of `caller`, which runs until the answer is dropped.
    pub(crate) fn enter(&self, caller: &str) -> Result<Running, LimitError> {
        let Inner { options, rate, running } = self.0.as_ref();
        if let Some(rate) = rate {
            if rate.len() > REMEMBERED {
                rate.retain_recent();
            }
            let caller = caller.to_owned();
            rate.check_key(&caller).map_err(|over| {
                let now = rate.clock().now();
                // Rounded up to what the clock can tell.
                let wait = Duration::from(over.earliest_possible().duration_since(now));
                let wait = wait + Duration::from_micros(1);
                LimitError::Rate { allowed: options.calls_per_second, wait }
            })?;
        }
        if options.concurrent_calls > 0 {
            let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
            let count = running.entry(caller.to_owned()).or_default();
            if *count >= options.concurrent_calls {
                return Err(LimitError::Concurrency { allowed: options.concurrent_calls });
            }
            *count += 1;
            return Ok(Running(Some((self.clone(), caller.to_owned()))));
        }
        Ok(Running(None))
    }
}

/// A call that is counted; by default one that is not.
#[derive(Default)]
pub(crate) struct Running(Option<(Limits, String)>);

impl Drop for Running {
    fn drop(&mut self) {
        let Some((limits, caller)) = &self.0 else { return };
        let mut running = limits.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                running.remove(caller);
            }
        }
    }
}

impl Running {
    /// The same answer; the call runs until all of it is sent.
    pub(crate) fn until_sent(self, body: Body) -> Body {
        if self.0.is_none() { body } else { Body::new(Counted { body, _running: self }) }
    }
}

struct Counted {
    body: Body,
    _running: Running,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use assent_core::Timestamp;

    use super::*;

    fn limits(options: LimitOptions) -> (Limits, Clock) {
        let clock = Clock::manual(Timestamp::from_micros(1_700_000_000_000_000).unwrap());
        (Limits::new(options, clock.clone()), clock)
    }

    #[test]
    fn one_caller_is_slowed_down_and_the_others_are_not() {
        let options = LimitOptions { calls_per_second: 2, burst: 3, concurrent_calls: 0 };
        let (limits, clock) = limits(options);
        for _ in 0..3 {
            assert!(limits.enter("ada").is_ok());
        }
        let Err(LimitError::Rate { allowed: 2, wait }) = limits.enter("ada") else { panic!("not limited") };
        assert!(limits.enter("bob").is_ok());
        clock.advance(wait);
        assert!(limits.enter("ada").is_ok());
        assert!(limits.enter("ada").is_err());
    }

    #[test]
    fn calls_at_once_are_counted_until_they_end() {
        let (limits, _) = limits(LimitOptions { concurrent_calls: 2, ..LimitOptions::default() });
        let (first, _second) = (limits.enter("ada").unwrap(), limits.enter("ada").unwrap());
        assert_eq!(limits.enter("ada").err(), Some(LimitError::Concurrency { allowed: 2 }));
        assert!(limits.enter("bob").is_ok());
        let body = first.until_sent(Body::empty());
        assert!(limits.enter("ada").is_err());
        drop(body);
        assert!(limits.enter("ada").is_ok());
    }
}
