//! How far a consumer has come, kept in the consumer's own database.

use std::sync::Arc;

use assent_store::{Db, Sql, StoreError, Tx};

pub(crate) const STATEMENTS: &[Sql] = &[CREATE, LOAD, ADVANCE];

const CREATE: Sql = Sql::new(
    "INSERT INTO consumer_cursors (consumer, position) VALUES ($1, 0) ON CONFLICT (consumer) DO NOTHING",
);
const LOAD: Sql = Sql::new("SELECT position FROM consumer_cursors WHERE consumer = $1");
const ADVANCE: Sql =
    Sql::new("UPDATE consumer_cursors SET position = $2 WHERE consumer = $1 AND position < $3");

/// The right to have handled one event, or several that follow each other.
#[derive(Debug, Clone)]
pub struct Cursor {
    pub(crate) consumer: Arc<str>,
    /// Of the first of them.
    pub(crate) first: i64,
    /// Of the last.
    pub(crate) position: i64,
}

impl Cursor {
    /// Notes in `tx` that the events are handled, so that this and their effects are committed
    /// together or not at all.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another replica has handled one of them already: return the error
    /// and let `tx` roll back.
    pub async fn advance(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let statement = tx.query(ADVANCE).bind(&*self.consumer).bind(self.position).bind(self.first);
        match statement.execute().await? {
            0 => Err(StoreError::Conflict),
            _ => Ok(()),
        }
    }

    /// The position of `consumer` in `db`; 0 for one that has never run.
    pub(crate) async fn load(db: &Db, consumer: &str) -> Result<i64, StoreError> {
        if let Some((position,)) = db.query(LOAD).bind(consumer).optional().await? {
            return Ok(position);
        }
        let mut tx = db.begin().await?;
        tx.query(CREATE).bind(consumer).execute().await?;
        let position = tx.query(LOAD).bind(consumer).scalar().await?;
        tx.commit().await?;
        Ok(position)
    }
}
