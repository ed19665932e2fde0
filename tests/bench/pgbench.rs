//! What the same Postgres does without Assent: durable commits of the kind that a decision is made of.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

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

/// What a decision that comes alone asks of the database: what it reads, the transaction that seals the version, and the
/// one that keeps vote, decision, grant, audit and fact.
const DECISION: &str = "\
\\set id random(1, 1000)
SELECT revision, body FROM bench_sessions WHERE id = :id;
SELECT payload FROM bench_events WHERE session_id = :id LIMIT 1;
SELECT id FROM bench_open WHERE id = :id;
SELECT body FROM bench_items WHERE id = :id;
SELECT id FROM bench_open WHERE id = :id + 2000;
BEGIN;
SELECT revision FROM bench_heads WHERE id = :id FOR UPDATE;
UPDATE bench_heads SET revision = revision + 1 WHERE id = :id;
UPDATE bench_heads SET body = repeat('h', 60) WHERE id = :id;
COMMIT;
BEGIN;
UPDATE bench_sessions SET revision = revision + 1, body = repeat('x', 1200) WHERE id = :id RETURNING id;
INSERT INTO bench_events (session_id, payload) VALUES (:id, repeat('v', 400));
UPDATE bench_items SET body = repeat('i', 80) WHERE id = :id;
INSERT INTO bench_events (session_id, payload) VALUES (:id, repeat('d', 500));
INSERT INTO bench_events (session_id, payload) VALUES (:id, repeat('g', 700));
INSERT INTO bench_events (session_id, payload)
    VALUES (:id, repeat('a', 600)), (:id, repeat('a', 600)), (:id, repeat('a', 500));
INSERT INTO bench_events (session_id, payload) VALUES (:id, repeat('e', 1500));
DELETE FROM bench_open WHERE id = :id;
DELETE FROM bench_open WHERE id = :id + 1000;
COMMIT;
";

/// Commits a second with `clients` clients, by pgbench itself.
pub(crate) async fn run(url: &str, clients: u32) -> f64 {
    script(url, clients, SCRIPT).await.0
}

/// Decisions a second with `clients` clients, by pgbench itself, and how long each took.
pub(crate) async fn decisions(url: &str, clients: u32) -> (f64, Vec<Duration>) {
    script(url, clients, DECISION).await
}

async fn script(url: &str, clients: u32, script: &str) -> (f64, Vec<Duration>) {
    let mut db = sqlx::PgConnection::connect(url).await.unwrap();
    for statement in [
        "DROP TABLE IF EXISTS bench_sessions, bench_events, bench_heads, bench_items, bench_open",
        "CREATE TABLE bench_sessions (id BIGINT PRIMARY KEY, revision BIGINT NOT NULL, body TEXT)",
        "CREATE TABLE bench_heads (id BIGINT PRIMARY KEY, revision BIGINT NOT NULL, body TEXT)",
        "CREATE TABLE bench_items (id BIGINT PRIMARY KEY, body TEXT)",
        "CREATE TABLE bench_open (id BIGINT PRIMARY KEY)",
        "CREATE TABLE bench_events (seq BIGINT GENERATED ALWAYS AS IDENTITY, session_id BIGINT, payload TEXT)",
        "CREATE INDEX ON bench_events (session_id)",
        "INSERT INTO bench_sessions SELECT n, 0, '' FROM generate_series(1, 1000) n",
        "INSERT INTO bench_heads SELECT n, 0, '' FROM generate_series(1, 1000) n",
        "INSERT INTO bench_items SELECT n, '' FROM generate_series(1, 1000) n",
    ] {
        db.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.sql");
    std::fs::write(&file, script).unwrap();
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared", "--time=5", "--jobs=2"])
        .arg(format!("--client={clients}"))
        .arg("--log")
        .arg(format!("--log-prefix={}", folder.path().join("log").display()))
        .arg("--file")
        .arg(&file)
        .arg(url)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = "));
    let tps = tps.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)));
    (tps.split(' ').next().unwrap().parse().unwrap(), logged(folder.path()))
}

/// How long each transaction took that pgbench has logged in `folder`: the third word of a line, in microseconds.
fn logged(folder: &Path) -> Vec<Duration> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let logs = files.filter(|file| file.file_name().unwrap().to_string_lossy().starts_with("log."));
    let lines = logs.flat_map(|log| {
        let text = std::fs::read_to_string(log).unwrap();
        text.lines().map(|line| line.split(' ').nth(2).unwrap().parse().unwrap()).collect::<Vec<_>>()
    });
    lines.map(Duration::from_micros).collect()
}

/// Transactions that the database has committed so far; a read outside of one counts as one, too.
pub(crate) async fn commits(storage: &Storage) -> i64 {
    let mut db = sqlx::PgConnection::connect(storage.url()).await.unwrap();
    // Backends report what they did when they end or about once a second.
    db.execute(AssertSqlSafe("SELECT pg_sleep(1.5)".to_owned())).await.unwrap();
    let query = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    sqlx::query_scalar(query).fetch_one(&mut db).await.unwrap()
}

/// Keeps the server from tidying up by itself, which it does in transactions of its own, or lets it again.
pub(crate) async fn autovacuum(storage: &Storage, on: bool) {
    let mut db = sqlx::PgConnection::connect(storage.url()).await.unwrap();
    for statement in [format!("ALTER SYSTEM SET autovacuum = {on}"), "SELECT pg_reload_conf()".to_owned()] {
        db.execute(AssertSqlSafe(statement)).await.unwrap();
    }
}
