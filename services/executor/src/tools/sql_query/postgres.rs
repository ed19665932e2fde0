//! On Postgres. Rows come back as JSON that Postgres makes, so that every type has its usual text.

use futures_util::TryStreamExt as _;
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query as SqlxQuery;
use sqlx::{AssertSqlSafe, Connection as _, Postgres, Row as _};

use super::{Answer, CONNECT, Query, Shape, ToolError, failed, out_of_time, unusable_parameter};

pub(super) async fn run(url: &str, query: &Query<'_>) -> Result<Answer, ToolError> {
    let connecting = tokio::time::timeout(CONNECT, PgConnection::connect(url));
    let mut connection = connecting.await.map_err(out_of_time)?.map_err(|e| failed(&e))?;
    let answer = in_transaction(&mut connection, query).await;
    // What could not be closed properly is closed by being dropped.
    let _ = connection.close().await;
    answer
}

async fn in_transaction(connection: &mut PgConnection, query: &Query<'_>) -> Result<Answer, ToolError> {
    let begin = if query.write { "BEGIN" } else { "BEGIN READ ONLY" };
    sqlx::query(begin).execute(&mut *connection).await.map_err(|e| failed(&e))?;
    let answer = answer(connection, query).await?;
    sqlx::query("COMMIT").execute(connection).await.map_err(|e| failed(&e))?;
    Ok(answer)
}

async fn answer(connection: &mut PgConnection, query: &Query<'_>) -> Result<Answer, ToolError> {
    let text = &query.statement.text;
    let text = match query.statement.shape {
        Shape::Change => text.clone(),
        Shape::Rows => format!("SELECT to_jsonb(assent_row) FROM ({text}) AS assent_row"),
        Shape::Returning => {
            format!("WITH assent_row AS ({text}) SELECT to_jsonb(assent_row) FROM assent_row")
        }
    };
    let bound = bind(sqlx::query(AssertSqlSafe(text)), query.parameters)?;
    if query.statement.shape == Shape::Change {
        let done = bound.execute(connection).await.map_err(|e| failed(&e))?;
        return Ok(Answer { affected: done.rows_affected(), ..Answer::default() });
    }
    let mut rows = bound.fetch(connection);
    let mut answer = Answer::default();
    while let Some(row) = rows.try_next().await.map_err(|e| failed(&e))? {
        if answer.rows.len() == query.rows {
            answer.cut = true;
            // A change goes to its end all the same: Postgres has made it before the first row came.
            break;
        }
        answer.rows.push(row.try_get::<Value, _>(0).map_err(|e| failed(&e))?);
    }
    Ok(answer)
}

type Bound<'q> = SqlxQuery<'q, Postgres, PgArguments>;

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
