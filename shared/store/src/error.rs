//! What can go wrong between a service and its database.

use std::time::Duration;

use assent_core::{Code, Fault, Reason};
use sqlx::error::{BoxDynError, DatabaseError};
use sqlx::migrate::MigrateError;

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error of the database layer. Texts that reach a caller name no SQL, table or value.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the same rows first: a unique key was taken, a revision moved on, or
    /// the database broke a deadlock or serialization conflict at this transaction's expense.
    #[error("the record was changed at the same time; read it again and retry")]
    Conflict,
    /// The database is busy, restarting or unreachable. Nothing is known about a commit that ended so.
    #[error("the database is busy or unreachable")]
    Unavailable(#[source] sqlx::Error),
    /// A stored value that this program cannot have written.
    #[error("corrupt value in {table}.{column} of {id}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        id: String,
    },
    /// The statement wants another number of arguments than were bound. Checked here because SQLite
    /// reads missing arguments as NULL.
    #[error("statement wants {expected} arguments, {bound} were bound: {sql}")]
    Arity {
        /// The text.
        sql: String,
        /// What the text wants.
        expected: usize,
        /// What was bound.
        bound: usize,
    },
    /// An argument that could not be encoded.
    #[error("argument could not be encoded: {0}")]
    Encode(BoxDynError),
    /// The connection settings make no sense.
    #[error("database url: {0}")]
    Url(String),
    /// The schema could not be brought up to date.
    #[error("migrating {name}: {source}")]
    Migrate {
        /// Name of the migration set.
        name: &'static str,
        /// Why.
        source: Box<MigrateError>,
    },
    /// The tables are of a newer release, which took away something that this program needs.
    #[error(
        "the tables of {name} are at version {database}, which this program cannot use: it knows version {program}; \
         run the newer release"
    )]
    SchemaNewer {
        /// Name of the migration set.
        name: &'static str,
        /// Newest version in the database that older programs cannot use.
        database: i64,
        /// Newest version that this program knows.
        program: i64,
    },
    /// Anything else that the database or its driver reports: a defect.
    #[error("database error: {0}")]
    Other(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if is_conflict(database.as_ref()) => Self::Conflict,
            sqlx::Error::Database(database) if is_passing(database.as_ref()) => Self::Unavailable(error),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(error),
            _ => Self::Other(error),
        }
    }
}

fn is_postgres(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some()
}

fn is_conflict(error: &dyn DatabaseError) -> bool {
    // 40001 serialization_failure, 40P01 deadlock_detected; the text codes are Postgres's alone.
    error.is_unique_violation() || matches!(error.code().as_deref(), Some("40001" | "40P01"))
}

/// Whether the same statement may well succeed a little later.
fn is_passing(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if is_postgres(error) {
        // 08 connection, 53 resources, 57P0x shutdown and start-up, 55P03 lock timeout, 57014
        // statement timeout, 25006 a standby that was the primary a moment ago.
        return code.starts_with("08")
            || code.starts_with("53")
            || code.starts_with("57P0")
            || matches!(code.as_ref(), "55P03" | "57014" | "25006");
    }
    // The low byte is the primary code: SQLITE_BUSY 5, SQLITE_LOCKED 6, SQLITE_FULL 13.
    code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 13))
}

impl Fault for StoreError {
    fn code(&self) -> Code {
        match self {
            Self::Conflict => Code::Aborted,
            Self::Unavailable(_) => Code::Unavailable,
            _ => Code::Internal,
        }
    }

    fn reason(&self) -> Reason {
        Reason::new(match self {
            Self::Conflict => "STORE_CONFLICT",
            Self::Unavailable(_) => "STORE_UNAVAILABLE",
            Self::Corrupt { .. } => "DATA_CORRUPT",
            _ => "INTERNAL",
        })
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Unavailable(_)).then_some(RETRY_AFTER)
    }
}
