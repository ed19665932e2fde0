//! The open database.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Executor as _, SqlSafeStr as _};
use tokio::sync::watch;

use crate::error::StoreError;
use crate::sql::Sql;
use crate::statement::{Statement, Target};
use crate::tx::Tx;

/// How long a caller waits for a connection, which on SQLite is also the wait for its turn to write.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers that SQLite has on any machine, if so many connections are allowed.
const READERS: u32 = 2;

/// Which database answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A server, shared by any number of replicas.
    Postgres,
    /// A file, owned by one process.
    Sqlite,
}

/// Where a service keeps its state. Not printable, because the url may hold a password.
#[derive(Clone)]
pub struct DbOptions {
    /// `postgres://user:password@host/database`, or `sqlite:///absolute/file.db` and
    /// `sqlite://relative/file.db`.
    pub url: String,
    /// The Postgres schema that holds the service's tables, e.g. `approval_gate`. On SQLite the file
    /// plays that part.
    pub schema: &'static str,
    /// Connections at most: all of them on Postgres, the reading ones on SQLite.
    pub max_connections: u32,
}

/// An open database. Clones share its connections.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    pool: Pool,
    schema: &'static str,
    committed: watch::Sender<u64>,
}

pub(crate) enum Pool {
    Postgres(PgPool),
    /// SQLite has one writer: a single writing connection makes tasks queue fairly instead of
    /// failing with "database is locked", and readers never wait for it (WAL).
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
}

/// How the connections of a database are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// By a statement or a transaction.
    pub used: u32,
    /// Open, and by nothing.
    pub idle: u32,
    /// Most that may be open.
    pub limit: u32,
}

impl Db {
    /// Opens the database; creates an SQLite file that does not exist yet.
    ///
    /// # Errors
    /// [`StoreError::Url`] for a url of another kind, [`StoreError::Unavailable`] when the server
    /// cannot be reached in five seconds.
    pub async fn connect(options: &DbOptions) -> Result<Self, StoreError> {
        let scheme = options.url.split(':').next().unwrap_or_default();
        let pool = match scheme {
            "postgres" | "postgresql" => open_postgres(options).await?,
            "sqlite" => open_sqlite(options).await?,
            // The url may hold a password, so it is not repeated.
            _ => return Err(StoreError::Url("expected postgres://… or sqlite://…".to_owned())),
        };
        Ok(Self(Arc::new(Inner { pool, schema: options.schema, committed: watch::Sender::new(0) })))
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// Its schema, or the name of its file.
    pub fn schema(&self) -> &'static str {
        self.0.schema
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        match self.pool() {
            Pool::Postgres(_) => Backend::Postgres,
            Pool::Sqlite { .. } => Backend::Sqlite,
        }
    }

    /// Starts a transaction that may write. Dropping it rolls back.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Tx::begin(self).await
    }

    /// A statement outside a transaction. For reads only: on SQLite it runs on a read-only connection.
    pub fn query(&self, sql: Sql) -> Statement<'_> {
        let target = match self.pool() {
            Pool::Postgres(pool) => Target::PgPool(pool, Default::default()),
            Pool::Sqlite { read, .. } => Target::SqlitePool(read, Default::default()),
        };
        Statement::new(sql, target)
    }

    /// Changes after every commit of a transaction that asked for it with [`Tx::ring`], in this process.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.0.committed.subscribe()
    }

    pub(crate) fn ring(&self) {
        self.0.committed.send_modify(|count| *count += 1);
    }

    /// Whether the database answers; the base of readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        const PING: Sql = Sql::new("SELECT 1");
        self.query(PING).execute().await.map(drop)
    }

    /// Has the database parse and plan `sql` without running it, so that a test can go through every
    /// statement of a service. Postgres must be able to tell each placeholder's type from the text:
    /// write `CAST($1 AS TEXT) IS NULL`.
    pub async fn prepare(&self, sql: Sql) -> Result<(), StoreError> {
        let text = sql.text(self.backend()).into_sql_str();
        match self.pool() {
            Pool::Postgres(pool) => pool.acquire().await?.prepare(text).await.map(drop)?,
            Pool::Sqlite { write, .. } => write.acquire().await?.prepare(text).await.map(drop)?,
        }
        Ok(())
    }

    /// How its connections are used now.
    pub fn connections(&self) -> Connections {
        let of = |size: u32, idle: usize, limit: u32| {
            let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(size);
            Connections { used: size - idle, idle, limit }
        };
        match self.pool() {
            Pool::Postgres(pool) => of(pool.size(), pool.num_idle(), pool.options().get_max_connections()),
            Pool::Sqlite { write, read } => {
                let size = write.size() + read.size();
                let limit = write.options().get_max_connections() + read.options().get_max_connections();
                of(size, write.num_idle() + read.num_idle(), limit)
            }
        }
    }

    /// Closes every connection, after the running statements have ended.
    pub async fn close(&self) {
        match self.pool() {
            Pool::Postgres(pool) => pool.close().await,
            Pool::Sqlite { write, read } => {
                // The writer goes last: the last connection to close tidies up the write-ahead log.
                read.close().await;
                write.close().await;
            }
        }
    }
}

pub(crate) fn postgres_options(url: &str, schema: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| StoreError::Url(error.to_string()))?;
    // Every statement here is short: compiling one to machine code takes longer than any runs. And each has an index to go
    // by: a plan that was made while a table was empty is kept, and must not read it from end to end when it is full.
    Ok(options
        .options([("search_path", schema), ("jit", "off"), ("enable_seqscan", "off")])
        .application_name(&format!("assent {schema}")))
}

async fn open_postgres(options: &DbOptions) -> Result<Pool, StoreError> {
    let connect = postgres_options(&options.url, options.schema)?;
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A dead connection shows at its next use, which costs one retried call after a restart of
        // the server instead of a round trip on every call.
        .test_before_acquire(false)
        .connect_with(connect)
        .await?;
    Ok(Pool::Postgres(pool))
}

async fn open_sqlite(options: &DbOptions) -> Result<Pool, StoreError> {
    let connect =
        SqliteConnectOptions::from_str(&options.url).map_err(|error| StoreError::Url(error.to_string()))?;
    let file: PathBuf = connect.get_filename().to_owned();
    // Each connection to a database in memory would see one of its own.
    if options.url.contains(":memory:") || options.url.contains("mode=memory") {
        return Err(StoreError::Url("SQLite needs a file".to_owned()));
    }
    if let Some(folder) = file.parent().filter(|folder| *folder != Path::new("")) {
        tokio::fs::create_dir_all(folder).await.map_err(sqlx::Error::Io)?;
    }
    let connect = connect.foreign_keys(true).busy_timeout(BUSY_TIMEOUT);
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    let write = connect
        .clone()
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    // Opened first, because it creates the file that the readers expect.
    let write = pool().max_connections(1).connect_with(write).await?;
    // Each is a thread of this process with caches of its own: more than there are cores only take memory.
    let cores = std::thread::available_parallelism()
        .map_or(READERS, |cores| cores.get().try_into().unwrap_or(u32::MAX));
    let readers = options.max_connections.min(cores.max(READERS));
    let read = pool().max_connections(readers).connect_with(connect.read_only(true)).await?;
    Ok(Pool::Sqlite { write, read })
}
