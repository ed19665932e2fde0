//! How soon people are told, how a queue drains, and what a channel that hangs does to the others.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use assent_core::id::{EventId, SessionId};
use assent_core::{Actor, ContextSource, Timestamp};
use assent_events::{Log, Relay, append};
use assent_notification::{Config, SmtpTls};
use assent_proto::approval::v1::{ContactAddresses, SubmitForApprovalRequest, UpsertUserRequest, User};
use assent_proto::event::v1::ApprovalReminderSent;
use assent_proto::event::v1::event::Payload;
use assent_proto::notification::v1::NotifyRequest;
use assent_proto::plan::v1::Plan;
use assent_proto::review::v1::{ApprovalPriority, ApprovalRequestOptions};
use assent_store::{Db, Sql};
use assent_testkit::Storage;
use assent_tests::embedded::Wishes;
use assent_tests::{Embedded, people};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::sinks::{Http, Smtp, Switch};

const CHANNELS: [&str; 4] = ["email", "slack", "teams", "webhook"];
const EVENTS_PER_SECOND: u32 = 100;
const SECONDS: u32 = 30;
const QUEUED: usize = 10_000;

/// A stack whose four channels lead to sinks of this process.
struct Stage {
    stack: Embedded,
    email: Smtp,
    others: [Http; 3],
    _secrets: tempfile::TempDir,
}

impl Stage {
    async fn start(storage: Storage, switch: &Switch, slack_hangs: bool) -> Self {
        let email = Smtp::start(switch.clone()).await;
        let slack = if slack_hangs { Http::hanging().await } else { Http::start(switch.clone()).await };
        let others = [slack, Http::start(switch.clone()).await, Http::start(switch.clone()).await];
        let secrets = tempfile::tempdir().unwrap();
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        for (name, text) in [("slack_token", "xoxb"), ("webhook", secret)] {
            std::fs::write(secrets.path().join(name), text).unwrap();
        }
        let notification = Config {
            smtp_host: "127.0.0.1".to_owned(),
            smtp_port: email.port,
            smtp_tls: SmtpTls::None,
            slack_api_url: others[0].address.clone(),
            webhook_url: others[2].address.clone(),
            webhook_secret_file: secrets.path().join("webhook").display().to_string(),
            secrets_dir: secrets.path().display().to_string(),
            allowed_private_hosts: vec!["127.0.0.1".to_owned()],
            // What hangs is tried for ever, and what waits for the switch does not give up.
            attempt_timeout_seconds: if slack_hangs { 1 } else { 120 },
            breaker_failures: u32::MAX,
            hourly_cap: u32::MAX,
            ..Config::default()
        };
        let wishes = Wishes { notification, real_time: true, ..Wishes::default() };
        let stack = Embedded::start_with(storage, wishes).await;
        Self { stack, email, others, _secrets: secrets }
    }

    /// Puts `count` people with all addresses into the directory.
    async fn people(&self, count: usize) -> Vec<String> {
        let admin = self.stack.client(people::ADMIN);
        let ids: Vec<_> = (0..count).map(|n| format!("u{n}@example.com")).collect();
        for (n, id) in ids.iter().enumerate() {
            let contacts = ContactAddresses {
                email: id.clone(),
                slack: format!("U{n}"),
                teams: self.others[1].address.clone(),
                ..ContactAddresses::default()
            };
            let user = User { id: id.clone(), contacts: Some(contacts), ..User::default() };
            let request = UpsertUserRequest { user: Some(user), ..UpsertUserRequest::default() };
            admin.directory.clone().upsert_user(request).await.unwrap();
        }
        ids
    }

    async fn notify(&self, users: &[String]) {
        let admin = self.stack.client(people::ADMIN);
        for user_ids in users.chunks(1000) {
            let request = NotifyRequest {
                user_ids: user_ids.to_vec(),
                title: "measured".to_owned(),
                priority: ApprovalPriority::Urgent.into(),
                ..NotifyRequest::default()
            };
            admin.notification.clone().notify(request).await.unwrap();
        }
    }
}

pub(crate) async fn run(name: &str, storages: [Storage; 4]) {
    println!("\nnotifications, {name}, {} channels", CHANNELS.len());
    let [latency, drain, healthy, hanging] = storages;
    soon(latency).await;
    drained(drain).await;
    let before = others_per_second(healthy, false).await;
    let after = others_per_second(hanging, true).await;
    let change = (after / before - 1.0) * 100.0;
    println!(
        "three channels beside one that answers: {before:.0}/s; beside one that hangs: {after:.0}/s ({change:+.1} %)"
    );
}

