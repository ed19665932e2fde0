//! People who are told too much stop reading.

use std::time::Duration;

use assent_proto::approval::v1::ContactAddresses;
use assent_proto::notification::v1::{Delivery, DeliveryStatus, NotificationPreferences, QuietHours};
use assent_proto::plan::v1::{NotificationChannel, RiskLevel};
use assent_proto::review::v1::{ApprovalPriority, ApprovalRequestOptions};
use assent_testkit::{Storage, both_storages};

use crate::endpoint::{Endpoint, Post};
use crate::facts::{approved, comment, submitted};
use crate::peers::actor;
use crate::rig::{Rig, Setup};

/// Bob alone is asked, with a workflow of Teams of his own.
async fn bob_by_teams(storage: Storage, endpoint: &Endpoint, setup: Setup) -> Rig {
    let rig = Rig::start(storage, setup).await;
    rig.world(|world| {
        world.approvers = vec![actor("bob")];
        world.review.risk.as_mut().unwrap().level = RiskLevel::Low.into();
        world.reach("bob", ContactAddresses { teams: endpoint.hook(), ..Default::default() });
    });
    rig
}

fn title(post: &Post) -> &str {
    let card = &post.json["attachments"][0]["content"];
    card["body"][0]["inlines"][0]["text"].as_str().unwrap()
}

fn lines(post: &Post) -> Vec<&str> {
    let card = &post.json["attachments"][0]["content"];
    card["body"].as_array().unwrap().iter().map(|b| b["inlines"][0]["text"].as_str().unwrap()).collect()
}

fn count(all: &[Delivery], status: DeliveryStatus) -> usize {
    all.iter().filter(|delivery| delivery.status() == status).count()
}

async fn what_does_not_hurry_comes_in_one_digest(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[]).await;
    let setup = Setup::new().with(|config| config.digest_seconds = 900);
    let rig = bob_by_teams(storage, &endpoint, setup).await;
    for _ in 0..3 {
        rig.gate_says(rig.session(), submitted()).await;
    }
    let held = rig.settled(3, |d| d.status() == DeliveryStatus::Held).await;
    assert!(held.iter().all(|d| d.error == "waits for the next digest"), "{held:#?}");
    // What hurries does not wait for it.
    rig.world(|world| world.review.priority = ApprovalPriority::High.into());
    rig.gate_says(rig.session(), submitted()).await;
    assert_eq!(title(&endpoint.next().await), "Approval requested (LOW): Export all users");
    assert!(endpoint.is_quiet());
    // 22:15, a quarter of an hour by the clock and not from the first of them.
    rig.wait(Duration::from_secs(100));
    let post = endpoint.next().await;
    assert_eq!(title(&post), "3 notifications");
    assert_eq!(lines(&post)[1..], ["- Approval requested (LOW): Export all users"; 3]);
    let all =
        rig.settled(5, |d| d.status() != DeliveryStatus::Held && d.status() != DeliveryStatus::Pending).await;
    assert_eq!((count(&all, DeliveryStatus::Merged), count(&all, DeliveryStatus::Delivered)), (3, 2));
    let digest = all.iter().find(|d| d.kind == "digest").unwrap();
    assert!(all.iter().filter(|d| d.status() == DeliveryStatus::Merged).all(|d| d.merged_into == digest.id));
    assert!(endpoint.is_quiet());
    rig.inbox_of("bob", 4).await;
    rig.stop().await;
}

async fn a_digest_of_one_is_the_message_itself(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[]).await;
    let setup = Setup::new().with(|config| config.digest_seconds = 900);
    let rig = bob_by_teams(storage, &endpoint, setup).await;
    rig.gate_says(rig.session(), submitted()).await;
    rig.settled(1, |d| d.status() == DeliveryStatus::Held).await;
    let rig = rig.restart().await;
    rig.wait(Duration::from_secs(100));
    assert_eq!(title(&endpoint.next().await), "Approval requested (LOW): Export all users");
    rig.settled(1, |d| d.status() == DeliveryStatus::Delivered).await;
    rig.stop().await;
}

async fn who_wants_no_digest_gets_one_message_per_session_and_minute(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[]).await;
    let setup = Setup::new().with(|config| (config.digest_seconds, config.aggregation_seconds) = (900, 60));
    let rig = bob_by_teams(storage, &endpoint, setup).await;
    rig.set_preferences("bob", NotificationPreferences { digest: Some(false), ..Default::default() }).await;
    rig.world(|world| world.review.assigned_reviewer = "bob".to_owned());
    let (session, other) = (rig.session(), rig.session());
    rig.gate_says(session, submitted()).await;
    assert_eq!(title(&endpoint.next().await), "Approval requested (LOW): Export all users");
    for text in ["one", "two"] {
        rig.gate_says_by(session, "ada", comment(text)).await;
    }
    // Another session is not crowded.
    rig.gate_says_by(other, "ada", comment("three")).await;
    assert!(lines(&endpoint.next().await).contains(&"“three”"));
    rig.settled(4, |d| d.status() == DeliveryStatus::Delivered || d.status() == DeliveryStatus::Held).await;
    rig.wait(Duration::from_secs(60));
    let post = endpoint.next().await;
    assert_eq!(title(&post), "2 notifications: Export all users");
    rig.settled(5, |d| d.status() != DeliveryStatus::Held && d.status() != DeliveryStatus::Pending).await;
    assert!(endpoint.is_quiet());
    rig.stop().await;
}

