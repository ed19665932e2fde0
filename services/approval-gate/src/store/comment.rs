//! Comments.

use std::collections::BTreeMap;

use assent_core::id::{CommentKind, SessionId};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_store::{Db, Json, Sql, StoreError, Tx};
use sqlx::FromRow;

use super::{Reader, named};
use crate::domain::comment::{Anchor, Comment, CommentType, MAX_COMMENTS, Mark, Revision, Scope, Target};

pub(crate) const STATEMENTS: &[Sql] = &[
    INSERT,
    LOAD,
    OF_SESSION,
    SAVE,
    COUNT,
    RECENT,
    MARK_STALE,
    OPEN_CONCERNS,
    HAS_EDGES,
    REVISE,
    REVISIONS,
    FORGET_REVISIONS,
];

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, session_id, parent_comment_id, author, content, scope, target_work_item_id, target_edge_to, \
             comment_type, version, anchor_digest, is_stale, resolution, resolved_at, resolved_by, deleted_at, \
             hide_reason, hidden_at, hidden_by, created_at, modified_at FROM plan_comments ",
            $rest
        )
    };
}

const INSERT: Sql = Sql::new(
    "INSERT INTO plan_comments (id, session_id, parent_comment_id, author_id, author, content, scope,
         target_work_item_id, target_edge_to, comment_type, version, anchor_digest, is_stale, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
);
const LOAD: Sql = Sql::new(select!("WHERE id = $1"));
const OF_SESSION: Sql = Sql::new(select!("WHERE session_id = $1 ORDER BY created_at, id LIMIT $2"));
const SAVE: Sql = Sql::new(
    "UPDATE plan_comments SET content = $2, modified_at = $3, is_resolved = $4, resolution = $5, resolved_at = $6,
         resolved_by = $7, deleted_at = $8, hide_reason = $9, hidden_at = $10, hidden_by = $11
     WHERE id = $1",
);
const COUNT: Sql = Sql::new("SELECT count(*) FROM plan_comments WHERE session_id = $1");
// An edit counts as a comment does.
const RECENT: Sql = Sql::new(
    "SELECT at FROM (
         SELECT created_at AS at FROM plan_comments WHERE author_id = $1 AND created_at > $2
         UNION ALL
         SELECT revision.replaced_at AS at
         FROM plan_comments AS edited JOIN plan_comment_revisions AS revision ON revision.comment_id = edited.id
         WHERE edited.author_id = $1 AND edited.modified_at > $2 AND revision.replaced_at > $2
     ) AS written ORDER BY at DESC LIMIT $3",
);
const MARK_STALE: Sql =
    Sql::new("UPDATE plan_comments SET is_stale = $2 WHERE id = $1 OR parent_comment_id = $1");
// The conditions are those of the index.
const OPEN_CONCERNS: Sql = Sql::new(
    "SELECT id FROM plan_comments WHERE session_id = $1 AND comment_type = 'concern' AND NOT is_resolved
         AND deleted_at IS NULL AND parent_comment_id IS NULL
     ORDER BY created_at, id LIMIT 100",
);
const HAS_EDGES: Sql = Sql::new(
    "SELECT count(*) FROM plan_comments WHERE session_id = $1 AND scope = 'edge' AND parent_comment_id IS NULL",
);
const REVISE: Sql = Sql::new(
    "INSERT INTO plan_comment_revisions (comment_id, number, content, replaced_at)
     SELECT $1, count(*) + 1, $2, $3 FROM plan_comment_revisions WHERE comment_id = $1",
);
const REVISIONS: Sql = Sql::new(
    "SELECT comment_id, revision.content AS content, replaced_at
     FROM plan_comments JOIN plan_comment_revisions AS revision ON comment_id = id
     WHERE session_id = $1 ORDER BY comment_id, number LIMIT 10000",
);
const FORGET_REVISIONS: Sql = Sql::new("DELETE FROM plan_comment_revisions WHERE comment_id = $1");

#[derive(FromRow)]
struct CommentRow {
    id: Id<CommentKind>,
    session_id: SessionId,
    parent_comment_id: Option<Id<CommentKind>>,
    author: Json<Actor>,
    content: String,
    scope: String,
    target_work_item_id: String,
    target_edge_to: String,
    comment_type: String,
    version: i32,
    anchor_digest: Digest,
    is_stale: bool,
    resolution: Option<String>,
    resolved_at: Option<Timestamp>,
    resolved_by: Option<Json<Actor>>,
    deleted_at: Option<Timestamp>,
    hide_reason: Option<String>,
    hidden_at: Option<Timestamp>,
    hidden_by: Option<Json<Actor>>,
    created_at: Timestamp,
    modified_at: Option<Timestamp>,
}

fn mark(by: Option<Json<Actor>>, at: Option<Timestamp>, text: Option<String>) -> Option<Mark> {
    Some(Mark { by: by?.0, at: at?, text: text.unwrap_or_default() })
}

impl TryFrom<CommentRow> for Comment {
    type Error = StoreError;

    fn try_from(row: CommentRow) -> Result<Self, StoreError> {
        const TABLE: &str = "plan_comments";
        let target = match named(Scope::parse, &row.scope, TABLE, "scope", &row.id)? {
            Scope::Plan => Target::Plan,
            Scope::Estimate => Target::Estimate,
            Scope::WorkItem => Target::WorkItem(row.target_work_item_id),
            Scope::Edge => Target::Edge(row.target_work_item_id, row.target_edge_to),
        };
        Ok(Self {
            kind: named(CommentType::parse, &row.comment_type, TABLE, "comment_type", &row.id)?,
            id: row.id,
            session_id: row.session_id,
            parent: row.parent_comment_id,
            author: row.author.0,
            content: row.content,
            anchor: Anchor { target, version: row.version, digest: row.anchor_digest },
            created_at: row.created_at,
            modified_at: row.modified_at,
            resolved: mark(row.resolved_by, row.resolved_at, row.resolution),
            deleted_at: row.deleted_at,
            hidden: mark(row.hidden_by, row.hidden_at, row.hide_reason),
            is_stale: row.is_stale,
        })
    }
}

