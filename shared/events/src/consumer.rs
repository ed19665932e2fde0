//! Following another service's log: every fact at least once, in order, for ever.

use std::error::Error;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use assent_core::{Actor, ContextSource};
use assent_proto::event::v1::event_service_client::EventServiceClient;
use assent_proto::event::v1::{Event, ReadEventsRequest, ReadEventsResponse};
use assent_rpc::{MAX_MESSAGE_BYTES, RemoteFault, Transport, continue_from, outbound_within};
use assent_store::{Db, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::backoff::Backoff;
use crate::bus::Doorbell;
use crate::cursor::Cursor;
use crate::metrics::EventMetrics;

/// How often to look without being woken.
const POLL: Duration = Duration::from_secs(2);
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Events of no interest whose position is not saved yet, at most. Skipping them a second time costs less than a
/// durable commit for each.
const SKIPPED: i64 = 100;

/// How long somebody at leisure waits for more once they were rung for.
const LEISURE: Duration = Duration::from_millis(100);

/// How soon after a ring a consumer looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At once: somebody waits for what it does.
    Prompt,
    /// A tenth of a second later, with all that has come until then: nobody waits for what it does, and it keeps out of the way of
    /// those who are waited for.
    Leisurely,
}

/// Follows one log. Its position is kept in its own database, committed together with each effect.
/// Every replica of a service runs the same consumer: whoever commits first has handled an event, and
/// the others' transactions roll back.
pub struct Consumer {
    /// Unique in `db` and for ever the same: it names the position, e.g. `executor/approvals`.
    pub name: String,
    /// The consumer's own database, with the tables of [`crate::MIGRATIONS`].
    pub db: Db,
    /// Whose log is read, e.g. `approval-gate`.
    pub service: &'static str,
    /// Where the log is read.
    pub source: EventServiceClient<Transport>,
    /// Rings when the log has grown.
    pub doorbell: Doorbell,
    /// How soon after that it is read.
    pub pace: Pace,
    /// For ids and jitter.
    pub context: ContextSource,
    /// Where it says how far it has come.
    pub metrics: EventMetrics,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// Its effect is committed, in one transaction with [`Cursor::advance`].
    Done,
    /// It is of no interest. The position is saved with those of its neighbours, a moment later.
    Skipped,
}

