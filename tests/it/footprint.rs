//! What stands in the databases of a stack.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_core::Digest;
use assent_testkit::Storage;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

/// A digest of the content of every table of every service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footprint(BTreeMap<String, (i64, String)>);

impl Footprint {
    /// Once what was started before has come to rest.
    pub(crate) async fn settled(storage: &Storage) -> Self {
        let mut last = Self::take(storage).await;
        loop {
            // Longer than the pause between two looks of any job or consumer.
            tokio::time::sleep(Duration::from_secs(3)).await;
            let now = Self::take(storage).await;
            if now == last {
                return now;
            }
            last = now;
        }
    }

    /// The same, but for these tables of the approval gate.
    pub(crate) fn without(mut self, tables: &[&str]) -> Self {
        self.0.retain(|name, _| !tables.iter().any(|table| *name == format!("approval_gate.{table}")));
        self
    }

    async fn take(storage: &Storage) -> Self {
        let tables = if storage.is_sqlite() { sqlite(storage).await } else { postgres(storage).await };
        assert!(tables.len() > 15, "only {} tables were found", tables.len());
        Self(tables)
    }
}

async fn sqlite(storage: &Storage) -> BTreeMap<String, (i64, String)> {
    let mut tables = BTreeMap::new();
    let folder = storage.folder().unwrap().join("state");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "db") {
            continue;
        }
        let mut db = sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
        let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        for name in sqlx::query_scalar::<_, String>(names).fetch_all(&mut db).await.unwrap() {
            let columns = sqlx::query(AssertSqlSafe(format!("SELECT name FROM pragma_table_info('{name}')")));
            let columns: Vec<String> =
                columns.fetch_all(&mut db).await.unwrap().iter().map(|row| row.get(0)).collect();
            let row = columns
                .iter()
                .map(|column| format!("quote(\"{column}\")"))
                .collect::<Vec<_>>()
                .join(" || '|' || ");
            let rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(format!(
                "SELECT {row} AS r FROM \"{name}\" ORDER BY r"
            )));
            let rows = rows.fetch_all(&mut db).await.unwrap();
            let file = path.file_stem().unwrap().to_string_lossy().into_owned();
            tables.insert(format!("{file}.{name}"), summary(&rows));
        }
    }
    tables
}

async fn postgres(storage: &Storage) -> BTreeMap<String, (i64, String)> {
    let mut tables = BTreeMap::new();
    let mut db = sqlx::PgConnection::connect(storage.url()).await.unwrap();
    let names = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    for name in sqlx::query_scalar::<_, String>(names).fetch_all(&mut db).await.unwrap() {
        let rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(format!(
            "SELECT t::text FROM {name} t ORDER BY 1"
        )));
        let rows = rows.fetch_all(&mut db).await.unwrap();
        tables.insert(name, summary(&rows));
    }
    tables
}

fn summary(rows: &[String]) -> (i64, String) {
    (rows.len() as i64, Digest::of(&[rows.join("\n").as_bytes()]).to_string())
}
