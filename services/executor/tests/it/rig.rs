//! An executor beside its gate, in one process, on files of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use assent_core::id::SessionId;
use assent_core::{Clock, ContextSource, Timestamp};
use assent_events::Bus;
use assent_executor::{Config, Executor};
use assent_plan::{Dependency, DependencyType, Map, Plan, WorkItem};
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{Event, ExecutionRefused};
use assent_proto::execution::v1::{Artifact, Execution, ExecutionState, WorkItemRun, WorkItemRunState};
use assent_proto::executor::v1::executor_service_client::ExecutorServiceClient;
use assent_proto::executor::v1::watch_execution_response::Message;
use assent_proto::executor::v1::worker_service_client::WorkerServiceClient;
use assent_proto::executor::v1::*;
use assent_rpc::{Credentials, Transport};
use assent_runtime::config::{Database, Tools};
use assent_runtime::{Host, Peer, Running, Wiring};
use assent_store::Db;
use assent_testkit::Storage;
use serde_json::Value;
use tempfile::TempDir;

use crate::gate::{Gate, GateService, claims, sign};

/// Longer than anything here takes, so that a test that hangs says where.
const LONG: Duration = Duration::from_secs(30);
static SEED: AtomicU64 = AtomicU64::new(1);

pub(crate) struct Rig {
    pub(crate) source: ContextSource,
    pub(crate) gate: Gate,
    pub(crate) config: Config,
    pub(crate) tools: Tools,
    running: Option<Running>,
    client: Option<ExecutorServiceClient<Transport>>,
    workers: Option<WorkerServiceClient<Transport>>,
    storage: Storage,
    folder: TempDir,
}

