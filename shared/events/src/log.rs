//! Reading facts by position.

use assent_core::id::{EventId, SessionId};
use assent_core::{Actor, ActorKind, Code, Fault, Reason, Timestamp};
use assent_proto::event::v1::Event;
use assent_proto::types::v1 as pb;
use assent_store::{Db, Json, Sql, StoreError};
use prost::Message as _;
use sqlx::FromRow;

pub(crate) const STATEMENTS: &[Sql] = &[READ, READ_SESSION, HEAD, OLDEST, UNPUBLISHED, COMPACT];

// Always one row, with the ends of the log as they are at that moment. A page ends before its payloads pass 2 MiB, so
// that an answer stays below gRPC's usual 4 MiB, but holds one fact at least.
const READ: Sql = Sql::new(
    "SELECT relay.position AS head, COALESCE((SELECT min(position) FROM events), relay.position + 1) AS oldest,
         found.position, found.id, session_id, type, occurred_at, actor, traceparent, payload
     FROM event_relay AS relay LEFT JOIN (
         SELECT page.*, sum(length(payload)) OVER (ORDER BY position) - length(payload) AS size_before
         FROM (
             SELECT position, id, session_id, type, occurred_at, actor, traceparent, payload
             FROM events WHERE position > $1 ORDER BY position LIMIT $2
         ) AS page
     ) AS found ON size_before < 2097152
     WHERE relay.id = 1 ORDER BY found.position",
);
const READ_SESSION: Sql = Sql::new(
    "SELECT relay.position AS head, COALESCE((SELECT min(position) FROM events), relay.position + 1) AS oldest,
         found.position, found.id, session_id, type, occurred_at, actor, traceparent, payload
     FROM event_relay AS relay LEFT JOIN (
         SELECT page.*, sum(length(payload)) OVER (ORDER BY position) - length(payload) AS size_before
         FROM (
             SELECT position, id, session_id, type, occurred_at, actor, traceparent, payload
             FROM events WHERE session_id = $3 AND position > $1 ORDER BY position LIMIT $2
         ) AS page
     ) AS found ON size_before < 2097152
     WHERE relay.id = 1 ORDER BY found.position",
);
const HEAD: Sql = Sql::new("SELECT position FROM event_relay WHERE id = 1");
const OLDEST: Sql = Sql::new(
    "SELECT COALESCE((SELECT min(position) FROM events), (SELECT position + 1 FROM event_relay WHERE id = 1))",
);
const UNPUBLISHED: Sql =
    Sql::new("SELECT count(*) AS waiting, min(occurred_at) AS oldest FROM events WHERE position IS NULL");
// Always a prefix of the log: it ends before the first fact that is to be kept.
const COMPACT: Sql = Sql::new(
    "DELETE FROM events WHERE position < COALESCE(
         (SELECT min(position) FROM events WHERE position IS NOT NULL AND occurred_at >= $1),
         (SELECT position + 1 FROM event_relay WHERE id = 1))
     AND position < (SELECT min(position) FROM events) + $2",
);

