//! How versions are kept: as changes between whole ones, checked on every read, rebuilt where that is possible, and
//! removed when nobody needs them.

use std::time::Duration;

use assent_proto::event::v1::ReadEventsRequest;
use assent_proto::versioning::v1::ValidatePlanRequest;
use assent_store::{Db, Sql};
use assent_testkit::{Storage, both_storages};
use assent_tests::embedded::Wishes;
use assent_tests::{Embedded, eventually, people, scenario};
use serde_json::json;

use crate::writers::{apply, history, message, rename, submitted, three_steps, version};

both_storages!(
    every_version_reads_as_it_was_made,
    a_damaged_version_is_rebuilt_from_its_neighbours,
    what_cannot_be_rebuilt_is_reported_and_never_served,
    what_nobody_needs_is_removed,
    plans_and_versions_are_judged,
);

async fn start(storage: Storage, wish: impl FnOnce(&mut assent_versioning::Config)) -> Embedded {
    let mut wishes = Wishes::default();
    wishes.versioning.snapshot_every = 4;
    wish(&mut wishes.versioning);
    Embedded::start_with(storage, wishes).await
}

/// Makes versions 2 to `last`, each with another name for `a`.
async fn edited(stack: &Embedded, session: &str, last: i32) {
    let dev = stack.client(people::DEV);
    for base in 1..last {
        apply(&dev, session, base, json!([rename("a", &format!("name {}", base + 1))])).await.unwrap();
    }
}

async fn every_version_reads_as_it_was_made(storage: Storage) {
    let stack = start(storage, |_| {}).await;
    let dev = stack.client(people::DEV);
    let id = submitted(&stack, three_steps()).await.id;
    let mut made = vec![version(&dev, &id, None).await.unwrap()];
    for base in 1..11 {
        let item =
            json!({"id": format!("n{base}"), "name": "n", "tool": "shell", "arguments": {"command": ["ls"]}});
        let edits = json!([{"add_work_item": {"item": item, "depends_on": [{"item_id": "a"}]}}]);
        made.push(apply(&dev, &id, base, edits).await.unwrap().version.unwrap());
    }
    for expected in &made {
        assert_eq!(&version(&dev, &id, Some(expected.version_number)).await.unwrap(), expected);
    }
    for (listed, expected) in history(&dev, &id).await.iter().zip(&made) {
        assert_eq!((&listed.estimate, &listed.risk), (&expected.estimate, &expected.risk));
        assert_eq!((&listed.changes, &listed.digest), (&expected.changes, &expected.digest));
    }
    let db: Db = stack.storage().open("versioning").await;
    const WHOLE: Sql = Sql::new("SELECT COUNT(*) FROM plan_versions WHERE plan_json IS NOT NULL");
    assert_eq!(db.query(WHOLE).scalar::<i64>().await.unwrap(), 3, "1, 5 and 9");
    db.close().await;
    stack.stop().await;
}

const FLIP_PLAN: Sql = Sql::split(
    "UPDATE plan_versions SET plan_json = CAST(replace(CAST(plan_json AS TEXT), 'three', 'thref') AS JSON)
     WHERE version_number = $1",
    "UPDATE plan_versions SET plan_json = replace(plan_json, 'three', 'thref') WHERE version_number = $1",
);
const FLIP_CHANGES: Sql = Sql::split(
    "UPDATE plan_versions SET changes_json = CAST(replace(CAST(changes_json AS TEXT), 'name', 'nbme') AS JSONB)
     WHERE version_number = $1",
    "UPDATE plan_versions SET changes_json = replace(changes_json, 'name', 'nbme') WHERE version_number = $1",
);

async fn run(db: &Db, sql: Sql, number: i32) {
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.query(sql).bind(number).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
}

async fn a_damaged_version_is_rebuilt_from_its_neighbours(storage: Storage) {
    let stack = start(storage, |_| {}).await;
    let dev = stack.client(people::DEV);
    let id = submitted(&stack, three_steps()).await.id;
    edited(&stack, &id, 9).await;
    let mut before = Vec::new();
    for number in 1..=9 {
        before.push(version(&dev, &id, Some(number)).await.unwrap());
    }
    let db: Db = stack.storage().open("versioning").await;
    // The first is only found backwards; the fifth from either side; the seventh through the ninth.
    for (flip, number) in [(FLIP_PLAN, 1), (FLIP_PLAN, 5), (FLIP_CHANGES, 7)] {
        run(&db, flip, number).await;
        for expected in &before {
            assert_eq!(&version(&dev, &id, Some(expected.version_number)).await.unwrap(), expected);
        }
    }
    // It was mended for good: the neighbours are not needed a second time.
    run(&db, FLIP_CHANGES, 2).await;
    assert_eq!(version(&dev, &id, Some(1)).await.unwrap(), before[0]);
    db.close().await;
    stack.stop().await;
}

