//! `sql_query` against real databases.

use assent_proto::execution::v1::{ExecutionState, WorkItemRunState as Run};
use assent_testkit::{Storage, both_storages};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::rig::{Rig, assert_state, item, plan, run, states};

both_storages!(
    rows_come_back_and_changes_are_declared,
    a_change_is_taken_back_by_its_undo,
    what_only_looked_is_not_undone,
    what_is_no_single_statement_never_reaches_the_database,
);

/// A database with one table, besides the executor's own, and an executor that may use it as `shop`.
async fn rig(storage: Storage) -> (Rig, String) {
    let url = match storage.folder() {
        Some(folder) => format!("sqlite://{}", folder.join("shop.db").display()),
        None => storage.url_of("public"),
    };
    let mut rig = Rig::new(storage).await;
    rig.stop().await;
    let table = "CREATE TABLE orders (id BIGINT PRIMARY KEY, who TEXT NOT NULL, note TEXT)";
    let rows = "INSERT INTO orders VALUES (1, 'ada', NULL), (2, 'bob', 'late'), (3, 'cy', 'x')";
    for statement in [table, rows] {
        change(&url, statement).await;
    }
    let secrets = rig.config.data_dir.with_file_name("secrets");
    std::fs::create_dir(&secrets).unwrap();
    std::fs::write(secrets.join("SHOP_URL"), &url).unwrap();
    rig.config.secrets_dir = secrets.display().to_string();
    rig.config.sql_databases.insert("shop".to_owned(), "SHOP_URL".to_owned());
    rig.start().await;
    (rig, url)
}

