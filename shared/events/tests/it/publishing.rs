use std::collections::HashSet;
use std::time::Duration;

use assent_core::Actor;
use assent_events::{Bus, STATEMENTS, append};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::rig::{Rig, SERVICE, fact, next, person, text};
use assent_store::Backend;
use assent_testkit::{Storage, both_storages};

async fn concurrent_writers_never_make_a_follower_skip(test: Storage) {
    const WRITERS: u64 = 32;
    const EACH: usize = 4;
    let rig = Rig::new(&test).await;
    let replica = rig.replica(&test, rig.bus.clone()).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(replica.relay().run(rig.shutdown.clone()));
    let mut events = rig.follow(&mut tasks, "follower");

    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (db, source) = (rig.db.clone(), rig.context.clone());
        writers.spawn(async move {
            let mut written = Vec::new();
            for n in 0..EACH {
                let ctx = source.operation(Actor::system(SERVICE));
                let mut tx = db.begin().await.unwrap();
                let id = append(&mut tx, &ctx, None, fact(&format!("{writer}.{n}"))).await.unwrap();
                // The later of two numbers is often the first to be committed.
                tokio::time::sleep(source.jitter(Duration::from_millis(8))).await;
                if n % 2 == 1 {
                    drop(tx);
                    continue;
                }
                tx.commit().await.unwrap();
                written.push(id.to_string());
            }
            written
        });
    }
    let mut expected = HashSet::new();
    while let Some(written) = writers.join_next().await {
        expected.extend(written.unwrap());
    }
    for position in 1..=i64::try_from(expected.len()).unwrap() {
        let event = next(&mut events).await;
        assert_eq!(event.position, position);
        assert!(expected.remove(&event.id), "{} came twice or was rolled back", event.id);
    }
    assert!(expected.is_empty());
    rig.stop(tasks).await;
    assert!(events.recv().await.is_none());
}

async fn an_event_carries_what_was_known_when_it_became_true(test: Storage) {
    let rig = Rig::new(&test).await;
    let session = rig.context.new_id();
    let id = rig.context.new_id();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let ctx = assent_core::OpContext::new(person(&["lead"]), id, Some(trace), rig.context.clone());
    let mut tx = rig.db.begin().await.unwrap();
    let id = append(&mut tx, &ctx, Some(session), fact("ünïcode")).await.unwrap();
    tx.commit().await.unwrap();

    if rig.db.backend() == Backend::Postgres {
        assert_eq!(rig.log.read(0, 10, None).await.unwrap().events, [], "not before the relay has placed it");
    }
    rig.relay().drain().await.unwrap();
    let event = rig.log.read(0, 10, None).await.unwrap().events.remove(0);
    assert_eq!((event.id.as_str(), event.position), (id.to_string().as_str(), 1));
    assert_eq!(event.session_id, session.to_string());
    assert_eq!((event.r#type.as_str(), event.service.as_str()), ("execution_refused", SERVICE));
    assert_eq!(event.traceparent, trace);
    assert_eq!(event.time.unwrap().seconds, 1_700_000_000);
    assert_eq!(text(&event), "ünïcode");
    let actor = event.actor.unwrap();
    assert_eq!((actor.id.as_str(), actor.roles), ("ada@example.com", vec!["lead".to_owned()]));
}

async fn what_was_committed_before_a_crash_is_published_after_it(test: Storage) {
    // No relay runs: the process died between its commit and the relay's.
    let rig = Rig::new(&test).await;
    rig.say("before the crash", None).await;
    let after = Rig::new(&test).await;
    let mut tasks = JoinSet::new();
    let mut events = after.follow(&mut tasks, "follower");
    assert_eq!(text(&next(&mut events).await), "before the crash");
    after.stop(tasks).await;
}

async fn what_was_placed_but_never_rung_is_found(test: Storage) {
    let rig = Rig::new(&test).await;
    let mut tasks = JoinSet::new();
    let mut events = rig.consume(&mut tasks, "follower");
    rig.say("first", None).await;
    rig.relay().drain().await.unwrap();
    next(&mut events).await;
    // Another process places the second, and its ring goes nowhere.
    let elsewhere = rig.replica(&test, Bus::local()).await;
    elsewhere.say("second", None).await;
    elsewhere.relay().drain().await.unwrap();
    assert_eq!(text(&next(&mut events).await), "second");
    rig.stop(tasks).await;
}

async fn a_burst_larger_than_a_batch_is_placed_whole(test: Storage) {
    let rig = Rig::new(&test).await;
    let ctx = rig.context.operation(Actor::system(SERVICE));
    let mut tx = rig.db.begin().await.unwrap();
    for n in 0..1203 {
        append(&mut tx, &ctx, None, fact(&n.to_string())).await.unwrap();
    }
    tx.commit().await.unwrap();
    rig.relay().drain().await.unwrap();
    assert_eq!(rig.log.head().await.unwrap(), 1203);
    let events = rig.log.read(1000, 1000, None).await.unwrap().events;
    assert_eq!(events.len(), 203);
    assert!(events.iter().zip(1000..).all(|(event, n)| text(event) == n.to_string()));
}

async fn relays_that_work_at_once_take_turns(test: Storage) {
    let rig = Rig::new(&test).await;
    let (stop, mut relays) = (CancellationToken::new(), JoinSet::new());
    for _ in 0..4 {
        let (relay, stop) = (rig.relay(), stop.clone());
        relays.spawn(async move {
            while !stop.is_cancelled() {
                relay.drain().await.unwrap();
            }
            relay.drain().await.unwrap();
        });
    }
    // What a reader has once seen at a position stays there.
    let mut seen = Vec::new();
    for n in 0..100 {
        rig.say(&n.to_string(), None).await;
        let after = i64::try_from(seen.len()).unwrap();
        seen.extend(rig.log.read(after, 1000, None).await.unwrap().events);
    }
    stop.cancel();
    while let Some(done) = relays.join_next().await {
        done.unwrap();
    }
    let all = rig.log.read(0, 1000, None).await.unwrap().events;
    assert!(all.starts_with(&seen));
    assert_eq!(all.iter().map(|event| event.position).collect::<Vec<_>>(), (1..=100).collect::<Vec<i64>>());
}

async fn every_statement_can_be_prepared(test: Storage) {
    let rig = Rig::new(&test).await;
    for sql in STATEMENTS.iter().copied().flatten() {
        rig.db.prepare(*sql).await.unwrap();
    }
}

both_storages!(
    concurrent_writers_never_make_a_follower_skip,
    an_event_carries_what_was_known_when_it_became_true,
    what_was_committed_before_a_crash_is_published_after_it,
    what_was_placed_but_never_rung_is_found,
    a_burst_larger_than_a_batch_is_placed_whole,
    relays_that_work_at_once_take_turns,
    every_statement_can_be_prepared,
);
