//! Six processes on Postgres and Redis, and `assent dev`: the same scenario, and services that die on the way.

use assent_proto::review::v1::{PlanReviewState, SubmissionMode};
use assent_tests::process::SERVICES;
use assent_tests::scenario::{self, EXPORT_GOAL};
use assent_tests::{Cluster, Dev, eventually};

use tonic_reflection::pb::v1;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::{cast_of_cluster, cast_of_dev};

#[tokio::test(flavor = "multi_thread")]
async fn the_scenario_runs_against_assent_dev() {
    let dev = Dev::start().await;
    scenario::export(&cast_of_dev(&dev)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scenario_runs_against_six_processes() {
    let cluster = Cluster::start().await;
    scenario::export(&cast_of_cluster(&cluster)).await;
    let address = cluster.address("executor");
    let own = [
        "assent.event.v1.EventService",
        "assent.executor.v1.ExecutorService",
        "assent.executor.v1.WorkerService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ];
    assert_eq!(reflected(&address).await, own);
    assert_eq!(listed_by_grpcurl(&address), own);
}

/// By the reflection service of today.
async fn reflected(address: &str) -> Vec<String> {
    let channel =
        tonic::transport::Endpoint::from_shared(address.to_owned()).unwrap().connect().await.unwrap();
    let request = v1::ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel);
    let answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = tokio_stream::StreamExt::next(&mut { answers }).await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("no list")
    };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    names
}

/// By the alpha of it, which is all that this grpcurl knows.
fn listed_by_grpcurl(address: &str) -> Vec<String> {
    let grpcurl = std::process::Command::new("grpcurl")
        .env("PATH", crate::examples::path())
        .args(["-plaintext", address.trim_start_matches("http://"), "list"])
        .output()
        .unwrap();
    String::from_utf8(grpcurl.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Whichever service dies between submission and approval, or right after the approval, the workflow
/// completes once the service is back, with one execution.
#[tokio::test(flavor = "multi_thread")]
async fn any_service_may_be_killed_and_the_workflow_completes_once() {
    let mut cluster = Cluster::start().await;
    let cast = cast_of_cluster(&cluster);
    for victim in SERVICES {
        let submitted = scenario::submit(&cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
        cluster.kill(victim);
        cluster.restart(victim).await;
        // The connections of the others notice only when used, so the first calls may fail.
        let session =
            eventually("the session", || async { scenario::session(&cast.lead, &submitted.id).await.ok() })
                .await;
        eventually("the vote", || async { scenario::approve(&cast.lead, &session).await.ok() }).await;
        cluster.kill(victim);
        cluster.restart(victim).await;
        scenario::finish(&cast, &session.id).await;
    }
}

/// The embedded stack dies right after the approval: what was approved is neither lost nor run twice.
#[tokio::test(flavor = "multi_thread")]
async fn assent_dev_may_be_killed_and_the_workflow_completes_once() {
    let mut dev = Dev::start().await;
    let cast = cast_of_dev(&dev);
    let submitted = scenario::submit(&cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    dev.kill_and_restart().await;
    let session =
        eventually("the session", || async { scenario::session(&cast.lead, &submitted.id).await.ok() }).await;
    assert_eq!(session.state(), PlanReviewState::Pending);
    scenario::approve(&cast.lead, &session).await.unwrap();
    dev.kill_and_restart().await;
    scenario::finish(&cast, &session.id).await;
}
