//! Statements with their arguments, bound one after the other and run once.

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{
    Arguments as _, AssertSqlSafe, Decode, Encode, FromRow, PgConnection, Postgres, SqlSafeStr as _, SqlStr,
    Sqlite, SqliteConnection, Type,
};
use tracing::{Instrument as _, Span};

use crate::db::Backend;
use crate::error::StoreError;
use crate::sql::Sql;

/// What can be bound: anything that both databases can store.
pub trait Value<'q>:
    Encode<'q, Postgres> + Type<Postgres> + Encode<'q, Sqlite> + Type<Sqlite> + Send
{
}
impl<'q, T: Encode<'q, Postgres> + Type<Postgres> + Encode<'q, Sqlite> + Type<Sqlite> + Send> Value<'q>
    for T
{
}

/// What a row can be read as: `#[derive(sqlx::FromRow)]` structs and tuples.
pub trait Row: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}
impl<T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin> Row for T {}

/// What a single column can be read as.
pub trait Scalar:
    for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite> + Send + Unpin
{
}
impl<T> Scalar for T where
    T: for<'r> Decode<'r, Postgres>
        + Type<Postgres>
        + for<'r> Decode<'r, Sqlite>
        + Type<Sqlite>
        + Send
        + Unpin
{
}

/// Where a statement runs, with its arguments in that database's own encoding.
pub(crate) enum Target<'c> {
    PgPool(&'c PgPool, PgArguments),
    PgTx(&'c mut PgConnection, PgArguments),
    SqlitePool(&'c SqlitePool, SqliteArguments),
    SqliteTx(&'c mut SqliteConnection, SqliteArguments),
}

/// A statement on its way to the database: bind every argument in order, then run it.
#[must_use = "a statement does nothing until it is run"]
pub struct Statement<'c> {
    text: SqlStr,
    /// How many arguments the text wants.
    wanted: usize,
    target: Target<'c>,
    refused: Option<BoxDynError>,
}

/// Runs `$run` with the text, the arguments and the executor of whichever target there is.
macro_rules! on_target {
    ($statement:expr, |$text:ident, $arguments:ident, $executor:ident| $run:expr) => {{
        let $text = $statement.text;
        match $statement.target {
            Target::PgPool($executor, $arguments) => $run,
            Target::PgTx($executor, $arguments) => $run,
            Target::SqlitePool($executor, $arguments) => $run,
            Target::SqliteTx($executor, $arguments) => $run,
        }
    }};
}

impl<'c> Statement<'c> {
    pub(crate) fn new(sql: Sql, target: Target<'c>) -> Self {
        let backend = match &target {
            Target::PgPool(..) | Target::PgTx(..) => Backend::Postgres,
            Target::SqlitePool(..) | Target::SqliteTx(..) => Backend::Sqlite,
        };
        Self { text: sql.text(backend).into_sql_str(), wanted: sql.arity(), target, refused: None }
    }

    /// Puts a text in the place of its own, which is a part of it and wants so many arguments `more`. It must be put
    /// together from constants.
    pub(crate) fn within(self, text: String, more: usize) -> Self {
        Self { text: AssertSqlSafe(text).into_sql_str(), wanted: self.wanted + more, ..self }
    }

    /// Binds the next argument: `$1` first.
    pub fn bind<'q>(mut self, value: impl Value<'q>) -> Self {
        let added = match &mut self.target {
            Target::PgPool(_, arguments) | Target::PgTx(_, arguments) => arguments.add(value),
            Target::SqlitePool(_, arguments) | Target::SqliteTx(_, arguments) => arguments.add(value),
        };
        self.refused = self.refused.or(added.err());
        self
    }

    /// Runs it and reads the one row that it always yields.
    pub async fn one<R: Row>(self) -> Result<R, StoreError> {
        let row = self.optional().await?;
        row.ok_or(StoreError::Other(sqlx::Error::RowNotFound))
    }

    /// Runs it and reads the first row, if there is one.
    pub async fn optional<R: Row>(self) -> Result<Option<R>, StoreError> {
        let (this, span) = self.checked()?;
        let run = async {
            on_target!(this, |text, arguments, executor| {
                sqlx::query_as_with::<_, R, _>(text, arguments).fetch_optional(executor).await
            })
        };
        let row = run.instrument(span.clone()).await?;
        span.record("db.rows", u64::from(row.is_some()));
        Ok(row)
    }

    /// Runs it and reads every row. The text must bound their number.
    pub async fn all<R: Row>(self) -> Result<Vec<R>, StoreError> {
        let (this, span) = self.checked()?;
        let run = async {
            on_target!(this, |text, arguments, executor| {
                sqlx::query_as_with::<_, R, _>(text, arguments).fetch_all(executor).await
            })
        };
        let rows = run.instrument(span.clone()).await?;
        span.record("db.rows", rows.len());
        Ok(rows)
    }

    /// Runs it and reads the only column of the one row that it always yields.
    pub async fn scalar<T: Scalar>(self) -> Result<T, StoreError> {
        self.one::<(T,)>().await.map(|(value,)| value)
    }

    /// Runs it and tells how many rows it changed.
    pub async fn execute(self) -> Result<u64, StoreError> {
        let (this, span) = self.checked()?;
        let run = async {
            on_target!(this, |text, arguments, executor| {
                sqlx::query_with(text, arguments).execute(executor).await.map(|done| done.rows_affected())
            })
        };
        let changed = run.instrument(span.clone()).await?;
        span.record("db.rows", changed);
        Ok(changed)
    }

    fn checked(mut self) -> Result<(Self, Span), StoreError> {
        if let Some(error) = self.refused.take() {
            return Err(StoreError::Encode(error));
        }
        let bound = match &self.target {
            Target::PgPool(_, arguments) | Target::PgTx(_, arguments) => arguments.len(),
            Target::SqlitePool(_, arguments) | Target::SqliteTx(_, arguments) => arguments.len(),
        };
        let (text, expected) = (self.text.as_str(), self.wanted);
        if bound != expected {
            return Err(StoreError::Arity { sql: text.to_owned(), expected, bound });
        }
        let span =
            tracing::debug_span!("db.statement", db.query.text = text, db.rows = tracing::field::Empty);
        Ok((self, span))
    }
}
