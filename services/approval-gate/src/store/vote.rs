//! Votes: those that count, and those that do not any more.

use std::collections::BTreeSet;

use assent_core::id::{DelegationKind, SessionId, VoteKind};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::Condition;
use assent_store::{Db, Json, Sql, StoreError, Tx, Write};
use serde::Serialize;
use sqlx::FromRow;

use super::{Reader, named};
use crate::domain::carry::Dismissed;
use crate::domain::member::Member;
use crate::domain::vote::{Choice, Subject, Vote};

pub(crate) const STATEMENTS: &[Sql] =
    &[INSERT, OF_VERSION, OF_SESSION, OF_SESSIONS, DISMISS, REMOVE, DISMISSED];

// One statement for votes of any number.
const INSERT: Sql = Sql::split(
    "INSERT INTO votes (id, session_id, version, digest, voter_id, voter, choice, reason, created_at, seat,
         delegation_id, given_on, items, conditions)
     SELECT CAST(value ->> 'id' AS UUID), CAST(value ->> 'session' AS UUID), CAST(value ->> 'version' AS INTEGER),
         decode(value ->> 'digest', 'hex'), value #>> '{voter, id}', value -> 'voter', value ->> 'choice',
         value ->> 'reason', CAST(value ->> 'created_at' AS TIMESTAMPTZ), NULLIF(value -> 'seat', 'null'),
         CAST(value ->> 'delegation' AS UUID), CAST(value ->> 'given_on' AS INTEGER),
         NULLIF(value -> 'items', 'null'), value -> 'conditions'
     FROM jsonb_array_elements(CAST($1 AS JSONB)) AS value",
    "INSERT INTO votes (id, session_id, version, digest, voter_id, voter, choice, reason, created_at, seat,
         delegation_id, given_on, items, conditions)
     SELECT unhex(value ->> 'id'), unhex(value ->> 'session'), value ->> 'version', unhex(value ->> 'digest'),
         value ->> '$.voter.id', value ->> 'voter', value ->> 'choice', value ->> 'reason', value ->> 'created_at',
         value ->> 'seat', unhex(value ->> 'delegation'), value ->> 'given_on', value ->> 'items',
         value ->> 'conditions'
     FROM json_each($1)",
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
const DISMISSED: Sql = Sql::split(
    "SELECT session_id, vote_id AS id, version, digest, voter, choice, reason, created_at, seat, delegation_id, given_on,
         dismissed_at, dismissed_for, dismissed_because, explanation, items, conditions
     FROM dismissed_votes
     WHERE session_id = ANY (ARRAY(
         SELECT CAST(value AS UUID) FROM jsonb_array_elements_text(CAST($1 AS JSONB)) AS value))
     ORDER BY dismissed_at, dismissed_for, created_at, vote_id LIMIT 1000 * jsonb_array_length(CAST($1 AS JSONB))",
    "SELECT session_id, vote_id AS id, version, digest, voter, choice, reason, created_at, seat, delegation_id, given_on,
         dismissed_at, dismissed_for, dismissed_because, explanation, items, conditions
     FROM dismissed_votes WHERE session_id IN (SELECT unhex(value) FROM json_each($1))
     ORDER BY dismissed_at, dismissed_for, created_at, vote_id LIMIT 1000 * json_array_length($1)",
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

/// A vote on its way to the database.
#[derive(Serialize)]
struct NewVote<'a> {
    id: String,
    session: String,
    version: i32,
    digest: Digest,
    voter: &'a Actor,
    choice: Choice,
    reason: &'a str,
    created_at: String,
    seat: &'a Member,
    delegation: Option<String>,
    given_on: Option<i32>,
    items: Option<&'a BTreeSet<String>>,
    conditions: &'a [Condition],
}

/// # Errors
/// [`StoreError::Conflict`] when a voter has voted on this version.
pub(crate) fn insert(votes: &[(SessionId, &Vote)]) -> Result<Write, StoreError> {
    let rows = votes.iter().map(|(session, vote)| NewVote {
        id: vote.id.hex(),
        session: session.hex(),
        version: vote.subject.version,
        digest: vote.subject.digest,
        voter: &vote.voter,
        choice: vote.choice,
        reason: &vote.reason,
        created_at: vote.created_at.to_string(),
        seat: &vote.seat,
        delegation: vote.delegation.map(|delegation| delegation.hex()),
        given_on: vote.given_on,
        items: vote.items.as_ref(),
        conditions: &vote.conditions,
    });
    Write::new(INSERT, &rows.collect::<Vec<_>>())
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
    let ids: Vec<_> = sessions.iter().map(|id| id.hex()).collect();
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
    Ok(dismissed_of(db, &[session]).await?.into_iter().map(|(_, vote)| vote).collect())
}

/// Those of several sessions that do not count any more, oldest dismissal first.
pub(crate) async fn dismissed_of(
    db: &Db,
    sessions: &[SessionId],
) -> Result<Vec<(SessionId, Dismissed)>, StoreError> {
    let ids: Vec<_> = sessions.iter().map(|id| id.hex()).collect();
    let rows: Vec<DismissedRow> = db.query(DISMISSED).bind(Json(ids)).all().await?;
    let read = |row: DismissedRow| {
        let session = row.vote.session_id;
        let dismissed = Dismissed {
            vote: Vote::try_from(row.vote)?,
            reason: row.dismissed_because,
            explanation: row.explanation,
            version: row.dismissed_for,
            at: row.dismissed_at,
        };
        Ok((session, dismissed))
    };
    rows.into_iter().map(read).collect()
}

/// On every version, oldest first.
pub(crate) async fn of_session(db: &Db, session: SessionId) -> Result<Vec<Vote>, StoreError> {
    let rows: Vec<VoteRow> = db.query(OF_SESSION).bind(session).all().await?;
    rows.into_iter().map(Vote::try_from).collect()
}
