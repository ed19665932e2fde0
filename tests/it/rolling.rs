//! Services that are replaced while people work.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use assent_proto::approval::v1::watch_session_response::Message;
use assent_proto::approval::v1::{WatchSessionRequest, WatchSessionResponse};
use assent_proto::review::v1::SubmissionMode;
use assent_tests::process::SERVICES;
use assent_tests::scenario::{self, EXPORT_GOAL};
use assent_tests::{Client, Cluster, Refusal, eventually, people};
use tokio::task::JoinSet;

use crate::support::cast_of_cluster;

/// Submits under `request_id` until it is answered; nothing but "not now" may come before.
async fn submit(agent: &Client, request_id: &str) -> String {
    eventually(request_id, || async {
        let request = scenario::export_request(request_id);
        match agent.approval.clone().submit_for_approval(request).await {
            Ok(answer) => Some(answer.into_inner().session.unwrap().id),
            Err(status) => {
                let refusal = Refusal::from(status);
                assert!(refusal.is_passing(), "{request_id}: {refusal:?}");
                None
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_no_call_of_whoever_tries_again() {
    let mut cluster = Cluster::start().await;
    let over = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for worker in 0..3 {
        let (agent, over) = (cluster.client(people::AGENT), Arc::clone(&over));
        load.spawn(async move {
            let mut sessions = Vec::new();
            while !over.load(Ordering::Relaxed) {
                sessions.push(
                    submit(&agent, &format!("00000000-0000-4000-800{worker}-{:012}", sessions.len())).await,
                );
            }
            sessions
        });
    }
    for service in SERVICES {
        cluster.terminate(service).await;
        cluster.restart(service).await;
    }
    over.store(true, Ordering::Relaxed);
    let sessions: Vec<String> = load.join_all().await.into_iter().flatten().collect();
    let different: BTreeSet<_> = sessions.iter().collect();
    assert_eq!(different.len(), sessions.len());
    assert!(sessions.len() >= 3, "only {} sessions", sessions.len());
    let lead = cluster.client(people::LEAD);
    for id in &sessions {
        scenario::session_at_last(&lead, id).await;
    }
}

/// Of a fact; a bookmark is none.
fn position(response: WatchSessionResponse) -> Option<i64> {
    match response.message? {
        Message::Event(event) => Some(event.position),
        Message::Bookmark(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_with_the_hint_to_come_back_and_goes_on_where_it_was() {
    let mut cluster = Cluster::start().await;
    let cast = cast_of_cluster(&cluster);
    let session = scenario::submit(&cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    let watch = |after_position| WatchSessionRequest { session_id: session.id.clone(), after_position };
    let mut first = cast.lead.approval.clone().watch_session(watch(0)).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while seen.is_empty() {
        seen.extend(position(first.message().await.unwrap().unwrap()));
    }
    let stopping = cluster.terminate("approval-gate");
    let ended = async {
        loop {
            match first.message().await {
                Ok(message) => seen.extend(message.and_then(position)),
                Err(status) => break Refusal::from(status),
            }
        }
    };
    let (ended, ()) = tokio::join!(ended, stopping);
    assert_eq!((ended.code, ended.reason.as_str()), (tonic::Code::Unavailable, "SERVER_STOPPING"));

    cluster.restart("approval-gate").await;
    let head = scenario::session_at_last(&cast.lead, &session.id).await;
    scenario::approve(&cast.lead, &head).await.unwrap();
    let last = seen.last().copied().unwrap();
    let mut second = cast.lead.approval.clone().watch_session(watch(last)).await.unwrap().into_inner();
    let next = loop {
        if let Some(position) = position(second.message().await.unwrap().unwrap()) {
            break position;
        }
    };
    assert!(next > last, "{next} came again after {last}");
}
