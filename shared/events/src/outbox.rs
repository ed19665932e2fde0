//! Writing facts.

use assent_core::OpContext;
use assent_core::id::{EventId, SessionId};
use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_store::{Json, Sql, StoreError, Tx};
use prost::Message as _;

use crate::payload::type_name;

pub(crate) const STATEMENTS: &[Sql] = &[APPEND];

const APPEND: Sql = Sql::new(
    "INSERT INTO events (id, session_id, type, occurred_at, actor, traceparent, payload)
     VALUES ($1, $2, $3, $4, $5, $6, $7)",
);

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
    tx.ring();
    Ok(id)
}