#[derive(Debug, thiserror::Error)]
enum ConsumeError<E: Error + 'static> {
    #[error("cannot read the log")]
    Read(#[from] RemoteFault),
    #[error("cannot keep the position")]
    Store(#[from] StoreError),
    #[error("cannot handle {name} {id} at {position}")]
    Handler { id: String, name: String, position: i64, source: E },
}

/// How far a consumer has come.
#[derive(Default)]
struct Progress {
    /// Unknown before the first round, and after another replica went ahead.
    handled: Option<i64>,
    saved: i64,
    /// Up to here events are handed over one by one: a batch with them failed.
    apart_until: i64,
    /// Nobody rang for a while before this round.
    rested: bool,
    /// Somebody rang for this round.
    rung: bool,
}

#[derive(PartialEq)]
enum Next {
    Read,
    Wait,
}

impl Consumer {
    /// Hands every event to `handler` until `shutdown`, one after the other. One that fails is handed
    /// over again, after a growing delay, for as long as it takes: none is ever skipped. The handler
    /// may see an event twice, and makes its effect only in the transaction that advances the cursor,
    /// or so that repeating it changes nothing.
    pub async fn run<H, F, E>(self, mut handler: H, shutdown: CancellationToken)
    where
        H: FnMut(Arc<Event>, Cursor) -> F + Send,
        F: Future<Output = Result<Handled, E>> + Send,
        E: Error + Send + 'static,
    {
        let each = |mut events: Vec<Arc<Event>>, cursor| handler(events.remove(0), cursor);
        self.run_batches(1, each, shutdown).await;
    }

    /// The same with up to `most` events at once, but never none: their effects and the cursor go into one
    /// transaction. Those of a batch that fails are handed over one by one, so that one that cannot be handled holds
    /// up only what comes after it.
    pub async fn run_batches<H, F, E>(mut self, most: usize, mut handler: H, shutdown: CancellationToken)
    where
        H: FnMut(Vec<Arc<Event>>, Cursor) -> F + Send,
        F: Future<Output = Result<Handled, E>> + Send,
        E: Error + Send + 'static,
    {
        // The largest message that the other side takes in may come back within an event.
        self.source = self.source.clone().max_decoding_message_size(2 * MAX_MESSAGE_BYTES);
        self.metrics.began(&self.name);
        let mut progress = Progress::default();
        let mut backoff = Backoff::new(self.context.clone());
        while !shutdown.is_cancelled() {
            let delay = match self.round(&mut progress, most, &mut backoff, &mut handler, &shutdown).await {
                Ok(Next::Read) => continue,
                Ok(Next::Wait) => {
                    backoff.reset();
                    self.context.jitter(POLL)
                }
                Err(error) => {
                    self.metrics.failed(&self.name);
                    if backoff.is_fresh() {
                        let consumer = self.name.as_str();
                        tracing::warn!(
                            consumer,
                            error = &error as &dyn Error,
                            "consumer waits and tries again"
                        );
                    }
                    let delay = backoff.next_delay();
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        () = tokio::time::sleep(delay) => {}
                    }
                    continue;
                }
            };
            (progress.rested, progress.rung) = tokio::select! {
                () = shutdown.cancelled() => (false, false),
                () = self.doorbell.ring() => (false, true),
                () = tokio::time::sleep(delay) => (true, false),
            };
            if progress.rung && self.pace == Pace::Leisurely {
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = tokio::time::sleep(LEISURE) => {}
                }
            }
        }
    }

    async fn round<H, F, E>(
        &mut self,
        progress: &mut Progress,
        most: usize,
        backoff: &mut Backoff,
        handler: &mut H,
        shutdown: &CancellationToken,
    ) -> Result<Next, ConsumeError<E>>
    where
        H: FnMut(Vec<Arc<Event>>, Cursor) -> F,
        F: Future<Output = Result<Handled, E>>,
        E: Error + 'static,
    {
        let mut handled = match progress.handled {
            Some(position) => position,
            None => self.load(progress).await?,
        };
        if take(&mut progress.rested) {
            self.save_skipped(progress).await?;
            if progress.handled.is_none() {
                return Ok(Next::Read);
            }
        }
        // Before reading, so that a ring during the read leads to another.
        self.doorbell.clear();
        let page = tokio::select! {
            () = shutdown.cancelled() => return Ok(Next::Wait),
            page = self.read(handled) => page?,
        };
        self.metrics.looked(&self.name, page.head_position - handled);
        let mut events = page.events.into_iter().peekable();
        while let Some(first) = events.peek().map(|event| event.position) {
            if shutdown.is_cancelled() {
                break;
            }
            let size = if first <= progress.apart_until { 1 } else { most.max(1) };
            let mut batch: Vec<Event> = events.by_ref().take(size).collect();
            let spans: Vec<Span> = batch.iter_mut().map(|event| self.span(event, progress.rung)).collect();
            let batch: Vec<Arc<Event>> = batch.into_iter().map(Arc::new).collect();
            let Some(last) = batch.last().cloned() else { break };
            let cursor = Cursor { consumer: Arc::from(self.name.as_str()), first, position: last.position };
            // What is done for several at once belongs to none of them.
            let around = if let [only] = spans.as_slice() { only.clone() } else { Span::none() };
            match handler(batch, cursor).instrument(around).await {
                Ok(Handled::Done) => {
                    progress.saved = last.position;
                    self.metrics.handled(&self.name, spans.len());
                }
                Ok(Handled::Skipped) => spans.iter().for_each(|span| {
                    span.record("assent.skipped", true);
                }),
                Err(source) => {
                    spans.iter().for_each(|span| {
                        span.record("otel.status_code", "ERROR");
                    });
                    // Another replica may have been first, or the commit gone through unheard.
                    if Cursor::load(&self.db, &self.name).await? >= first {
                        progress.handled = None;
                        return Ok(Next::Read);
                    }
                    if last.position > first {
                        progress.apart_until = last.position;
                        return Ok(Next::Read);
                    }
                    let Event { id, r#type: name, position, .. } = Arc::unwrap_or_clone(last);
                    return Err(ConsumeError::Handler { id, name, position, source });
                }
            }
            handled = last.position;
            progress.handled = Some(handled);
            backoff.reset();
        }
        self.metrics.looked(&self.name, page.head_position - handled);
        if handled - progress.saved >= SKIPPED {
            self.save_skipped(progress).await?;
        }
        Ok(if handled < page.head_position { Next::Read } else { Next::Wait })
    }

    async fn load(&self, progress: &mut Progress) -> Result<i64, StoreError> {
        let position = Cursor::load(&self.db, &self.name).await?;
        *progress = Progress { handled: Some(position), saved: position, ..*progress };
        Ok(position)
    }

    async fn read(&mut self, after_position: i64) -> Result<ReadEventsResponse, RemoteFault> {
        let context = self.context.operation(Actor::system(&self.name));
        let service = self.service.to_owned();
        let request = ReadEventsRequest { after_position, service, ..ReadEventsRequest::default() };
        let answer = self.source.read_events(outbound_within(&context, request, Some(READ_TIMEOUT))).await;
        Ok(answer?.into_inner())
    }

    async fn save_skipped(&self, progress: &mut Progress) -> Result<(), StoreError> {
        let Some(handled) = progress.handled.filter(|handled| *handled > progress.saved) else {
            return Ok(());
        };
        let mut tx = self.db.begin().await?;
        let consumer = Arc::from(self.name.as_str());
        match (Cursor { consumer, first: handled, position: handled }).advance(&mut tx).await {
            Ok(()) => tx.commit().await?,
            // Another replica is as far, or further.
            Err(StoreError::Conflict) => {
                progress.handled = None;
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        progress.saved = handled;
        Ok(())
    }

    /// The span in which `event` is handled, a child of that in which it became true. The event then names it, so that
    /// whatever the handler does in the event's trace follows from here.
    fn span(&self, event: &mut Event, rung: bool) -> Span {
        let span = tracing::info_span!(
            parent: None,
            "event",
            otel.name = format!("consume {}", event.r#type),
            otel.kind = "consumer",
            otel.status_code = Empty,
            consumer = %self.name,
            event.id = %event.id,
            event.position = event.position,
            event.woken_by = if rung { "doorbell" } else { "clock" },
            workflow.id = %event.session_id,
            assent.skipped = Empty,
            assent.called = Empty,
        );
        let given = Some(event.traceparent.as_str()).filter(|given| !given.is_empty());
        if let Some(own) = continue_from(&span, given) {
            event.traceparent = own;
        }
        span
    }
}
