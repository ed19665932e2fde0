//! Writes that go to the database together.

use serde::Serialize;

use crate::db::{Backend, Db};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::statement::{Row, Statement};
use crate::tx::Tx;

/// A statement that writes rows, which are given as a list of JSON in its only argument, and of which nobody wants to
/// know how many they were.
#[derive(Debug)]
#[must_use = "rows are written by `Tx::write`"]
pub struct Write {
    sql: Sql,
    rows: String,
    rings: bool,
}

impl Write {
    /// Has `sql` write `rows`. Its text takes them as text: `CAST($1 AS JSON)`.
    ///
    /// # Errors
    /// [`StoreError::Encode`] for what is not JSON, [`StoreError::Arity`] for a text that wants something else.
    pub fn new(sql: Sql, rows: &(impl Serialize + ?Sized)) -> Result<Self, StoreError> {
        if sql.arity() != 1 {
            let text = sql.text(Backend::Postgres).to_owned();
            return Err(StoreError::Arity { sql: text, expected: sql.arity(), bound: 1 });
        }
        let rows = serde_json::to_string(rows).map_err(|error| StoreError::Encode(error.into()))?;
        Ok(Self { sql, rows, rings: false })
    }

    /// The same, and [`Db::committed`] is to change once it is committed, as by [`Tx::ring`].
    pub fn ringing(self) -> Self {
        Self { rings: true, ..self }
    }
}

impl Tx {
    /// Makes `writes`, on Postgres all of them in one round trip. None may depend on another, and no two may write the
    /// same row: which of them comes first is not said.
    pub async fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        match (self.backend(), writes) {
            (Backend::Postgres, [first, others @ ..]) if !others.is_empty() => {
                let text = format!("WITH {} SELECT 1", parts(writes, 0, |rows| rows).join(", "));
                let statement = self.query(first.sql).within(text, others.len());
                bound(statement, writes).execute().await?;
            }
            _ => {
                for Write { sql, rows, .. } in writes {
                    self.query(*sql).bind(rows.as_str()).execute().await?;
                }
            }
        }
        if writes.iter().any(|write| write.rings) {
            self.ring();
        }
        Ok(())
    }
}

impl Db {
    /// Runs `guard`, with the arguments that `bind` binds, and reads its row; if there is one, makes `writes`, too. All of
    /// it is one transaction, on Postgres in one round trip. For the writes holds what [`Tx::write`] says.
    ///
    /// # Errors
    /// After [`StoreError::Unavailable`] the outcome is unknown: it may have been committed.
    pub async fn write_if<R: Row>(
        &self,
        guard: Sql,
        bind: impl for<'s> FnOnce(Statement<'s>) -> Statement<'s> + Send,
        writes: &[Write],
    ) -> Result<Option<R>, StoreError> {
        if self.backend() == Backend::Sqlite {
            let mut tx = self.begin().await?;
            let row = bind(tx.query(guard)).optional().await?;
            if row.is_some() {
                tx.write(writes).await?;
                tx.commit().await?;
            }
            return Ok(row);
        }
        let text = guarded(guard.text(Backend::Postgres), guard.arity(), writes);
        let statement = bind(self.query(guard)).within(text, writes.len());
        let row = bound(statement, writes).optional().await?;
        if row.is_some() && writes.iter().any(|write| write.rings) {
            self.ring();
        }
        Ok(row)
    }
}

/// With the rows of `writes` as the next arguments.
fn bound<'s>(statement: Statement<'s>, writes: &[Write]) -> Statement<'s> {
    writes.iter().fold(statement, |statement, write| statement.bind(write.rows.as_str()))
}

/// One statement that does what `guard` does, which has so many `arguments`, and what `writes` do if that yields a row:
/// otherwise none of them has any rows to write.
fn guarded(guard: &str, arguments: usize, writes: &[Write]) -> String {
    let held = |rows| format!("CASE WHEN EXISTS (SELECT 1 FROM guard) THEN {rows} ELSE '[]' END");
    let mut all = vec![format!("guard AS ({guard})")];
    all.extend(parts(writes, arguments, held));
    format!("WITH {} SELECT * FROM guard", all.join(", "))
}

/// What each of `writes` does, with its rows, as `given` puts them, in an argument of its own after the first `before`.
fn parts(writes: &[Write], before: usize, given: impl Fn(String) -> String) -> Vec<String> {
    let part = |(number, write): (usize, &Write)| {
        let rows = given(format!("${}", before + number));
        format!("write_{number} AS ({})", write.sql.text(Backend::Postgres).replace("$1", &rows))
    };
    (1..).zip(writes).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes() -> Vec<Write> {
        let texts = ["DELETE FROM a WHERE b = CAST($1 AS TEXT)", "INSERT INTO c SELECT $1, $1"];
        texts.into_iter().map(|text| Write::new(Sql::new(text), &[1]).unwrap()).collect()
    }

    #[test]
    fn each_text_gets_an_argument_of_its_own() {
        assert_eq!(
            parts(&writes(), 2, |rows| rows),
            [
                "write_1 AS (DELETE FROM a WHERE b = CAST($3 AS TEXT))",
                "write_2 AS (INSERT INTO c SELECT $4, $4)"
            ]
        );
    }

    #[test]
    fn without_the_guard_there_are_no_rows() {
        assert_eq!(
            guarded("UPDATE d SET e = $1 RETURNING e", 1, &writes()[..1]),
            "WITH guard AS (UPDATE d SET e = $1 RETURNING e), write_1 AS (DELETE FROM a WHERE b = \
             CAST(CASE WHEN EXISTS (SELECT 1 FROM guard) THEN $2 ELSE '[]' END AS TEXT)) SELECT * FROM guard"
        );
    }

    #[test]
    fn a_text_with_other_arguments_is_refused() {
        let error = Write::new(Sql::new("DELETE FROM a WHERE b = $1 AND c = $2"), &[1]).unwrap_err();
        assert!(matches!(error, StoreError::Arity { expected: 2, bound: 1, .. }));
    }
}
