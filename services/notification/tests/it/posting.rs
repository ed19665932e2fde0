use std::time::Duration;

use assent_proto::approval::v1::ContactAddresses;
use assent_proto::notification::v1::{
    Delivery, DeliveryStatus, ListChannelsRequest, ListDeliveriesRequest, RetryDeliveryRequest,
};
use assent_testkit::{Storage, both_storages};
use tonic::Code;

use crate::endpoint::{Answer, Endpoint, Post};
use crate::facts::submitted;
use crate::messages::steady;
use crate::peers::actor;
use crate::rig::{Rig, SECRET, Setup};
use crate::tools;

fn ids(posts: &[Post]) -> Vec<String> {
    let mut ids: Vec<_> = posts.iter().map(|post| post.header("webhook-id").to_owned()).collect();
    ids.sort_unstable();
    ids
}

async fn everybody_gets_a_signed_post_of_their_own(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[]).await;
    let another = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let setup = Setup::new().webhook(&endpoint.hook());
    setup.file("webhook", &format!("{SECRET}\n{another}\n"));
    let rig = Rig::start(storage, setup).await;
    let session = rig.session();
    rig.gate_says(session, submitted()).await;
    let posts = endpoint.take(2).await;
    let mut users: Vec<_> = posts.iter().map(|post| post.json["data"]["user_id"].as_str().unwrap()).collect();
    users.sort_unstable();
    assert_eq!(users, ["bob", "cem"]);
    for post in &posts {
        assert_eq!(post.header("content-type"), "application/cloudevents+json");
        assert_eq!(post.header("webhook-signature").split(' ').count(), 2, "one for each secret");
        assert_eq!(post.header("webhook-timestamp"), "1700000000");
        let json = &post.json;
        assert_eq!(
            (json["id"].as_str(), json["specversion"].as_str()),
            (Some(post.header("webhook-id")), Some("1.0"))
        );
        assert_eq!(json["type"], "dev.assent.notification.approval_requested");
        assert_eq!((&json["subject"], &json["data"]["risk"]), (&session.to_string().into(), &"HIGH".into()));
        assert_eq!(json["data"]["title"], "Approval requested (HIGH): Export all users");
    }
    let deliveries = rig.settled(2, |d| d.status() == DeliveryStatus::Delivered).await;
    let bobs = posts.iter().find(|post| post.json["data"]["user_id"] == "bob").unwrap();
    let mut json = bobs.json.clone();
    assert!(json["time"].take().as_str().unwrap().starts_with("2023-11-14T22:13:20."));
    let pretty = serde_json::to_string_pretty(&json).unwrap();
    insta::assert_snapshot!("webhook", steady(&pretty, &session.to_string(), bobs.header("webhook-id")));
    assert!(deliveries.iter().all(|d| d.attempts == 1 && d.error.is_empty() && d.deliver_time.is_some()));
    assert!(deliveries.iter().all(|d| d.history.len() == 1));
    assert!(endpoint.is_quiet(), "nothing is posted twice");
    rig.stop().await;
}

/// The reference library reads the machine's clock, so the post is signed with that one.
#[tokio::test(flavor = "multi_thread")]
async fn the_library_of_standard_webhooks_verifies_it() {
    let mut endpoint = Endpoint::answering(&[]).await;
    let rig = Rig::start(Storage::sqlite().await, Setup::new().webhook(&endpoint.hook())).await;
    rig.wait(std::time::UNIX_EPOCH.elapsed().unwrap() - Duration::from_secs(1_700_000_000));
    rig.gate_says(rig.session(), submitted()).await;
    let post = endpoint.next().await;
    let headers: serde_json::Map<_, _> = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .into_iter()
        .map(|name| (name.to_owned(), post.header(name).into()))
        .collect();
    let given = serde_json::json!({ "secrets": [SECRET], "headers": headers, "body": post.text });
    assert_eq!(tools::python("webhook", &given), post.json);
    rig.stop().await;
}

