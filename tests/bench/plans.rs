//! Plans of many items: how fast they are kept, judged, compared and read, and how much room their versions take.

use std::time::{Duration, Instant};

use assent_plan::{Catalog, Plan, PlanDigest, complete, diff, validate};
use assent_proto::versioning::v1::{
    ApplyEditsRequest, CompareVersionsRequest, CreateVersionRequest, GetVersionRequest, ValidatePlanRequest,
};
use assent_rpc::convert::Wire as _;
use assent_store::{Db, Sql};
use assent_testkit::Storage;
use assent_tests::{Client, Embedded, people};
use serde_json::json;

const ROUNDS: usize = 100;

/// Prints a line for each figure, with what it must stay below.
pub(crate) async fn run(name: &str, storage: Storage) {
    println!("\nplans, {name}");
    println!("{:<46} {:>9} {:>9} {:>9} {:>9}", "", "p50", "p95", "p99", "limit");
    let stack = Embedded::start(storage).await;
    // Versions are made by services; edits by people.
    let (service, dev) = (stack.client(people::SERVICE), stack.client(people::DEV));
    fifty(&service).await;
    storage_of_edits(&stack, &service, &dev).await;
    two_thousand(&service, &dev).await;
    stack.stop().await;
}

/// The same figures without any service.
pub(crate) fn pure() {
    println!("\nplans of 2,000 items, without I/O");
    println!("{:<46} {:>9} {:>9} {:>9} {:>9}", "", "p50", "p95", "p99", "limit");
    let catalog = Catalog::builtin().unwrap();
    let mut plan = chain(2000);
    complete::complete(&mut plan, &catalog);
    let mut other = plan.clone();
    other.items[1000].name = "other".to_owned();
    // Warm: schemas are compiled once for a catalog.
    assert!(validate(&plan, &catalog).is_valid());
    let measure = |label, work: &dyn Fn()| {
        let times = (0..20).map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        });
        line(label, times.collect(), 50);
    };
    measure("validate", &|| assert!(validate(&plan, &catalog).is_valid()));
    measure("diff", &|| assert_eq!(diff(&plan, &other).len(), 1));
    measure("digest", &|| drop(PlanDigest::of(&plan).unwrap()));
}

/// Items that wait for each other in rows of ten.
pub(crate) fn chain(items: usize) -> Plan {
    let item = |n: usize| {
        json!({
            "id": format!("item-{n:04}"), "name": format!("Step number {n}"), "tool": "file_write",
            "description": "Writes one of many files, for whoever reads the result afterwards.",
            "arguments": {"path": format!("out/{n}.txt"), "content": format!("content of file number {n}")},
            "objective": {"goal": "the file is there", "success_criteria": ["it can be read"]},
        })
    };
    let edges = (0..items).filter(|n| n % 10 != 0);
    let edge = |n: usize| json!({"from": format!("item-{:04}", n - 1), "to": format!("item-{n:04}")});
    serde_json::from_value(json!({
        "goal": "measure",
        "items": (0..items).map(item).collect::<Vec<_>>(),
        "dependencies": edges.map(edge).collect::<Vec<_>>(),
    }))
    .unwrap()
}

pub(crate) fn line(label: &str, mut times: Vec<Duration>, limit: u32) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let [p50, p95, p99] = [0.50, 0.95, 0.99].map(at);
    println!("{label:<46} {p50:>6.1} ms {p95:>6.1} ms {p99:>6.1} ms {limit:>6} ms");
}

/// A session of its own, whose version 1 is `plan`.
async fn create(service: &Client, session: &str, plan: &Plan, base_version: i32) {
    let request = CreateVersionRequest {
        session_id: session.to_owned(),
        plan: Some(plan.to_pb()),
        base_version,
        ..CreateVersionRequest::default()
    };
    service.versioning.clone().max_encoding_message_size(64 << 20).create_version(request).await.unwrap();
}

