//! Transactions.

use sqlx::{Postgres, Sqlite, Transaction};

use crate::db::{Backend, Db, Pool};
use crate::error::StoreError;
use crate::scope::Scope;
use crate::sql::Sql;
use crate::statement::{Statement, Target};

/// An open transaction. Dropping it rolls back.
///
/// Never await another service, a file or anything else outside the database while holding one.
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Tx {
    open: Open,
    db: Db,
    ring: bool,
    _scope: Scope,
}

enum Open {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

impl Tx {
    pub(crate) async fn begin(db: &Db) -> Result<Self, StoreError> {
        let open = match db.pool() {
            Pool::Postgres(pool) => Open::Postgres(pool.begin().await?),
            // A deferred transaction that turns from reading to writing can fail with
            // SQLITE_BUSY_SNAPSHOT, which no timeout helps.
            Pool::Sqlite { write, .. } => Open::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
        };
        Ok(Self { open, db: db.clone(), ring: false, _scope: Scope::enter() })
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        self.db.backend()
    }

    /// A statement of this transaction. On Postgres a statement that failed leaves nothing to do but
    /// to drop the transaction.
    pub fn query(&mut self, sql: Sql) -> Statement<'_> {
        let target = match &mut self.open {
            Open::Postgres(tx) => Target::PgTx(&mut *tx, Default::default()),
            Open::Sqlite(tx) => Target::SqliteTx(&mut *tx, Default::default()),
        };
        Statement::new(sql, target)
    }

    /// Asks that [`Db::committed`] change once this transaction is committed.
    pub fn ring(&mut self) {
        self.ring = true;
    }

    /// Makes the changes durable.
    ///
    /// # Errors
    /// After [`StoreError::Unavailable`] the outcome is unknown: it may have been committed.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.open {
            Open::Postgres(tx) => tx.commit().await?,
            Open::Sqlite(tx) => tx.commit().await?,
        }
        if self.ring {
            self.db.ring();
        }
        Ok(())
    }
}
