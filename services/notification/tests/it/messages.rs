//! What Slack and Teams get, as golden files, and what their own libraries make of it.

use assent_proto::approval::v1::ContactAddresses;
use assent_proto::notification::v1::{Delivery, DeliveryStatus};
use assent_proto::plan::v1::RiskLevel;
use assent_testkit::{Storage, both_storages};
use serde_json::{Value, json};

use crate::endpoint::{Answer, Endpoint};
use crate::facts::submitted;
use crate::peers::actor;
use crate::rig::{Rig, Setup};
use crate::tools;

/// The same in every run.
pub(crate) fn steady(text: &str, session: &str, delivery: &str) -> String {
    text.replace(session, "ses_…").replace(delivery, "dlv_…")
}

fn nasty() -> String {
    "Delete <!channel> *all* [x](http://evil.example) & <https://evil.example|more>".to_owned()
}

async fn asked(rig: &Rig, addresses: ContactAddresses, level: RiskLevel) -> (String, Delivery) {
    rig.world(|world| {
        world.approvers = vec![actor("bob")];
        world.reach("bob", addresses);
        world.review.risk.as_mut().unwrap().level = level.into();
        world.review.plan.as_mut().unwrap().goal = nasty();
        world.review.reviewer_message = "see <@U1>, token=abcdef".to_owned();
    });
    let session = rig.session();
    rig.gate_says(session, submitted()).await;
    let [delivery] = rig.settled(1, |d| d.attempts == 1).await.try_into().unwrap();
    (session.to_string(), delivery)
}

fn slack(endpoint: &Endpoint) -> Setup {
    Setup::new()
        .secret("slack_token", "xoxb-token\n")
        .with(|config| config.slack_api_url = format!("{}/api/", endpoint.address))
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_gets_blocks_that_its_library_accepts() {
    let mut endpoint = Endpoint::usually(Answer::Json(json!({ "ok": true })), &[]).await;
    let buttons = slack(&endpoint)
        .secret("slack_signing_secret", "shhh")
        .with(|config| config.slack_listen = "127.0.0.1:0".to_owned());
    let rig = Rig::start(Storage::sqlite().await, buttons).await;
    let addresses = ContactAddresses { slack: "U0BOB".to_owned(), ..Default::default() };
    let (session, delivery) = asked(&rig, addresses, RiskLevel::Low).await;
    let post = endpoint.next().await;
    assert_eq!(
        (post.path.as_str(), post.header("authorization")),
        ("/api/chat.postMessage", "Bearer xoxb-token")
    );
    let pretty = serde_json::to_string_pretty(&post.json).unwrap();
    insta::assert_snapshot!("slack_low", steady(&pretty, &session, &delivery.id));
    let types = tools::python("slack-blocks", &json!({ "blocks": post.json["blocks"] }));
    assert_eq!(types, json!({ "types": ["header", "section", "actions"] }));
    assert!(!post.text.contains("abcdef"));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_risky_or_goes_to_a_room_gets_a_link_and_no_buttons() {
    let mut endpoint = Endpoint::usually(Answer::Json(json!({ "ok": true })), &[]).await;
    let buttons = slack(&endpoint)
        .secret("slack_signing_secret", "shhh")
        .secret("slack_webhook_url", &endpoint.hook())
        .with(|config| config.slack_listen = "127.0.0.1:0".to_owned());
    let rig = Rig::start(Storage::sqlite().await, buttons).await;
    let addresses = ContactAddresses { slack: "U0BOB".to_owned(), ..Default::default() };
    asked(&rig, addresses, RiskLevel::High).await;
    let actions = |json: &Value| {
        let ids = json["blocks"][2]["elements"].as_array().unwrap().iter();
        ids.map(|element| element["action_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(actions(&endpoint.next().await.json), ["open"]);
    rig.world(|world| {
        // Two who are in no directory of Slack share the room, and one message.
        world.approvers = vec![actor("cem"), actor("dan")];
        world.review.risk.as_mut().unwrap().level = RiskLevel::Low.into();
    });
    rig.gate_says(rig.session(), submitted()).await;
    rig.settled(2, |d| d.status() == DeliveryStatus::Delivered).await;
    let post = endpoint.next().await;
    assert_eq!((post.path.as_str(), actions(&post.json)), ("/hook", vec!["open".to_owned()]));
    assert!(endpoint.is_quiet());
    let all = rig.deliveries(Default::default()).await.unwrap();
    assert!(all.iter().any(|d| d.user_id == "*"));
    rig.stop().await;
}

async fn slack_says_in_its_answer_what_is_wrong(storage: Storage) {
    let answers = ["ratelimited", "channel_not_found"]
        .map(|error| Answer::Json(json!({ "ok": false, "error": error })));
    let mut endpoint = Endpoint::usually(Answer::Json(json!({ "ok": true })), &answers).await;
    let rig = Rig::start(storage, slack(&endpoint)).await;
    let addresses = ContactAddresses { slack: "U0BOB".to_owned(), ..Default::default() };
    let (_, delivery) = asked(&rig, addresses, RiskLevel::Low).await;
    assert_eq!(
        (delivery.status(), delivery.error.as_str()),
        (DeliveryStatus::Pending, "Slack answered ratelimited")
    );
    rig.wait(std::time::Duration::from_secs(6));
    endpoint.take(2).await;
    let [failed] = rig.settled(1, |d| d.status() == DeliveryStatus::Failed).await.try_into().unwrap();
    assert_eq!(failed.error, "Slack answered channel_not_found");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_gets_a_card_that_its_makers_read() {
    let mut endpoint = Endpoint::usually(Answer::Status(202), &[]).await;
    let rig = Rig::start(Storage::sqlite().await, Setup::new()).await;
    let addresses = ContactAddresses { teams: endpoint.hook(), ..Default::default() };
    let (session, delivery) = asked(&rig, addresses, RiskLevel::Critical).await;
    let post = endpoint.next().await;
    let pretty = serde_json::to_string_pretty(&post.json).unwrap();
    insta::assert_snapshot!("teams_critical", steady(&pretty, &session, &delivery.id));
    let read = tools::card(&post.json["attachments"][0]["content"]);
    assert_eq!(read, json!({ "problems": [], "items": 4, "actions": 1 }));
    rig.stop().await;
}

both_storages!(slack_says_in_its_answer_what_is_wrong);
