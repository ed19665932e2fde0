//! Writes that go together, and those that depend on a row.

use assent_store::{Db, Sql, StoreError, Write};
use assent_testkit::{Storage, both_storages};
use serde_json::json;

use crate::migrate::migrations;

const TABLE: &str = "CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL)";
const INSERT: Sql = Sql::split(
    "INSERT INTO counter (name, value)
     SELECT row.name, row.value FROM json_to_recordset(CAST($1 AS JSON)) AS row (name TEXT, value BIGINT)",
    "INSERT INTO counter (name, value) SELECT value ->> 'name', value ->> 'value' FROM json_each($1)",
);
const REMOVE: Sql = Sql::split(
    "DELETE FROM counter WHERE name IN (SELECT json_array_elements_text(CAST($1 AS JSON)))",
    "DELETE FROM counter WHERE name IN (SELECT value FROM json_each($1))",
);
const RAISE: Sql =
    Sql::new("UPDATE counter SET value = value + $3 WHERE name = $1 AND value = $2 RETURNING value");
const ALL: Sql = Sql::new("SELECT name, value FROM counter ORDER BY name LIMIT 100");

async fn open(test: &Storage) -> Db {
    let db = test.open("test").await;
    db.migrate(&migrations(&[(TABLE, TABLE)])).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.write(&[insert(&[("a", 0), ("b", 0)])]).await.unwrap();
    tx.commit().await.unwrap();
    db
}

fn insert(rows: &[(&str, i64)]) -> Write {
    let rows: Vec<_> = rows.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    Write::new(INSERT, &rows).unwrap()
}

async fn all(db: &Db) -> Vec<(String, i64)> {
    db.query(ALL).all().await.unwrap()
}

fn rows(rows: &[(&str, i64)]) -> Vec<(String, i64)> {
    rows.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

/// Raises `a` from `from` by ten, and then replaces `b` by `c`.
async fn raise(db: &Db, from: i64) -> Result<Option<(i64,)>, StoreError> {
    let writes = [Write::new(REMOVE, &["b"]).unwrap(), insert(&[("c", from)])];
    db.write_if(RAISE, |statement| statement.bind("a").bind(from).bind(10i64), &writes).await
}

async fn several_writes_are_one(test: Storage) {
    let db = open(&test).await;
    let mut tx = db.begin().await.unwrap();
    tx.write(&[insert(&[("c", 1), ("d", 2)]), Write::new(REMOVE, &["a"]).unwrap()]).await.unwrap();
    tx.write(&[]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(all(&db).await, rows(&[("b", 0), ("c", 1), ("d", 2)]));

    let mut tx = db.begin().await.unwrap();
    let twice = tx.write(&[Write::new(REMOVE, &["b"]).unwrap(), insert(&[("c", 1)])]).await;
    assert!(matches!(twice, Err(StoreError::Conflict)), "{twice:?}");
    drop(tx);
    assert_eq!(all(&db).await, rows(&[("b", 0), ("c", 1), ("d", 2)]));
}

async fn without_the_row_nothing_is_written(test: Storage) {
    let db = open(&test).await;
    assert_eq!(raise(&db, 5).await.unwrap(), None);
    assert_eq!(all(&db).await, rows(&[("a", 0), ("b", 0)]));
    assert_eq!(raise(&db, 0).await.unwrap(), Some((10,)));
    assert_eq!(all(&db).await, rows(&[("a", 10), ("c", 0)]));
    // What cannot be written takes back the row, too.
    let again = raise(&db, 10).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    assert_eq!(all(&db).await, rows(&[("a", 10), ("c", 0)]));
}

both_storages!(several_writes_are_one, without_the_row_nothing_is_written);
