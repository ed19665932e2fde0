//! Workers in other languages, each a process, do the work of plans of a running stack.

use std::path::PathBuf;
use std::process::Command;

use assent_proto::approval::v1::SubmitForApprovalRequest;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{Execution, ExecutionState};
use assent_proto::executor::v1::WatchExecutionRequest;
use assent_proto::executor::v1::watch_execution_response::Message;
use assent_proto::plan::v1::Plan;
use assent_tests::process::Process;
use assent_tests::{Dev, scenario};
use serde_json::json;
use tokio_stream::StreamExt as _;

use crate::support::root;

struct Languages {
    target: PathBuf,
}

impl Languages {
    fn build() -> Self {
        let output = Command::new(root().join("tests/polyglot/install.sh")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { target: PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()) }
    }

    fn start(&self, dev: &Dev, command: &mut Command) -> Process {
        command
            .env("ASSENT_SERVER", dev.address().trim_start_matches("http://"))
            .env("ASSENT_TOKEN", dev.token("worker"))
            .env("ASSENT_LEASE_SECONDS", "2")
            .env("ASSENT_PROTO", root().join("proto"))
            .env("PYTHONPATH", self.target.join("python"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        Process::start(command, &dev.data().join("workers.log"))
    }

    fn python(&self, dev: &Dev) -> Process {
        let tools = PathBuf::from(std::env::var("ASSENT_TOOLS").unwrap());
        let mut command = Command::new(tools.join("python"));
        command.arg(root().join("tests/polyglot/python/worker.py")).args(["words", "text"]);
        self.start(dev, &mut command)
    }

    fn typescript(&self, dev: &Dev) -> Process {
        let mut command = Command::new("node");
        command.arg(self.target.join("typescript/worker.js")).arg("default");
        self.start(dev, &mut command)
    }
}

/// Submits and approves the plan; the session.
async fn approved(dev: &Dev, plan: serde_json::Value) -> String {
    let plan: Plan = assent_proto::json::from_json(plan).unwrap();
    let request = SubmitForApprovalRequest { plan: Some(plan), ..Default::default() };
    let answer = dev.client("agent").approval.clone().submit_for_approval(request).await.unwrap();
    let session = answer.into_inner().session.unwrap();
    scenario::approve(&dev.client("lead"), &session).await.unwrap();
    session.id
}

/// Follows the execution until `wanted` is told.
async fn until<T>(dev: &Dev, session: &str, wanted: impl Fn(Payload) -> Option<T>) -> T {
    let request = WatchExecutionRequest { session_id: session.to_owned(), after_position: 0 };
    let mut facts = dev.client("dev").executor.clone().watch_execution(request).await.unwrap().into_inner();
    let find = async {
        while let Some(message) = facts.next().await {
            let Some(Message::Event(event)) = message.unwrap().message else { continue };
            if let Some(found) = event.payload.and_then(&wanted) {
                return found;
            }
        }
        panic!("the stream ended")
    };
    match tokio::time::timeout(std::time::Duration::from_secs(60), find).await {
        Ok(found) => found,
        Err(_) => {
            let log = std::fs::read_to_string(dev.data().join("workers.log")).unwrap_or_default();
            panic!("not in time; the workers say:\n{log}");
        }
    }
}

async fn ended(dev: &Dev, session: &str) -> Execution {
    until(dev, session, |fact| match fact {
        Payload::ExecutionEnded(ended) => ended.execution,
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn python_and_typescript_work_on_one_plan_and_a_worker_that_dies_is_replaced() {
    let languages = Languages::build();
    let dev = Dev::start().await;
    let _typescript = languages.typescript(&dev);
    let mut python = languages.python(&dev);
    let item = |id: &str, arguments: serde_json::Value| json!({"id": id, "name": id, "tool": "worker", "arguments": arguments});
    let session = approved(
        &dev,
        json!({
            "goal": "count the words of a text that is read backwards",
            "items": [
                item("turn", json!({"task": "reverse", "input": "eno owt eerht"})),
                item("stubborn", json!({"task": "fail-once"})),
                {
                    "id": "count", "name": "count", "tool": "worker", "required_capabilities": ["text"],
                    "arguments": {"queue": "words", "task": "count-words", "input": "${items.turn.output.text}"},
                },
            ],
            "dependencies": [{"from": "turn", "to": "count", "type": "DEPENDENCY_TYPE_DATA"}],
        }),
    )
    .await;
    let execution = ended(&dev, &session).await;
    assert_eq!(execution.state(), ExecutionState::Completed, "{execution:#?}");
    let run = |id: &str| execution.runs.iter().find(|run| run.item_id == id).unwrap();
    assert_eq!(run("count").summary, "count-words in Python");
    assert_eq!(run("turn").summary, "reverse in TypeScript");
    assert_eq!(run("stubborn").attempt, 2);
    let artifacts = scenario::artifacts(&dev.client("dev"), &session).await;
    let sent: Vec<_> = artifacts.iter().map(|a| (a.path.as_str(), a.media_type.as_str(), a.size)).collect();
    assert_eq!(sent, [("words.txt", "text/plain", 13)]);
    let told = until(&dev, &session, |fact| match fact {
        Payload::WorkItemProgressed(told) if told.item_id == "count" => Some(told),
        _ => None,
    });
    assert_eq!(told.await.steps[0].name, "look at the task");

    // A worker dies with its work, and another takes it after the lease.
    let session = approved(
        &dev,
        json!({
            "goal": "outlive a worker",
            "items": [item("a", json!({"queue": "words", "task": "never-ends"}))],
        }),
    )
    .await;
    let worker = |fact| match fact {
        Payload::WorkItemProgressed(told) => Some(told.worker),
        _ => None,
    };
    let first = until(&dev, &session, worker).await;
    python.kill();
    let _second = languages.python(&dev);
    let other = |fact| worker(fact).filter(|worker| *worker != first);
    until(&dev, &session, other).await;
}
