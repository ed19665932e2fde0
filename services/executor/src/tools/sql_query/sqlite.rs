//! On SQLite.

use std::str::FromStr as _;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use serde_json::{Map, Value};
use sqlx::query::Query as SqlxQuery;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _, Sqlite, TypeInfo as _,
    ValueRef as _,
};

use super::{Answer, CONNECT, Query, Shape, ToolError, failed, out_of_time, unusable_parameter};

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

pub(super) async fn run(url: &str, query: &Query<'_>) -> Result<Answer, ToolError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|e| failed(&e))?;
    // The operator makes databases, a plan does not.
    let options = options.create_if_missing(false).read_only(!query.write).busy_timeout(BUSY);
    let connecting = tokio::time::timeout(CONNECT, options.connect());
    let mut connection = connecting.await.map_err(out_of_time)?.map_err(|e| failed(&e))?;
    let answer = answer(&mut connection, query).await;
    // What could not be closed properly is closed by being dropped.
    let _ = connection.close().await;
    answer
}

async fn answer(connection: &mut SqliteConnection, query: &Query<'_>) -> Result<Answer, ToolError> {
    let bound = bind(sqlx::query(AssertSqlSafe(query.statement.text.clone())), query.parameters)?;
    if query.statement.shape == Shape::Change {
        let done = bound.execute(connection).await.map_err(|e| failed(&e))?;
        return Ok(Answer { affected: done.rows_affected(), ..Answer::default() });
    }
    let mut rows = bound.fetch(connection);
    let mut answer = Answer::default();
    while let Some(row) = rows.try_next().await.map_err(|e| failed(&e))? {
        if answer.rows.len() < query.rows {
            answer.rows.push(object(&row)?);
        } else {
            answer.cut = true;
            // A change is made row by row, so it is followed to its end.
            if !query.write {
                break;
            }
        }
    }
    Ok(answer)
}

fn object(row: &SqliteRow) -> Result<Value, ToolError> {
    let mut members = Map::new();
    for column in row.columns() {
        let index = column.ordinal();
        let raw = row.try_get_raw(index).map_err(|e| failed(&e))?;
        let value = if raw.is_null() {
            Value::Null
        } else {
            match raw.type_info().name() {
                "INTEGER" | "BOOLEAN" => row.try_get_unchecked::<i64, _>(index).map(Value::from),
                "REAL" => row.try_get_unchecked::<f64, _>(index).map(Value::from),
                "BLOB" => row.try_get_unchecked::<Vec<u8>, _>(index).map(|bytes| hex(&bytes).into()),
                _ => row.try_get_unchecked::<String, _>(index).map(Value::from),
            }
            .map_err(|e| failed(&e))?
        };
        members.insert(column.name().to_owned(), value);
    }
    Ok(Value::Object(members))
}

/// As Postgres writes bytes.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

type Bound<'q> = SqlxQuery<'q, Sqlite, SqliteArguments>;

fn bind<'q>(mut statement: Bound<'q>, parameters: &[Value]) -> Result<Bound<'q>, ToolError> {
    for (index, parameter) in parameters.iter().enumerate() {
        statement = match parameter {
            Value::Null => statement.bind(None::<String>),
            Value::Bool(truth) => statement.bind(*truth),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => statement.bind(whole),
                (None, Some(real)) => statement.bind(real),
                (None, None) => return Err(unusable_parameter(index)),
            },
            Value::String(text) => statement.bind(text.clone()),
            Value::Array(_) | Value::Object(_) => return Err(unusable_parameter(index)),
        };
    }
    Ok(statement)
}
