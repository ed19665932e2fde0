//! Playbooks that work on databases and on services that others run.

use std::sync::{Arc, Mutex};

use assent_proto::execution::v1::ExecutionState;
use assent_testkit::Storage;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::get;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::nothing;
use super::site::{Site, Wanted, serve};

/// A stack with a Postgres database called `main`, and a connection to it.
async fn with_database() -> (Site, PgConnection, Storage) {
    let storage = Storage::postgres().await;
    let mut database = PgConnection::connect(storage.url()).await.unwrap();
    let tables = "
        CREATE TABLE orders (id bigint PRIMARY KEY, who text NOT NULL, fullname text);
        CREATE TABLE users (id bigint PRIMARY KEY, email text, joined timestamptz, tags jsonb);
        INSERT INTO orders VALUES (1, 'ada', 'Ada L.'), (2, 'bob', NULL);
        INSERT INTO users VALUES
          (1, 'ada@example.com', '2026-01-05 09:00:00.123456+00', '{\"a\": [1, \"${items.x.output.y}\"]}'),
          (2, 'bob@example.com', NULL, NULL);";
    database.execute(tables).await.unwrap();
    let executor = [("sql_databases", "{ main = \"SHOP_URL\" }".to_owned())].into();
    let variables = vec![("ASSENT_SECRET_SHOP_URL", storage.url().to_owned())];
    (Site::start(Wanted { executor, variables, ..Wanted::default() }).await, database, storage)
}

/// The rows of a query, as one text.
async fn rows(database: &mut PgConnection, query: &str) -> String {
    let query = format!("SELECT coalesce(string_agg(row_to_json(t)::text, ' '), '') FROM ({query}) t");
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(database).await.unwrap()
}

const COLUMNS: &str =
    "SELECT column_name::text AS name, data_type::text AS kind FROM information_schema.columns
    WHERE table_name = 'orders' ORDER BY ordinal_position";
