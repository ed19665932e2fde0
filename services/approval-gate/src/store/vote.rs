//! Votes: those that count, and those that do not any more.

use std::collections::BTreeSet;

use assent_core::id::{DelegationKind, SessionId, VoteKind};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::Condition;
use assent_store::{Db, Json, Sql, StoreError, Tx};
use sqlx::FromRow;

use super::{Reader, named};
use crate::domain::carry::Dismissed;
use crate::domain::member::Member;
use crate::domain::vote::{Choice, Subject, Vote};

pub(crate) const STATEMENTS: &[Sql] =
    &[INSERT, OF_VERSION, OF_SESSION, OF_SESSIONS, DISMISS, REMOVE, DISMISSED];

const INSERT: Sql = Sql::new(
    "INSERT INTO votes (id, session_id, version, digest, voter_id, voter, choice, reason, created_at, seat,
         delegation_id, given_on, items, conditions)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
);
const OF_VERSION: Sql = Sql::new(
    "SELECT session_id, id, version, digest, voter, choice, reason, created_at, seat, delegation_id, given_on,
         items, conditions
     FROM votes
     WHERE session_id = $1 AND version = $2 ORDER BY created_at, id",
);
const OF_SESSIONS: Sql = Sql::split(
    "SELECT v.session_id, v.id, v.version, v.digest, v.voter, v.choice, v.reason, v.created_at, v.seat, v.delegation_id,
         v.given_on, v.items, v.conditions
     FROM jsonb_array_elements_text(CAST($1 AS JSONB)) AS wanted(id)
     JOIN plan_review_sessions s ON s.id = CAST(wanted.id AS UUID)
     JOIN votes v ON v.session_id = s.id AND v.version = s.current_version ORDER BY v.created_at, v.id",
    "SELECT v.session_id, v.id, v.version, v.digest, v.voter, v.choice, v.reason, v.created_at, v.seat, v.delegation_id,
         v.given_on, v.items, v.conditions
     FROM json_each($1) AS wanted JOIN plan_review_sessions s ON s.id = unhex(wanted.value)
     JOIN votes v ON v.session_id = s.id AND v.version = s.current_version ORDER BY v.created_at, v.id",
);
const DISMISS: Sql = Sql::new(
    "INSERT INTO dismissed_votes (vote_id, session_id, version, digest, voter, seat, delegation_id, given_on, choice,
         reason, created_at, dismissed_at, dismissed_for, dismissed_because, explanation, items, conditions)
     SELECT id, session_id, version, digest, voter, seat, delegation_id, given_on, choice, reason, created_at, $2, $3, $4,
         $5, items, conditions
     FROM votes WHERE id = $1",
);
const REMOVE: Sql = Sql::new("DELETE FROM votes WHERE id = $1 AND version = $2");
const DISMISSED: Sql = Sql::new(
    "SELECT session_id, vote_id AS id, version, digest, voter, choice, reason, created_at, seat, delegation_id, given_on,
         dismissed_at, dismissed_for, dismissed_because, explanation, items, conditions
     FROM dismissed_votes WHERE session_id = $1 ORDER BY dismissed_at, dismissed_for, created_at, vote_id LIMIT 1000",
);

const OF_SESSION: Sql = Sql::new(
    "SELECT session_id, id, version, digest, voter, choice, reason, created_at, seat, delegation_id, given_on,
         items, conditions
     FROM votes WHERE session_id = $1 ORDER BY created_at, id",
);

#[derive(FromRow)]
struct VoteRow {
    session_id: SessionId,
    id: Id<VoteKind>,
    version: i32,
    digest: Digest,
    voter: Json<Actor>,
    choice: String,
    reason: String,
    created_at: Timestamp,
    seat: Option<Json<Member>>,
    delegation_id: Option<Id<DelegationKind>>,
    given_on: Option<i32>,
    items: Option<Json<BTreeSet<String>>>,
    conditions: Json<Vec<Condition>>,
}

#[derive(FromRow)]
struct DismissedRow {
    #[sqlx(flatten)]
    vote: VoteRow,
    dismissed_at: Timestamp,
    dismissed_for: i32,
    dismissed_because: String,
    explanation: String,
}

