//! How long a service takes to end when it is told to, while it is used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use assent_proto::approval::v1::WatchSessionRequest;
use assent_tests::process::SERVICES;
use assent_tests::{Client, Cluster, people, scenario};
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;

const CALLERS: usize = 4;
const WATCHERS: usize = 50;
/// Before whoever was refused tries again.
const REST: Duration = Duration::from_millis(100);

/// Six processes under load, told to end one after the other, each with streams open and calls under way.
pub(crate) async fn run() {
    let mut cluster = Cluster::start().await;
    let (agent, lead) = (cluster.client(people::AGENT), cluster.client(people::LEAD));
    let over = Arc::new(AtomicBool::new(false));
    let first = submit(&agent, 0, 0).await.unwrap();
    let mut load = JoinSet::new();
    for caller in 1..=CALLERS {
        let (agent, lead, over) = (agent.clone(), lead.clone(), Arc::clone(&over));
        load.spawn(async move {
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                // What is refused meanwhile is of no interest here: the tests look at that.
                let Some(id) = submit(&agent, caller, number).await else {
                    tokio::time::sleep(REST).await;
                    continue;
                };
                if let Ok(session) = scenario::session(&lead, &id).await {
                    let _ = scenario::approve(&lead, &session).await;
                }
            }
        });
    }
    for _ in 0..WATCHERS {
        let (lead, id, over) = (lead.clone(), first.clone(), Arc::clone(&over));
        load.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let request = WatchSessionRequest { session_id: id.clone(), after_position: 0 };
                let Ok(watch) = lead.approval.clone().watch_session(request).await else {
                    tokio::time::sleep(REST).await;
                    continue;
                };
                let mut facts = watch.into_inner();
                while !over.load(Ordering::Relaxed) && matches!(facts.next().await, Some(Ok(_))) {}
            }
        });
    }
    println!(
        "  from SIGTERM to the end, with {CALLERS} callers and {WATCHERS} watches, in ms   (the aim is below 5000)"
    );
    for service in SERVICES {
        // Whoever was restarted before is found again.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let told = Instant::now();
        cluster.terminate(service).await;
        println!("  {service:<16} {:>6.0}", told.elapsed().as_secs_f64() * 1000.0);
        cluster.restart(service).await;
    }
    over.store(true, Ordering::Relaxed);
    load.shutdown().await;
}

async fn submit(agent: &Client, caller: usize, number: usize) -> Option<String> {
    let request = scenario::export_request(&format!("00000000-0000-4000-8{caller:03}-{number:012}"));
    Some(agent.approval.clone().submit_for_approval(request).await.ok()?.into_inner().session?.id)
}
