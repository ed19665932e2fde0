//! The log over all audit chains, and its signed heads.

use std::collections::BTreeMap;

use assent_core::id::SessionId;
use assent_core::{Digest, Timestamp};
use assent_evidence::log::Node;
use assent_store::{Db, Json, Sql, StoreError, Tx};
use serde::Serialize;
use sqlx::FromRow;

use super::Reader;

pub(crate) const STATEMENTS: &[Sql] =
    &[LOCK_SIZE, SIZE, WAITING, TAKE, ADD_NODES, GROW, NODES, LEAVES, ADD_HEAD, NEWEST_HEAD, HEAD_OF];

// Whoever holds the row extends the log; the others leave it to them.
const LOCK_SIZE: Sql = Sql::split(
    "SELECT size FROM audit_log WHERE id = 1 FOR UPDATE SKIP LOCKED",
    "SELECT size FROM audit_log WHERE id = 1",
);
const SIZE: Sql = Sql::new("SELECT size FROM audit_log WHERE id = 1");
const WAITING: Sql = Sql::new(
    "SELECT session_id, sequence, digest FROM audit_entries WHERE position IS NULL
     ORDER BY created_at, session_id, sequence LIMIT $1",
);
// One statement each for a whole batch.
const TAKE: Sql = Sql::split(
    "UPDATE audit_entries SET position = CAST(item ->> 'position' AS BIGINT)
     FROM jsonb_array_elements(CAST($1 AS JSONB)) AS item
     WHERE session_id = CAST(item ->> 'session' AS UUID) AND sequence = CAST(item ->> 'sequence' AS BIGINT)",
    "UPDATE audit_entries SET position = item.value ->> 'position' FROM json_each($1) AS item
     WHERE session_id = unhex(item.value ->> 'session') AND sequence = item.value ->> 'sequence'",
);
const ADD_NODES: Sql = Sql::split(
    "INSERT INTO audit_log_nodes (level, number, digest, session_id)
     SELECT CAST(item ->> 'level' AS INTEGER), CAST(item ->> 'number' AS BIGINT), decode(item ->> 'digest', 'hex'),
         CAST(item ->> 'session' AS UUID)
     FROM jsonb_array_elements(CAST($1 AS JSONB)) AS item",
    "INSERT INTO audit_log_nodes (level, number, digest, session_id)
     SELECT value ->> 'level', value ->> 'number', unhex(value ->> 'digest'), unhex(value ->> 'session')
     FROM json_each($1)",
);
const GROW: Sql = Sql::new("UPDATE audit_log SET size = $1 WHERE id = 1");
const NODES: Sql = Sql::split(
    "SELECT level, number, digest FROM audit_log_nodes WHERE (level, number) IN (
         SELECT CAST(item ->> 'level' AS INTEGER), CAST(item ->> 'number' AS BIGINT)
         FROM jsonb_array_elements(CAST($1 AS JSONB)) AS item)",
    "SELECT level, number, digest FROM audit_log_nodes
     WHERE (level, number) IN (SELECT value ->> 'level', value ->> 'number' FROM json_each($1))",
);
const LEAVES: Sql =
    Sql::new("SELECT count(*) FROM audit_log_nodes WHERE session_id = $1 AND session_id IS NOT NULL");
const ADD_HEAD: Sql = Sql::new(
    "INSERT INTO audit_tree_heads (tree_size, root_digest, token, signed_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (tree_size) DO NOTHING",
);
const NEWEST_HEAD: Sql = Sql::new(
    "SELECT tree_size, root_digest, token, signed_at FROM audit_tree_heads ORDER BY tree_size DESC LIMIT 1",
);
const HEAD_OF: Sql =
    Sql::new("SELECT tree_size, root_digest, token, signed_at FROM audit_tree_heads WHERE tree_size = $1");

/// An entry that the log has not taken in yet.
#[derive(FromRow)]
pub(crate) struct Waiting {
    pub(crate) session_id: SessionId,
    pub(crate) sequence: i64,
    pub(crate) digest: Digest,
}

