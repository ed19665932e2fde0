//! `sql_query`: one statement on a database of the configuration. Unless the item declares a change, the database
//! itself is told to refuse one.

mod postgres;
mod sqlite;
mod statement;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_plan::Map;
use serde_json::{Value, json};

use self::statement::{Shape, Statement};
use super::{Call, Outcome, ToolError, text};
use crate::secrets::Secrets;

/// Rows that come back when the item does not say.
const DEFAULT_ROWS: u64 = 100;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The databases that plans may name. Cheap to clone.
#[derive(Clone)]
pub(super) struct Databases {
    /// Name of a database, and of the secret that holds its URL.
    urls: Arc<BTreeMap<String, String>>,
    secrets: Arc<Secrets>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Postgres,
    Sqlite,
}

/// What is to be run.
#[derive(Debug)]
struct Query<'c> {
    statement: Statement,
    parameters: &'c [Value],
    write: bool,
    rows: usize,
}

/// What came of it.
#[derive(Debug, Default)]
struct Answer {
    rows: Vec<Value>,
    /// There were more rows than were asked for.
    cut: bool,
    /// Rows that were changed.
    affected: u64,
}

impl Databases {
    pub(super) fn new(urls: &BTreeMap<String, String>, secrets: Arc<Secrets>) -> Self {
        Self { urls: Arc::new(urls.clone()), secrets }
    }

    pub(super) fn problem(&self) -> Option<&'static str> {
        self.urls.is_empty().then_some("service.sql_databases names no database")
    }

    pub(super) async fn run(&self, call: &Call) -> Result<Outcome, ToolError> {
        let name = text(&call.arguments, "database")?;
        let (url, backend) = self.database(name).await?;
        let query = query(&call.arguments, backend)?;
        let answer = match backend {
            Backend::Postgres => postgres::run(&url, &query).await?,
            Backend::Sqlite => sqlite::run(&url, &query).await?,
        };
        Ok(outcome(name, &query, answer))
    }

    async fn database(&self, name: &str) -> Result<(String, Backend), ToolError> {
        let missing = |what: String| ToolError::lasting("TOOL_NOT_CONFIGURED", what);
        let secret = self
            .urls
            .get(name)
            .ok_or_else(|| missing(format!("service.sql_databases names no database `{name}`")))?;
        let url = self.secrets.get(secret).await;
        let url =
            url.ok_or_else(|| missing(format!("there is no secret `{secret}` for database `{name}`")))?;
        let backend = match url.split(':').next() {
            Some("postgres" | "postgresql") => Backend::Postgres,
            Some("sqlite") => Backend::Sqlite,
            _ => return Err(missing(format!("the secret `{secret}` is no postgres: or sqlite: address"))),
        };
        Ok((url, backend))
    }
}

/// Whether running it twice is the same as running it once, as far as anybody can know.
pub(super) fn is_repeatable(arguments: &Map) -> bool {
    !writes(arguments)
}

/// Whether the item declares a change; the database is told to refuse one otherwise.
pub(super) fn writes(arguments: &Map) -> bool {
    arguments.get("write").and_then(Value::as_bool).unwrap_or_default()
}

fn query(arguments: &Map, backend: Backend) -> Result<Query<'_>, ToolError> {
    let write = writes(arguments);
    let statement = statement::read(text(arguments, "statement")?, backend, write)
        .map_err(|problem| ToolError::lasting("SQL_REFUSED", problem.to_string()))?;
    let parameters = match arguments.get("parameters") {
        Some(Value::Array(parameters)) => parameters.as_slice(),
        _ => &[],
    };
    let rows = arguments.get("max_rows").and_then(Value::as_u64).unwrap_or(DEFAULT_ROWS);
    Ok(Query { statement, parameters, write, rows: usize::try_from(rows).unwrap_or(usize::MAX) })
}

fn outcome(database: &str, query: &Query<'_>, answer: Answer) -> Outcome {
    let Answer { rows, cut, affected } = answer;
    let count = rows.len();
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    let summary = match query.statement.shape {
        Shape::Change => format!("changed {affected} row{} in {database}", plural(affected)),
        _ if cut => format!("read the first {count} rows of {database}"),
        _ => format!("read {count} row{} of {database}", plural(count as u64)),
    };
    let output = json!({ "rows": rows, "row_count": count, "complete": !cut, "affected": affected });
    Outcome { output: output.as_object().cloned().unwrap_or_default(), summary, files: Vec::new() }
}

/// An error of the database. Its text may quote data, so only what it says about the statement comes through.
fn failed(error: &sqlx::Error) -> ToolError {
    match error {
        sqlx::Error::Database(error) => ToolError::lasting("SQL_FAILED", error.message().to_owned()),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut => {
            ToolError::passing("SQL_UNAVAILABLE", "the database cannot be reached")
        }
        _ => ToolError::lasting("SQL_FAILED", "the database gave an answer that cannot be read"),
    }
}

fn out_of_time<T>(_: T) -> ToolError {
    ToolError::passing("SQL_UNAVAILABLE", "the database cannot be reached in time")
}

fn unusable_parameter(index: usize) -> ToolError {
    let text = format!("parameter {} is neither a text, a number, a boolean nor null", index + 1);
    ToolError::lasting("ARGUMENTS_INVALID", text)
}