impl TryFrom<VoteRow> for Vote {
    type Error = StoreError;

    fn try_from(row: VoteRow) -> Result<Self, StoreError> {
        let Json(voter) = row.voter;
        Ok(Self {
            choice: named(Choice::parse, &row.choice, "votes", "choice", &row.id)?,
            id: row.id,
            subject: Subject { version: row.version, digest: row.digest },
            seat: row.seat.map_or_else(|| Member::of(&voter, &[]), |Json(seat)| seat),
            delegation: row.delegation_id,
            given_on: row.given_on,
            voter,
            reason: row.reason,
            created_at: row.created_at,
            items: row.items.map(|items| items.0),
            conditions: row.conditions.0,
        })
    }
}

/// # Errors
/// [`StoreError::Conflict`] when the voter has voted on this version.
pub(crate) async fn insert(tx: &mut Tx, session: SessionId, vote: &Vote) -> Result<(), StoreError> {
    let statement = tx.query(INSERT).bind(vote.id).bind(session).bind(vote.subject.version);
    let statement = statement.bind(vote.subject.digest).bind(vote.voter.id.as_str()).bind(Json(&vote.voter));
    let statement = statement.bind(vote.choice.as_str()).bind(vote.reason.as_str()).bind(vote.created_at);
    let statement = statement.bind(Json(&vote.seat)).bind(vote.delegation).bind(vote.given_on);
    let statement = statement.bind(vote.items.as_ref().map(Json)).bind(Json(&vote.conditions));
    statement.execute().await.map(drop)
}

/// Oldest first.
pub(crate) async fn of_version(
    reader: impl Into<Reader<'_>>,
    session: SessionId,
    version: i32,
) -> Result<Vec<Vote>, StoreError> {
    let rows: Vec<VoteRow> = reader.into().query(OF_VERSION).bind(session).bind(version).all().await?;
    rows.into_iter().map(Vote::try_from).collect()
}

/// Votes on the current versions of several sessions, oldest first.
pub(crate) async fn of_sessions(
    db: &Db,
    sessions: &[SessionId],
) -> Result<Vec<(SessionId, Vote)>, StoreError> {
    let ids: Vec<_> = sessions.iter().map(|id| id.uuid().simple().to_string()).collect();
    let rows: Vec<VoteRow> = db.query(OF_SESSIONS).bind(Json(ids)).all().await?;
    rows.into_iter().map(|row| Ok((row.session_id, Vote::try_from(row)?))).collect()
}

/// Notes that a vote does not count any more. One on the version itself is taken away, so that its voter can vote again.
pub(crate) async fn dismiss(tx: &mut Tx, dismissed: &Dismissed) -> Result<(), StoreError> {
    let statement = tx.query(DISMISS).bind(dismissed.vote.id).bind(dismissed.at).bind(dismissed.version);
    statement.bind(dismissed.reason.as_str()).bind(dismissed.explanation.as_str()).execute().await?;
    tx.query(REMOVE).bind(dismissed.vote.id).bind(dismissed.version).execute().await.map(drop)
}

/// Those that do not count any more, oldest dismissal first.
pub(crate) async fn dismissed(db: &Db, session: SessionId) -> Result<Vec<Dismissed>, StoreError> {
    let rows: Vec<DismissedRow> = db.query(DISMISSED).bind(session).all().await?;
    let read = |row: DismissedRow| {
        Ok(Dismissed {
            vote: Vote::try_from(row.vote)?,
            reason: row.dismissed_because,
            explanation: row.explanation,
            version: row.dismissed_for,
            at: row.dismissed_at,
        })
    };
    rows.into_iter().map(read).collect()
}

/// On every version, oldest first.
pub(crate) async fn of_session(db: &Db, session: SessionId) -> Result<Vec<Vote>, StoreError> {
    let rows: Vec<VoteRow> = db.query(OF_SESSION).bind(session).all().await?;
    rows.into_iter().map(Vote::try_from).collect()
}