pub(crate) async fn insert(tx: &mut Tx, comment: &Comment) -> Result<(), StoreError> {
    let target = &comment.anchor.target;
    let statement = tx.query(INSERT).bind(comment.id).bind(comment.session_id).bind(comment.parent);
    let statement = statement.bind(comment.author.id.as_str()).bind(Json(&comment.author));
    let statement = statement.bind(comment.content.as_str()).bind(target.scope().as_str());
    let statement = statement.bind(target.item()).bind(target.edge_to()).bind(comment.kind.as_str());
    let statement = statement.bind(comment.anchor.version).bind(comment.anchor.digest);
    statement.bind(comment.is_stale).bind(comment.created_at).execute().await.map(drop)
}

pub(crate) async fn load(
    reader: impl Into<Reader<'_>>,
    id: Id<CommentKind>,
) -> Result<Option<Comment>, StoreError> {
    let row: Option<CommentRow> = reader.into().query(LOAD).bind(id).optional().await?;
    row.map(Comment::try_from).transpose()
}

/// Every comment of a session, oldest first.
pub(crate) async fn of_session(
    reader: impl Into<Reader<'_>>,
    session: SessionId,
) -> Result<Vec<Comment>, StoreError> {
    // Two calls at the same time may each have added the last one that the limit allows.
    let limit = MAX_COMMENTS + 100;
    let rows: Vec<CommentRow> = reader.into().query(OF_SESSION).bind(session).bind(limit).all().await?;
    rows.into_iter().map(Comment::try_from).collect()
}

/// Writes what can change.
pub(crate) async fn save(tx: &mut Tx, comment: &Comment) -> Result<(), StoreError> {
    let (resolved, hidden) = (comment.resolved.as_ref(), comment.hidden.as_ref());
    let text = |mark: Option<&Mark>| mark.map(|mark| mark.text.clone());
    let statement = tx.query(SAVE).bind(comment.id).bind(comment.content.as_str()).bind(comment.modified_at);
    let statement = statement.bind(resolved.is_some()).bind(text(resolved)).bind(resolved.map(|m| m.at));
    let statement = statement.bind(resolved.map(|m| Json(&m.by))).bind(comment.deleted_at);
    let statement = statement.bind(text(hidden)).bind(hidden.map(|m| m.at));
    statement.bind(hidden.map(|m| Json(&m.by))).execute().await.map(drop)
}

/// How many comments a session has.
pub(crate) async fn count(tx: &mut Tx, session: SessionId) -> Result<i64, StoreError> {
    tx.query(COUNT).bind(session).scalar().await
}

/// When `author` wrote or edited comments after `since`, newest first.
pub(crate) async fn recent(
    tx: &mut Tx,
    author: &str,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Timestamp>, StoreError> {
    let rows: Vec<(Timestamp,)> = tx.query(RECENT).bind(author).bind(since).bind(limit).all().await?;
    Ok(rows.into_iter().map(|(at,)| at).collect())
}

/// Marks a thread.
pub(crate) async fn mark_stale(tx: &mut Tx, thread: Id<CommentKind>, stale: bool) -> Result<(), StoreError> {
    tx.query(MARK_STALE).bind(thread).bind(stale).execute().await.map(drop)
}

/// Concerns that are not settled, oldest first; a hundred at most.
pub(crate) async fn open_concerns(
    reader: impl Into<Reader<'_>>,
    session: SessionId,
) -> Result<Vec<Id<CommentKind>>, StoreError> {
    let rows: Vec<(Id<CommentKind>,)> = reader.into().query(OPEN_CONCERNS).bind(session).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Whether any thread is about a dependency.
pub(crate) async fn has_edges(db: &Db, session: SessionId) -> Result<bool, StoreError> {
    let count: i64 = db.query(HAS_EDGES).bind(session).scalar().await?;
    Ok(count > 0)
}

/// Keeps what a comment said until now.
pub(crate) async fn revise(
    tx: &mut Tx,
    comment: Id<CommentKind>,
    revision: &Revision,
) -> Result<(), StoreError> {
    let statement = tx.query(REVISE).bind(comment).bind(revision.content.as_str());
    statement.bind(revision.replaced_at).execute().await.map(drop)
}

/// What the comments of a session said before they were edited, oldest first.
pub(crate) async fn revisions(
    db: &Db,
    session: SessionId,
) -> Result<BTreeMap<Id<CommentKind>, Vec<Revision>>, StoreError> {
    let rows: Vec<(Id<CommentKind>, String, Timestamp)> = db.query(REVISIONS).bind(session).all().await?;
    let mut revisions = BTreeMap::<_, Vec<_>>::new();
    for (id, content, replaced_at) in rows {
        revisions.entry(id).or_default().push(Revision { content, replaced_at });
    }
    Ok(revisions)
}

/// Forgets what a comment said before.
pub(crate) async fn forget_revisions(tx: &mut Tx, comment: Id<CommentKind>) -> Result<(), StoreError> {
    tx.query(FORGET_REVISIONS).bind(comment).execute().await.map(drop)
}