impl Rig {
    pub(crate) async fn new(storage: Storage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: folder.path().join("data"),
            retry_first_milliseconds: 0,
            drain_seconds: 0,
            ..Config::default()
        };
        let start = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        let source = ContextSource::seeded(Clock::manual(start), SEED.fetch_add(1, Ordering::Relaxed));
        let gate = Gate::default();
        let mut rig = Self {
            source,
            gate,
            config,
            tools: Tools::default(),
            storage,
            running: None,
            client: None,
            workers: None,
            folder,
        };
        rig.start().await;
        rig
    }

    pub(crate) async fn start(&mut self) {
        let database = Database { url: self.storage.url().to_owned(), max_connections: 8 };
        let wiring = Wiring::local(database, Bus::local(), Credentials::default(), self.source.clone())
            .with_tools(self.tools.clone());
        let mut host = Host::new(wiring.clone());
        host.add::<GateService>(self.gate.clone()).await.unwrap();
        host.add::<Executor>(self.config.clone()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.running = Some(host.start(listener).await.unwrap());
        let executor = wiring.peer("test", Peer::Executor).unwrap();
        self.client = Some(ExecutorServiceClient::new(executor.clone()));
        self.workers = Some(WorkerServiceClient::new(executor));
    }

    pub(crate) async fn stop(&mut self) {
        (self.client, self.workers) = (None, None);
        self.running.take().unwrap().shutdown(LONG).await.unwrap();
    }

    /// Ends without a word.
    pub(crate) async fn crash(&mut self) {
        (self.client, self.workers) = (None, None);
        let _cut_off = self.running.take().unwrap().shutdown(Duration::ZERO).await;
    }

    pub(crate) fn client(&self) -> ExecutorServiceClient<Transport> {
        self.client.clone().unwrap()
    }

    pub(crate) fn workers(&self) -> WorkerServiceClient<Transport> {
        self.workers.clone().unwrap()
    }

    pub(crate) fn session(&self) -> SessionId {
        self.source.new_id()
    }

    /// The executor's own database, to look at and to tamper with.
    pub(crate) async fn database(&self) -> Db {
        self.storage.open("executor").await
    }

    /// Approves `plan` as a gate does.
    pub(crate) async fn approve(&self, plan: &Plan) -> SessionId {
        let session = self.session();
        let token = sign(&claims(&self.source, session, plan), 1);
        self.gate.approve(&self.source, session, plan, token).await;
        session
    }

    /// Approves `plan`, and waits for the end.
    pub(crate) async fn execute(&self, plan: &Plan) -> (Execution, Vec<Artifact>) {
        let session = self.approve(plan).await;
        self.ended(session).await
    }

    /// Every fact about `session` up to the one for which `last` holds.
    pub(crate) async fn facts(&self, session: SessionId, last: impl Fn(&Payload) -> bool) -> Vec<Event> {
        let request = WatchExecutionRequest { session_id: session.to_string(), after_position: 0 };
        let mut stream = self.client().watch_execution(request).await.unwrap().into_inner();
        let mut facts = Vec::new();
        let follow = async {
            loop {
                let message = stream.message().await.unwrap().expect("the stream ended").message;
                let Some(Message::Event(event)) = message else { continue };
                let done = last(event.payload.as_ref().unwrap());
                facts.push(event);
                if done {
                    return;
                }
            }
        };
        if tokio::time::timeout(LONG, follow).await.is_err() {
            panic!("not in time; so far {facts:#?}");
        }
        facts
    }

    /// Why the execution of `session` was refused, once it has ended.
    pub(crate) async fn refusal(&self, session: SessionId) -> Option<ExecutionRefused> {
        let facts = self.facts(session, |fact| matches!(fact, Payload::ExecutionEnded(_))).await;
        facts.into_iter().find_map(|event| match event.payload {
            Some(Payload::ExecutionRefused(refused)) => Some(refused),
            _ => None,
        })
    }

    pub(crate) async fn ended(&self, session: SessionId) -> (Execution, Vec<Artifact>) {
        let facts = self.facts(session, |fact| matches!(fact, Payload::ExecutionEnded(_))).await;
        match facts.into_iter().last().unwrap().payload {
            Some(Payload::ExecutionEnded(ended)) => (ended.execution.unwrap(), ended.artifacts),
            other => panic!("unexpected {other:?}"),
        }
    }

    pub(crate) async fn execution(&self, session: SessionId) -> Execution {
        let request = GetExecutionRequest { session_id: session.to_string() };
        self.client().get_execution(request).await.unwrap().into_inner().execution.unwrap()
    }

    /// Has the catalog be `text`, from the next start on.
    pub(crate) fn catalog(&mut self, text: &str) {
        let path = self.folder.path().join("catalog.yaml");
        std::fs::write(&path, text).unwrap();
        self.tools.catalog = path.to_str().unwrap().to_owned();
    }

    /// Gives the executor a secret.
    pub(crate) fn secret(&mut self, name: &str, value: &str) {
        let folder = self.folder.path().join("secrets");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), value).unwrap();
        self.config.secrets_dir = folder.to_str().unwrap().to_owned();
    }

    /// The workspace of an execution.
    pub(crate) fn workspace(&self, execution: &str) -> PathBuf {
        self.config.data_dir.join("workspaces").join(execution)
    }
}

pub(crate) fn item(id: &str, tool: &str, arguments: Value) -> WorkItem {
    let mut item = WorkItem::new(id.parse().unwrap(), id, tool);
    item.arguments = object(arguments);
    item
}

pub(crate) fn object(value: Value) -> Map {
    value.as_object().unwrap().clone()
}

pub(crate) fn plan(items: Vec<WorkItem>, edges: &[(&str, &str, DependencyType)]) -> Plan {
    let mut plan = Plan::new("a goal");
    plan.items = items;
    let edge = |(from, to, kind): &(&str, &str, DependencyType)| Dependency {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        kind: *kind,
    };
    plan.dependencies = edges.iter().map(edge).collect();
    plan
}

pub(crate) fn run<'e>(execution: &'e Execution, item: &str) -> &'e WorkItemRun {
    execution.runs.iter().find(|run| run.item_id == item).unwrap()
}

pub(crate) fn states(execution: &Execution) -> Vec<(&str, WorkItemRunState)> {
    let mut states: Vec<_> = execution.runs.iter().map(|run| (run.item_id.as_str(), run.state())).collect();
    states.sort();
    states
}

pub(crate) fn assert_state(execution: &Execution, expected: ExecutionState) {
    assert_eq!(execution.state(), expected, "{execution:#?}");
}
