//! Lists of sessions, in several orders.

use assent_core::Timestamp;
use assent_core::id::SessionId;
use assent_plan::RiskLevel;
use assent_store::{Db, Sql, StoreError};
use serde::Serialize;
use sqlx::types::Uuid;

use super::session::{SessionRow, select};
use crate::domain::options::Urgency;
use crate::domain::session::Session;
use crate::domain::state::State;

pub(crate) const STATEMENTS: &[Sql] = &[NEWEST, OLDEST, DEADLINE];

/// What comes first in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Order {
    /// What was submitted last.
    Newest,
    /// What was submitted first.
    Oldest,
    /// What must be decided first.
    Deadline,
}

/// Selects by the filter ($1 to $11) and the key of the row before ($12, $13). The states are a list such as
/// `,pending,in_review,`.
macro_rules! list {
    ($rest:literal) => {
        Sql::new(select!(
            "WHERE (CAST($1 AS TEXT) IS NULL OR $1 LIKE '%,' || state || ',%')
               AND (CAST($2 AS TEXT) IS NULL OR requester_id = $2)
               AND (CAST($3 AS TEXT) IS NULL OR risk_level = $3)
               AND (CAST($4 AS TEXT) IS NULL OR on_behalf_of = $4)
               AND (CAST($5 AS TEXT) IS NULL OR assigned_reviewer = $5)
               AND (CAST($6 AS TEXT) IS NULL OR priority = $6)
               AND created_at >= $7 AND created_at < $8
               AND (NOT $9 OR overdue_since IS NOT NULL)
               AND (NOT $10 OR expires_at < $11)
               ",
            $rest
        ))
    };
}

const NEWEST: Sql = list!("AND (created_at, id) < ($12, $13) ORDER BY created_at DESC, id DESC LIMIT $14");
const OLDEST: Sql = list!("AND (created_at, id) > ($12, $13) ORDER BY created_at, id LIMIT $14");
const DEADLINE: Sql =
    list!("AND expires_at IS NOT NULL AND (expires_at, id) > ($12, $13) ORDER BY expires_at, id LIMIT $14");

/// Which sessions to list, and in which order. Every condition that is given must hold.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Filter {
    /// In one of these states; any when empty.
    pub(crate) states: Vec<State>,
    pub(crate) requester: Option<String>,
    pub(crate) risk_level: Option<RiskLevel>,
    pub(crate) on_behalf_of: Option<String>,
    pub(crate) assigned_reviewer: Option<String>,
    pub(crate) priority: Option<Urgency>,
    pub(crate) created_from: Option<Timestamp>,
    pub(crate) created_before: Option<Timestamp>,
    pub(crate) expires_before: Option<Timestamp>,
    pub(crate) overdue: bool,
    pub(crate) order: Order,
}

/// What sessions are ordered by.
pub(crate) type Key = (Timestamp, SessionId);

/// The key of `session` in a list of that order.
pub(crate) fn key(order: Order, session: &Session) -> Key {
    match order {
        Order::Newest | Order::Oldest => (session.created_at, session.id),
        Order::Deadline => (session.expires_at.unwrap_or_else(last), session.id),
    }
}

/// A page of sessions.
pub(crate) async fn list(
    db: &Db,
    filter: &Filter,
    after: Option<Key>,
    limit: i64,
) -> Result<Vec<Session>, StoreError> {
    let names: Vec<_> = filter.states.iter().map(|state| state.as_str()).collect();
    let states = (!names.is_empty()).then(|| format!(",{},", names.join(",")));
    let (sql, start) = match filter.order {
        Order::Newest => (NEWEST, newest()),
        Order::Oldest => (OLDEST, (first(), SessionId::from_uuid(Uuid::nil()))),
        Order::Deadline => (DEADLINE, (first(), SessionId::from_uuid(Uuid::nil()))),
    };
    let (at, id) = after.unwrap_or(start);
    let statement = db.query(sql).bind(states).bind(filter.requester.as_deref());
    let statement = statement.bind(filter.risk_level.map(RiskLevel::as_str));
    let statement = statement.bind(filter.on_behalf_of.as_deref()).bind(filter.assigned_reviewer.as_deref());
    let statement = statement.bind(filter.priority.map(Urgency::as_str));
    let statement = statement.bind(filter.created_from.unwrap_or_else(first));
    let statement = statement.bind(filter.created_before.unwrap_or_else(last)).bind(filter.overdue);
    let statement = statement.bind(filter.expires_before.is_some());
    let statement = statement.bind(filter.expires_before.unwrap_or_else(last));
    let rows: Vec<SessionRow> = statement.bind(at).bind(id).bind(limit).all().await?;
    rows.into_iter().map(Session::try_from).collect()
}

/// The key that comes before every session's, newest first.
pub(super) fn newest() -> Key {
    (last(), SessionId::from_uuid(Uuid::max()))
}

/// Before every time that is kept: the epoch.
fn first() -> Timestamp {
    Timestamp::new(Default::default())
}

/// After every time that is kept: the end of the year 9999.
pub(super) fn last() -> Timestamp {
    Timestamp::from_micros(253_402_300_799_999_999).unwrap_or_else(first)
}
