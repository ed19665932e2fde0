//! Servers that go away: each message arrives once all the same.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use assent_core::id::SessionId;
use assent_proto::notification::v1::DeliveryStatus;
use assent_testkit::{Storage, both_storages};
use sqlx::Connection as _;

use crate::endpoint::{Answer, Endpoint, Post};
use crate::facts::submitted;
use crate::rig::{LONG, Rig, Setup, pause};

fn once_each(posts: &[Post]) -> bool {
    let mut seen = BTreeMap::<&str, usize>::new();
    for post in posts {
        *seen.entry(post.header("webhook-id")).or_default() += 1;
    }
    seen.values().all(|count| *count == 1)
}

async fn a_gate_that_is_away_delays_and_loses_nothing(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[]).await;
    let rig = Rig::start(storage, Setup::new().webhook(&endpoint.hook())).await;
    rig.gate_says(rig.session(), submitted()).await;
    endpoint.take(2).await;
    rig.world(|world| world.away = true);
    rig.gate_says(rig.session(), submitted()).await;
    rig.gate_says(rig.session(), submitted()).await;
    pause().await;
    assert!(endpoint.is_quiet(), "nobody knows whom to tell");
    rig.world(|world| world.away = false);
    assert!(once_each(&endpoint.take(4).await));
    rig.settled(6, |d| d.status() == DeliveryStatus::Delivered).await;
    assert!(endpoint.is_quiet());
    rig.stop().await;
}

async fn two_replicas_share_the_work(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[]).await;
    let rig = Rig::start(storage, Setup::new().webhook(&endpoint.hook())).await;
    let other = rig.replica().await;
    for _ in 0..25 {
        rig.gate_says(rig.session(), submitted()).await;
    }
    let posts = endpoint.take(50).await;
    assert!(once_each(&posts));
    rig.settled(50, |d| d.status() == DeliveryStatus::Delivered && d.attempts == 1).await;
    assert!(endpoint.is_quiet());
    other.shutdown(LONG).await.unwrap();
    rig.stop().await;
}

/// Runs the test of this name again, with servers that it may stop.
fn with_own_servers(test: &str) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(root.join("tests/servers.sh"))
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{errors}");
}

#[test]
fn a_restart_of_postgres_loses_and_repeats_nothing() {
    with_own_servers("outages::own_postgres_is_restarted");
}

#[test]
fn a_redis_that_stops_only_makes_it_slower() {
    with_own_servers("outages::own_redis_is_stopped");
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Restarts the server behind `url` on its port.
async fn restart_postgres(url: &str) {
    let mut admin = sqlx::PgConnection::connect(url).await.unwrap();
    let folder: String = sqlx::query_scalar("SHOW data_directory").fetch_one(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    // Its data belongs to whoever may run it.
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&folder).unwrap()).to_string();
    let script = format!(
        "cd /; [ \"$(id -u)\" -ne 0 ] || as='setpriv --reuid {owner} --clear-groups'
         $as pg_ctl restart -s -w -m fast -D '{folder}' -l '{folder}/../log'"
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]);
    tokio::task::spawn_blocking(move || succeed(&mut command)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "stops its servers: run by a_restart_of_postgres_loses_and_repeats_nothing"]
async fn own_postgres_is_restarted() {
    let mut endpoint = Endpoint::answering(&vec![Answer::Status(204); 4]).await;
    let storage = Storage::postgres().await;
    let url = storage.url().to_owned();
    let rig = Rig::start(storage, Setup::new().webhook(&endpoint.hook())).await;
    for _ in 0..20 {
        rig.gate_says(rig.session(), submitted()).await;
    }
    // In the middle of it.
    let mut posts = endpoint.take(4).await;
    restart_postgres(&url).await;
    let session: SessionId = rig.session();
    while !rig.try_gate_says(session, submitted()).await {
        pause().await;
    }
    posts.extend(endpoint.take(38).await);
    assert!(once_each(&posts));
    rig.settled(42, |d| d.status() == DeliveryStatus::Delivered && d.attempts == 1).await;
    assert!(endpoint.is_quiet());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "stops its servers: run by a_redis_that_stops_only_makes_it_slower"]
async fn own_redis_is_stopped() {
    let mut endpoint = Endpoint::answering(&[]).await;
    let redis = assent_testkit::redis_url();
    let setup = Setup::new().webhook(&endpoint.hook());
    let rig = Rig::start_over_redis(Storage::postgres().await, setup, &redis).await;
    rig.gate_says(rig.session(), submitted()).await;
    let mut posts = endpoint.take(2).await;
    // It closes the connection while it answers.
    let _closed = Command::new("redis-cli").args(["-u", &redis, "shutdown", "nosave"]).output().unwrap();
    assert!(!Command::new("redis-cli").args(["-u", &redis, "ping"]).status().unwrap().success());
    for _ in 0..3 {
        rig.gate_says(rig.session(), submitted()).await;
    }
    posts.extend(endpoint.take(6).await);
    assert!(once_each(&posts));
    rig.settled(8, |d| d.status() == DeliveryStatus::Delivered && d.attempts == 1).await;
    rig.stop().await;
}

both_storages!(a_gate_that_is_away_delays_and_loses_nothing);

/// A second process on the same database; SQLite has but one.
#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_share_the_work_on_postgres() {
    two_replicas_share_the_work(Storage::postgres().await).await;
}
