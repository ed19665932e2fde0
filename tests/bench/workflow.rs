//! The main job, as often as it goes.

use std::time::{Duration, Instant};

use assent_proto::approval::v1::SubmitForApprovalRequest;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::ExecutionState;
use assent_proto::executor::v1::WatchExecutionRequest;
use assent_proto::executor::v1::watch_execution_response::Message;
use assent_proto::plan::v1::Plan;
use assent_testkit::Storage;
use assent_tests::{Client, Embedded, people, scenario};
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;

const WORKFLOWS_PER_CALLER: u32 = 40;

/// Runs workflows with `callers` at once and prints a line per phase; how many, how long, and the storage.
pub(crate) async fn run(name: &str, storage: Storage, callers: u32) -> (u32, f64, Storage) {
    let stack = Embedded::start(storage).await;
    let (agent, lead) = (stack.client(people::AGENT), stack.client(people::LEAD));
    let (laps, seconds) = many(&agent, &lead, callers).await;
    let rate = laps.len() as f64 / seconds;
    let total = laps.iter().map(|lap| lap.iter().sum()).collect();
    line(&format!("{name}, {callers} callers"), Some(rate), total);
    for (phase, label) in ["  submit", "  approve", "  approved → executed"].iter().enumerate() {
        line(label, None, laps.iter().map(|lap| lap[phase]).collect());
    }
    (callers * WORKFLOWS_PER_CALLER, seconds, stack.stop().await)
}

/// Runs workflows with `callers` at once: how long each phase of each took, and all of them in seconds.
pub(crate) async fn many(agent: &Client, lead: &Client, callers: u32) -> (Vec<[Duration; 3]>, f64) {
    once(agent, lead).await;
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (agent, lead) = (agent.clone(), lead.clone());
        tasks.spawn(async move {
            let mut laps = Vec::new();
            for _ in 0..WORKFLOWS_PER_CALLER {
                laps.push(once(&agent, &lead).await);
            }
            laps
        });
    }
    let laps: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    (laps, started.elapsed().as_secs_f64())
}

fn line(label: &str, rate: Option<f64>, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let rate = rate.map(|rate| format!("{rate:.1}")).unwrap_or_default();
    println!("{label:<28} {rate:>8} {:>9.1} {:>9.1} {:>9.1}", at(0.50), at(0.95), at(0.99));
}

/// One workflow; how long each phase took.
async fn once(agent: &Client, lead: &Client) -> [Duration; 3] {
    let item = serde_json::json!({
        "goal": "measure",
        "items": [{"id": "a", "name": "nothing", "tool": "code_gen", "arguments": {"template": "x"}}],
    });
    let plan: Plan = assent_proto::json::from_json(item).unwrap();
    let started = Instant::now();
    let request = SubmitForApprovalRequest { plan: Some(plan), ..Default::default() };
    let session =
        agent.approval.clone().submit_for_approval(request).await.unwrap().into_inner().session.unwrap();
    let submitted = Instant::now();
    let watch = WatchExecutionRequest { session_id: session.id.clone(), after_position: 0 };
    let mut events = lead.executor.clone().watch_execution(watch).await.unwrap().into_inner();
    let watching = Instant::now();
    scenario::approve(lead, &session).await.unwrap();
    let approved = Instant::now();
    while let Some(message) = events.next().await {
        let Some(Message::Event(event)) = message.unwrap().message else { continue };
        if let Some(Payload::ExecutionEnded(ended)) = event.payload {
            assert_eq!(ended.execution.unwrap().state(), ExecutionState::Completed);
            break;
        }
    }
    [submitted - started, approved - watching, approved.elapsed()]
}
