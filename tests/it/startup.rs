//! Starting when not everything is there yet.

use std::path::Path;
use std::process::Command;

use assent_testkit::{Storage, free_port};
use assent_tests::process::{Process, program, ready};
use assent_tests::{Fault, FaultProxy, Refusal, eventually, people, raw};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// What health says about `service`; nothing when nobody answers.
async fn health(address: &str, service: &str) -> Option<ServingStatus> {
    let endpoint = tonic::transport::Endpoint::from_shared(address.to_owned()).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.ok()?);
    let request = HealthCheckRequest { service: service.to_owned() };
    Some(client.check(request).await.ok()?.into_inner().status())
}

fn planner(database: &str, listen: &str, log: &Path) -> Process {
    let mut command = Command::new(program("assent-planner"));
    command
        .env("ASSENT_SERVER__LISTEN", listen)
        .env("ASSENT_DATABASE__URL", database)
        .env("ASSENT_PEERS__EXECUTOR", "http://127.0.0.1:1");
    Process::start(&mut command, log)
}

/// A database that is away is waited for: the process is alive, says what it waits for, and serves once it is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_waits_for_its_database() {
    let storage = Storage::postgres().await;
    let (head, tail) = storage.url().split_once('@').unwrap();
    let (host, database) = tail.split_once('/').unwrap();
    let proxy = FaultProxy::start(host).await;
    proxy.set(Fault::Reset);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let listen = format!("127.0.0.1:{}", free_port());
    let _planner = planner(&format!("{head}@{}/{database}", proxy.address()), &listen, &log);
    let address = format!("http://{listen}");

    eventually("a sign of life", || async { health(&address, "liveness").await }).await;
    eventually("a word about it", || async {
        std::fs::read_to_string(&log).unwrap().contains("waits for the database").then_some(())
    })
    .await;
    assert_eq!(health(&address, "liveness").await, Some(ServingStatus::Serving));
    assert_eq!(health(&address, "").await, Some(ServingStatus::NotServing));
    let path = "/assent.planner.v1.PlannerService/CreatePlan";
    let refusal = raw::call(&address, Some(&people::token(people::DEV)), path, Vec::new(), &[]).await;
    let refusal = Refusal::from(refusal.unwrap_err());
    assert_eq!((refusal.code, refusal.reason.as_str()), (tonic::Code::Unavailable, "SERVER_STARTING"));

    proxy.set(Fault::None);
    ready(&address).await;
    // And away again: not ready, alive all the same.
    proxy.set(Fault::Reset);
    eventually("health to notice", || async {
        (health(&address, "").await? == ServingStatus::NotServing).then_some(())
    })
    .await;
    assert_eq!(health(&address, "liveness").await, Some(ServingStatus::Serving));
    proxy.set(Fault::None);
    ready(&address).await;
}

/// Tables that a newer release made unusable for this one are refused, and both versions are named.
#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_newer_release_are_refused() {
    let storage = Storage::postgres().await;
    let migrate = || {
        let mut command = Command::new(program("assent-planner"));
        command
            .arg("--migrate-only")
            .env("ASSENT_DATABASE__URL", storage.url())
            .env("ASSENT_PEERS__EXECUTOR", "http://127.0.0.1:1");
        command.output().unwrap()
    };
    assert!(migrate().status.success());
    let pool = sqlx::PgPool::connect(storage.url()).await.unwrap();
    sqlx::query(
        "INSERT INTO planner._migrations_planner (version, description, success, checksum, execution_time) \
         VALUES (77, 'contract durations', TRUE, '\\x00', 1)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let refused = migrate();
    assert!(!refused.status.success());
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("at version 77") && text.contains("it knows version 1"), "{text}");
}
