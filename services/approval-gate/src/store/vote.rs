//! Votes.

use assent_core::id::{SessionId, VoteKind};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_store::{Json, Sql, StoreError, Tx};
use sqlx::FromRow;

use super::{Reader, named};
use crate::domain::vote::{Choice, Subject, Vote};

pub(crate) const STATEMENTS: &[Sql] = &[INSERT, OF_VERSION];

const INSERT: Sql = Sql::new(
    "INSERT INTO votes (id, session_id, version, digest, voter_id, voter, choice, reason, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);
const OF_VERSION: Sql = Sql::new(
    "SELECT id, version, digest, voter, choice, reason, created_at FROM votes
     WHERE session_id = $1 AND version = $2 ORDER BY created_at, id",
);

#[derive(FromRow)]
struct VoteRow {
    id: Id<VoteKind>,
    version: i32,
    digest: Digest,
    voter: Json<Actor>,
    choice: String,
    reason: String,
    created_at: Timestamp,
}

impl TryFrom<VoteRow> for Vote {
    type Error = StoreError;

    fn try_from(row: VoteRow) -> Result<Self, StoreError> {
        Ok(Self {
            choice: named(Choice::parse, &row.choice, "votes", "choice", &row.id)?,
            id: row.id,
            subject: Subject { version: row.version, digest: row.digest },
            voter: row.voter.0,
            reason: row.reason,
            created_at: row.created_at,
        })
    }
}

/// # Errors
/// [`StoreError::Conflict`] when the voter has voted on this version.
pub(crate) async fn insert(tx: &mut Tx, session: SessionId, vote: &Vote) -> Result<(), StoreError> {
    let statement = tx.query(INSERT).bind(vote.id).bind(session).bind(vote.subject.version);
    let statement = statement.bind(vote.subject.digest).bind(vote.voter.id.as_str()).bind(Json(&vote.voter));
    let statement = statement.bind(vote.choice.as_str()).bind(vote.reason.as_str()).bind(vote.created_at);
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
