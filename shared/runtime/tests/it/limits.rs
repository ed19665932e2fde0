//! Callers who ask for too much.

use std::time::Duration;

use assent_proto::event::v1::WatchEventsRequest;
use assent_rpc::{Connections, LimitOptions};
use tonic::Code;

use crate::rig::{Refusal, Rig, called, clock, credentials};

async fn rig(limits: LimitOptions) -> Rig {
    Rig::with(clock(), credentials(), Connections::default(), limits).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_is_too_fast_is_told_when_to_come_back() {
    let rig = rig(LimitOptions { calls_per_second: 1, burst: 3, concurrent_calls: 0 }).await;
    let ada = rig.client("ada");
    for _ in 0..3 {
        called(&ada).await.unwrap();
    }
    let Refusal(code, reason, wait) = called(&ada).await.unwrap_err();
    assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "CALLS_TOO_FREQUENT"));
    // Others have a rate of their own, and services none.
    called(&rig.client("bob")).await.unwrap();
    let service = rig.client("system:executor");
    for _ in 0..10 {
        called(&service).await.unwrap();
    }
    rig.clock.advance(wait.unwrap());
    called(&ada).await.unwrap();
    assert!(called(&ada).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_count_as_long_as_they_are_open() {
    let rig = rig(LimitOptions { concurrent_calls: 2, ..LimitOptions::default() }).await;
    let mut ada = rig.client("ada");
    let first = ada.watch_events(WatchEventsRequest::default()).await.unwrap();
    let _second = ada.watch_events(WatchEventsRequest::default()).await.unwrap();
    let refusal = Refusal::from(ada.watch_events(WatchEventsRequest::default()).await.unwrap_err());
    assert_eq!(
        refusal,
        Refusal(Code::ResourceExhausted, "TOO_MANY_CALLS".to_owned(), Some(Duration::from_secs(1)))
    );
    called(&rig.client("bob")).await.unwrap();
    drop(first);
    // The server learns of it a moment later.
    for _ in 0..500 {
        if called(&ada).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a watch that ended still counts");
}
