use std::borrow::Cow;

use assent_store::{Migrations, Sql, StoreError};
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use tokio::task::JoinSet;

use assent_testkit::{Storage, both_storages};

/// A set of migrations from (Postgres, SQLite) texts, numbered from 1.
pub(crate) fn migrations(texts: &[(&'static str, &'static str)]) -> Migrations {
    named(&texts.iter().map(|(postgres, sqlite)| ("step", *postgres, *sqlite)).collect::<Vec<_>>())
}

/// The same, each with its name.
fn named(texts: &[(&'static str, &'static str, &'static str)]) -> Migrations {
    let migrator = |pick: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
        Migrator::with_migrations(
            (1..)
                .zip(texts)
                .map(|(version, text)| {
                    let (name, sql) = (Cow::Borrowed(text.0), pick(text).into_sql_str());
                    Migration::new(version, name, MigrationType::Simple, sql, false)
                })
                .collect(),
        )
    };
    Migrations { name: "test", postgres: migrator(|text| text.1), sqlite: migrator(|text| text.2) }
}

const ONE: &str = "CREATE TABLE one (a TEXT); INSERT INTO one VALUES ('x')";
const TWO: &str = "CREATE TABLE two (a TEXT)";
const COUNT: Sql = Sql::new("SELECT count(*) FROM one");

async fn replicas_that_start_at_once_migrate_once(test: Storage) {
    let mut replicas = JoinSet::new();
    for _ in 0..8 {
        let db = test.open("test").await;
        replicas.spawn(async move { db.migrate(&migrations(&[(ONE, ONE), (TWO, TWO)])).await });
    }
    while let Some(done) = replicas.join_next().await {
        done.unwrap().unwrap();
    }
    let db = test.open("test").await;
    assert_eq!(db.query(COUNT).scalar::<i64>().await.unwrap(), 1);
    // An older replica that restarts during the upgrade still starts.
    db.migrate(&migrations(&[(ONE, ONE)])).await.unwrap();
}

async fn a_failed_migration_is_named_and_can_be_repeated(test: Storage) {
    let db = test.open("test").await;
    let error = db.migrate(&migrations(&[(ONE, ONE), ("CREATE TBALE", "CREATE TBALE")])).await.unwrap_err();
    assert!(matches!(error, StoreError::Migrate { name: "test", .. }), "{error}");
    db.migrate(&migrations(&[(ONE, ONE), (TWO, TWO)])).await.unwrap();
    assert_eq!(db.query(COUNT).scalar::<i64>().await.unwrap(), 1);
}

async fn a_migration_that_changed_after_it_was_applied_is_refused(test: Storage) {
    let db = test.open("test").await;
    db.migrate(&migrations(&[(ONE, ONE)])).await.unwrap();
    let error = db.migrate(&migrations(&[(TWO, TWO)])).await.unwrap_err();
    assert!(matches!(error, StoreError::Migrate { .. }), "{error}");
}

/// An older program goes on beside what a newer one added, and is refused once something was taken away.
async fn a_newer_schema_is_refused_only_when_it_took_something_away(test: Storage) {
    let db = test.open("test").await;
    let expanded = [("step", ONE, ONE), ("expand two", TWO, TWO)];
    db.migrate(&named(&expanded)).await.unwrap();
    db.migrate(&named(&expanded[..1])).await.unwrap();
    let drop = "DROP TABLE one";
    let contracted = [expanded[0], expanded[1], ("contract one", drop, drop)];
    db.migrate(&named(&contracted)).await.unwrap();
    let error = db.migrate(&named(&expanded)).await.unwrap_err();
    assert!(matches!(error, StoreError::SchemaNewer { name: "test", database: 3, program: 2 }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("version 3") && text.contains("version 2"), "{text}");
    db.migrate(&named(&contracted)).await.unwrap();
}

both_storages!(
    a_newer_schema_is_refused_only_when_it_took_something_away,
    replicas_that_start_at_once_migrate_once,
    a_failed_migration_is_named_and_can_be_repeated,
    a_migration_that_changed_after_it_was_applied_is_refused,
);