/// Bytes of payloads at which a page ends.
const PAGE_BYTES: usize = 2_097_152;
/// Facts removed in one transaction, so that writers are not held up.
const COMPACT_BATCH: i64 = 1000;

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The reader is so far behind that facts it has not read are gone.
    #[error("events up to position {} are no longer kept", oldest - 1)]
    Compacted {
        /// The oldest position that is still kept.
        oldest: i64,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for LogError {
    fn code(&self) -> Code {
        match self {
            Self::Compacted { .. } => Code::OutOfRange,
            Self::Store(error) => error.code(),
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Compacted { .. } => Reason::new("EVENTS_COMPACTED"),
            Self::Store(error) => error.reason(),
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::Compacted { oldest } => vec![("oldest_position".to_owned(), oldest.to_string())],
            Self::Store(error) => error.metadata(),
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Compacted { .. } => None,
            Self::Store(error) => error.retry_after(),
        }
    }
}

/// The log of one service.
#[derive(Clone)]
pub struct Log {
    db: Db,
    service: &'static str,
}

impl Log {
    /// The log that `service` keeps in `db`.
    pub fn new(db: Db, service: &'static str) -> Self {
        Self { db, service }
    }

    /// Name of the service whose log this is.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// The database that holds the log.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Facts after position `after`, all or only those about `session`, in order: at most `limit`, and
    /// fewer when they are large.
    ///
    /// # Errors
    /// [`LogError::Compacted`] when a fact after `after` may be gone.
    pub async fn read(&self, after: i64, limit: i64, session: Option<SessionId>) -> Result<Page, LogError> {
        let rows: Vec<Row> = match session {
            None => self.db.query(READ).bind(after).bind(limit).all().await?,
            Some(session) => self.db.query(READ_SESSION).bind(after).bind(limit).bind(session).all().await?,
        };
        let (mut head, mut size, mut events) = (0, 0, Vec::with_capacity(rows.len()));
        for row in rows {
            if row.oldest > after + 1 {
                return Err(LogError::Compacted { oldest: row.oldest });
            }
            head = row.head;
            size += row.payload.as_ref().map_or(0, Vec::len);
            events.extend(row.event(self.service)?);
        }
        let full = i64::try_from(events.len()).is_ok_and(|count| count >= limit);
        Ok(Page { events, head, more: full || size >= PAGE_BYTES })
    }

    /// Position of the newest fact; 0 when there was none yet.
    pub async fn head(&self) -> Result<i64, StoreError> {
        self.db.query(HEAD).scalar().await
    }

    /// Position of the oldest fact that is kept; one more than the newest when none is.
    pub async fn oldest(&self) -> Result<i64, StoreError> {
        self.db.query(OLDEST).scalar().await
    }

    /// How many facts are committed and have no position yet, and when the oldest of them became true.
    pub async fn unpublished(&self) -> Result<(i64, Option<Timestamp>), StoreError> {
        self.db.query(UNPUBLISHED).one().await
    }

    /// Removes the facts before the first one that is not older than `before`; returns how many.
    pub async fn compact(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let mut tx = self.db.begin().await?;
            let batch = tx.query(COMPACT).bind(before).bind(COMPACT_BATCH).execute().await?;
            tx.commit().await?;
            removed += batch;
            if batch == 0 {
                return Ok(removed);
            }
        }
    }
}

/// A part of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The facts.
    pub events: Vec<Event>,
    /// Position of the newest fact of the log, read or not; 0 when there was none yet.
    pub head: i64,
    /// Whether more may follow.
    pub more: bool,
}

/// The ends of the log, and a fact unless the page is empty.
#[derive(FromRow)]
struct Row {
    head: i64,
    oldest: i64,
    position: Option<i64>,
    id: Option<EventId>,
    session_id: Option<SessionId>,
    r#type: Option<String>,
    occurred_at: Option<Timestamp>,
    actor: Option<Json<Actor>>,
    traceparent: Option<String>,
    payload: Option<Vec<u8>>,
}

impl Row {
    fn event(self, service: &str) -> Result<Option<Event>, StoreError> {
        let (Some(position), Some(id)) = (self.position, self.id) else { return Ok(None) };
        let corrupt = |column| StoreError::Corrupt { table: "events", column, id: id.to_string() };
        let stored = self.payload.and_then(|payload| Event::decode(payload.as_slice()).ok()?.payload);
        Ok(Some(Event {
            id: id.to_string(),
            position,
            session_id: self.session_id.map(|session| session.to_string()).unwrap_or_default(),
            r#type: self.r#type.ok_or_else(|| corrupt("type"))?,
            time: Some(time(self.occurred_at.ok_or_else(|| corrupt("occurred_at"))?)),
            actor: Some(actor(self.actor.ok_or_else(|| corrupt("actor"))?.0)),
            traceparent: self.traceparent.unwrap_or_default(),
            service: service.to_owned(),
            payload: Some(stored.ok_or_else(|| corrupt("payload"))?),
        }))
    }
}

fn time(at: Timestamp) -> prost_types::Timestamp {
    let at = at.utc();
    // Below two billion by chrono's own limit.
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default();
    prost_types::Timestamp { seconds: at.timestamp(), nanos }
}

fn actor(actor: Actor) -> pb::Actor {
    let kind = match actor.kind {
        ActorKind::User => pb::ActorKind::User,
        ActorKind::Service => pb::ActorKind::Service,
        ActorKind::Agent => pb::ActorKind::Agent,
    };
    pb::Actor { id: actor.id, kind: kind.into(), name: actor.name, roles: actor.roles, groups: actor.groups }
}
