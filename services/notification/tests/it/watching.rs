//! Following an inbox.

use assent_proto::notification::v1::{WatchInboxRequest, WatchInboxResponse};
use assent_testkit::{Storage, both_storages};
use tonic::{Code, Streaming};

use crate::facts::{approved, submitted};
use crate::rig::{LONG, Rig, Setup};

async fn watch(rig: &Rig, user: &str, after_position: Option<i64>) -> Streaming<WatchInboxResponse> {
    let request = rig.by(user, WatchInboxRequest { after_position });
    rig.client().watch_inbox(request).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<WatchInboxResponse>) -> WatchInboxResponse {
    tokio::time::timeout(LONG, stream.message()).await.expect("nothing comes").unwrap().unwrap()
}

/// The next that is about a notification.
async fn arrival(stream: &mut Streaming<WatchInboxResponse>) -> WatchInboxResponse {
    loop {
        let seen = next(stream).await;
        if seen.notification.is_some() {
            return seen;
        }
    }
}

async fn what_arrives_is_seen_once_and_by_its_owner(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    rig.gate_says(rig.session(), submitted()).await;
    rig.inbox_of("bob", 1).await;
    // Its fact has a position once it is seen.
    let mut stream = watch(&rig, "bob", Some(0)).await;
    arrival(&mut stream).await;
    drop(stream);
    let mut stream = watch(&rig, "bob", None).await;
    let here = next(&mut stream).await;
    assert!(here.notification.is_none(), "what was there before is in the list");
    assert_eq!(here.unread, 1);
    // Ada's does not concern him.
    rig.gate_says(rig.session(), approved()).await;
    rig.gate_says(rig.session(), submitted()).await;
    let seen = arrival(&mut stream).await;
    assert_eq!((seen.notification.unwrap().kind.as_str(), seen.unread), ("approval_requested", 2));
    drop(stream);
    // Nothing is missed between two streams.
    rig.wait(std::time::Duration::from_secs(1));
    rig.gate_says(rig.session(), submitted()).await;
    let third = rig.inbox_of("bob", 3).await[0].id.clone();
    let mut stream = watch(&rig, "bob", Some(seen.position)).await;
    assert_eq!(arrival(&mut stream).await.notification.unwrap().id, third);
    // A stream that nobody reads would hold its database.
    drop(stream);
    let mut stream = watch(&rig, "bob", Some(0)).await;
    for _ in 0..3 {
        arrival(&mut stream).await;
    }
    let request = rig.by("bob", WatchInboxRequest { after_position: Some(-1) });
    assert_eq!(rig.client().watch_inbox(request).await.unwrap_err().code(), Code::InvalidArgument);
    drop(stream);
    rig.stop().await;
}

both_storages!(what_arrives_is_seen_once_and_by_its_owner);