async fn what_cannot_be_rebuilt_is_reported_and_never_served(storage: Storage) {
    let stack = start(storage, |config| config.snapshot_every = 100).await;
    let dev = stack.client(people::DEV);
    let id = submitted(&stack, three_steps()).await.id;
    edited(&stack, &id, 3).await;
    let before = version(&dev, &id, Some(2)).await.unwrap();
    let db: Db = stack.storage().open("versioning").await;
    run(&db, FLIP_CHANGES, 2).await;
    let refusal = version(&dev, &id, Some(2)).await.unwrap_err();
    let said = (refusal.code, refusal.reason.as_str(), refusal.message.as_str());
    assert_eq!(said, (tonic::Code::Internal, "DATA_CORRUPT", "internal error"));
    assert!(version(&dev, &id, Some(3)).await.is_err(), "nor what is built upon it");
    assert!(version(&dev, &id, Some(1)).await.is_ok(), "what is sound is still there");
    let refusal = apply(&dev, &id, 3, json!([rename("a", "more")])).await.unwrap_err();
    assert_eq!(refusal.reason, "DATA_CORRUPT");
    let service = stack.client(people::SERVICE);
    eventually("the alarm", || async {
        let request = ReadEventsRequest { service: "versioning".to_owned(), ..Default::default() };
        let events = service.events.clone().read_events(request).await.unwrap().into_inner().events;
        events.into_iter().find(|event| event.r#type == "plan_corrupted" && event.session_id == id)
    })
    .await;
    // Once the row is as it was, so is everything.
    const MEND: Sql = Sql::split(
        "UPDATE plan_versions SET changes_json = CAST(replace(CAST(changes_json AS TEXT), 'nbme', 'name') AS JSONB)
         WHERE version_number = $1",
        "UPDATE plan_versions SET changes_json = replace(changes_json, 'nbme', 'name') WHERE version_number = $1",
    );
    run(&db, MEND, 2).await;
    apply(&dev, &id, 3, json!([rename("a", "more")])).await.unwrap();
    assert_eq!(version(&dev, &id, Some(2)).await.unwrap(), before);
    db.close().await;
    stack.stop().await;
}

async fn what_nobody_needs_is_removed(storage: Storage) {
    let stack = start(storage, |config| {
        config.keep_versions = 2;
        config.keep_days = 30;
        config.prune_every_seconds = 1;
    })
    .await;
    let (dev, admin) = (stack.client(people::DEV), stack.client(people::ADMIN));
    let mut plan = three_steps();
    plan.items[0].set_declared_risk(assent_proto::plan::v1::RiskLevel::Critical);
    let id = submitted(&stack, plan).await.id;
    edited(&stack, &id, 3).await;
    let third = eventually("the session to follow", || async {
        scenario::session(&dev, &id).await.ok().filter(|session| session.current_version == 3)
    })
    .await;
    assert_eq!(scenario::approve(&admin, &third).await.unwrap(), 1);
    for base in 3..8 {
        apply(&dev, &id, base, json!([rename("a", &format!("name {}", base + 1))])).await.unwrap();
    }
    let last = version(&dev, &id, Some(8)).await.unwrap();
    let voted = version(&dev, &id, Some(3)).await.unwrap();
    // The time to decide is over; only now are authors of no more interest.
    stack.advance(Duration::from_secs(25 * 60 * 60));
    eventually("the plan to be closed", || async {
        let refused = apply(&dev, &id, 8, json!([rename("a", "name 8")])).await.unwrap_err();
        (refused.reason == "VERSION_SEALED").then_some(())
    })
    .await;
    stack.advance(Duration::from_secs(31 * 24 * 60 * 60));
    let numbers = eventually("old versions to go", || async {
        let numbers: Vec<_> = history(&dev, &id).await.iter().map(|v| v.version_number).collect();
        (numbers.len() < 8).then_some(numbers)
    })
    .await;
    assert!([1, 3, 7, 8].iter().all(|kept| numbers.contains(kept)), "{numbers:?}");
    eventually("all old versions to go", || async { (history(&dev, &id).await.len() == 4).then_some(()) })
        .await;
    assert_eq!(version(&dev, &id, Some(8)).await.unwrap(), last);
    assert_eq!(version(&dev, &id, Some(3)).await.unwrap(), voted);
    assert_eq!(version(&dev, &id, Some(5)).await.unwrap_err().reason, "VERSION_NOT_FOUND");
    stack.stop().await;
}

async fn plans_and_versions_are_judged(storage: Storage) {
    let stack = start(storage, |_| {}).await;
    let dev = stack.client(people::DEV);
    let id = submitted(&stack, three_steps()).await.id;
    let validate = async |request: ValidatePlanRequest| {
        dev.versioning.clone().validate_plan(request).await.map(|answer| answer.into_inner().result.unwrap())
    };
    let found = validate(message(json!({"session_id": id}))).await.unwrap();
    assert!(found.valid && found.errors.is_empty());
    let mut plan = three_steps();
    plan.dependencies.push(message(json!({"from": "c", "to": "a"})));
    plan.items[1].tool = "magic".to_owned();
    let found = validate(ValidatePlanRequest { plan: Some(plan), ..Default::default() }).await.unwrap();
    let codes: Vec<_> = found.errors.iter().map(|error| error.code.as_str()).collect();
    assert!(
        !found.valid && codes.contains(&"DEPENDENCY_CYCLE") && codes.contains(&"TOOL_UNKNOWN"),
        "{codes:?}"
    );
    let neither = validate(ValidatePlanRequest::default()).await.unwrap_err();
    assert_eq!(assent_tests::Refusal::from(neither).reason, "REQUEST_INVALID");
    stack.stop().await;
}
