//! From committed to published.
//!
//! A sequence number is taken before its transaction commits, so numbers become visible out of order,
//! and a reader that goes by them skips what commits late. The relay therefore numbers what it finds
//! committed, one relay at a time: positions are dense, and no position appears below one seen before.
//! On SQLite, where one writer follows the other, facts have their positions already, and the relay only rings.

use std::time::Duration;

use assent_core::id::{EventId, SessionId};
use assent_core::{ContextSource, Timestamp};
use assent_store::{Backend, Sql, StoreError};
use sqlx::FromRow;
use tokio_util::sync::CancellationToken;

use crate::bus::{Bus, Notice};
use crate::log::Log;

pub(crate) const STATEMENTS: &[Sql] = &[STATE, NUMBER, FRESH];

const STATE: Sql = Sql::new(
    "SELECT position, EXISTS (SELECT 1 FROM events WHERE position IS NULL) AS waiting
     FROM event_relay WHERE id = 1",
);
// One statement, and with it one transaction. Whoever waited for another relay finds the head moved since its own look:
// then the head is left alone, and so are the facts, most of which the other has numbered. On SQLite nothing waits.
const NUMBER: Sql = Sql::split(
    "WITH fresh AS (
         SELECT seq, row_number() OVER (ORDER BY seq) AS place
         FROM (SELECT seq FROM events WHERE position IS NULL ORDER BY seq LIMIT $1) AS oldest
     ), seen AS (
         SELECT position, (SELECT count(*) FROM fresh) AS count FROM event_relay WHERE id = 1
     ), advanced AS (
         UPDATE event_relay AS relay SET position = seen.position + seen.count FROM seen
         WHERE relay.id = 1 AND relay.position = seen.position AND seen.count > 0
         RETURNING seen.position AS start
     )
     UPDATE events SET position = advanced.start + fresh.place FROM fresh, advanced WHERE events.seq = fresh.seq
     RETURNING events.position, id, type, session_id",
    "SELECT position, id, type, session_id FROM events WHERE position IS NULL LIMIT $1",
);
const FRESH: Sql = Sql::new(
    "SELECT position, id, type, session_id FROM events WHERE position > $1 ORDER BY position LIMIT $2",
);

const BATCH: i64 = 500;
/// How often to look without being woken: for what another replica committed before it died.
const TICK: Duration = Duration::from_secs(2);
const COMPACT_EVERY: Duration = Duration::from_hours(1);

/// Publishes what a service has committed. Every replica runs one; they take turns.
pub struct Relay {
    log: Log,
    bus: Bus,
    source: ContextSource,
    keep: Duration,
}

#[derive(FromRow)]
struct State {
    position: i64,
    waiting: bool,
}

#[derive(FromRow)]
struct Numbered {
    position: i64,
    id: EventId,
    r#type: String,
    session_id: Option<SessionId>,
}

impl Relay {
    /// A relay for `log`, which keeps facts for at least `keep`.
    pub fn new(log: Log, bus: Bus, source: ContextSource, keep: Duration) -> Self {
        Self { log, bus, source, keep }
    }

    /// Runs until `shutdown`: after every commit of this process, and about every two seconds.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut committed = self.log.db().committed();
        let mut known = None;
        let mut woken = false;
        let mut compacted: Option<Timestamp> = None;
        let mut failing = false;
        loop {
            committed.mark_unchanged();
            let outcome = async {
                known = Some(self.pass(known, woken).await?);
                self.compact(&mut compacted).await
            };
            match outcome.await {
                Ok(()) => failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        let service = self.log.service();
                        tracing::warn!(
                            service,
                            error = &error as &dyn std::error::Error,
                            "cannot publish events"
                        );
                    }
                }
            }
            let commit = async {
                // While the database fails, its commits are no reason to ask it sooner.
                if failing || committed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            woken = tokio::select! {
                () = shutdown.cancelled() => return,
                () = commit => true,
                () = tokio::time::sleep(self.source.jitter(TICK)) => false,
            };
        }
    }

    /// Publishes everything that is committed now. For tests and jobs that must not wait for
    /// [`Relay::run`].
    pub async fn drain(&self) -> Result<(), StoreError> {
        self.pass(None, false).await.map(drop)
    }

    /// Publishes all that waits; returns the head. `known` is the head as this process last saw it, and `woken` whether
    /// it has committed something since.
    async fn pass(&self, known: Option<i64>, woken: bool) -> Result<i64, StoreError> {
        if let (Backend::Sqlite, Some(known)) = (self.log.db().backend(), known) {
            return self.fresh(known).await;
        }
        let mut known = known.unwrap_or_default();
        // What this process has committed waits for sure, unless another replica was faster.
        let mut sure = woken;
        loop {
            if !std::mem::take(&mut sure) {
                let state: State = self.log.db().query(STATE).one().await?;
                self.pass_on(known, state.position);
                known = state.position;
                if !state.waiting {
                    return Ok(known);
                }
            }
            // Another replica was faster: what is left is for the next look.
            let Some((start, count)) = self.number().await? else { continue };
            self.pass_on(known, start);
            known = start + count;
            // What comes now wakes it again.
            if count < BATCH {
                return Ok(known);
            }
        }
    }

    /// Rings for what another replica has published: its own ring may have been lost.
    fn pass_on(&self, known: i64, head: i64) {
        if head > known {
            self.bus.ring(self.log.service());
        }
    }

    /// Rings for what has come after `known`, with its position; returns the new head.
    async fn fresh(&self, mut known: i64) -> Result<i64, StoreError> {
        loop {
            let fresh: Vec<Numbered> = self.log.db().query(FRESH).bind(known).bind(BATCH).all().await?;
            let Some(last) = fresh.last() else { return Ok(known) };
            known = last.position;
            self.publish(fresh);
        }
    }

    /// Numbers one batch, then rings; returns the head before, and how many there were. None when none waits, or another
    /// replica was at it.
    async fn number(&self) -> Result<Option<(i64, i64)>, StoreError> {
        let mut numbered: Vec<Numbered> = self.log.db().query(NUMBER).bind(BATCH).all().await?;
        numbered.sort_unstable_by_key(|event| event.position);
        let (Some(first), Some(last)) = (numbered.first(), numbered.last()) else { return Ok(None) };
        let (start, count) = (first.position - 1, last.position - first.position + 1);
        self.publish(numbered);
        Ok(Some((start, count)))
    }

    fn publish(&self, numbered: Vec<Numbered>) {
        let service = self.log.service();
        let notice = |event: Numbered| Notice {
            service,
            position: event.position,
            id: event.id,
            event_type: event.r#type,
            session_id: event.session_id,
        };
        self.bus.publish(service, numbered.into_iter().map(notice).collect());
    }

    async fn compact(&self, last: &mut Option<Timestamp>) -> Result<(), StoreError> {
        let now = self.source.now();
        if last.is_some_and(|last| now.since(last) < COMPACT_EVERY) {
            return Ok(());
        }
        let kept = i64::try_from(self.keep.as_micros()).unwrap_or(i64::MAX);
        if let Some(before) = Timestamp::from_micros(now.micros().saturating_sub(kept)) {
            self.log.compact(before).await?;
        }
        *last = Some(now);
        Ok(())
    }
}