/// From a fact of the gate to the moment at which the channel's acceptance was noted.
async fn soon(storage: Storage) {
    let stage = Stage::start(storage, &Switch::open(), false).await;
    let users = stage.people(50).await;
    let plan = serde_json::json!({
        "goal": "measure",
        "items": [{"id": "a", "name": "nothing", "tool": "code_gen", "arguments": {"template": "x"}}],
    });
    let plan: Plan = assent_proto::json::from_json(plan).unwrap();
    let options = ApprovalRequestOptions { priority: ApprovalPriority::Urgent.into(), ..Default::default() };
    let request = SubmitForApprovalRequest { plan: Some(plan), options: Some(options), ..Default::default() };
    let agent = stage.stack.client(people::AGENT);
    let session = agent.approval.clone().submit_for_approval(request).await.unwrap().into_inner();
    let session: SessionId = session.session.unwrap().id.parse().unwrap();

    let gate = stage.stack.storage().open("approval_gate").await;
    let source = ContextSource::system();
    // A replica of the gate, which publishes what it has committed.
    let (stopped, keep) = (CancellationToken::new(), Duration::from_secs(3600));
    let log = Log::new(gate.clone(), "approval-gate");
    let relay = Relay::new(log, stage.stack.bus().clone(), source.clone(), keep);
    let mut tasks = JoinSet::new();
    tasks.spawn(relay.run(stopped.clone()));
    let mut told = HashMap::<EventId, Timestamp>::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / EVENTS_PER_SECOND);
    for n in 0..(EVENTS_PER_SECOND * SECONDS) as usize {
        ticks.tick().await;
        let reminder =
            ApprovalReminderSent { recipients: vec![users[n % users.len()].clone()], ..Default::default() };
        let ctx = source.operation(Actor::system("bench"));
        let mut tx = gate.begin().await.unwrap();
        let id = append(&mut tx, &ctx, Some(session), Payload::ApprovalReminderSent(reminder)).await.unwrap();
        tx.commit().await.unwrap();
        told.insert(id, source.now());
    }
    let db = stage.stack.storage().open("notification").await;
    wait_for(&db, told.len() * CHANNELS.len()).await;
    const DELIVERED: Sql = Sql::new(
        "SELECT event_id, channel, delivered_at FROM approval_notifications
         WHERE channel <> 'in_app' AND kind = 'reminder' AND status = 'delivered'",
    );
    let rows: Vec<(EventId, String, Timestamp)> = db.query(DELIVERED).all().await.unwrap();
    println!("{EVENTS_PER_SECOND} events/s for {SECONDS} s: event to accepted");
    println!("{:<12} {:>9} {:>9} {:>9} {:>7}", "", "p50 ms", "p95 ms", "p99 ms", "number");
    for channel in CHANNELS {
        let of = rows.iter().filter(|(event, c, _)| c == channel && told.contains_key(event));
        line(channel, of.map(|(event, _, at)| at.since(told[event])).collect());
    }
    line("all", rows.iter().filter_map(|(e, _, at)| Some(at.since(*told.get(e)?))).collect());
    stopped.cancel();
    tasks.join_all().await;
    gate.close().await;
    db.close().await;
    stage.stack.stop().await;
}

/// What waited for channels that did not answer goes out once they do.
async fn drained(storage: Storage) {
    let switch = Switch::closed();
    let stage = Stage::start(storage, &switch, false).await;
    let users = stage.people(QUEUED / CHANNELS.len()).await;
    stage.notify(&users).await;
    let db = stage.stack.storage().open("notification").await;
    let before = resident_mib();
    let started = Instant::now();
    switch.set_open();
    let mut most = before;
    while count(&db).await < QUEUED {
        most = most.max(resident_mib());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{QUEUED} queued drain in {seconds:.1} s ({:.0}/s); memory of the whole process {before} MiB before, at most {most} MiB",
        QUEUED as f64 / seconds
    );
    db.close().await;
    stage.stack.stop().await;
}

/// How fast mail, Teams and the webhook get their messages.
async fn others_per_second(storage: Storage, slack_hangs: bool) -> f64 {
    let stage = Stage::start(storage, &Switch::open(), slack_hangs).await;
    let users = stage.people(1000).await;
    stage.notify(&users).await;
    let wanted = users.len();
    let taken = || [stage.email.taken(), stage.others[1].taken(), stage.others[2].taken()];
    while taken().iter().any(|times| times.len() < wanted) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let times: Vec<Instant> = taken().into_iter().flatten().collect();
    let span = times.iter().max().unwrap().duration_since(*times.iter().min().unwrap());
    stage.stack.stop().await;
    times.len() as f64 / span.as_secs_f64()
}

fn line(label: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!("{label:<12} {:>9.1} {:>9.1} {:>9.1} {:>7}", at(0.50), at(0.95), at(0.99), times.len());
}

async fn wait_for(db: &Db, wanted: usize) {
    while count(db).await < wanted {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn count(db: &Db) -> usize {
    const COUNT: Sql = Sql::new(
        "SELECT count(*) FROM approval_notifications WHERE channel <> 'in_app' AND status = 'delivered'",
    );
    let count: i64 = db.query(COUNT).scalar().await.unwrap();
    usize::try_from(count).unwrap()
}

/// Memory that the process holds.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
