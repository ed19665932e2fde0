use assent_core::id::SessionKind;
use assent_core::{Code, Digest, Fault as _, Id, Timestamp};
use assent_store::{Backend, Db, Json, Sql, StoreError};
use sqlx::FromRow;
use uuid::Uuid;

use crate::migrate::migrations;
use assent_testkit::{Storage, both_storages};

const POSTGRES: &str = "CREATE TABLE thing (
    id UUID PRIMARY KEY, at TIMESTAMPTZ NOT NULL, digest BYTEA NOT NULL, bytes BYTEA NOT NULL,
    facts JSONB NOT NULL, small INTEGER NOT NULL, big BIGINT NOT NULL, ratio DOUBLE PRECISION NOT NULL,
    yes BOOLEAN NOT NULL, name TEXT NOT NULL, note TEXT, parent UUID)";
const SQLITE: &str = "CREATE TABLE thing (
    id BLOB PRIMARY KEY CHECK (length(id) = 16), at TEXT NOT NULL, digest BLOB NOT NULL, bytes BLOB NOT NULL,
    facts TEXT NOT NULL CHECK (json_valid(facts)), small INTEGER NOT NULL, big INTEGER NOT NULL, ratio REAL NOT NULL,
    yes BOOLEAN NOT NULL, name TEXT NOT NULL, note TEXT, parent BLOB)";

const INSERT: Sql = Sql::new(
    "INSERT INTO thing (id, at, digest, bytes, facts, small, big, ratio, yes, name, note, parent)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     RETURNING id, at, digest, bytes, facts, small, big, ratio, yes, name, note, parent",
);
const BY_TIME: Sql = Sql::new("SELECT name FROM thing WHERE at > $1 ORDER BY at");
const COUNT: Sql = Sql::new("SELECT count(*) FROM thing");
const ONE_ARGUMENT: Sql = Sql::new("SELECT count(*) FROM thing WHERE CAST($1 AS TEXT) IS NULL OR name = $1");
const DELETE: Sql = Sql::new("DELETE FROM thing WHERE yes = $1");

#[derive(Debug, Clone, PartialEq, FromRow)]
struct Thing {
    id: Id<SessionKind>,
    at: Timestamp,
    digest: Digest,
    bytes: Vec<u8>,
    facts: Json<serde_json::Value>,
    small: i32,
    big: i64,
    ratio: f64,
    yes: bool,
    name: String,
    note: Option<String>,
    parent: Option<Id<SessionKind>>,
}

fn thing(n: u8) -> Thing {
    Thing {
        id: Id::from_uuid(Uuid::from_u128(n.into())),
        at: Timestamp::from_micros(1_700_000_000_000_001 + i64::from(n) * 1_000_000).unwrap(),
        digest: Digest::of(&[&[n]]),
        bytes: vec![0, n, 255],
        facts: Json(serde_json::json!({ "n": n, "text": "it's \"quoted\"" })),
        small: -i32::from(n),
        big: i64::MAX - i64::from(n),
        ratio: 0.1,
        yes: n.is_multiple_of(2),
        name: format!("thing {n}"),
        note: (n > 1).then(|| "ünïcode; DROP TABLE thing".to_owned()),
        parent: (n > 1).then(|| Id::from_uuid(Uuid::from_u128(1))),
    }
}

async fn insert(db: &Db, thing: &Thing) -> Result<Thing, StoreError> {
    let mut tx = db.begin().await?;
    let statement = tx.query(INSERT).bind(thing.id).bind(thing.at).bind(thing.digest);
    let statement = statement.bind(thing.bytes.as_slice()).bind(thing.facts.clone());
    let statement = statement.bind(thing.small).bind(thing.big).bind(thing.ratio).bind(thing.yes);
    let statement = statement.bind(&thing.name).bind(thing.note.as_deref()).bind(thing.parent);
    let stored = statement.one().await?;
    tx.commit().await?;
    Ok(stored)
}

async fn open(test: &Storage) -> Db {
    let db = test.open("test").await;
    db.migrate(&migrations(&[(POSTGRES, SQLITE)])).await.unwrap();
    db
}

async fn every_type_comes_back_as_it_went(test: Storage) {
    let db = open(&test).await;
    for n in 1..=3 {
        assert_eq!(insert(&db, &thing(n)).await.unwrap(), thing(n));
    }
    let names: Vec<(String,)> = db.query(BY_TIME).bind(thing(1).at).all().await.unwrap();
    assert_eq!(names, [("thing 2".to_owned(),), ("thing 3".to_owned(),)]);
    assert_eq!(db.query(COUNT).scalar::<i64>().await.unwrap(), 3);
    assert_eq!(db.query(BY_TIME).bind(thing(3).at).optional::<(String,)>().await.unwrap(), None);

    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.query(DELETE).bind(false).execute().await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(db.query(ONE_ARGUMENT).bind(None::<&str>).scalar::<i64>().await.unwrap(), 1);
    assert_eq!(db.query(ONE_ARGUMENT).bind("other").scalar::<i64>().await.unwrap(), 0);
}

async fn a_wrong_number_of_arguments_is_refused(test: Storage) {
    let db = open(&test).await;
    for statement in [db.query(ONE_ARGUMENT), db.query(ONE_ARGUMENT).bind("a").bind("b")] {
        let error = statement.scalar::<i64>().await.unwrap_err();
        assert!(matches!(error, StoreError::Arity { expected: 1, .. }), "{error}");
        assert_eq!(error.code(), Code::Internal);
    }
}

async fn a_taken_key_is_a_conflict_that_tells_no_sql(test: Storage) {
    let db = open(&test).await;
    insert(&db, &thing(1)).await.unwrap();
    let error = insert(&db, &thing(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict), "{error}");
    assert_eq!((error.code(), error.reason().0.as_ref()), (Code::Aborted, "STORE_CONFLICT"));
    assert!(!error.to_string().contains("thing"));
}

async fn statements_can_be_prepared_without_running(test: Storage) {
    let db = open(&test).await;
    for sql in [INSERT, BY_TIME, COUNT, ONE_ARGUMENT, DELETE] {
        db.prepare(sql).await.unwrap();
    }
    const TYPO: Sql = Sql::new("SELECT nmae FROM thing");
    assert!(db.prepare(TYPO).await.is_err());
    assert_eq!(db.query(COUNT).scalar::<i64>().await.unwrap(), 0);
}

async fn a_closed_database_is_unavailable(test: Storage) {
    let db = open(&test).await;
    db.ping().await.unwrap();
    db.close().await;
    let error = db.ping().await.unwrap_err();
    assert_eq!((error.code(), error.reason().0.as_ref()), (Code::Unavailable, "STORE_UNAVAILABLE"));
    assert!(error.retry_after().is_some());
}

both_storages!(
    every_type_comes_back_as_it_went,
    a_wrong_number_of_arguments_is_refused,
    a_taken_key_is_a_conflict_that_tells_no_sql,
    statements_can_be_prepared_without_running,
    a_closed_database_is_unavailable,
);

#[tokio::test]
async fn a_read_cannot_write_where_it_would_bypass_the_writer() {
    let test = Storage::sqlite().await;
    let db = open(&test).await;
    assert_eq!(db.backend(), Backend::Sqlite);
    assert!(db.query(DELETE).bind(true).execute().await.is_err());
}
