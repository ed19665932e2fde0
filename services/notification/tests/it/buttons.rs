//! Votes from buttons of Slack.

use std::time::Duration;

use assent_proto::approval::v1::ContactAddresses;
use assent_proto::plan::v1::RiskLevel;
use assent_testkit::{Storage, both_storages, free_port};
use serde_json::{Value, json};

use crate::endpoint::{Answer, Endpoint};
use crate::facts::submitted;
use crate::peers::actor;
use crate::rig::{Rig, Setup, pause};
use crate::tools;

const SIGNING: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// A message with buttons, and where they report to.
struct Stage {
    rig: Rig,
    slack: Endpoint,
    actions: String,
    /// What the button carries.
    value: String,
}

async fn stage(storage: Storage) -> Stage {
    let mut slack = Endpoint::usually(Answer::Json(json!({ "ok": true })), &[]).await;
    let port = free_port();
    let setup = Setup::new()
        .secret("slack_token", "xoxb-token")
        .secret("slack_signing_secret", SIGNING)
        .with(|config| {
            config.slack_api_url.clone_from(&slack.address);
            config.slack_listen = format!("127.0.0.1:{port}");
        });
    let rig = Rig::start(storage, setup).await;
    rig.world(|world| {
        world.approvers = vec![actor("bob")];
        world.reach("bob", ContactAddresses { slack: "U0BOB".to_owned(), ..Default::default() });
        world.review.risk.as_mut().unwrap().level = RiskLevel::Medium.into();
    });
    rig.gate_says(rig.session(), submitted()).await;
    let post = slack.next().await;
    let elements = post.json["blocks"][2]["elements"].as_array().unwrap();
    assert_eq!(elements[0]["action_id"], "approve");
    let value = elements[0]["value"].as_str().unwrap().to_owned();
    let actions = format!("http://127.0.0.1:{port}/slack/actions");
    let client = reqwest::Client::new();
    while client.get(&actions).send().await.is_err() {
        pause().await;
    }
    Stage { rig, slack, actions, value }
}

impl Stage {
    /// What Slack would send when `user` presses `action`.
    fn body(&self, user: &str, action: &str) -> String {
        let payload = json!({
            "type": "block_actions",
            "user": { "id": user, "username": "whatever" },
            "actions": [{ "action_id": action, "block_id": "decide", "type": "button", "value": self.value }],
            "response_url": format!("{}/response", self.slack.address),
        });
        let mut url = reqwest::Url::parse("https://x.invalid/").unwrap();
        url.query_pairs_mut().append_pair("payload", &payload.to_string());
        url.query().unwrap().to_owned()
    }

    async fn send(&self, body: &str, timestamp: i64, signature: &str) -> u16 {
        let request = reqwest::Client::new()
            .post(&self.actions)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", timestamp.to_string())
            .header("x-slack-signature", signature)
            .body(body.to_owned());
        request.send().await.unwrap().status().as_u16()
    }

    /// Signed by Slack's own library, at the time of the service.
    async fn press(&self, user: &str, action: &str) -> u16 {
        let body = self.body(user, action);
        let timestamp = self.rig.now().utc().timestamp();
        self.send(&body, timestamp, &sign(&body, timestamp)).await
    }

    fn votes(&self) -> Vec<(String, String)> {
        let world = self.rig.world.lock().unwrap();
        world.votes.iter().map(|(actor, vote)| (actor.id.clone(), vote.clone())).collect()
    }
}

fn sign(body: &str, timestamp: i64) -> String {
    let given = json!({ "secret": SIGNING, "timestamp": timestamp.to_string(), "body": body });
    tools::python("slack-sign", &given)["signature"].as_str().unwrap().to_owned()
}

async fn a_press_votes_as_whom_the_directory_knows(storage: Storage) {
    let mut stage = stage(storage).await;
    assert_eq!(stage.press("U0BOB", "approve").await, 200);
    let answer: Value = stage.slack.next().await.json;
    assert_eq!(answer, json!({ "replace_original": true, "text": "You approved this plan." }));
    assert_eq!(stage.votes(), [("bob".to_owned(), "approve 1".to_owned())]);
    {
        let world = stage.rig.world.lock().unwrap();
        let actor = &world.votes[0].0;
        assert_eq!((actor.credential.as_str(), actor.has_role("lead")), ("slack", true));
    }
    // Where he may only act for somebody else, that is said, too.
    stage.rig.world(|world| world.delegate("ada", "bob"));
    assert_eq!(stage.press("U0BOB", "reject").await, 200);
    assert_eq!(stage.slack.next().await.json["text"], "You rejected this plan.");
    assert_eq!(stage.votes()[1], ("bob".to_owned(), "reject 1 for ada".to_owned()));
    stage.rig.stop().await;
}

async fn a_press_that_must_not_count_does_not(storage: Storage) {
    let mut stage = stage(storage).await;
    let body = stage.body("U0BOB", "approve");
    let now = stage.rig.now().utc().timestamp();
    let good = sign(&body, now);
    assert_eq!(stage.send(&body, now, &good.replace("v0=", "v0=0")).await, 401, "another signature");
    assert_eq!(stage.send(&format!("{body}&x=1"), now, &good).await, 401, "another body");
    assert_eq!(stage.send(&body, now + 1, &good).await, 401, "another time");
    stage.rig.wait(Duration::from_secs(301));
    assert_eq!(stage.send(&body, now, &good).await, 401, "a replay");
    assert_eq!(stage.press("U0BOB", "open").await, 200, "a link");

    assert_eq!(stage.press("U0EVE", "approve").await, 200);
    let answer = stage.slack.next().await.json;
    assert_eq!(answer["text"], "This message was sent to somebody else.");
    assert_eq!(answer["replace_original"], false);
    // The plan has become risky since.
    stage.rig.world(|world| world.review.risk.as_mut().unwrap().level = RiskLevel::High.into());
    stage.press("U0BOB", "approve").await;
    assert_eq!(stage.slack.next().await.json["text"], "Plans of this risk are decided in Assent only.");
    stage.rig.world(|world| {
        world.review.risk.as_mut().unwrap().level = RiskLevel::Low.into();
        world.approvers.clear();
    });
    stage.press("U0BOB", "approve").await;
    assert!(stage.slack.next().await.json["text"].as_str().unwrap().starts_with("Your vote is not needed"));
    stage.value = stage.value.replace("dlv_", "dlv_0");
    stage.press("U0BOB", "approve").await;
    assert_eq!(stage.slack.next().await.json["text"], "This message is not known.");
    stage.rig.world(|world| world.away = true);
    stage.value = stage.value.replace("dlv_0", "dlv_");
    stage.press("U0BOB", "approve").await;
    assert!(stage.slack.next().await.json["text"].as_str().unwrap().contains("cannot be reached"));
    assert_eq!(stage.votes(), []);
    stage.rig.stop().await;
}

both_storages!(a_press_votes_as_whom_the_directory_knows, a_press_that_must_not_count_does_not);
