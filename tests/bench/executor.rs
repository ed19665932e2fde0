//! How fast what was approved runs, and how quiet an executor is that has nothing to do.

use std::time::{Duration, Instant};

use assent_core::{ContextSource, Timestamp};
use assent_events::Bus;
use assent_proto::approval::v1::{GetSessionRequest, SubmitForApprovalRequest};
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::ExecutionState;
use assent_proto::executor::v1::WatchExecutionRequest;
use assent_proto::executor::v1::watch_execution_response::Message;
use assent_proto::plan::v1::Plan;
use assent_proto::review::v1::PlanReviewSession;
use assent_rpc::convert::Wire as _;
use assent_runtime::config::{Auth, Database, Peers};
use assent_runtime::{Host, Wiring};
use assent_testkit::Storage;
use assent_tests::embedded::Wishes;
use assent_tests::{Client, Cluster, Embedded, people, scenario};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;

use crate::called::Called;
use crate::pgbench;

/// Decisions that are timed one after the other.
const DECISIONS: usize = 100;
/// Executions at once, and items of each.
const AT_ONCE: usize = 200;
const ITEMS: usize = 20;
/// How long what an item calls takes at most, half of it at least, where it is measured what is added to that: few enough
/// items a second for two cores, and not all in the same moments.
const HOLD: Duration = Duration::from_secs(2);

/// Items of one execution at once: more than usual, for these do nothing.
const PARALLEL_ITEMS: usize = 64;

/// Prints the figures of one storage.
pub(crate) async fn run(name: &str, storage: Storage) {
    println!("\nexecutor, {name}");
    let wishes = Wishes {
        executor: assent_executor::Config {
            max_executions: AT_ONCE,
            max_parallel_items: PARALLEL_ITEMS,
            http_allowed_hosts: vec!["127.0.0.1".to_owned()],
            ..Default::default()
        },
        real_time: true,
        ..Default::default()
    };
    let stack = Embedded::start_with(storage, wishes).await;
    let (agent, lead) = (stack.client(people::AGENT), stack.client(people::LEAD));
    dispatch(&agent, &lead).await;
    layers(&agent, &lead).await;
    chains(&agent, &lead).await;
    overhead(&agent, &lead).await;
    many(&agent, &lead).await;
    stack.stop().await;
}

/// From the decision to the first item, in six processes on Postgres and Redis.
pub(crate) async fn cluster() {
    println!("\nexecutor, six processes");
    let stack = Cluster::start().await;
    dispatch(&stack.client(people::AGENT), &stack.client(people::LEAD)).await;
}

/// No items but such that do nothing; in layers, each after one item of the layer before.
fn plan(layers: usize, wide: usize) -> Plan {
    let id = |layer: usize, n: usize| format!("i{layer:02}-{n:03}");
    let all = || (0..layers).flat_map(|layer| (0..wide).map(move |n| (layer, n)));
    let items = all().map(|(layer, n)| {
        json!({"id": id(layer, n), "name": "nothing", "tool": "code_gen", "arguments": {"template": "x"}})
    });
    let edges = all().filter(|(layer, _)| *layer > 0);
    let edges = edges.map(|(layer, n)| json!({"from": id(layer - 1, n), "to": id(layer, n)}));
    let plan = json!({
        "goal": "measure", "items": items.collect::<Vec<_>>(), "dependencies": edges.collect::<Vec<_>>(),
    });
    assent_proto::json::from_json(plan).unwrap()
}

async fn submit(agent: &Client, plan: Plan) -> PlanReviewSession {
    let request = SubmitForApprovalRequest { plan: Some(plan), ..Default::default() };
    agent.approval.clone().submit_for_approval(request).await.unwrap().into_inner().session.unwrap()
}

/// How long after the answer to the last vote the first item ran and the execution ended, as seen by a watcher.
async fn once(agent: &Client, lead: &Client, plan: Plan) -> (Duration, Duration) {
    followed(lead, &submit(agent, plan).await).await
}

/// The same of a session that waits.
async fn followed(lead: &Client, session: &PlanReviewSession) -> (Duration, Duration) {
    let watch = WatchExecutionRequest { session_id: session.id.clone(), after_position: 0 };
    let mut events = lead.executor.clone().watch_execution(watch).await.unwrap().into_inner();
    scenario::approve(lead, session).await.unwrap();
    let approved = Instant::now();
    let mut first = None;
    while let Some(message) = events.next().await {
        let Some(Message::Event(event)) = message.unwrap().message else { continue };
        match event.payload {
            Some(Payload::WorkItemRunChanged(_)) => first = first.or_else(|| Some(approved.elapsed())),
            Some(Payload::ExecutionEnded(ended)) => {
                assert_eq!(ended.execution.unwrap().state(), ExecutionState::Completed);
                break;
            }
            _ => {}
        }
    }
    (first.unwrap(), approved.elapsed())
}

fn time(time: Option<prost_types::Timestamp>) -> Timestamp {
    Timestamp::from_pb(time.unwrap(), "").unwrap()
}

fn line(label: &str, mut times: Vec<Duration>, limit: &str) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!("{label:<58} p50 {:>8.2} ms  p99 {:>8.2} ms  ({limit})", at(0.50), at(0.99));
}

