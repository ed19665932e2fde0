//! Following a log: what is there, then what comes, with bookmarks in between.

use std::collections::VecDeque;
use std::time::Duration;

use assent_core::ContextSource;
use assent_core::id::SessionId;
use assent_proto::event::v1::watch_events_response::Message;
use assent_proto::event::v1::{Bookmark, Event};
use assent_rpc::{status, stopping};
use futures_util::{Stream, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::bus::{Bus, Doorbell};
use crate::log::{Log, LogError, Page};

/// How many facts are read at once.
const PAGE: i64 = 100;
/// How often a watcher is told where it stands, and the log looked at without a ring.
const BOOKMARK_EVERY: Duration = Duration::from_secs(5);

/// What a watcher needs besides the log.
#[derive(Debug, Clone)]
pub struct Watching {
    /// Rings when the log has grown.
    pub bus: Bus,
    /// For jitter.
    pub source: ContextSource,
    /// Ends every watch, with `UNAVAILABLE SERVER_STOPPING`.
    pub shutdown: CancellationToken,
}

/// Facts of `log` after position `after`, all or only those about `session`, then each new one. Ends with an
/// error: the reader is too far behind, or the server stops.
pub fn watch(
    log: Log,
    watching: Watching,
    session: Option<SessionId>,
    after: i64,
) -> impl Stream<Item = Result<Message, Status>> + Send + 'static {
    let watch = Watch {
        doorbell: match session {
            Some(session) => watching.bus.subscribe_to(log.service(), session),
            None => watching.bus.subscribe(log.service()),
        },
        log,
        watching,
        session,
        after,
        ready: VecDeque::new(),
        seen: after,
        read_up: false,
        bookmark_due: Instant::now(),
    };
    stream::unfold(Some(watch), async |watch| {
        let mut watch = watch?;
        match watch.next().await {
            Ok(message) => Some((Ok(message), Some(watch))),
            Err(status) => Some((Err(status), None)),
        }
    })
}

/// One watcher. Nothing runs while its client does not take what is ready.
struct Watch {
    log: Log,
    watching: Watching,
    doorbell: Doorbell,
    session: Option<SessionId>,
    /// Everything up to here is sent, or does not match.
    after: i64,
    ready: VecDeque<Event>,
    /// Up to here nothing matches but what is sent or ready.
    seen: i64,
    /// Whether the last read found all that there was.
    read_up: bool,
    bookmark_due: Instant,
}

impl Watch {
    async fn next(&mut self) -> Result<Message, Status> {
        loop {
            if self.watching.shutdown.is_cancelled() {
                return Err(stopping());
            }
            if let Some(event) = self.ready.pop_front() {
                self.after = event.position;
                return Ok(Message::Event(event));
            }
            if !self.read_up {
                self.read().await.map_err(|error| status(&error))?;
                continue;
            }
            self.after = self.after.max(self.seen);
            if Instant::now() >= self.bookmark_due {
                self.bookmark_due = Instant::now() + self.watching.source.jitter(BOOKMARK_EVERY);
                return Ok(Message::Bookmark(Bookmark { position: self.after }));
            }
            tokio::select! {
                () = self.watching.shutdown.cancelled() => {}
                () = self.doorbell.ring() => self.read_up = false,
                () = tokio::time::sleep_until(self.bookmark_due) => self.read_up = false,
            }
        }
    }

    async fn read(&mut self) -> Result<(), LogError> {
        self.doorbell.clear();
        let Page { events, head, more } = self.log.read(self.after, PAGE, self.session).await?;
        self.read_up = !more;
        self.seen = if more { self.after } else { head };
        self.ready = events.into();
        Ok(())
    }
}
