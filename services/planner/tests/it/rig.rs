//! A planner beside the log of an executor.

use std::time::Duration;

use assent_core::id::RunKind;
use assent_core::{Actor, ActorKind, Clock, ContextSource, Digest, Id, Timestamp};
use assent_events::Bus;
use assent_plan::{Plan, PlanEstimate};
use assent_planner::{Config, Planner};
use assent_proto::event::v1::WorkItemRunChanged;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{WorkItemRun, WorkItemRunState};
use assent_proto::planner::v1 as pb;
use assent_proto::planner::v1::planner_service_client::PlannerServiceClient;
use assent_rpc::convert::Wire as _;
use assent_rpc::{Access, Credentials, Identities, Identity};
use assent_runtime::config::Database;
use assent_runtime::{BuildError, Host, Running, Service, TaskSet, Wiring};
use assent_store::{Db, Sql, idempotency};
use assent_testkit::Storage;
use tokio::net::TcpListener;
use tonic::Request;
use tonic::service::RoutesBuilder;
use tonic::transport::Channel;

/// Token of the one who calls.
const TOKEN: &str = "somebody";
const POSITION: Sql = Sql::new("SELECT position FROM consumer_cursors WHERE consumer = 'planner/runs'");
const HEAD: Sql = Sql::new("SELECT count(*) FROM events");

/// A run that the executor tells of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) tool: &'static str,
    pub(crate) agent_type: &'static str,
    /// In millionths of a dollar.
    pub(crate) cost: u64,
    /// In milliseconds.
    pub(crate) duration: u64,
}

pub(crate) struct Rig {
    source: ContextSource,
    executor: Db,
    planner: Db,
    running: Running,
    channel: Channel,
    _storage: Storage,
}

impl Rig {
    pub(crate) async fn start(storage: Storage) -> Self {
        Self::with(storage, Config::default()).await
    }

    pub(crate) async fn with(storage: Storage, config: Config) -> Self {
        assent_runtime::install_tls();
        let clock = Clock::manual(Timestamp::from_micros(1_800_000_000_000_000).unwrap());
        let source = ContextSource::seeded(clock, 1);
        let identity = Identity {
            id: TOKEN.to_owned(),
            kind: ActorKind::User,
            name: String::new(),
            roles: vec!["developer".to_owned()],
            groups: Vec::new(),
            token_sha256: Some(Digest::of(&[TOKEN.as_bytes()])),
            certificate: None,
        };
        let credentials =
            Credentials::new(&Identities { identities: vec![identity] }, "static_token").unwrap();
        let database = Database { url: storage.url().to_owned(), max_connections: 8 };
        let mut host = Host::new(Wiring::local(database, Bus::local(), credentials, source.clone()));
        host.add::<Executions>(()).await.unwrap();
        host.add::<Planner>(config).await.unwrap();
        let running = host.start(TcpListener::bind("127.0.0.1:0").await.unwrap()).await.unwrap();
        let address = format!("http://{}", running.address());
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        let (executor, planner) = (storage.open("executor").await, storage.open("planner").await);
        Self { source, executor, planner, running, channel, _storage: storage }
    }

    pub(crate) async fn stop(self) {
        drop(self.channel);
        self.executor.close().await;
        self.planner.close().await;
        self.running.shutdown(Duration::from_secs(10)).await.unwrap();
    }

    pub(crate) fn client(&self) -> PlannerServiceClient<Channel> {
        PlannerServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn estimate(&self, plan: &Plan) -> PlanEstimate {
        let request = by(pb::EstimatePlanRequest { plan: Some(plan.to_pb()) });
        let answer = self.client().estimate_plan(request).await.unwrap().into_inner();
        PlanEstimate::from_pb(answer.estimate.unwrap(), "estimate").unwrap()
    }

    /// The executor tells of runs that ended well, and the planner has heard of them.
    pub(crate) async fn executor_ran(&self, runs: &[Ran]) {
        let changed = runs.iter().map(|ran| {
            let end = self.source.now();
            let start = end.before(Duration::from_millis(ran.duration));
            WorkItemRun {
                id: self.source.new_id::<RunKind>().to_string(),
                tool: ran.tool.to_owned(),
                agent_type: ran.agent_type.to_owned(),
                state: WorkItemRunState::Succeeded.into(),
                attempt: 1,
                start_time: Some(start.to_pb()),
                end_time: Some(end.to_pb()),
                cost: Some(assent_plan::Money::from_micros(ran.cost).to_pb()),
                ..Default::default()
            }
        });
        self.executor_says(changed.collect()).await;
    }

    /// The executor tells of these runs, and the planner has heard of them.
    pub(crate) async fn executor_says(&self, runs: Vec<WorkItemRun>) {
        let ctx = self.source.operation(Actor::system("executor"));
        for some in runs.chunks(50) {
            let mut tx = self.executor.begin().await.unwrap();
            for run in some {
                let changed = WorkItemRunChanged { execution_id: String::new(), run: Some(run.clone()) };
                assent_events::append(&mut tx, &ctx, None, Payload::WorkItemRunChanged(changed))
                    .await
                    .unwrap();
            }
            tx.commit().await.unwrap();
        }
        let head: i64 = self.executor.query(HEAD).scalar().await.unwrap();
        // The consumer looks by itself, at the latest after its own pause.
        tokio::time::timeout(Duration::from_secs(120), async {
            while self.position().await < head {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap();
    }

    async fn position(&self) -> i64 {
        let row: Option<(i64,)> = self.planner.query(POSITION).optional().await.unwrap();
        row.map_or(0, |(position,)| position)
    }

    pub(crate) fn new_run_id(&self) -> Id<RunKind> {
        self.source.new_id()
    }
}

/// A request of the one who calls.
pub(crate) fn by<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    request
}

/// The executor's log, and nothing else of it.
struct Executions(Db);

impl Service for Executions {
    const NAME: &'static str = "executor";
    const PORT: u16 = 0;
    const ACCESS: &'static [(&'static str, Access)] = &[];
    type Config = ();

    async fn build((): (), wiring: &Wiring) -> Result<Self, BuildError> {
        // Any table set will do beside that of the log.
        Ok(Self(wiring.database("executor", &idempotency::MIGRATIONS).await?))
    }

    fn routes(&self, _: &mut RoutesBuilder) {}

    fn tasks(&self, _: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        Some(&self.0)
    }
}