/// A chain of items that call `called`, each by a path of its own.
fn calling(called: &Called, name: &str, items: usize) -> Plan {
    let all = (0..items).map(|n| {
        json!({
            "id": format!("i{n:02}"), "name": "call", "tool": "http_request",
            "arguments": {"method": "GET", "url": called.url(&format!("{name}/{n}"))},
        })
    });
    let edges = (1..items).map(|n| json!({"from": format!("i{:02}", n - 1), "to": format!("i{n:02}")}));
    let plan = json!({
        "goal": "measure", "items": all.collect::<Vec<_>>(), "dependencies": edges.collect::<Vec<_>>(),
    });
    assent_proto::json::from_json(plan).unwrap()
}

/// From the decision, before it is committed, until what the first item calls hears of it.
async fn dispatch(agent: &Client, lead: &Client) {
    let called = Called::start(Duration::ZERO).await;
    let (mut seen, mut times) = (Vec::new(), Vec::new());
    for n in 0..DECISIONS {
        let session = submit(agent, calling(&called, &n.to_string(), 1)).await;
        let (first, _) = followed(lead, &session).await;
        seen.push(first);
        let request = GetSessionRequest { session_id: session.id.clone(), ..Default::default() };
        let session = lead.approval.clone().get_session(request).await.unwrap().into_inner().session.unwrap();
        let decided = time(session.decision.unwrap().decide_time);
        times.push(called.call(&format!("{n}/0")).at.since(decided));
    }
    line("decision to first dispatch", times, "below 10 and 50");
    line("from the answer to the vote, as a watcher sees it", seen, "");
}

/// What is added to the time that items take by themselves: from the answer that one got to the call of the next.
async fn overhead(agent: &Client, lead: &Client) {
    let called = Called::start(HOLD).await;
    let mut sessions = Vec::new();
    for n in 0..AT_ONCE {
        sessions.push(submit(agent, calling(&called, &n.to_string(), ITEMS)).await);
    }
    all_executed(lead, sessions).await;
    let gap = |n: usize, item: usize| {
        let answered = called.call(&format!("{n}/{}", item - 1)).answered;
        called.call(&format!("{n}/{item}")).came - answered
    };
    let gaps = (0..AT_ONCE).flat_map(|n| (1..ITEMS).map(move |item| (n, item)));
    let gaps = gaps.map(|(n, item)| gap(n, item)).collect();
    line("200 executions of 20 items at once, added to each item", gaps, "below 2");
}

async fn layers(agent: &Client, lead: &Client) {
    let mut times = Vec::new();
    for _ in 0..3 {
        times.push(once(agent, lead, plan(10, 100)).await.1);
    }
    line("1,000 items in 10 layers, decision to end", times, "below 2000 on Postgres, 1000 on SQLite");
}

async fn chains(agent: &Client, lead: &Client) {
    let mut times = Vec::new();
    for _ in 0..20 {
        let (first, end) = once(agent, lead, plan(50, 1)).await;
        times.push((end - first) / 50);
    }
    line("one item after the other, each", times, "below 2");
}

async fn many(agent: &Client, lead: &Client) {
    let mut sessions = Vec::new();
    for _ in 0..AT_ONCE {
        sessions.push(submit(agent, plan(ITEMS, 1)).await);
    }
    let took = all_executed(lead, sessions).await;
    let each = took.as_secs_f64() * 1000.0 / (AT_ONCE * ITEMS) as f64;
    println!(
        "{:<58} {:>12.2} s, {each:.2} ms an item",
        "200 executions of 20 items that do nothing, with decisions",
        took.as_secs_f64()
    );
}

/// Approves all of them at once, and waits until they have completed.
async fn all_executed(lead: &Client, sessions: Vec<PlanReviewSession>) -> Duration {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for session in sessions {
        let lead = lead.clone();
        tasks.spawn(async move {
            scenario::approve(&lead, &session).await.unwrap();
            let watch = WatchExecutionRequest { session_id: session.id.clone(), after_position: 0 };
            let mut events = lead.executor.clone().watch_execution(watch).await.unwrap().into_inner();
            while let Some(message) = events.next().await {
                let Some(Message::Event(event)) = message.unwrap().message else { continue };
                if let Some(Payload::ExecutionEnded(ended)) = event.payload {
                    assert_eq!(ended.execution.unwrap().state(), ExecutionState::Completed);
                    return;
                }
            }
        });
    }
    tasks.join_all().await;
    started.elapsed()
}

/// Transactions a second of an executor with nothing to do, whose approval gate is away.
pub(crate) async fn idle() {
    const WATCHED: Duration = Duration::from_secs(20);

    let storage = Storage::postgres().await;
    let folder = tempfile::tempdir().unwrap();
    let database = Database { url: storage.url().to_owned(), max_connections: 8 };
    let nobody = "http://127.0.0.1:9".to_owned();
    let peers = Peers { approval_gate: nobody.clone(), versioning: nobody, ..Peers::default() };
    let wiring =
        Wiring::remote(database, Bus::local(), &Auth::default(), peers, ContextSource::system()).unwrap();
    let mut host = Host::new(wiring);
    let config = assent_executor::Config { data_dir: folder.path().join("data"), ..Default::default() };
    host.add::<assent_executor::Executor>(config).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = host.start(listener).await.unwrap();
    pgbench::autovacuum(&storage, false).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = pgbench::commits(&storage).await;
    tokio::time::sleep(WATCHED).await;
    let commits = pgbench::commits(&storage).await - before;
    pgbench::autovacuum(&storage, true).await;
    // Each of the two counts waits for 1.5 seconds, and is one transaction or two itself.
    let rate = commits as f64 / (WATCHED.as_secs_f64() + 1.5);
    println!("\nexecutor, idle: {rate:.2} transactions a second  (at most 2)");
    running.shutdown(Duration::from_secs(5)).await.unwrap();
}
