use assent_store::{Db, DbOptions, Sql, StoreError, in_transaction};
use tokio::task::JoinSet;

use crate::migrate::migrations;
use assent_testkit::{Storage, both_storages};

const TABLE: &str = "CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL)";
const INSERT: Sql = Sql::new("INSERT INTO counter (name, value) VALUES ($1, 0)");
const LOCK: Sql = Sql::split(
    "SELECT value FROM counter WHERE name = $1 FOR UPDATE",
    "SELECT value FROM counter WHERE name = $1",
);
const SET: Sql = Sql::new("UPDATE counter SET value = $2 WHERE name = $1");
const GET: Sql = Sql::new("SELECT value FROM counter WHERE name = $1");

async fn open(test: &Storage) -> Db {
    let db = test.open("test").await;
    db.migrate(&migrations(&[(TABLE, TABLE)])).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.query(INSERT).bind("a").execute().await.unwrap();
    tx.commit().await.unwrap();
    db
}

async fn value(db: &Db) -> i64 {
    db.query(GET).bind("a").scalar().await.unwrap()
}

async fn what_is_dropped_is_undone(test: Storage) {
    let db = open(&test).await;
    let mut tx = db.begin().await.unwrap();
    tx.query(SET).bind("a").bind(7i64).execute().await.unwrap();
    drop(tx);
    assert_eq!(value(&db).await, 0);
    // And the connection is fit for use again.
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.query(GET).bind("a").scalar::<i64>().await.unwrap(), 0);
    tx.query(SET).bind("a").bind(8i64).execute().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(value(&db).await, 8);
}

async fn readers_see_only_what_is_committed_and_never_wait(test: Storage) {
    let db = open(&test).await;
    let mut tx = db.begin().await.unwrap();
    tx.query(SET).bind("a").bind(7i64).execute().await.unwrap();
    assert_eq!(value(&db).await, 0);
    tx.commit().await.unwrap();
    assert_eq!(value(&db).await, 7);
}

async fn concurrent_writers_lose_no_update(test: Storage) {
    let db = open(&test).await;
    let mut tasks = JoinSet::new();
    for _ in 0..40 {
        let db = db.clone();
        tasks.spawn(async move {
            let mut tx = db.begin().await.unwrap();
            let value: i64 = tx.query(LOCK).bind("a").scalar().await.unwrap();
            tx.query(SET).bind("a").bind(value + 1).execute().await.unwrap();
            tx.commit().await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(value(&db).await, 40);
}

async fn only_a_commit_that_asked_for_it_rings(test: Storage) {
    let db = open(&test).await;
    let mut committed = db.committed();
    let mut tx = db.begin().await.unwrap();
    tx.ring();
    assert!(!committed.has_changed().unwrap());
    drop(tx);
    db.begin().await.unwrap().commit().await.unwrap();
    assert!(!committed.has_changed().unwrap());
    let mut tx = db.begin().await.unwrap();
    tx.ring();
    tx.commit().await.unwrap();
    committed.changed().await.unwrap();
}

async fn a_task_knows_that_it_holds_a_transaction(test: Storage) {
    let db = open(&test).await;
    let tx = db.begin().await.unwrap();
    assert!(in_transaction());
    let inside = db.clone();
    let elsewhere = JoinSet::from_iter([async move { (in_transaction(), inside) }]);
    assert!(!elsewhere.join_all().await[0].0);
    tx.commit().await.unwrap();
    assert!(!in_transaction());
    drop(db.begin().await.unwrap());
    assert!(!in_transaction());
}

both_storages!(
    what_is_dropped_is_undone,
    readers_see_only_what_is_committed_and_never_wait,
    concurrent_writers_lose_no_update,
    only_a_commit_that_asked_for_it_rings,
    a_task_knows_that_it_holds_a_transaction,
);

#[tokio::test]
async fn a_url_that_makes_no_sense_is_refused_without_repeating_it() {
    for url in ["mysql://root:hunter2@localhost/x", "sqlite::memory:", "sqlite://x.db?mode=memory", ""] {
        let options = DbOptions { url: url.to_owned(), schema: "test", max_connections: 1 };
        let error = Db::connect(&options).await.err().unwrap();
        assert!(matches!(error, StoreError::Url(_)), "{url}: {error}");
        assert!(!error.to_string().contains("hunter2"));
    }
}