async fn a_refused_post_is_repeated_after_its_delay_and_given_up_in_the_end(storage: Storage) {
    let [a, b, c] =
        [Answer::Status(503), Answer::Redirect("http://127.0.0.1:1/".to_owned()), Answer::Status(500)];
    let mut endpoint = Endpoint::usually(c, &[a.clone(), a, b.clone(), b]).await;
    let setup = Setup::new().webhook(&endpoint.hook()).with(|config| config.breaker_failures = 100);
    let rig = Rig::start(storage, setup).await;
    rig.gate_says(rig.session(), submitted()).await;
    let first = endpoint.take(2).await;
    let waiting = rig.settled(2, |d| d.attempts == 1 && d.status() == DeliveryStatus::Pending).await;
    assert!(waiting.iter().all(|d| d.error.contains("503") && d.next_attempt_time.is_some()));
    assert!(endpoint.is_quiet(), "not before its time");
    // What is due is not forgotten by a restart.
    let rig = rig.restart().await;
    rig.wait(Duration::from_secs(5));
    let second = endpoint.take(2).await;
    assert_eq!(ids(&first), ids(&second), "the same posts under the same ids");
    let waiting = rig.settled(2, |d| d.attempts == 2).await;
    assert!(waiting.iter().all(|d| d.error.contains("redirects are not followed")), "{waiting:#?}");
    rig.wait(Duration::from_secs(10));
    endpoint.take(2).await;
    let failed = rig.settled(2, |d| d.status() == DeliveryStatus::Failed).await;
    assert!(
        failed.iter().all(|d| d.attempts == 3 && d.error.contains("500") && d.next_attempt_time.is_none())
    );
    rig.inbox_of("bob", 1).await;
    let request = ListDeliveriesRequest { failed_only: true, ..Default::default() };
    assert_eq!(rig.deliveries(request).await.unwrap().len(), 2);

    // Somebody has repaired the endpoint.
    endpoint.answer(&[Answer::Status(204)]);
    let delivery_id = failed[0].id.clone();
    let retry = || rig.by_admin(RetryDeliveryRequest { delivery_id: delivery_id.clone() });
    let renewed = rig.client().retry_delivery(retry()).await.unwrap().into_inner().delivery.unwrap();
    assert_eq!((renewed.status(), renewed.attempts, renewed.history.len()), (DeliveryStatus::Pending, 3, 3));
    assert_eq!(endpoint.next().await.header("webhook-id"), delivery_id);
    rig.settled(2, |d| d.id != delivery_id || (d.status() == DeliveryStatus::Delivered && d.attempts == 4))
        .await;
    let error = rig.client().retry_delivery(retry()).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    let unknown = RetryDeliveryRequest { delivery_id: format!("dlv_{}", "0".repeat(32)) };
    assert_eq!(rig.client().retry_delivery(rig.by_admin(unknown)).await.unwrap_err().code(), Code::NotFound);
    let by_bob = rig.by("bob", RetryDeliveryRequest { delivery_id });
    assert_eq!(rig.client().retry_delivery(by_bob).await.unwrap_err().code(), Code::PermissionDenied);
    rig.stop().await;
}

async fn an_endpoint_that_asks_for_time_gets_it(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[Answer::Wait(429, 120)]).await;
    let setup = Setup::new().webhook(&endpoint.hook()).with(|config| config.channel_concurrency = 1);
    let rig = Rig::start(storage, setup).await;
    rig.world(|world| world.approvers = vec![actor("bob")]);
    rig.gate_says(rig.session(), submitted()).await;
    endpoint.next().await;
    rig.settled(1, |d| d.attempts == 1).await;
    // The channel rests as a whole: a fresh delivery waits, too.
    rig.gate_says(rig.session(), submitted()).await;
    rig.inbox_of("bob", 2).await;
    let channels =
        rig.client().list_channels(rig.by("bob", ListChannelsRequest {})).await.unwrap().into_inner();
    let webhook = channels.channels.iter().find(|c| c.channel == 5).unwrap();
    assert!(
        webhook.configured
            && webhook.reaches_caller
            && webhook.paused_until.is_some()
            && webhook.waiting == 2
    );
    rig.wait(Duration::from_secs(60));
    rig.settled(2, |d| d.status() == DeliveryStatus::Pending && d.attempts <= 1).await;
    assert!(endpoint.is_quiet());
    rig.wait(Duration::from_secs(61));
    endpoint.take(2).await;
    rig.settled(2, |d| d.status() == DeliveryStatus::Delivered).await;
    rig.stop().await;
}