const INDEXES: &str = "SELECT indexname::text AS name FROM pg_indexes WHERE tablename = 'users' ORDER BY 1";

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_changed_and_changed_back() {
    let (site, mut database, _storage) = with_database().await;
    let (columns, indexes) = (rows(&mut database, COLUMNS).await, rows(&mut database, INDEXES).await);
    for (goal, query, expected) in [
        (
            "Add a column status of type text to the orders table",
            COLUMNS,
            r#"{"name":"status","kind":"text"}"#,
        ),
        (
            "Rename the column fullname to full_name in the orders table",
            COLUMNS,
            r#"{"name":"full_name","kind":"text"}"#,
        ),
        ("Create an index on the email column of the users table", INDEXES, r#"{"name":"users_email_idx"}"#),
    ] {
        let execution = site.completed(goal, nothing()).await;
        let now = rows(&mut database, query).await;
        assert!(now.contains(expected), "{goal}: {now}");
        let (before, after) = (
            site.artifact(&execution, "migrations/before.json").await,
            site.artifact(&execution, "migrations/after.json").await,
        );
        assert_eq!(before == after, query == INDEXES, "{goal}: {after}");
        site.artifact(&execution, "migrations/change.up.sql").await;
        site.undo(&execution).await;
        assert_eq!(rows(&mut database, COLUMNS).await, columns, "{goal}");
        assert_eq!(rows(&mut database, INDEXES).await, indexes, "{goal}");
    }
    // Without saying how, only the snapshot is taken; with facts, what they say is done.
    let snapshot = site.completed("modify database schema", nothing()).await;
    assert!(site.artifact(&snapshot, "migrations/before.json").await.contains("fullname"));
    let facts = json!({
        "statement": "CREATE TABLE added (id bigint PRIMARY KEY);", "undo": "DROP TABLE added;",
    });
    let changed = site.completed("modify database schema", facts).await;
    assert!(site.artifact(&changed, "migrations/after.json").await.contains("added"));
    // What the database refuses is said, and undone.
    let refused = site.executed("Rename the column nobody to somebody in the orders table", nothing()).await;
    assert_eq!(refused.state(), ExecutionState::RolledBack);
    assert_eq!(rows(&mut database, COLUMNS).await, columns);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_deleted_with_proof_and_can_be_put_back() {
    let (site, mut database, _storage) = with_database().await;
    let users = "SELECT * FROM users ORDER BY id";
    let before = rows(&mut database, users).await;
    let execution = site.completed("Delete all data of user ada@example.com", nothing()).await;
    assert_eq!(rows(&mut database, "SELECT id FROM users").await, r#"{"id":2}"#);
    assert!(site.artifact(&execution, "deletion/export.json").await.contains("ada@example.com"));
    let certificate = site.artifact(&execution, "deletion/certificate.md").await;
    assert!(
        certificate.contains("Rows deleted: 1") && certificate.contains("\"remaining\":0"),
        "{certificate}"
    );
    site.undo(&execution).await;
    assert_eq!(rows(&mut database, users).await, before);

    let goal = "Erase the data about customer 2 from the orders table";
    site.completed(goal, nothing()).await;
    assert_eq!(rows(&mut database, "SELECT id FROM orders").await, r#"{"id":1}"#);
}

/// What was sent to a server: path, headers, body.
type Calls = Arc<Mutex<Vec<(String, HeaderMap, String)>>>;

/// A server that answers `status` and `answer` to everything, and keeps what it is sent.
fn recorder(status: StatusCode, answer: Value) -> (Router, Calls) {
    let calls = Calls::default();
    let keep = async move |State(calls): State<Calls>, uri: Uri, headers: HeaderMap, body: Bytes| {
        let body = String::from_utf8(body.to_vec()).unwrap();
        calls.lock().unwrap().push((uri.path().to_owned(), headers, body));
        (status, axum::Json(answer.clone()))
    };
    (Router::new().fallback(keep).with_state(Arc::clone(&calls)), calls)
}

fn allowed(secret: &'static str) -> Wanted {
    Wanted {
        executor: [("http_allowed_hosts", json!(["127.0.0.1"]).to_string())].into(),
        variables: vec![(secret, "top-secret-value".to_owned())],
        ..Wanted::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_goes_to_a_list() {
    let (router, calls) = recorder(StatusCode::ACCEPTED, json!({ "queued": 3 }));
    let server = serve(router).await;
    let site = Site::start(allowed("ASSENT_SECRET_MAIL_TOKEN")).await;
    let goal = format!("Send the e-mail \"Planned maintenance\" to all customers through {server}/v1/send");
    let execution = site.completed(&goal, json!({ "text": "On Sunday, from \"9\" to 10." })).await;
    let sent = calls.lock().unwrap().pop().unwrap();
    assert_eq!(
        (sent.0.as_str(), &sent.1["authorization"]),
        ("/v1/send", &"Bearer top-secret-value".parse().unwrap())
    );
    let body: Value = serde_json::from_str(&sent.2).unwrap();
    assert_eq!((&body["list"], &body["subject"]), (&json!("customers"), &json!("Planned maintenance")));
    assert!(body["text"].as_str().unwrap().contains("On Sunday, from \"9\" to 10."), "{body}");
    assert_eq!(site.artifact(&execution, "mails/message.txt").await, body["text"]);
    let told = site.artifact(&execution, "mails/result.txt").await;
    assert!(told.contains("status 202") && told.contains("queued"), "{told}");
    assert!(!format!("{execution:?}").contains("top-secret-value"));
    assert!(calls.lock().unwrap().is_empty(), "sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_refunded() {
    let (refunds, calls) = recorder(StatusCode::OK, json!({ "id": "re_1", "status": "succeeded" }));
    let payment =
        json!({ "id": "pi_3MtwBwLkdIwHu7ix28a3tqPa", "status": "succeeded", "amount_received": 4990 });
    let known = get(move || std::future::ready(axum::Json(payment)));
    let server = serve(refunds.route("/v1/payment_intents/pi_3MtwBwLkdIwHu7ix28a3tqPa", known)).await;
    let site = Site::start(allowed("ASSENT_SECRET_PAYMENT_KEY")).await;
    let goal = format!("Refund payment pi_3MtwBwLkdIwHu7ix28a3tqPa of $49.90 through {server}/v1");
    let execution = site.completed(&goal, nothing()).await;
    let sent = calls.lock().unwrap().pop().unwrap();
    assert_eq!(
        (sent.0.as_str(), sent.2.as_str()),
        ("/v1/refunds", "payment_intent=pi_3MtwBwLkdIwHu7ix28a3tqPa&amount=4990")
    );
    assert_eq!(sent.1["authorization"], "Bearer top-secret-value");
    assert_eq!(sent.1["idempotency-key"], "refund-pi_3MtwBwLkdIwHu7ix28a3tqPa-4990");
    assert_eq!(sent.1["content-type"], "application/x-www-form-urlencoded");
    let receipt = site.artifact(&execution, "refunds/pi_3MtwBwLkdIwHu7ix28a3tqPa.txt").await;
    assert!(receipt.contains("re_1") && receipt.contains("amount_received"), "{receipt}");

    // A payment that the service does not know is not refunded.
    let (unknown, calls) = recorder(StatusCode::NOT_FOUND, json!({ "error": "no such payment" }));
    let server = serve(unknown).await;
    let told = site.error(&format!("Refund payment pi_unknown of $5 through {server}/v1"), nothing()).await;
    assert!(told.contains("404"), "{told}");
    let asked: Vec<_> = calls.lock().unwrap().iter().map(|call| call.0.clone()).collect();
    assert_eq!(asked, ["/v1/payment_intents/pi_unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_web_is_searched() {
    let search = async |Query(query): Query<Vec<(String, String)>>| {
        let asked = query.iter().find(|(name, _)| name == "q").unwrap().1.clone();
        axum::Json(json!({ "results": [
            { "title": format!("About {asked}"), "url": "https://example.com/{{ 1 + 1 }}", "content": "<b>said</b>" },
        ] }))
    };
    let server = serve(Router::new().route("/search", get(search))).await;
    let url = json!(format!("{server}/search?q={{query}}&n={{max_results}}")).to_string();
    let site = Site::start(Wanted { executor: [("web_search_url", url)].into(), ..Wanted::default() }).await;

    let found = site.completed("Search for the latest Python 3.13 features", nothing()).await;
    assert_eq!(found.runs[0].summary, "found 1 result for \"the latest Python 3.13 features\"");

    let execution = site.completed("Research vector databases and summarize what you find", nothing()).await;
    let notes = site.artifact(&execution, "research/notes.md").await;
    for expected in [
        "# vector databases",
        "[About vector databases](https://example.com/{{ 1 + 1 }}): <b>said</b>",
        "[About vector databases problems limitations criticism]",
    ] {
        assert!(notes.contains(expected), "{notes}");
    }
}