async fn a_crowded_hour_ends_in_a_summary(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[]).await;
    let setup = Setup::new().with(|config| config.hourly_cap = 2);
    let rig = bob_by_teams(storage, &endpoint, setup).await;
    rig.world(|world| world.review.priority = ApprovalPriority::High.into());
    for _ in 0..4 {
        rig.gate_says(rig.session(), submitted()).await;
    }
    endpoint.take(2).await;
    rig.inbox_of("bob", 4).await;
    // What is urgent comes on top.
    rig.world(|world| world.review.priority = ApprovalPriority::Urgent.into());
    rig.gate_says(rig.session(), submitted()).await;
    endpoint.next().await;
    let all = rig.settled(5, |d| d.status() != DeliveryStatus::Pending).await;
    assert_eq!(count(&all, DeliveryStatus::Held), 2);
    rig.wait(Duration::from_secs(3601));
    let post = endpoint.next().await;
    assert_eq!(title(&post), "2 notifications");
    assert!(lines(&post)[1].starts_with("There was too much to tell within the hour"), "{:?}", lines(&post));
    rig.settled(6, |d| d.status() == DeliveryStatus::Delivered || d.status() == DeliveryStatus::Merged).await;
    rig.stop().await;
}

async fn quiet_hours_are_kept_where_people_are(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[]).await;
    let rig = bob_by_teams(storage, &endpoint, Setup::new()).await;
    // It is 23:13 in Berlin.
    let quiet = QuietHours {
        start: "22:00".to_owned(),
        end: "07:00".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        ..Default::default()
    };
    rig.set_preferences("bob", NotificationPreferences { quiet_hours: Some(quiet), ..Default::default() })
        .await;
    rig.world(|world| world.review.priority = ApprovalPriority::High.into());
    for _ in 0..2 {
        rig.gate_says(rig.session(), submitted()).await;
    }
    let held = rig.settled(2, |d| d.status() == DeliveryStatus::Held).await;
    assert_eq!(held[0].next_attempt_time.unwrap().seconds, 1_700_028_000, "2023-11-15T06:00:00Z");
    rig.world(|world| world.review.priority = ApprovalPriority::Urgent.into());
    rig.gate_says(rig.session(), submitted()).await;
    endpoint.next().await;
    assert!(endpoint.is_quiet());
    rig.wait(Duration::from_secs(8 * 3600));
    assert!(lines(&endpoint.next().await)[1].contains("during your quiet hours"));
    rig.stop().await;
}

async fn nobody_is_asked_about_what_is_decided(storage: Storage) {
    let mut endpoint = Endpoint::answering(&[]).await;
    let setup = Setup::new().with(|config| config.digest_seconds = 900);
    let rig = bob_by_teams(storage, &endpoint, setup).await;
    let (decided, open) = (rig.session(), rig.session());
    rig.gate_says(decided, submitted()).await;
    rig.gate_says(open, submitted()).await;
    rig.settled(2, |d| d.status() == DeliveryStatus::Held).await;
    rig.gate_says(decided, approved()).await;
    let all = rig
        .settled(2, |d| d.session_id != decided.to_string() || d.status() == DeliveryStatus::Dropped)
        .await;
    assert!(all.iter().any(|d| d.error == "the session was decided before it was sent"));
    rig.wait(Duration::from_secs(100));
    let post = endpoint.next().await;
    assert!(lines(&post).last().unwrap().contains(&open.to_string()), "{:?}", lines(&post));
    assert!(endpoint.is_quiet());
    rig.stop().await;
}

async fn a_requester_may_name_the_channels(storage: Storage) {
    let mut teams = Endpoint::answering(&[]).await;
    let mut hook = Endpoint::answering(&[]).await;
    let rig = bob_by_teams(storage, &teams, Setup::new().webhook(&hook.hook())).await;
    let named = |rig: &Rig, channels: &[NotificationChannel]| {
        let notify_on = channels.iter().map(|channel| i32::from(*channel)).collect();
        rig.world(|world| {
            world.review.options = Some(ApprovalRequestOptions { notify_on, ..Default::default() });
        });
    };
    let muted = vec![NotificationChannel::Teams.into()];
    rig.set_preferences("bob", NotificationPreferences { muted_channels: muted, ..Default::default() }).await;
    rig.gate_says(rig.session(), submitted()).await;
    hook.next().await;
    rig.settled(1, |d| d.channel() == NotificationChannel::Webhook).await;
    // Before what Bob prefers, but for what he hears of a matter that is not a request.
    named(&rig, &[NotificationChannel::Teams]);
    rig.gate_says(rig.session(), submitted()).await;
    teams.next().await;
    assert!(hook.is_quiet());
    named(&rig, &[NotificationChannel::InApp]);
    rig.gate_says(rig.session(), submitted()).await;
    rig.inbox_of("bob", 3).await;
    rig.settled(2, |d| d.status() == DeliveryStatus::Delivered).await;
    // The policy names them where the requester does not.
    named(&rig, &[]);
    rig.world(|world| {
        let risk = world.review.risk.as_mut().unwrap();
        risk.requirement.as_mut().unwrap().channels = vec![NotificationChannel::Teams.into()];
    });
    rig.gate_says(rig.session(), submitted()).await;
    teams.next().await;
    rig.settled(3, |d| d.status() == DeliveryStatus::Delivered).await;
    rig.stop().await;
}

both_storages!(
    what_does_not_hurry_comes_in_one_digest,
    a_digest_of_one_is_the_message_itself,
    who_wants_no_digest_gets_one_message_per_session_and_minute,
    a_crowded_hour_ends_in_a_summary,
    quiet_hours_are_kept_where_people_are,
    nobody_is_asked_about_what_is_decided,
    a_requester_may_name_the_channels,
);
