use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use assent_events::{Cursor, Handled};
use assent_proto::event::v1::Event;
use assent_store::{Sql, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::rig::{LONG, Rig, next, skip, text};
use assent_testkit::{Storage, both_storages};

const NOTE: Sql = Sql::new("INSERT INTO consumer_cursors (consumer, position) VALUES ($1, 0)");
const NOTES: Sql =
    Sql::new("SELECT consumer FROM consumer_cursors WHERE consumer LIKE 'effect %' ORDER BY consumer");
const POSITION: Sql = Sql::new("SELECT position FROM consumer_cursors WHERE consumer = $1");

async fn a_failing_event_is_repeated_and_holds_up_the_next(test: Storage) {
    let rig = Rig::new(&test).await;
    let attempts = Arc::new(Mutex::new(HashMap::<String, u32>::new()));
    let (sender, mut events) = mpsc::unbounded_channel();
    let (db, counts) = (rig.db.clone(), Arc::clone(&attempts));
    let handler = move |event: Arc<Event>, cursor: Cursor| {
        let (db, counts, sender) = (db.clone(), Arc::clone(&counts), sender.clone());
        async move {
            let mut tx = db.begin().await?;
            // The effect of the attempt that fails below is rolled back with the position: else the
            // second attempt would find its key taken.
            tx.query(NOTE).bind(format!("effect {}", text(&event))).execute().await?;
            cursor.advance(&mut tx).await?;
            let count = {
                let mut counts = counts.lock().unwrap();
                let count = counts.entry(event.id.clone()).or_default();
                *count += 1;
                *count
            };
            if text(&event) == "b" && count < 3 {
                return Err(StoreError::Other(sqlx::Error::WorkerCrashed));
            }
            tx.commit().await?;
            sender.send(Event::clone(&event)).unwrap();
            Ok(Handled::Done)
        }
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(rig.relay().run(rig.shutdown.clone()));
    tasks.spawn(rig.consumer("follower").run(handler, rig.shutdown.clone()));
    let mut ids = Vec::new();
    for said in ["a", "b", "c"] {
        ids.push(rig.say(said, None).await.to_string());
    }
    for said in ["a", "b", "c"] {
        assert_eq!(text(&next(&mut events).await), said);
    }
    rig.stop(tasks).await;
    let counts = attempts.lock().unwrap().clone();
    assert_eq!(ids.iter().map(|id| counts[id]).collect::<Vec<_>>(), [1, 3, 1]);
    let notes: Vec<(String,)> = rig.db.query(NOTES).all().await.unwrap();
    assert_eq!(notes.len(), 3);
}

async fn replicas_of_a_consumer_handle_each_event_once(test: Storage) {
    let rig = Rig::new(&test).await;
    let mut tasks = JoinSet::new();
    let mut first = rig.follow(&mut tasks, "follower");
    let mut second = rig.consume(&mut tasks, "follower");
    for n in 0..40 {
        rig.say(&n.to_string(), None).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 40 {
        let event = tokio::select! {
            event = next(&mut first) => event,
            event = next(&mut second) => event,
        };
        seen.push(event.position);
    }
    rig.stop(tasks).await;
    assert!(first.recv().await.is_none() && second.recv().await.is_none());
    seen.sort_unstable();
    assert_eq!(seen, (1..=40).collect::<Vec<i64>>());
}

/// Handles batches of up to ten: each event leaves a note, and `refuses` says which events fail their batch.
fn noting(
    rig: &Rig,
    refuses: impl Fn(&str) -> bool + Clone + Send + 'static,
) -> (impl Future<Output = ()> + Send + 'static, mpsc::UnboundedReceiver<Vec<String>>) {
    let (sender, batches) = mpsc::unbounded_channel();
    let db = rig.db.clone();
    let handler = move |events: Vec<Arc<Event>>, cursor: Cursor| {
        let (db, sender, refuses) = (db.clone(), sender.clone(), refuses.clone());
        async move {
            let mut tx = db.begin().await?;
            let texts: Vec<String> = events.iter().map(|event| text(event).to_owned()).collect();
            for said in &texts {
                tx.query(NOTE).bind(format!("effect {said}")).execute().await?;
            }
            cursor.advance(&mut tx).await?;
            if texts.iter().any(|said| refuses(said)) {
                return Err(StoreError::Other(sqlx::Error::WorkerCrashed));
            }
            tx.commit().await?;
            sender.send(texts).unwrap();
            Ok(Handled::Done)
        }
    };
    (rig.consumer("follower").run_batches(10, handler, rig.shutdown.clone()), batches)
}

async fn an_event_that_fails_its_batch_holds_up_only_what_comes_after_it(test: Storage) {
    let rig = Rig::new(&test).await;
    for said in ["a", "b", "c", "d"] {
        rig.say(said, None).await;
    }
    rig.relay().drain().await.unwrap();
    let mended = Arc::new(AtomicBool::new(false));
    let broken = Arc::clone(&mended);
    let (consumer, mut batches) = noting(&rig, move |said| said == "c" && !broken.load(Ordering::Relaxed));
    let mut tasks = JoinSet::new();
    tasks.spawn(consumer);
    assert_eq!(heard(&mut batches).await, ["a"]);
    assert_eq!(heard(&mut batches).await, ["b"]);
    mended.store(true, Ordering::Relaxed);
    assert_eq!(heard(&mut batches).await, ["c"]);
    assert_eq!(heard(&mut batches).await, ["d"]);
    // What comes later is handled together again.
    rig.say("e", None).await;
    rig.say("f", None).await;
    rig.relay().drain().await.unwrap();
    assert_eq!(heard(&mut batches).await, ["e", "f"]);
    rig.stop(tasks).await;
}

async fn replicas_never_share_a_part_of_a_batch(test: Storage) {
    let rig = Rig::new(&test).await;
    let mut tasks = JoinSet::new();
    let ((one, mut of_one), (two, mut of_two)) = (noting(&rig, |_| false), noting(&rig, |_| false));
    tasks.spawn(rig.relay().run(rig.shutdown.clone()));
    tasks.spawn(one);
    tasks.spawn(two);
    for n in 0..60 {
        rig.say(&n.to_string(), None).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 60 {
        // A note for each, so that handling one twice would fail.
        seen.extend(tokio::select! {
            texts = heard(&mut of_one) => texts,
            texts = heard(&mut of_two) => texts,
        });
    }
    rig.stop(tasks).await;
    let mut numbers: Vec<u32> = seen.iter().map(|said| said.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..60).collect::<Vec<_>>());
}

async fn heard(batches: &mut mpsc::UnboundedReceiver<Vec<String>>) -> Vec<String> {
    tokio::time::timeout(LONG, batches.recv()).await.unwrap().unwrap()
}

async fn a_restarted_consumer_goes_on_where_it_was(test: Storage) {
    let rig = Rig::new(&test).await;
    rig.say("one", None).await;
    rig.say("two", None).await;
    rig.relay().drain().await.unwrap();
    let mut tasks = JoinSet::new();
    let mut events = rig.consume(&mut tasks, "follower");
    next(&mut events).await;
    next(&mut events).await;
    rig.stop(tasks).await;

    let again = Rig::new(&test).await;
    again.say("three", None).await;
    again.relay().drain().await.unwrap();
    let mut tasks = JoinSet::new();
    let mut events = again.consume(&mut tasks, "follower");
    assert_eq!(text(&next(&mut events).await), "three");
    // Another consumer has its own position.
    let mut others = again.consume(&mut tasks, "other");
    assert_eq!(text(&next(&mut others).await), "one");
    again.stop(tasks).await;
}

async fn skipped_events_are_saved_too(test: Storage) {
    let rig = Rig::new(&test).await;
    for n in 0..150 {
        rig.say(&n.to_string(), None).await;
    }
    rig.relay().drain().await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(rig.consumer("idle").run(skip, rig.shutdown.clone()));
    let saved = async {
        loop {
            let position = rig.db.query(POSITION).bind("idle").optional::<(i64,)>().await.unwrap();
            if position == Some((150,)) {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, saved).await.unwrap();
    rig.stop(tasks).await;
}

both_storages!(
    a_failing_event_is_repeated_and_holds_up_the_next,
    replicas_of_a_consumer_handle_each_event_once,
    an_event_that_fails_its_batch_holds_up_only_what_comes_after_it,
    replicas_never_share_a_part_of_a_batch,
    a_restarted_consumer_goes_on_where_it_was,
    skipped_events_are_saved_too,
);
