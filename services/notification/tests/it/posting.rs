use std::time::Duration;

use assent_proto::notification::v1::{Delivery, DeliveryStatus, ListDeliveriesRequest};
use assent_proto::plan::v1::NotificationChannel;
use assent_testkit::{Storage, both_storages};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};

use crate::endpoint::{Endpoint, Post};
use crate::rig::{LONG, Rig, SECRET, pause};
use crate::telling::submitted;

async fn next(endpoint: &mut Endpoint) -> Post {
    tokio::time::timeout(LONG, endpoint.posts.recv()).await.expect("no post came").unwrap()
}

/// The posts of a session, once every one of them satisfies `done`.
async fn settled(rig: &Rig, done: impl Fn(&Delivery) -> bool) -> Vec<Delivery> {
    let all = async {
        loop {
            let deliveries = rig.deliveries("admin", ListDeliveriesRequest::default()).await.unwrap();
            let posts: Vec<_> =
                deliveries.into_iter().filter(|d| d.channel() == NotificationChannel::Webhook).collect();
            if posts.len() == 2 && posts.iter().all(&done) {
                return posts;
            }
            pause().await;
        }
    };
    tokio::time::timeout(LONG, all).await.expect("the posts are not settled")
}

fn signature(post: &Post) -> String {
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.{}", post.id, post.timestamp, post.text).as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

async fn everybody_gets_a_signed_post_of_their_own(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[]).await;
    let rig = Rig::start(storage, Some(&endpoint)).await;
    let session = rig.session();
    rig.gate_says(session, submitted("Export all users")).await;
    let posts = [next(&mut endpoint).await, next(&mut endpoint).await];
    let mut users: Vec<_> = posts.iter().map(|post| post.json["user_id"].as_str().unwrap()).collect();
    users.sort_unstable();
    assert_eq!(users, ["bob", "cem"]);
    for post in &posts {
        assert_eq!(post.signature, signature(post));
        assert_eq!(
            (post.timestamp.as_str(), post.json["id"].as_str()),
            ("1700000000", Some(post.id.as_str()))
        );
        assert_eq!(
            (&post.json["kind"], &post.json["session_id"]),
            (&"approval_requested".into(), &session.to_string().into())
        );
        assert_eq!(post.json["title"], "Approval requested (HIGH): Export all users");
    }
    let deliveries = settled(&rig, |d| d.status() == DeliveryStatus::Delivered).await;
    assert!(deliveries.iter().all(|d| d.attempts == 1 && d.error.is_empty() && d.deliver_time.is_some()));
    assert!(endpoint.posts.try_recv().is_err(), "nothing is posted twice");
    rig.stop().await;
}

async fn a_refused_post_is_repeated_after_its_delay_and_given_up_in_the_end(storage: Storage) {
    // Two posts at three attempts each, of which the last two posts are the third attempts.
    let mut endpoint = Endpoint::answering(&[503, 503, 307, 307, 500, 500]).await;
    let rig = Rig::start(storage, Some(&endpoint)).await;
    rig.gate_says(rig.session(), submitted("g")).await;
    let first = [next(&mut endpoint).await, next(&mut endpoint).await];
    let waiting = settled(&rig, |d| d.attempts == 1 && d.status() == DeliveryStatus::Pending).await;
    assert!(waiting.iter().all(|d| d.error.contains("503") && d.next_attempt_time.is_some()));
    assert!(endpoint.posts.try_recv().is_err(), "not before its time");
    // What is due is not forgotten by a restart.
    let rig = rig.restart(Some(&endpoint)).await;
    rig.wait(Duration::from_secs(5));
    let second = [next(&mut endpoint).await, next(&mut endpoint).await];
    let ids = |posts: &[Post; 2]| {
        let mut ids: Vec<_> = posts.iter().map(|post| post.id.clone()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&first), ids(&second), "the same posts under the same ids");
    settled(&rig, |d| d.attempts == 2).await;
    rig.wait(Duration::from_secs(10));
    let failed = settled(&rig, |d| d.status() == DeliveryStatus::Failed).await;
    assert!(
        failed.iter().all(|d| d.attempts == 3 && d.error.contains("500") && d.next_attempt_time.is_none())
    );
    rig.inbox_of("bob", 1).await;
    let request = ListDeliveriesRequest { failed_only: true, ..Default::default() };
    assert_eq!(rig.deliveries("admin", request).await.unwrap(), failed);
    rig.stop().await;
}

async fn an_endpoint_out_of_reach_is_named_without_its_secrets(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[]).await;
    endpoint.url = "http://127.0.0.1:1/hook?token=t0ken".to_owned();
    let rig = Rig::start(storage, Some(&endpoint)).await;
    rig.gate_says(rig.session(), submitted("g")).await;
    let waiting = settled(&rig, |d| d.attempts == 1).await;
    assert!(waiting.iter().all(|d| !d.error.is_empty() && !d.error.contains("t0ken")), "{waiting:?}");
    rig.stop().await;
}

both_storages!(
    everybody_gets_a_signed_post_of_their_own,
    a_refused_post_is_repeated_after_its_delay_and_given_up_in_the_end,
    an_endpoint_out_of_reach_is_named_without_its_secrets,
);
