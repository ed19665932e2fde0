//! Wires that break, one edge of the call graph after the other, while people and agents work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use assent_proto::approval::v1::ApproveRequest;
use assent_proto::review::v1::PlanReviewState;
use assent_tests::scenario::{self, Cast};
use assent_tests::{Cluster, Fault, Refusal, eventually};
use tokio::task::JoinSet;
use tonic::Request;

use crate::support::cast_of_cluster;

/// How long the callers here wait for an answer.
const WAIT: Duration = Duration::from_secs(2);

fn bounded<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(WAIT);
    request
}

/// Nothing but "not now" may be said while a wire is broken.
fn passing(what: &str, status: tonic::Status) {
    let refusal = Refusal::from(status);
    // The callers here set a limit, and tonic's client calls that a cancellation.
    let late = refusal.code == tonic::Code::Cancelled;
    assert!(late || refusal.is_passing(), "{what}: {refusal:?}");
}

/// One workflow up to its approval, by people who try again; its id.
async fn one(cast: &Cast, request_id: &str) -> String {
    let id = eventually(&format!("{request_id} to be submitted"), || async {
        let request = scenario::export_request(request_id);
        let answer = cast.agent.approval.clone().submit_for_approval(bounded(request)).await;
        answer.map(|answer| answer.into_inner().session.unwrap().id).map_err(|e| passing(request_id, e)).ok()
    })
    .await;
    let session = scenario::session_at_last(&cast.lead, &id).await;
    eventually(&format!("{id} to be approved"), || async {
        let request = ApproveRequest {
            session_id: id.clone(),
            version: session.current_version,
            digest: session.digest.clone(),
            reason: "looks right".to_owned(),
            ..ApproveRequest::default()
        };
        let Err(status) = cast.lead.approval.clone().approve(bounded(request)).await else { return Some(()) };
        // A vote that was counted, and whose answer was lost.
        let now = scenario::session(&cast.lead, &id).await.ok()?;
        if now.state() == PlanReviewState::Approved {
            return Some(());
        }
        passing(&id, status);
        None
    })
    .await;
    id
}

/// Every workflow that somebody was told of is carried out, once, whatever broke on the way.
async fn workflows_outlive(fault: Fault) {
    let cluster = Cluster::start_wired().await;
    let over = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for worker in 0..2 {
        let (cast, over) = (cast_of_cluster(&cluster), Arc::clone(&over));
        load.spawn(async move {
            let mut ids = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let request_id = format!("00000000-0000-4000-800{worker}-{:012}", ids.len());
                ids.push(one(&cast, &request_id).await);
            }
            ids
        });
    }
    let between = cluster.wires().iter().filter(|((caller, _), _)| *caller != "dashboard");
    for ((caller, called), wire) in between {
        wire.set(fault);
        eventually(&format!("{fault:?} between {caller} and {called}"), || async {
            (wire.struck() > 0).then_some(())
        })
        .await;
        wire.set(Fault::None);
    }
    over.store(true, Ordering::Relaxed);
    let cast = cast_of_cluster(&cluster);
    let ids: Vec<String> = load.join_all().await.into_iter().flatten().collect();
    assert!(ids.len() > 2, "only {} workflows", ids.len());
    scenario::settled(&cast, &ids[0]).await;
    for id in ids {
        scenario::finish(&cast, &id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_outlive_latency() {
    workflows_outlive(Fault::Latency(WAIT / 4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_outlive_resets() {
    workflows_outlive(Fault::Reset).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_outlive_connections_that_are_half_open() {
    workflows_outlive(Fault::HalfOpen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_outlive_black_holes() {
    workflows_outlive(Fault::Blackhole).await;
}