async fn change(url: &str, statement: &'static str) {
    if url.starts_with("sqlite") {
        let options = url.parse::<sqlx::sqlite::SqliteConnectOptions>().unwrap().create_if_missing(true);
        let mut connection = sqlx::sqlite::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = sqlx::postgres::PgConnection::connect(url).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

fn ask(id: &str, statement: &str, more: Value) -> assent_plan::WorkItem {
    let mut arguments = json!({ "database": "shop", "statement": statement });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    item(id, "sql_query", arguments)
}

/// Runs a query through the tool, and shows what the next item sees of it.
async fn seen(rig: &Rig, statement: &str, more: Value) -> String {
    let show = json!({ "path": "seen", "content": "${items.ask.output.rows} ${items.ask.output.complete}" });
    let items = vec![ask("ask", statement, more), item("show", "file_write", show)];
    let edges = [("ask", "show", assent_plan::DependencyType::Data)];
    let (ended, _) = rig.execute(&plan(items, &edges)).await;
    assert_state(&ended, ExecutionState::Completed);
    std::fs::read_to_string(rig.workspace(&ended.id).join("seen")).unwrap()
}

async fn rows_come_back_and_changes_are_declared(storage: Storage) {
    let (mut rig, _) = rig(storage).await;
    let all = "SELECT id, who, note FROM orders WHERE who <> $1 ORDER BY id -- a comment";
    assert_eq!(
        seen(&rig, all, json!({ "parameters": ["cy"] })).await,
        r#"[{"id":1,"note":null,"who":"ada"},{"id":2,"note":"late","who":"bob"}] true"#
    );
    let first = json!({ "max_rows": 1 });
    assert_eq!(seen(&rig, "SELECT id FROM orders ORDER BY id", first).await, r#"[{"id":1}] false"#);

    let write = json!({ "write": true, "parameters": [2] });
    let (ended, _) =
        rig.execute(&plan(vec![ask("set", "UPDATE orders SET note = NULL WHERE id = $1", write)], &[])).await;
    assert_eq!(run(&ended, "set").summary, "changed 1 row in shop");
    let returning = "DELETE FROM orders WHERE id = 3 RETURNING who";
    assert_eq!(seen(&rig, returning, json!({ "write": true })).await, r#"[{"who":"cy"}] true"#);
    assert_eq!(seen(&rig, "SELECT count(*) AS n FROM orders", json!({})).await, r#"[{"n":2}] true"#);
    rig.stop().await;
}

async fn a_change_is_taken_back_by_its_undo(storage: Storage) {
    let (mut rig, _) = rig(storage).await;
    let mut set = ask("set", "UPDATE orders SET note = 'paid' WHERE id = 1", json!({ "write": true }));
    let undo = json!({ "database": "shop", "write": true, "statement": "UPDATE orders SET note = NULL WHERE id = 1" });
    set.rollback = Some(assent_plan::Rollback {
        tool: "sql_query".to_owned(),
        arguments: undo.as_object().unwrap().clone(),
    });
    let fails = item("fails", "shell", json!({ "command": ["false"] }));
    let edges = [("set", "fails", assent_plan::DependencyType::Dependency)];
    let (ended, _) = rig.execute(&plan(vec![set, fails], &edges)).await;
    assert_state(&ended, ExecutionState::RolledBack);
    assert_eq!(states(&ended), [("fails", Run::Failed), ("set", Run::RolledBack)]);
    assert_eq!(
        seen(&rig, "SELECT note FROM orders WHERE id = 1", json!({})).await,
        r#"[{"note":null}] true"#
    );
    rig.stop().await;
}

async fn what_only_looked_is_not_undone(storage: Storage) {
    let (mut rig, _) = rig(storage).await;
    let look = ask("look", "SELECT note FROM orders", json!({}));
    let keep =
        item("keep", "file_write", json!({ "path": "kept", "content": "${items.look.output.rows}\n" }));
    let fails = item("fails", "shell", json!({ "command": ["false"] }));
    let edges = [
        ("look", "keep", assent_plan::DependencyType::Data),
        ("keep", "fails", assent_plan::DependencyType::Dependency),
    ];
    let (ended, _) = rig.execute(&plan(vec![look.clone(), keep, fails.clone()], &edges)).await;
    assert_state(&ended, ExecutionState::RolledBack);
    assert_eq!(states(&ended), [("fails", Run::Failed), ("keep", Run::RolledBack), ("look", Run::Succeeded)]);

    let edges = [("look", "fails", assent_plan::DependencyType::Dependency)];
    let (ended, _) = rig.execute(&plan(vec![look.clone(), fails.clone()], &edges)).await;
    assert_state(&ended, ExecutionState::Failed);
    // What the plan says is to be done is done, and a change without a way back stays a change.
    let mut told = look;
    told.rollback = Some(assent_plan::Rollback {
        tool: "file_write".to_owned(),
        arguments: json!({ "path": "undone", "content": "" }).as_object().unwrap().clone(),
    });
    let (ended, _) = rig.execute(&plan(vec![told, fails.clone()], &edges)).await;
    assert_eq!(states(&ended), [("fails", Run::Failed), ("look", Run::RolledBack)]);
    let change = ask("look", "UPDATE orders SET note = 'x'", json!({ "write": true }));
    let (ended, _) = rig.execute(&plan(vec![change, fails], &edges)).await;
    assert_state(&ended, ExecutionState::RollbackFailed);
    rig.stop().await;
}

async fn what_is_no_single_statement_never_reaches_the_database(storage: Storage) {
    let (mut rig, _) = rig(storage).await;
    let bad = [
        ("DELETE FROM orders", "SQL_REFUSED: it changes data"),
        ("SELECT 1; DELETE FROM orders", "SQL_REFUSED: give exactly one"),
        ("SELECT 1) AS x; DELETE FROM orders; --", "SQL_REFUSED: give exactly one"),
        ("ATTACH DATABASE '/etc/passwd' AS p", "SQL_REFUSED: only queries"),
        ("COPY orders TO PROGRAM 'sh'", "SQL_REFUSED: only queries"),
        ("SELECT nothing FROM orders", "SQL_FAILED: "),
    ];
    for (statement, error) in bad {
        let (ended, _) = rig.execute(&plan(vec![ask("bad", statement, json!({}))], &[])).await;
        assert_state(&ended, ExecutionState::Failed);
        let told = &run(&ended, "bad").error;
        assert!(told.starts_with(error), "{statement}: {told}");
    }
    let elsewhere = item("x", "sql_query", json!({ "database": "other", "statement": "SELECT 1" }));
    let (ended, _) = rig.execute(&plan(vec![elsewhere], &[])).await;
    assert!(run(&ended, "x").error.starts_with("TOOL_NOT_CONFIGURED: "));
    assert_eq!(seen(&rig, "SELECT count(*) AS n FROM orders", json!({})).await, r#"[{"n":3}] true"#);
    rig.stop().await;
}
