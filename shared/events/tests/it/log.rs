use std::time::Duration;

use assent_core::{Actor, Code, Fault as _};
use assent_events::append;
use assent_proto::event::v1::ReadEventsRequest;
use assent_rpc::RemoteFault;
use assent_store::Backend;

use crate::rig::{Rig, SERVICE, fact, person, text};
use assent_testkit::{Storage, both_storages};

async fn a_reader_behind_what_is_kept_is_told_where_it_starts(test: Storage) {
    let rig = Rig::new(&test).await;
    let session = Some(rig.context.new_id());
    assert_eq!((rig.log.oldest().await.unwrap(), rig.log.head().await.unwrap()), (1, 0));
    for n in 0..3 {
        rig.say(&n.to_string(), session).await;
    }
    rig.context.clock().advance(Duration::from_mins(1));
    let young = rig.context.now();
    rig.say("3", session).await;
    rig.relay().drain().await.unwrap();

    assert_eq!(rig.log.compact(young).await.unwrap(), 3);
    assert_eq!((rig.log.oldest().await.unwrap(), rig.log.head().await.unwrap()), (4, 4));
    for (after, session) in [(0, None), (2, None), (2, session)] {
        let error = rig.log.read(after, 10, session).await.unwrap_err();
        assert_eq!((error.code(), error.reason().0.as_ref()), (Code::OutOfRange, "EVENTS_COMPACTED"));
        assert_eq!(error.metadata(), [("oldest_position".to_owned(), "4".to_owned())]);
    }
    assert_eq!(text(&rig.log.read(3, 10, session).await.unwrap().events[0]), "3");
    assert_eq!(rig.log.read(4, 10, None).await.unwrap().events, []);

    // With nothing left, the log still knows how far it came.
    rig.context.clock().advance(Duration::from_mins(1));
    assert_eq!(rig.log.compact(rig.context.now()).await.unwrap(), 1);
    assert_eq!((rig.log.oldest().await.unwrap(), rig.log.head().await.unwrap()), (5, 4));
    assert!(rig.log.read(3, 10, None).await.is_err());
    rig.say("4", None).await;
    rig.relay().drain().await.unwrap();
    assert_eq!(rig.log.read(4, 10, None).await.unwrap().events[0].position, 5);
}

async fn events_that_nobody_placed_yet_are_never_removed(test: Storage) {
    let rig = Rig::new(&test).await;
    rig.say("waiting", None).await;
    rig.context.clock().advance(Duration::from_hours(1000));
    if rig.db.backend() == Backend::Sqlite {
        // It has its place from the start.
        assert_eq!(rig.log.read(0, 10, None).await.unwrap().events.len(), 1);
        return;
    }
    assert_eq!(rig.log.compact(rig.context.now()).await.unwrap(), 0);
    rig.relay().drain().await.unwrap();
    assert_eq!(rig.log.read(0, 10, None).await.unwrap().events.len(), 1);
}

async fn a_page_of_large_events_is_cut_by_size(test: Storage) {
    let rig = Rig::new(&test).await;
    let large = "x".repeat(900_000);
    for _ in 0..7 {
        rig.say(&large, None).await;
    }
    rig.relay().drain().await.unwrap();
    let (mut after, mut pages) = (0, Vec::new());
    loop {
        let page = rig.log.read(after, 100, None).await.unwrap().events;
        let Some(last) = page.last() else { break };
        after = last.position;
        pages.push(page.len());
    }
    assert_eq!(pages, [3, 3, 1]);
}

async fn only_services_and_administrators_read_it(test: Storage) {
    let rig = Rig::new(&test).await;
    let ctx = rig.context.operation(Actor::system(SERVICE));
    let mut tx = rig.db.begin().await.unwrap();
    append(&mut tx, &ctx, None, fact("a")).await.unwrap();
    tx.commit().await.unwrap();
    rig.relay().drain().await.unwrap();

    for caller in [person(&["admin"]), Actor::system("executor")] {
        let answer = rig.client(caller).read_events(ReadEventsRequest::default()).await.unwrap().into_inner();
        assert_eq!((answer.events.len(), answer.head_position), (1, 1));
    }
    for caller in [person(&[]), person(&["lead", "developer"])] {
        let refused = rig.client(caller).read_events(ReadEventsRequest::default()).await.unwrap_err();
        let fault = RemoteFault::from(refused);
        assert_eq!((fault.code(), fault.reason().0.as_ref()), (Code::PermissionDenied, "ROLE_REQUIRED"));
    }
}

async fn a_log_that_is_not_served_here_is_named(test: Storage) {
    let rig = Rig::new(&test).await;
    rig.say("a", None).await;
    rig.relay().drain().await.unwrap();
    let ask = |service: &str| ReadEventsRequest { service: service.to_owned(), ..Default::default() };
    let mut client = rig.client(Actor::system("executor"));
    assert_eq!(client.read_events(ask(SERVICE)).await.unwrap().into_inner().events.len(), 1);
    let fault = RemoteFault::from(client.read_events(ask("executor")).await.unwrap_err());
    assert_eq!((fault.code(), fault.reason().0.as_ref()), (Code::NotFound, "EVENT_LOG_NOT_FOUND"));
}

async fn a_malformed_request_is_refused_with_every_violation(test: Storage) {
    let rig = Rig::new(&test).await;
    let request = ReadEventsRequest {
        after_position: -1,
        page_size: -1,
        session_id: "evt_1".to_owned(),
        ..Default::default()
    };
    let refused = rig.client(person(&["admin"])).read_events(request).await.unwrap_err();
    let fault = RemoteFault::from(refused);
    assert_eq!(fault.code(), Code::InvalidArgument);
    let fields: Vec<_> = fault.violations().into_iter().map(|violation| violation.field).collect();
    assert_eq!(fields, ["after_position", "page_size", "session_id"]);
}

both_storages!(
    a_reader_behind_what_is_kept_is_told_where_it_starts,
    events_that_nobody_placed_yet_are_never_removed,
    a_page_of_large_events_is_cut_by_size,
    only_services_and_administrators_read_it,
    a_log_that_is_not_served_here_is_named,
    a_malformed_request_is_refused_with_every_violation,
);
