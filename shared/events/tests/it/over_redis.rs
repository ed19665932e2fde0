//! Two processes and a Redis between them that is emptied, cut off and away. One process publishes,
//! the other follows with a bus of its own.

use std::sync::Arc;

use assent_core::{Clock, ContextSource};
use assent_events::{Bus, Doorbell};
use assent_proto::event::v1::Event;
use futures_util::StreamExt as _;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::rig::{LONG, Rig, SERVICE, next, text};
use assent_testkit::Storage;
use assent_testkit::redis_url;

async fn command(parts: &[&str]) {
    let client = redis::Client::open(redis_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd(parts[0]);
    for part in &parts[1..] {
        command.arg(part);
    }
    command.query_async::<redis::Value>(&mut connection).await.unwrap();
}

/// Stands before Redis and can be away.
struct Gate {
    open: watch::Sender<bool>,
    url: String,
}

impl Gate {
    async fn start(tasks: &mut JoinSet<()>) -> Self {
        let url = redis_url();
        let authority = url.trim_start_matches("redis://").trim_end_matches('/');
        let (user, redis) = authority
            .rsplit_once('@')
            .map_or(("", authority), |(_, host)| (&authority[..authority.len() - host.len()], host));
        let redis = redis.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{user}{}/", listener.local_addr().unwrap());
        let (open, state) = watch::channel(true);
        tasks.spawn(async move {
            let mut calls = JoinSet::new();
            while let Ok((mut from, _)) = listener.accept().await {
                let (redis, mut state) = (redis.clone(), state.clone());
                calls.spawn(async move {
                    if *state.borrow_and_update() {
                        let mut to = TcpStream::connect(&redis).await.unwrap();
                        tokio::select! {
                            _ = copy_bidirectional(&mut from, &mut to) => {}
                            _ = state.wait_for(|open| !open) => {}
                        }
                    }
                });
            }
        });
        Self { open, url }
    }
}

fn bus(url: &str, tasks: &mut JoinSet<()>, shutdown: &CancellationToken) -> Bus {
    let (bus, driver) = Bus::redis(url, ContextSource::seeded(Clock::System, 3)).unwrap();
    tasks.spawn(driver.run(shutdown.clone()));
    bus
}

async fn ring(doorbell: &mut Doorbell) {
    tokio::time::timeout(LONG, doorbell.ring()).await.expect("the doorbell stayed silent");
}

/// A publisher and a follower in "processes" of their own, and the doorbell as the follower hears it.
struct Pair {
    publisher: Rig,
    follower: Rig,
    doorbell: Doorbell,
    tasks: JoinSet<()>,
    url: String,
    test: Storage,
}

impl Pair {
    async fn start(url: &str, mut tasks: JoinSet<()>) -> Self {
        let shutdown = CancellationToken::new();
        let (here, there) = (bus(url, &mut tasks, &shutdown), bus(url, &mut tasks, &shutdown));
        let mut doorbell = there.subscribe(SERVICE);
        let test = Storage::postgres().await;
        let publisher = Rig::on(&test, here).await;
        let follower = publisher.replica(&test, there).await;
        // Both are connected once the one hears the other.
        tasks.spawn(publisher.relay().run(publisher.shutdown.clone()));
        publisher.say("hello", None).await;
        ring(&mut doorbell).await;
        Self { publisher, follower, doorbell, tasks, url: url.to_owned(), test }
    }

    async fn say_and_hear(&mut self, events: &mut mpsc::UnboundedReceiver<Event>, said: &str) {
        self.publisher.say(said, None).await;
        assert_eq!(text(&next(events).await), said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_names_the_event_and_wakes_the_other_process() {
    let client = redis::Client::open(redis_url()).unwrap();
    let mut pubsub = client.get_async_pubsub().await.unwrap();
    pubsub.subscribe(format!("assent.events.{SERVICE}")).await.unwrap();
    let mut pair = Pair::start(&redis_url(), JoinSet::new()).await;
    let session = pair.publisher.context.new_id();
    pair.doorbell.clear();
    let id = pair.publisher.say("news", Some(session)).await.to_string();
    ring(&mut pair.doorbell).await;
    let mut messages = pubsub.into_on_message();
    // Other tests publish on the same channel.
    let found = async {
        loop {
            let message = messages.next().await.unwrap();
            let text: serde_json::Value = serde_json::from_slice(message.get_payload_bytes()).unwrap();
            if text["id"] == id {
                return text;
            }
        }
    };
    let message = tokio::time::timeout(LONG, found).await.unwrap();
    let expected = serde_json::json!({
        "service": SERVICE, "position": 2, "id": id, "type": "execution_refused", "session_id": session,
    });
    assert_eq!(message, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn emptying_redis_and_killing_its_subscribers_loses_nothing() {
    // A user of its own, so that only its own connections are killed.
    let user = format!("killed-{}", std::process::id());
    command(&["ACL", "SETUSER", &user, "on", ">secret", "~*", "&*", "+@all"]).await;
    let (_, host) =
        redis_url().rsplit_once('@').map(|(user, host)| (user.to_owned(), host.to_owned())).unwrap();
    let mut pair = Pair::start(&format!("redis://{user}:secret@{host}"), JoinSet::new()).await;
    let mut tasks = std::mem::take(&mut pair.tasks);
    let mut events = pair.follower.consume(&mut tasks, "follower");
    assert_eq!(text(&next(&mut events).await), "hello");
    command(&["FLUSHALL"]).await;
    pair.say_and_hear(&mut events, "after flush").await;
    command(&["CLIENT", "KILL", "USER", &user]).await;
    pair.say_and_hear(&mut events, "after kill").await;
    pair.say_and_hear(&mut events, "and again").await;
    pair.publisher.shutdown.cancel();
    pair.follower.stop(JoinSet::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_be_away_and_come_back() {
    let mut tasks = JoinSet::new();
    let gate = Arc::new(Gate::start(&mut tasks).await);
    let mut pair = Pair::start(&gate.url, tasks).await;
    let mut tasks = std::mem::take(&mut pair.tasks);
    let mut events = pair.follower.consume(&mut tasks, "follower");
    assert_eq!(text(&next(&mut events).await), "hello");

    gate.open.send_replace(false);
    for n in 0..5 {
        pair.say_and_hear(&mut events, &format!("away {n}")).await;
    }
    // A process that starts meanwhile works too.
    let url = pair.url.clone();
    let late = pair.publisher.replica(&pair.test, bus(&url, &mut tasks, &pair.publisher.shutdown)).await;
    let mut late_events = late.consume(&mut tasks, "late");
    assert_eq!(text(&next(&mut late_events).await), "hello");

    // Coming back wakes everybody, for what was missed.
    pair.doorbell.clear();
    gate.open.send_replace(true);
    ring(&mut pair.doorbell).await;
    pair.say_and_hear(&mut events, "back").await;
}

#[test]
fn a_url_that_makes_no_sense_is_refused() {
    let source = ContextSource::seeded(Clock::System, 3);
    assert!(Bus::redis("http://127.0.0.1", source).is_err());
}
