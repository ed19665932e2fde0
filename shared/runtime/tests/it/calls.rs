//! Deadlines and the age of connections.

use std::time::Duration;

use assent_proto::event::v1::WatchEventsRequest;
use assent_rpc::{Connections, LIVENESS, LimitOptions};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::rig::{Refusal, Rig, ask, called, clock, credentials};

/// Asked on a bare connection, whose client does not look at the clock itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_ends_what_its_caller_does_not_wait_for() {
    let rig = Rig::start().await;
    let (minute, moment) = (Duration::from_secs(60), Duration::from_millis(50));
    let refusal = Refusal::from(rig.client("ada").read_events(ask(minute, moment)).await.unwrap_err());
    assert_eq!(refusal.0, Code::DeadlineExceeded);
    rig.client("ada").read_events(ask(Duration::ZERO, minute)).await.unwrap();
}

/// Whoever gives a peer hardly any time learns nothing about it that others should suffer from.
#[tokio::test(flavor = "multi_thread")]
async fn callers_without_patience_cut_nobody_off() {
    let rig = Rig::start().await;
    let (minute, moment) = (Duration::from_secs(60), Duration::from_millis(50));
    let caller = rig.client("ada");
    for _ in 0..10 {
        let refusal = Refusal::from(caller.clone().read_events(ask(minute, moment)).await.unwrap_err());
        assert_eq!(refusal.0, Code::DeadlineExceeded);
    }
    caller.clone().read_events(ask(Duration::ZERO, minute)).await.unwrap();
}

/// A connection that is old is replaced: calls that run are finished, and those that come go by a new one.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_connection_is_replaced_and_loses_no_call() {
    let connections = Connections {
        max_age: Some(Duration::from_millis(200)),
        max_age_grace: Duration::from_millis(300),
        ..Connections::default()
    };
    let rig = Rig::with(clock(), credentials(), connections, LimitOptions::default()).await;
    let ada = rig.client("ada");
    let mut watch = ada.clone().watch_events(WatchEventsRequest::default()).await.unwrap().into_inner();
    for _ in 0..30 {
        let work = Duration::from_millis(40);
        ada.clone().read_events(ask(work, Duration::from_secs(20))).await.unwrap();
    }
    // What has no end of its own ends with the grace.
    let ended = tokio::time::timeout(Duration::from_secs(20), watch.message()).await.unwrap();
    assert!(ended.is_err(), "{ended:?}");
    called(&ada).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn liveness_is_not_readiness() {
    let rig = Rig::start().await;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", rig.address())).unwrap();
    let health = HealthClient::new(endpoint.connect().await.unwrap());
    let check = async |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        health.clone().check(request).await.map(|answer| answer.into_inner().status().as_str_name())
    };
    assert_eq!(check("").await.unwrap(), "SERVING");
    assert_eq!(check(LIVENESS).await.unwrap(), "SERVING");
    assert_eq!(check("nobody").await.unwrap_err().code(), Code::NotFound);
}
