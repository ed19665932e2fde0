//! Kills `assent dev` again and again at random moments while workflows run, and requires that none is lost and none
//! done twice. Run through `make soak`; `assent-soak 50` kills fifty times.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it fails loudly and prints what it found")]

use std::collections::BTreeMap;
use std::time::Instant;

use assent_core::ContextSource;
use assent_proto::approval::v1::{SubmitForApprovalRequest, VerifyRequest};
use assent_proto::execution::v1::{ExecutionState, WorkItemRunState};
use assent_proto::plan::v1::Plan;
use assent_tests::{Client, Dev, eventually, scenario};
use serde_json::json;

const KILLS: u32 = 1000;
/// Workflows begun before each kill.
const AT_ONCE: usize = 3;

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let kills = std::env::args().nth(1).map_or(KILLS, |text| text.parse().unwrap());
    let source = ContextSource::system();
    let mut dev = Dev::start().await;
    let (agent, lead) = (dev.client("agent"), dev.client("lead"));
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    // Kills come within the time that workflows take here when nothing is in their way, and a little later.
    let undisturbed = Instant::now();
    for session in begin(&agent, &lead, &source).await {
        check(&dev, &lead, &session).await;
    }
    let longest = undisturbed.elapsed().mul_f64(1.2);
    println!("{AT_ONCE} workflows take up to {longest:.1?}; killed within that time, {kills} times");
    let mut workflows = 0;
    for kill in 1..=kills {
        let pause = source.jitter(longest * 2).saturating_sub(longest);
        let killed = async {
            tokio::time::sleep(pause).await;
            dev.kill_and_restart().await;
        };
        // Who begins them is not killed: what gets no answer is asked for again.
        let (sessions, ()) = tokio::join!(begin(&agent, &lead, &source), killed);
        for session in sessions {
            *found.entry(check(&dev, &lead, &session).await).or_default() += 1;
            workflows += 1;
        }
        if kill % 25 == 0 {
            println!("{kill} kills, {workflows} workflows: {found:?}");
        }
    }
    println!("{kills} kills, {workflows} workflows, none lost, none done twice: {found:?}");
}

/// Workflows that are approved, and may run already or have ended.
async fn begin(agent: &Client, lead: &Client, source: &ContextSource) -> Vec<String> {
    let mut sessions = Vec::new();
    for _ in 0..AT_ONCE {
        let plan: Plan = assent_proto::json::from_json(json!({
            "goal": "survive",
            "items": [
                {"id": "write", "name": "write", "tool": "file_write", "arguments": {"path": "a.txt", "content": "a"}},
                {
                    "id": "note", "name": "note", "tool": "shell",
                    "arguments": {"command": "echo done >> log; sleep 0.05", "use_shell": true},
                    "rollback": {"tool": "shell", "arguments": {"command": "echo undone >> log", "use_shell": true}},
                },
                {"id": "make", "name": "make", "tool": "code_gen", "arguments": {"template": "x"}},
            ],
            "dependencies": [{"from": "write", "to": "note"}, {"from": "note", "to": "make"}],
        }))
        .unwrap();
        let request = SubmitForApprovalRequest {
            plan: Some(plan),
            request_id: source.new_uuid().to_string(),
            ..Default::default()
        };
        let session = eventually("a session", || async {
            agent.approval.clone().submit_for_approval(request.clone()).await.ok()?.into_inner().session
        })
        .await;
        eventually("a vote", || async { scenario::approve(lead, &session).await.ok() }).await;
        sessions.push(session.id);
    }
    sessions
}

/// Waits for the end, and compares what was done with what is said; how it ended.
async fn check(dev: &Dev, lead: &Client, session: &str) -> String {
    let execution = scenario::executed(lead, session).await;
    let workspace = dev.data().join("executor/workspaces").join(&execution.id);
    let log = std::fs::read_to_string(workspace.join("log")).unwrap_or_default();
    let count = |word: &str| log.lines().filter(|line| *line == word).count();
    let run = |id: &str| execution.runs.iter().find(|run| run.item_id == id).unwrap();
    let note = run("note").state();
    assert!(count("done") <= 1 && count("undone") <= 1, "{session}: {log}");
    match execution.state() {
        ExecutionState::Completed => {
            assert!(
                execution.runs.iter().all(|run| run.state() == WorkItemRunState::Succeeded),
                "{execution:#?}"
            );
            assert_eq!((count("done"), count("undone")), (1, 0), "{session}");
            assert!(workspace.join("a.txt").exists());
        }
        // The program was cut off and must not be repeated: everything else is undone.
        ExecutionState::RolledBack => {
            assert_eq!(note, WorkItemRunState::Failed, "{execution:#?}");
            assert!(run("note").error.starts_with("INTERRUPTED"), "{execution:#?}");
            assert!(!workspace.join("a.txt").exists());
        }
        _ => assert_eq!(execution.state(), ExecutionState::Completed, "{execution:#?}"),
    }
    let request = VerifyRequest { session_id: session.to_owned() };
    let audit = eventually("the audit", || async {
        lead.audit.clone().verify(request.clone()).await.ok().map(tonic::Response::into_inner)
    });
    assert!(audit.await.intact, "{session}");
    execution.state().as_str_name().trim_start_matches("EXECUTION_STATE_").to_owned()
}
