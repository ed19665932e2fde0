use assent_core::{Actor, Code, Fault as _};
use assent_events::Doorbell;
use assent_proto::event::v1::WatchEventsRequest;
use assent_proto::event::v1::watch_events_response::Message;
use assent_rpc::RemoteFault;
use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tonic::{Status, Streaming};

use crate::rig::{LONG, Rig, SERVICE, text};
use assent_testkit::{Storage, both_storages};

type Responses = Streaming<assent_proto::event::v1::WatchEventsResponse>;

async fn watch(rig: &Rig, after_position: i64, session_id: String) -> Responses {
    let request = WatchEventsRequest { after_position, session_id, ..Default::default() };
    rig.client(Actor::system("executor")).watch_events(request).await.unwrap().into_inner()
}

async fn message(responses: &mut Responses) -> Result<Message, Status> {
    let next = tokio::time::timeout(LONG, responses.message()).await.expect("nothing came");
    Ok(next?.expect("the stream ended without saying why").message.unwrap())
}

/// The next event's text, past bookmarks.
async fn event(responses: &mut Responses) -> String {
    loop {
        if let Message::Event(event) = message(responses).await.unwrap() {
            return text(&event).to_owned();
        }
    }
}

async fn bookmark(responses: &mut Responses) -> i64 {
    loop {
        if let Message::Bookmark(bookmark) = message(responses).await.unwrap() {
            return bookmark.position;
        }
    }
}

async fn a_watch_shows_what_was_and_what_comes(test: Storage) {
    let rig = Rig::new(&test).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(rig.relay().run(rig.shutdown.clone()));
    rig.say("one", None).await;
    rig.say("two", None).await;
    let mut all = watch(&rig, 0, String::new()).await;
    let mut resumed = watch(&rig, 1, String::new()).await;
    assert_eq!([event(&mut all).await, event(&mut all).await], ["one", "two"]);
    assert_eq!(event(&mut resumed).await, "two");
    rig.say("three", None).await;
    assert_eq!([event(&mut all).await, event(&mut resumed).await], ["three", "three"]);
    rig.stop(tasks).await;
}

async fn a_watch_of_one_session_knows_how_far_the_others_are(test: Storage) {
    let rig = Rig::new(&test).await;
    let (mine, other) = (rig.context.new_id(), rig.context.new_id());
    rig.say("mine", Some(mine)).await;
    rig.say("other", Some(other)).await;
    rig.say("nobody's", None).await;
    rig.relay().drain().await.unwrap();
    let mut responses = watch(&rig, 0, mine.to_string()).await;
    assert_eq!(event(&mut responses).await, "mine");
    assert_eq!(bookmark(&mut responses).await, 3);
    rig.say("other again", Some(other)).await;
    rig.say("mine again", Some(mine)).await;
    rig.relay().drain().await.unwrap();
    assert_eq!(event(&mut responses).await, "mine again");
    assert_eq!(bookmark(&mut responses).await, 5);
}

async fn those_who_follow_one_session_are_woken_by_it_alone(test: Storage) {
    let rig = Rig::new(&test).await;
    let mut tasks = JoinSet::new();
    let (mine, other) = (rig.context.new_id(), rig.context.new_id());
    let [mut all, mut of_mine, mut of_other] = [
        rig.bus.subscribe(SERVICE),
        rig.bus.subscribe_to(SERVICE, mine),
        rig.bus.subscribe_to(SERVICE, other),
    ];
    // Who has gone is no reason to forget who stays.
    drop(rig.bus.subscribe_to(SERVICE, mine));
    tasks.spawn(rig.relay().run(rig.shutdown.clone()));
    rig.say("other", Some(other)).await;
    tokio::time::timeout(LONG, of_other.ring()).await.unwrap();
    [&mut all, &mut of_mine, &mut of_other].into_iter().for_each(Doorbell::clear);
    rig.say("mine", Some(mine)).await;
    tokio::time::timeout(LONG, of_mine.ring()).await.unwrap();
    tokio::time::timeout(LONG, all.ring()).await.unwrap();
    assert!(of_other.ring().now_or_never().is_none(), "it was woken by what is none of its business");
    rig.say("nobody's", None).await;
    tokio::time::timeout(LONG, all.ring()).await.unwrap();
    assert!(of_mine.ring().now_or_never().is_none());
    rig.stop(tasks).await;
}

async fn a_watch_ends_when_the_server_stops(test: Storage) {
    let rig = Rig::new(&test).await;
    let mut responses = watch(&rig, 0, String::new()).await;
    assert_eq!(bookmark(&mut responses).await, 0);
    rig.shutdown.cancel();
    let fault = RemoteFault::from(message(&mut responses).await.unwrap_err());
    assert_eq!((fault.code(), fault.reason().0.as_ref()), (Code::Unavailable, "SERVER_STOPPING"));
}

async fn a_watch_from_before_what_is_kept_is_refused(test: Storage) {
    let rig = Rig::new(&test).await;
    rig.say("old", None).await;
    rig.relay().drain().await.unwrap();
    rig.context.clock().advance(std::time::Duration::from_mins(1));
    rig.log.compact(rig.context.now()).await.unwrap();
    let mut responses = watch(&rig, 0, String::new()).await;
    let fault = RemoteFault::from(message(&mut responses).await.unwrap_err());
    assert!(fault.is("EVENTS_COMPACTED"));
    assert_eq!(fault.metadata(), [("oldest_position".to_owned(), "2".to_owned())]);
}

both_storages!(
    a_watch_shows_what_was_and_what_comes,
    a_watch_of_one_session_knows_how_far_the_others_are,
    those_who_follow_one_session_are_woken_by_it_alone,
    a_watch_ends_when_the_server_stops,
    a_watch_from_before_what_is_kept_is_refused,
);
