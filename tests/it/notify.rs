//! `assent notify` as people use it, against channels that work and channels that do not.

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use assent_proto::review::v1::SubmissionMode;
use assent_tests::process::program;
use assent_tests::scenario::{self, EXPORT_GOAL};
use assent_tests::{Dev, eventually};
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;

use crate::support::cast_of_dev;

/// Both channels of the test post to one server, below their names; it refuses the first `refusals` posts to webhooks.
async fn serve(refusals: Arc<AtomicUsize>) -> String {
    let take = async move |Path(channel): Path<String>| {
        let refuse = |left: usize| left.checked_sub(1);
        let refused =
            channel == "webhook" && refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuse).is_ok();
        (if refused { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }, "ok")
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/{channel}", post(take));
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await });
    server.detach_all();
    address
}

fn assent(dev: &Dev, person: &str, line: &str) -> Output {
    let mut command = Command::new(program("assent"));
    command.args(line.split(' ')).env("ASSENT_SERVER", dev.address());
    command.env("ASSENT_TOKEN_FILE", dev.data().join("tokens").join(person)).output().unwrap()
}

/// What it printed, where it must succeed.
fn said(dev: &Dev, person: &str, line: &str) -> String {
    let output = assent(dev, person, line);
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{line}: {out}\n{errors}");
    out.into_owned()
}

async fn start(refusals: &Arc<AtomicUsize>) -> (Dev, tempfile::TempDir) {
    let address = serve(Arc::clone(refusals)).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    file("slack_webhook_url", &format!("{address}/slack"));
    let secret = file("webhook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    let config = format!(
        "[service.notification]\nsecrets_dir = \"{}\"\nwebhook_url = \"{address}/webhook\"\n\
         webhook_secret_file = \"{secret}\"\nallowed_private_hosts = [\"127.0.0.1\"]\nmax_attempts = 1\n",
        folder.path().display()
    );
    (Dev::start_with(&config, &[]).await, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_listed_and_retried() {
    let refusals = Arc::new(AtomicUsize::new(usize::MAX));
    let (dev, _folder) = start(&refusals).await;
    let channels = said(&dev, "admin", "notify channels");
    assert!(channels.lines().any(|line| line.starts_with("slack") && line.contains("yes")), "{channels}");
    assert!(said(&dev, "admin", "notify test slack").contains("✓ slack took the message"));
    let failed = assent(&dev, "admin", "notify test webhook");
    assert!(!failed.status.success());
    assert!(String::from_utf8_lossy(&failed.stdout).contains("500"), "{failed:?}");

    scenario::submit(&cast_of_dev(&dev), EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    let id = eventually("a delivery that was given up", || async {
        let listed = said(&dev, "admin", "notify deliveries --failed -o json");
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let all = listed["deliveries"].as_array().unwrap();
        let found = all.iter().find(|delivery| delivery["kind"] == "approval_requested")?;
        assert!(found["error"].as_str().unwrap().contains("500"), "{found}");
        Some(found["id"].as_str().unwrap().to_owned())
    })
    .await;
    // Somebody mends the endpoint.
    refusals.store(0, Ordering::SeqCst);
    said(&dev, "admin", &format!("notify retry {id}"));
    eventually("the delivery", || async {
        let all = said(&dev, "admin", "notify deliveries");
        let line = all.lines().find(|line| line.contains(&id))?;
        line.contains("DELIVERED").then_some(())
    })
    .await;
    assert!(!assent(&dev, "admin", &format!("notify retry {id}")).status.success(), "it was not given up");
    assert!(!assent(&dev, "dev", "notify deliveries").status.success(), "only administrators see all");
    let inbox = said(&dev, "lead", "inbox --unread");
    assert!(inbox.contains("approval_requested"), "{inbox}");
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_are_shown_and_changed() {
    let dev = Dev::start().await;
    let usual = said(&dev, "lead", "notify preferences");
    assert!(usual.contains("quiet hours     none") && usual.contains("sent from       low on"), "{usual}");
    let set = "notify preferences set --quiet-hours 22:00-07:00 --time-zone Europe/Berlin --mute slack,email \
               --mute-kind comment_added --digest false --min-priority normal";
    let changed = said(&dev, "lead", &set.split_whitespace().collect::<Vec<_>>().join(" "));
    for expected in
        ["22:00 to 07:00 (Europe/Berlin), but for urgent", "email, slack", "comment_added", "normal on", "no"]
    {
        assert!(changed.contains(expected), "{expected} in {changed}");
    }
    assert_eq!(said(&dev, "lead", "notify preferences"), changed);
    assert!(said(&dev, "lead", "notify preferences set --no-quiet-hours").contains("quiet hours     none"));
    assert_eq!(said(&dev, "dev", "notify preferences"), usual, "everybody has their own");
    let refused = assent(&dev, "lead", "notify preferences set --quiet-hours 25:00-07:00");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("quiet_hours.start"), "{refused:?}");
    assert_eq!(said(&dev, "lead", "notify preferences reset"), usual);
}