async fn silence_and_floods_end_in_time(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[Answer::Silence, Answer::Huge]).await;
    let setup = Setup::new().webhook(&endpoint.hook()).with(|config| {
        config.attempt_timeout_seconds = 1;
        config.channel_concurrency = 1;
    });
    let rig = Rig::start(storage, setup).await;
    rig.world(|world| world.approvers = vec![actor("bob")]);
    rig.gate_says(rig.session(), submitted()).await;
    endpoint.next().await;
    let waiting = rig.settled(1, |d| d.attempts == 1).await;
    assert!(waiting[0].error.contains("timed out") || waiting[0].error.contains("in time"), "{waiting:#?}");
    rig.wait(Duration::from_secs(6));
    // Its status says enough; what comes behind it is not read.
    endpoint.next().await;
    let delivered = rig.settled(1, |d| d.status() == DeliveryStatus::Delivered).await;
    assert_eq!(delivered[0].attempts, 2);
    rig.stop().await;
}

async fn a_channel_that_fails_is_left_alone_and_others_go_on(storage: Storage) {
    let mut dead = Endpoint::usually(Answer::Status(503), &[]).await;
    let mut alive = Endpoint::answering(&[]).await;
    let setup =
        Setup::new().webhook(&dead.hook()).secret("teams_webhook_url", &alive.hook()).with(|config| {
            (config.breaker_failures, config.max_attempts, config.channel_concurrency) = (2, 100, 1);
        });
    let rig = Rig::start(storage, setup).await;
    rig.world(|world| world.approvers = vec![actor("bob")]);
    for _ in 0..4 {
        rig.gate_says(rig.session(), submitted()).await;
    }
    alive.take(4).await;
    dead.take(2).await;
    // What was tried is kept a moment later; what was not says nothing.
    let tried = |all: &[Delivery]| all.iter().filter(|d| d.channel == 5 && d.attempts == 1).count();
    let mut paused = Vec::new();
    while tried(&paused) < 2 {
        paused = rig.settled(8, |d| d.channel != 4 || d.status() == DeliveryStatus::Delivered).await;
    }
    assert_eq!(paused.iter().filter(|d| d.channel == 5 && d.attempts == 0).count(), 2);
    assert!(dead.is_quiet(), "two failures are enough");
    // One finds out that it works again; then the others follow.
    dead.answer(&vec![Answer::Status(204); 4]);
    rig.wait(Duration::from_secs(31));
    dead.take(4).await;
    rig.settled(8, |d| d.status() == DeliveryStatus::Delivered).await;
    rig.stop().await;
}

async fn private_addresses_are_not_called_unless_named(storage: Storage) {
    let mut named = Endpoint::answering(&[]).await;
    let setup = Setup::new().webhook(&named.hook()).with(|config| {
        config.allowed_private_hosts = vec!["127.0.0.1".to_owned()];
        config.max_attempts = 1;
    });
    let rig = Rig::start(storage, setup).await;
    let port = named.address.rsplit(':').next().unwrap().to_owned();
    rig.world(|world| {
        // By address, by a name that resolves to it, and by the metadata service of a cloud.
        let hosts = ["127.0.0.2", "localhost", "169.254.169.254", "[::1]"];
        for (number, host) in hosts.into_iter().enumerate() {
            let webhook = format!("http://{host}:{port}/");
            world.reach(&format!("u{number}"), ContactAddresses { webhook, ..Default::default() });
        }
        world.approvers = vec![actor("u0"), actor("u1"), actor("u2"), actor("u3"), actor("bob")];
    });
    rig.gate_says(rig.session(), submitted()).await;
    let done = |d: &Delivery| {
        let refused = d.status() == DeliveryStatus::Failed && d.error.contains("not public");
        if d.user_id == "bob" { d.status() == DeliveryStatus::Delivered } else { refused }
    };
    rig.settled(5, done).await;
    assert_eq!(named.next().await.json["data"]["user_id"], "bob");
    assert!(named.is_quiet());
    rig.stop().await;
}

async fn an_endpoint_out_of_reach_is_named_without_its_secrets(storage: Storage) {
    let rig = Rig::start(storage, Setup::new().webhook("http://127.0.0.1:1/hook?token=t0ken")).await;
    rig.gate_says(rig.session(), submitted()).await;
    let waiting = rig.settled(2, |d| d.attempts == 1).await;
    assert!(waiting.iter().all(|d| !d.error.is_empty() && !d.error.contains("t0ken")), "{waiting:?}");
    rig.stop().await;
}

both_storages!(
    everybody_gets_a_signed_post_of_their_own,
    a_refused_post_is_repeated_after_its_delay_and_given_up_in_the_end,
    an_endpoint_that_asks_for_time_gets_it,
    silence_and_floods_end_in_time,
    a_channel_that_fails_is_left_alone_and_others_go_on,
    private_addresses_are_not_called_unless_named,
    an_endpoint_out_of_reach_is_named_without_its_secrets,
);
