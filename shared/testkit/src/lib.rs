//! Throw-away storages for tests, and wires that break: a folder for SQLite, a database of its own on the Postgres that `make test`
//! starts. A test that needs a server and finds none fails; it is never skipped.

#![warn(missing_docs)]
#![expect(clippy::expect_used, reason = "only tests use this crate, and there a failure is to be loud")]

mod authority;
mod faults;
mod ports;
pub mod tokens;

use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use assent_store::{Db, DbOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;

pub use authority::{Authority, SanType};
pub use faults::{Fault, FaultProxy};
pub use ports::free_port;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Where one test keeps state; gone with it (a Postgres database goes with its server).
#[derive(Debug)]
pub struct Storage {
    url: String,
    folder: Option<TempDir>,
}

impl Storage {
    /// A folder for SQLite files. It does not exist yet: opening creates it.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { url: format!("sqlite://{}/state", folder.path().display()), folder: Some(folder) }
    }

    /// A fresh Postgres database.
    ///
    /// # Panics
    /// When no server was started for tests.
    pub async fn postgres() -> Self {
        let server = variable("ASSENT_TEST_POSTGRES_URL");
        let name = format!("test_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut admin = sqlx::PgConnection::connect(&server).await.expect("the test server");
        for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            admin.execute(AssertSqlSafe(statement)).await.expect("a database");
        }
        admin.close().await.expect("an orderly end");
        let (head, _) = server.rsplit_once('/').expect("a url with a database");
        Self { url: format!("{head}/{name}"), folder: None }
    }

    /// As services are configured with it: `postgres://…/database` or `sqlite://FOLDER`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// As one service opens it: the same for Postgres, a file for SQLite.
    pub fn url_of(&self, schema: &str) -> String {
        if self.is_sqlite() { format!("{}/{schema}.db", self.url) } else { self.url.clone() }
    }

    /// Opens it as the service with this schema does.
    pub async fn open(&self, schema: &'static str) -> Db {
        let options = DbOptions { url: self.url_of(schema), schema, max_connections: 8 };
        Db::connect(&options).await.expect("a database")
    }

    /// Whether it is SQLite.
    pub fn is_sqlite(&self) -> bool {
        self.folder.is_some()
    }

    /// The folder, for SQLite.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(TempDir::path)
    }
}

/// The Redis that was started for tests.
///
/// # Panics
/// When there is none.
pub fn redis_url() -> String {
    variable("ASSENT_TEST_REDIS_URL")
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| missing(name))
}

#[expect(clippy::panic, reason = "a test without its server must not pass")]
fn missing(name: &str) -> ! {
    panic!("{name} is not set: run through `make test`")
}

/// Stamps each `async fn(Storage)` as a test on both storages, in modules `sqlite` and `postgres`.
#[macro_export]
macro_rules! both_storages {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test($crate::Storage::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test($crate::Storage::postgres().await).await;
            })*
        }
    };
}
