//! What the same Postgres does without Assent: durable commits of the kind that a decision is made of.

use std::process::Command;

use assent_testkit::Storage;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

/// UPDATE with a check of the revision and INSERT of a fact, in one transaction.
const SCRIPT: &str = "\
\\set id random(1, 1000)
BEGIN;
UPDATE bench_sessions SET revision = revision + 1, body = repeat('x', 400) WHERE id = :id;
INSERT INTO bench_events (session_id, payload) VALUES (:id, repeat('y', 600));
COMMIT;
";

/// Commits a second with `clients` clients, by pgbench itself.
pub(crate) async fn run(url: &str, clients: u32) -> f64 {
    let mut db = sqlx::PgConnection::connect(url).await.unwrap();
    for statement in [
        "DROP TABLE IF EXISTS bench_sessions, bench_events",
        "CREATE TABLE bench_sessions (id BIGINT PRIMARY KEY, revision BIGINT NOT NULL, body TEXT)",
        "CREATE TABLE bench_events (seq BIGINT GENERATED ALWAYS AS IDENTITY, session_id BIGINT, payload TEXT)",
        "INSERT INTO bench_sessions SELECT n, 0, '' FROM generate_series(1, 1000) n",
    ] {
        db.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("decision.sql");
    std::fs::write(&script, SCRIPT).unwrap();
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared", "--time=5", "--jobs=2"])
        .arg(format!("--client={clients}"))
        .arg("--file")
        .arg(&script)
        .arg(url)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = "));
    let tps = tps.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)));
    tps.split(' ').next().unwrap().parse().unwrap()
}

/// Transactions that the database has committed so far; a read outside of one counts as one, too.
pub(crate) async fn commits(storage: &Storage) -> i64 {
    let mut db = sqlx::PgConnection::connect(storage.url()).await.unwrap();
    // Backends report what they did when they end or about once a second.
    db.execute(AssertSqlSafe("SELECT pg_sleep(1.5)".to_owned())).await.unwrap();
    let query = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    sqlx::query_scalar(query).fetch_one(&mut db).await.unwrap()
}
