//! The table `artifacts`.

use assent_core::id::{ArtifactKind, ExecutionId};
use assent_core::{Digest, Id, Timestamp};
use assent_plan::ItemId;
use assent_store::{Db, Sql, StoreError, Tx};
use sqlx::FromRow;

use super::{corrupt, signed};

pub(super) const STATEMENTS: &[Sql] = &[SAVE, REMOVE, OF_EXECUTION, GET];

// A repeated attempt writes the same path again: the artifact keeps its id.
const SAVE: Sql = Sql::new(
    "INSERT INTO artifacts (id, execution_id, item_id, path, media_type, size, digest, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (execution_id, item_id, path) DO UPDATE SET media_type = excluded.media_type, size = excluded.size,
         digest = excluded.digest, created_at = excluded.created_at",
);
const REMOVE: Sql = Sql::new("DELETE FROM artifacts WHERE execution_id = $1 AND item_id = $2");
const OF_EXECUTION: Sql = Sql::new(
    "SELECT id, execution_id, item_id, path, media_type, size, digest, created_at
     FROM artifacts WHERE execution_id = $1 ORDER BY path, created_at, id",
);
const GET: Sql = Sql::new(
    "SELECT id, execution_id, item_id, path, media_type, size, digest, created_at FROM artifacts WHERE id = $1",
);

/// Something that an execution produced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Artifact {
    /// Its id.
    pub(crate) id: Id<ArtifactKind>,
    /// The execution.
    pub(crate) execution: ExecutionId,
    /// The item.
    pub(crate) item: ItemId,
    /// Path in the workspace.
    pub(crate) path: String,
    /// Media type.
    pub(crate) media_type: String,
    /// Bytes.
    pub(crate) size: u64,
    /// SHA-256 of the content, by which it is kept.
    pub(crate) digest: Digest,
    /// When it was made.
    pub(crate) created_at: Timestamp,
}

#[derive(FromRow)]
struct ArtifactRow {
    id: Id<ArtifactKind>,
    execution_id: ExecutionId,
    item_id: String,
    path: String,
    media_type: String,
    size: i64,
    digest: Digest,
    created_at: Timestamp,
}

impl TryFrom<ArtifactRow> for Artifact {
    type Error = StoreError;

    fn try_from(row: ArtifactRow) -> Result<Self, StoreError> {
        let bad = |column| corrupt("artifacts", column, row.id);
        Ok(Self {
            id: row.id,
            execution: row.execution_id,
            item: row.item_id.parse().map_err(|_| bad("item_id"))?,
            size: u64::try_from(row.size).map_err(|_| bad("size"))?,
            path: row.path,
            media_type: row.media_type,
            digest: row.digest,
            created_at: row.created_at,
        })
    }
}

/// Adds an artifact, or replaces what the same item wrote to the same path.
pub(crate) async fn save(tx: &mut Tx, artifact: &Artifact) -> Result<(), StoreError> {
    let statement = tx.query(SAVE).bind(artifact.id).bind(artifact.execution).bind(artifact.item.as_str());
    let statement = statement.bind(artifact.path.as_str()).bind(artifact.media_type.as_str());
    let statement = statement.bind(signed(artifact.size)).bind(artifact.digest).bind(artifact.created_at);
    statement.execute().await.map(drop)
}

/// Forgets what an item produced, because it is undone.
pub(crate) async fn remove(tx: &mut Tx, execution: ExecutionId, item: &ItemId) -> Result<(), StoreError> {
    tx.query(REMOVE).bind(execution).bind(item.as_str()).execute().await.map(drop)
}

/// Everything that an execution produced, by path.
pub(crate) async fn of_execution(db: &Db, execution: ExecutionId) -> Result<Vec<Artifact>, StoreError> {
    let rows: Vec<ArtifactRow> = db.query(OF_EXECUTION).bind(execution).all().await?;
    rows.into_iter().map(Artifact::try_from).collect()
}

/// Everything that an execution produced, as `tx` sees it.
pub(crate) async fn within(tx: &mut Tx, execution: ExecutionId) -> Result<Vec<Artifact>, StoreError> {
    let rows: Vec<ArtifactRow> = tx.query(OF_EXECUTION).bind(execution).all().await?;
    rows.into_iter().map(Artifact::try_from).collect()
}

/// One artifact.
pub(crate) async fn get(db: &Db, id: Id<ArtifactKind>) -> Result<Option<Artifact>, StoreError> {
    let row: Option<ArtifactRow> = db.query(GET).bind(id).optional().await?;
    row.map(Artifact::try_from).transpose()
}
