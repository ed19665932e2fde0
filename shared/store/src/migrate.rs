//! Bringing the tables up to date.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::db::{Db, Pool};
use crate::error::StoreError;

/// The migrations of one set of tables, in both dialects:
///
/// ```ignore
/// pub static MIGRATIONS: Migrations = Migrations {
///     name: "approval_gate",
///     postgres: sqlx::migrate!("migrations/postgres"),
///     sqlite: sqlx::migrate!("migrations/sqlite"),
/// };
/// ```
#[derive(Debug)]
pub struct Migrations {
    /// Unique within a database; what was applied is kept in the table `_migrations_<name>`.
    pub name: &'static str,
    /// For Postgres.
    pub postgres: Migrator,
    /// For SQLite.
    pub sqlite: Migrator,
}

impl Db {
    /// Applies what is missing of `set`. Any number of replicas may do so at once: one works and the
    /// others wait, then find it done. Migrations that this program does not know are left alone, so
    /// that a rolling upgrade can go back; except for those that take away what older programs need,
    /// whose names begin with `contract_`.
    ///
    /// # Errors
    /// [`StoreError::Migrate`] when a migration fails or an applied one was changed since;
    /// [`StoreError::SchemaNewer`] when one was applied that took away what this program needs.
    pub async fn migrate(&self, set: &Migrations) -> Result<(), StoreError> {
        let failed = |source| match source {
            MigrateError::Execute(error) if is_away(&error) => StoreError::Unavailable(error),
            source => StoreError::Migrate { name: set.name, source: Box::new(source) },
        };
        match self.pool() {
            Pool::Postgres(pool) => {
                // A connection of its own: the advisory lock that keeps replicas apart belongs to the
                // session, and a failure must not leave it with a pooled one.
                let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
                let mut migrator = named(set, &set.postgres);
                if !schema_exists(&mut connection, self.schema()).await? {
                    migrator.create_schema(self.schema());
                }
                let done = migrator.run_direct(None, &mut connection, false).await;
                let usable = match done {
                    Ok(()) => {
                        let contracts = sqlx::query_as(AssertSqlSafe(contracts(set)));
                        usable(set, &migrator, contracts.fetch_all(&mut connection).await?)
                    }
                    Err(error) => Err(failed(error)),
                };
                connection.close().await?;
                usable
            }
            Pool::Sqlite { write, .. } => {
                // The driver has no lock for SQLite; the transaction is one, and makes the set atomic.
                let mut tx = write.begin_with("BEGIN IMMEDIATE").await?;
                let migrator = named(set, &set.sqlite);
                migrator.run_direct(None, &mut *tx, false).await.map_err(failed)?;
                let contracts = sqlx::query_as(AssertSqlSafe(contracts(set)));
                usable(set, &migrator, contracts.fetch_all(&mut *tx).await?)?;
                Ok(tx.commit().await?)
            }
        }
    }
}

/// Applied migrations that take something away. The driver keeps `0007_contract_votes.sql` as "contract votes".
fn contracts(set: &Migrations) -> String {
    format!(
        "SELECT version FROM _migrations_{} WHERE description LIKE 'contract %' ORDER BY version",
        set.name
    )
}

fn usable(set: &Migrations, migrator: &Migrator, contracts: Vec<(i64,)>) -> Result<(), StoreError> {
    let known = migrator.iter().map(|migration| migration.version).max().unwrap_or_default();
    match contracts.last() {
        Some(&(database,)) if database > known => {
            Err(StoreError::SchemaNewer { name: set.name, database, program: known })
        }
        _ => Ok(()),
    }
}

fn is_away(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed)
}

fn named(set: &Migrations, migrator: &Migrator) -> Migrator {
    let mut named = Migrator::with_migrations(migrator.iter().cloned().collect());
    named.dangerous_set_table_name(format!("_migrations_{}", set.name));
    named.set_ignore_missing(true);
    named
}

/// Asked first because `CREATE SCHEMA IF NOT EXISTS` wants the right to create schemas even when
/// there is nothing to create.
async fn schema_exists(connection: &mut PgConnection, schema: &str) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)");
    Ok(found.bind(schema).fetch_one(connection).await?)
}
