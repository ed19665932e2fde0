//! Writing facts.
//!
//! SQLite has one writer, so the order of writing is the order of commits, and a fact gets its position in its own
//! transaction. On Postgres it gets it afterwards, from the relay.

use assent_core::id::{EventId, SessionId};
use assent_core::{Actor, OpContext};
use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_store::{Backend, Db, Json, Row, Sql, Statement, StoreError, Tx, Write};
use prost::Message as _;
use serde::Serialize;

use crate::payload::type_name;

pub(crate) const STATEMENTS: &[Sql] = &[APPEND, APPEND_ALL, PLACED];

const APPEND: Sql = Sql::split(
    "INSERT INTO events (id, session_id, type, occurred_at, actor, traceparent, payload)
     VALUES ($1, $2, $3, $4, $5, $6, $7)",
    "INSERT INTO events (id, session_id, type, occurred_at, actor, traceparent, payload, position)
     VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT position + 1 FROM event_relay WHERE id = 1))",
);

// A list of facts, ids and payloads in hexadecimal digits, in one statement however long it is.
const APPEND_ALL: Sql = Sql::split(
    "INSERT INTO events (id, session_id, type, occurred_at, actor, traceparent, payload)
     SELECT CAST(value ->> 'id' AS UUID), CAST(value ->> 'session' AS UUID), value ->> 'type',
         CAST(value ->> 'at' AS TIMESTAMPTZ), value -> 'actor', value ->> 'traceparent',
         decode(value ->> 'payload', 'hex')
     FROM jsonb_array_elements(CAST($1 AS JSONB)) WITH ORDINALITY AS fact (value, place) ORDER BY place",
    "INSERT INTO events (id, session_id, type, occurred_at, actor, traceparent, payload, position)
     SELECT unhex(value ->> 'id'), unhex(value ->> 'session'), value ->> 'type', value ->> 'at', value -> 'actor',
         value ->> 'traceparent', unhex(value ->> 'payload'),
         (SELECT position + 1 FROM event_relay WHERE id = 1) + key
     FROM json_each($1) ORDER BY key",
);
// Goes on with the positions after those that were given to a list of facts. SQLite alone.
const PLACED: Sql = Sql::split(
    "UPDATE event_relay SET position = position WHERE id = 0 AND CAST($1 AS JSON) IS NULL",
    "UPDATE event_relay SET position = position + json_array_length($1) WHERE id = 1",
);

/// A fact on its way to the database.
#[derive(Debug, Serialize)]
pub struct Fact {
    id: String,
    session: Option<String>,
    r#type: &'static str,
    at: String,
    actor: Actor,
    traceparent: Option<String>,
    payload: String,
}

impl Fact {
    /// What became true about `session` in the operation `ctx`.
    pub fn new(ctx: &OpContext, session: Option<SessionId>, payload: Payload) -> Self {
        let id: EventId = ctx.new_id();
        Self {
            id: id.hex(),
            session: session.map(|session| session.hex()),
            r#type: type_name(&payload),
            at: ctx.now().to_string(),
            actor: ctx.actor().clone(),
            traceparent: ctx.traceparent().map(str::to_owned),
            // Only the payload: everything else of the envelope has a column.
            payload: hex(&Event { payload: Some(payload), ..Event::default() }.encode_to_vec()),
        }
    }
}

/// Appends facts about sessions in their order, as [`append`] does one.
pub async fn append_all(
    tx: &mut Tx,
    ctx: &OpContext,
    facts: impl IntoIterator<Item = (Option<SessionId>, Payload)>,
) -> Result<(), StoreError> {
    let facts: Vec<Fact> =
        facts.into_iter().map(|(session, payload)| Fact::new(ctx, session, payload)).collect();
    append_facts(tx, &facts.iter().collect::<Vec<_>>(), Vec::new()).await
}

/// Appends facts of several operations in their order, as [`append`] does one, together with other writes.
pub async fn append_facts(tx: &mut Tx, facts: &[&Fact], beside: Vec<Write>) -> Result<(), StoreError> {
    let writes = appended(tx.backend(), facts, beside)?;
    tx.write(&writes).await
}

/// The same in a transaction of its own, if `guard` yields a row, which is returned; as [`Db::write_if`].
pub async fn append_if<R: Row>(
    db: &Db,
    guard: Sql,
    bind: impl for<'s> FnOnce(Statement<'s>) -> Statement<'s> + Send,
    facts: &[&Fact],
    beside: Vec<Write>,
) -> Result<Option<R>, StoreError> {
    db.write_if(guard, bind, &appended(db.backend(), facts, beside)?).await
}

fn appended(backend: Backend, facts: &[&Fact], mut beside: Vec<Write>) -> Result<Vec<Write>, StoreError> {
    if !facts.is_empty() {
        beside.push(Write::new(APPEND_ALL, facts)?.ringing());
        if backend == Backend::Sqlite {
            beside.push(Write::new(PLACED, facts)?);
        }
    }
    Ok(beside)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Appends a fact about `session` to the service's log. It is published once `tx` is committed, and
/// never was when it is not.
pub async fn append(
    tx: &mut Tx,
    ctx: &OpContext,
    session: Option<SessionId>,
    payload: Payload,
) -> Result<EventId, StoreError> {
    let id: EventId = ctx.new_id();
    let name = type_name(&payload);
    // Only the payload: everything else of the envelope has a column.
    let bytes = Event { payload: Some(payload), ..Event::default() }.encode_to_vec();
    let statement = tx.query(APPEND).bind(id).bind(session).bind(name).bind(ctx.now());
    let statement = statement.bind(Json(ctx.actor())).bind(ctx.traceparent()).bind(bytes);
    statement.execute().await?;
    if tx.backend() == Backend::Sqlite {
        tx.write(&[Write::new(PLACED, &[1])?]).await?;
    }
    tx.ring();
    Ok(id)
}