async fn fifty(service: &Client) {
    let session = "ses_00000000000070008000000000000050";
    let mut plan = chain(50);
    let (mut creates, mut validates, mut compares) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let number = i32::try_from(round).unwrap();
        plan.items[round % 50].name = format!("Round {round}");
        let started = Instant::now();
        create(service, session, &plan, number).await;
        creates.push(started.elapsed());
        let request = ValidatePlanRequest { plan: Some(plan.to_pb()), ..Default::default() };
        let started = Instant::now();
        service.versioning.clone().validate_plan(request).await.unwrap();
        validates.push(started.elapsed());
        if round > 0 {
            let (session_id, from_version, to_version) = (session.to_owned(), 1, number + 1);
            let request = CompareVersionsRequest { session_id, from_version, to_version };
            let started = Instant::now();
            service.versioning.clone().compare_versions(request).await.unwrap();
            compares.push(started.elapsed());
        }
    }
    line("50 items: create a version", creates, 20);
    line("50 items: validate", validates, 5);
    line("50 items: compare two of 100 versions", compares, 10);
}

/// Makes `edits` versions of `session`, each with another name for one item.
async fn rename(dev: &Client, session: &str, edits: i32) {
    for base in 1..=edits {
        let edit = json!({"update_work_item": {"item": {"id": "item-0007", "name": format!("Name {base}")}}});
        let request = json!({"session_id": session, "base_version": base, "edits": [edit]});
        let request: ApplyEditsRequest = assent_proto::json::from_json(request).unwrap();
        dev.editor.clone().apply_edits(request).await.unwrap();
    }
}

async fn storage_of_edits(stack: &Embedded, service: &Client, dev: &Client) {
    const BYTES: Sql = Sql::split(
        "SELECT CAST(SUM(COALESCE(octet_length(CAST(plan_json AS TEXT)), 0)
             + octet_length(CAST(estimate_json AS TEXT)) + octet_length(CAST(risk_json AS TEXT))
             + octet_length(CAST(changes_json AS TEXT)) + octet_length(CAST(actor_json AS TEXT))) AS BIGINT)
         FROM plan_versions WHERE session_id = $1 AND version_number > 1",
        "SELECT SUM(COALESCE(octet_length(plan_json), 0) + octet_length(estimate_json) + octet_length(risk_json)
             + octet_length(changes_json) + octet_length(actor_json))
         FROM plan_versions WHERE session_id = $1 AND version_number > 1",
    );
    const SNAPSHOT: Sql = Sql::split(
        "SELECT CAST(octet_length(CAST(plan_json AS TEXT)) + octet_length(CAST(estimate_json AS TEXT))
             + octet_length(CAST(risk_json AS TEXT)) AS BIGINT)
         FROM plan_versions WHERE session_id = $1 AND version_number = 1",
        "SELECT octet_length(plan_json) + octet_length(estimate_json) + octet_length(risk_json)
         FROM plan_versions WHERE session_id = $1 AND version_number = 1",
    );
    let id = "ses_00000000000070008000000000000500";
    create(service, id, &chain(500), 0).await;
    rename(dev, id, 100).await;
    let db: Db = stack.storage().open("versioning").await;
    let session: assent_core::id::SessionId = id.parse().unwrap();
    let edits: i64 = db.query(BYTES).bind(session).scalar().await.unwrap();
    let snapshot: i64 = db.query(SNAPSHOT).bind(session).scalar().await.unwrap();
    db.close().await;
    println!(
        "{:<46} {:>6.2} of a whole version ({} KiB), limit 3",
        "500 items: 100 edits of one field take",
        edits as f64 / snapshot as f64,
        snapshot / 1024
    );
}

async fn two_thousand(service: &Client, dev: &Client) {
    let session = "ses_00000000000070008000000000002000";
    create(service, session, &chain(2000), 0).await;
    rename(dev, session, 99).await;
    let mut times = Vec::new();
    for number in 1..=100 {
        let request = GetVersionRequest { session_id: session.to_owned(), version_number: Some(number) };
        let started = Instant::now();
        dev.versioning.clone().get_version(request).await.unwrap();
        times.push(started.elapsed());
    }
    line("2,000 items: get any of 100 versions", times, 50);
}