/// The place that an entry gets.
#[derive(Serialize)]
struct Taken {
    session: String,
    sequence: i64,
    position: i64,
}

/// A node that is added.
#[derive(Serialize)]
struct NewNode {
    level: u32,
    number: u64,
    digest: Digest,
    session: Option<String>,
}

#[derive(FromRow)]
struct NodeRow {
    level: i32,
    number: i64,
    digest: Digest,
}

/// A signed head.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct TreeHead {
    pub(crate) tree_size: i64,
    pub(crate) root_digest: Digest,
    pub(crate) token: String,
    pub(crate) signed_at: Timestamp,
}

/// Size of the log, and the right to extend it; none when another replica has that.
pub(crate) async fn lock_size(tx: &mut Tx) -> Result<Option<i64>, StoreError> {
    let row: Option<(i64,)> = tx.query(LOCK_SIZE).optional().await?;
    Ok(row.map(|(size,)| size))
}

pub(crate) async fn size(db: &Db) -> Result<i64, StoreError> {
    db.query(SIZE).scalar().await
}

pub(crate) async fn waiting(tx: &mut Tx, limit: i64) -> Result<Vec<Waiting>, StoreError> {
    tx.query(WAITING).bind(limit).all().await
}

/// Appends `entries` to the log of `size`, with the `nodes` that this adds.
pub(crate) async fn extend(
    tx: &mut Tx,
    size: i64,
    entries: &[Waiting],
    nodes: &[(Node, Digest)],
) -> Result<i64, StoreError> {
    let taken = entries.iter().zip(size..).map(|(entry, position)| Taken {
        session: entry.session_id.hex(),
        sequence: entry.sequence,
        position,
    });
    tx.query(TAKE).bind(Json(taken.collect::<Vec<_>>())).execute().await?;
    let mut leaves = entries.iter();
    let added = nodes.iter().map(|(node, digest)| NewNode {
        level: node.level,
        number: node.index,
        digest: *digest,
        session: if node.level == 0 { leaves.next().map(|entry| entry.session_id.hex()) } else { None },
    });
    tx.query(ADD_NODES).bind(Json(added.collect::<Vec<_>>())).execute().await?;
    let grown = size + i64::try_from(entries.len()).unwrap_or(0);
    tx.query(GROW).bind(grown).execute().await?;
    Ok(grown)
}

/// The nodes of these places that are there.
pub(crate) async fn nodes(
    reader: impl Into<Reader<'_>>,
    places: &[Node],
) -> Result<BTreeMap<Node, Digest>, StoreError> {
    let wanted = places.iter().map(|node| serde_json::json!({ "level": node.level, "number": node.index }));
    let rows: Vec<NodeRow> = reader.into().query(NODES).bind(Json(wanted.collect::<Vec<_>>())).all().await?;
    let node = |row: NodeRow| {
        let (level, index) = (u32::try_from(row.level).ok()?, u64::try_from(row.number).ok()?);
        Some((Node { level, index }, row.digest))
    };
    Ok(rows.into_iter().filter_map(node).collect())
}

/// How many entries of a session the log has taken in.
pub(crate) async fn leaves(db: &Db, session: SessionId) -> Result<i64, StoreError> {
    db.query(LEAVES).bind(session).scalar().await
}

pub(crate) async fn add_head(tx: &mut Tx, head: &TreeHead) -> Result<(), StoreError> {
    let statement = tx.query(ADD_HEAD).bind(head.tree_size).bind(head.root_digest);
    statement.bind(head.token.as_str()).bind(head.signed_at).execute().await.map(drop)
}

pub(crate) async fn newest_head(db: &Db) -> Result<Option<TreeHead>, StoreError> {
    db.query(NEWEST_HEAD).optional().await
}

pub(crate) async fn head_of(db: &Db, size: i64) -> Result<Option<TreeHead>, StoreError> {
    db.query(HEAD_OF).bind(size).optional().await
}
