//! `assent dev` beside what the plans of playbooks work on, and the way of a goal through it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assent_proto::approval::v1::SubmitForApprovalRequest;
use assent_proto::execution::v1::{Execution, ExecutionState, WorkItemRun, WorkItemRunState};
use assent_proto::executor::v1::{GetExecutionRequest, RollbackRequest};
use assent_proto::review::v1::{PlanReviewSession, PlanReviewState};
use assent_tests::{Dev, eventually, scenario};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A running stack, and a folder that its programs may read.
pub(super) struct Site {
    pub(super) dev: Dev,
    folder: TempDir,
}

/// What a stack is to have beside its defaults.
#[derive(Default)]
pub(super) struct Wanted {
    /// Keys of the section `service.executor`, as TOML.
    pub(super) executor: BTreeMap<&'static str, String>,
    /// The same of the section `service.planner`.
    pub(super) planner: BTreeMap<&'static str, String>,
    /// Variables of the process.
    pub(super) variables: Vec<(&'static str, String)>,
    /// Files of the folder.
    pub(super) files: Vec<(&'static str, String)>,
    /// What programs may read beside the defaults and the folder.
    pub(super) readable: Vec<PathBuf>,
}

impl Site {
    pub(super) async fn start(wanted: Wanted) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), wanted).await
    }

    pub(super) async fn start_in(folder: TempDir, wanted: Wanted) -> Self {
        for (name, content) in &wanted.files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let mut readable = assent_executor::Config::default().shell_readable_paths;
        let more = wanted.readable.iter().map(PathBuf::as_path).chain([folder.path()]);
        readable.extend(more.map(|path| path.display().to_string()));
        let mut keys = wanted.executor;
        keys.insert("shell_readable_paths", json!(readable).to_string());
        let section = |name: &str, keys: &BTreeMap<&str, String>| {
            let lines = keys.iter().map(|(key, value)| format!("{key} = {value}\n"));
            format!("[service.{name}]\n{}", lines.collect::<String>())
        };
        let config = section("executor", &keys) + &section("planner", &wanted.planner);
        let dev = Dev::start_with(&config, &wanted.variables).await;
        Self { dev, folder }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The agent submits a goal with facts, and as many people approve as must.
    pub(super) async fn approved(&self, goal: &str, facts: Value) -> PlanReviewSession {
        let request = json!({ "goal": goal, "context": facts });
        let request: SubmitForApprovalRequest = assent_proto::json::from_json(request).unwrap();
        let submitted = self.dev.client("agent").approval.clone().submit_for_approval(request).await;
        let session = submitted.unwrap().into_inner().session.unwrap();
        for person in ["lead", "admin", "admin2"] {
            match scenario::approve(&self.dev.client(person), &session).await {
                Ok(0) => break,
                Ok(_) => {}
                // A lead does not approve what is CRITICAL.
                Err(refusal) => assert_eq!(refusal.reason, "NOT_ELIGIBLE", "{person}: {refusal:?}"),
            }
        }
        let session = scenario::session(&self.dev.client("dev"), &session.id).await.unwrap();
        assert_eq!(session.state(), PlanReviewState::Approved, "{goal}");
        session
    }

    /// What came of a goal.
    pub(super) async fn executed(&self, goal: &str, facts: Value) -> Execution {
        let session = self.approved(goal, facts).await;
        scenario::executed(&self.dev.client("dev"), &session.id).await
    }

    /// The same for one that must succeed.
    pub(super) async fn completed(&self, goal: &str, facts: Value) -> Execution {
        let execution = self.executed(goal, facts).await;
        assert_eq!(execution.state(), ExecutionState::Completed, "{goal}: {}", told(&execution));
        execution
    }

    /// What the item that stopped a goal says.
    pub(super) async fn error(&self, goal: &str, facts: Value) -> String {
        let execution = self.executed(goal, facts).await;
        assert_ne!(execution.state(), ExecutionState::Completed, "{goal}");
        let failed = execution.runs.iter().find(|run| run.state() == WorkItemRunState::Failed);
        failed.unwrap_or_else(|| panic!("{goal}: {}", told(&execution))).error.clone()
    }

    /// A file that an execution produced, as a text.
    pub(super) async fn artifact(&self, execution: &Execution, path: &str) -> String {
        let client = self.dev.client("dev");
        let all = scenario::artifacts(&client, &execution.session_id).await;
        let found = all.iter().find(|artifact| artifact.path == path);
        let found = found.unwrap_or_else(|| panic!("no {path} in {all:#?}"));
        String::from_utf8(scenario::download(&client, found).await).unwrap()
    }

    /// Undoes an execution that had completed.
    pub(super) async fn undo(&self, execution: &Execution) {
        let executor = self.dev.client("lead").executor.clone();
        let session_id = execution.session_id.clone();
        let order = RollbackRequest { session_id: session_id.clone(), ..Default::default() };
        executor.clone().rollback(order).await.unwrap();
        eventually("the way back", || async {
            let request = GetExecutionRequest { session_id: session_id.clone() };
            let now = executor.clone().get_execution(request).await.unwrap().into_inner().execution.unwrap();
            assert_ne!(now.state(), ExecutionState::RollbackFailed, "{}", told(&now));
            (now.state() == ExecutionState::RolledBack).then_some(())
        })
        .await;
    }
}

/// An execution in few words.
pub(super) fn told(execution: &Execution) -> String {
    let line = |run: &WorkItemRun| format!("\n  {} {:?} {}", run.item_id, run.state(), run.error);
    let runs: String = execution.runs.iter().map(line).collect();
    format!("{:?} {}{runs}", execution.state(), execution.error)
}

/// Serves on a loopback port for as long as the test runs; its address.
pub(super) async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await });
    server.detach_all();
    address
}

/// The folder of a program that the test itself was started with.
pub(super) fn folder_of(program: &Path) -> PathBuf {
    program.parent().unwrap().to_owned()
}
