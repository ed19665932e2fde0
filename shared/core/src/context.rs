//! The context of an operation: who asks, under which request, and where time and ids come from.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use uuid::Uuid;

use crate::actor::Actor;
use crate::id::{Id, Kind, RequestId};
use crate::time::{Clock, Timestamp};

/// The one source of times, ids and random bytes of a process; deterministic in tests.
#[derive(Clone, Debug)]
pub struct ContextSource {
    clock: Clock,
    rng: Arc<Mutex<StdRng>>,
}

impl ContextSource {
    /// The machine's clock and the operating system's randomness.
    pub fn system() -> Self {
        Self { clock: Clock::System, rng: Arc::new(Mutex::new(rand::make_rng())) }
    }

    /// A given clock and a seeded generator.
    pub fn seeded(clock: Clock, seed: u64) -> Self {
        Self { clock, rng: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))) }
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Fills `bytes` from a cryptographically strong generator (seeded in tests).
    pub fn fill(&self, bytes: &mut [u8]) {
        // A panic while the generator was held cannot have left it in a bad state.
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }

    /// A new id that sorts by time.
    pub fn new_id<K: Kind>(&self) -> Id<K> {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = u64::try_from(self.now().micros() / 1000).unwrap_or_default();
        Id::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// A random UUID without meaning.
    pub fn new_uuid(&self) -> Uuid {
        let mut random = [0; 16];
        self.fill(&mut random);
        uuid::Builder::from_random_bytes(random).into_uuid()
    }

    /// A duration between half of `base` and all of it, so that callers who failed together do not
    /// come back together.
    pub fn jitter(&self, base: Duration) -> Duration {
        let mut random = [0; 2];
        self.fill(&mut random);
        base.mul_f64(0.5 + f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX) / 2.0)
    }

    /// A context in which `actor` starts something without being called, e.g. a job.
    pub fn operation(&self, actor: Actor) -> OpContext {
        OpContext {
            actor: Arc::new(actor),
            request_id: self.new_id(),
            traceparent: None,
            source: self.clone(),
        }
    }
}

/// Id of the trace in a W3C `traceparent`, 32 hexadecimal digits; empty where the text is none.
pub fn trace_id(traceparent: &str) -> &str {
    // 00-<trace>-<span>-<flags>
    let trace = traceparent.split('-').nth(1);
    trace.filter(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).unwrap_or_default()
}

/// First argument of every use case.
#[derive(Clone, Debug)]
pub struct OpContext {
    actor: Arc<Actor>,
    request_id: RequestId,
    traceparent: Option<Arc<str>>,
    source: ContextSource,
}

impl OpContext {
    /// The context of a call.
    pub fn new(
        actor: Actor,
        request_id: RequestId,
        traceparent: Option<&str>,
        source: ContextSource,
    ) -> Self {
        Self { actor: Arc::new(actor), request_id, traceparent: traceparent.map(Arc::from), source }
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The call's id, as callers see it in errors and logs.
    pub fn request_id(&self) -> RequestId {
        self.request_id
    }

    /// W3C trace context of the call, where there is one.
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// Id of the trace that the call belongs to, 32 hexadecimal digits; empty where there is none.
    pub fn trace_id(&self) -> &str {
        self.traceparent().map(trace_id).unwrap_or_default()
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.source.now()
    }

    /// A new id.
    pub fn new_id<K: Kind>(&self) -> Id<K> {
        self.source.new_id()
    }

    /// Where times and ids come from.
    pub fn source(&self) -> &ContextSource {
        &self.source
    }

    /// The same call as a part of another trace.
    pub fn in_trace(&self, traceparent: Option<&str>) -> Self {
        Self { traceparent: traceparent.map(Arc::from), ..self.clone() }
    }

    /// The same call, acting as `actor`: for steps that a service takes in its own name.
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self { actor: Arc::new(actor), ..self.clone() }
    }
}
