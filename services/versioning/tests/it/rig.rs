//! A running service and a gate to call it from.

use std::time::Duration;

use assent_core::id::SessionId;
use assent_core::{Actor, ActorKind, Clock, ContextSource, OpContext, Timestamp};
use assent_events::{Bus, append};
use assent_plan::Plan;
use assent_proto::event::v1::event::Payload;
use assent_proto::plan::v1::PlanVersion;
use assent_proto::versioning::v1::versioning_service_client::VersioningServiceClient;
use assent_proto::versioning::v1::{
    CreateVersionRequest, GetVersionRequest, GetVersionResponse, ReleaseSealRequest, SealVersionRequest,
};
use assent_rpc::convert::Wire as _;
use assent_rpc::{Credentials, Transport, outbound};
use assent_runtime::config::Database;
use assent_runtime::{Host, Peer, Running, Wiring};
use assent_store::Db;
use assent_testkit::Storage;
use assent_versioning::{Config, Versioning};
use tokio::task::JoinSet;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::peers::Peers;

pub(crate) struct Rig {
    running: Running,
    client: VersioningServiceClient<Transport>,
    gate: Db,
    source: ContextSource,
    _storage: Storage,
}

impl Rig {
    pub(crate) async fn start(storage: Storage) -> Self {
        let start = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        let source = ContextSource::seeded(Clock::manual(start), 7);
        let database = Database { url: storage.url().to_owned(), max_connections: 4 };
        let wiring = Wiring::local(database, Bus::local(), Credentials::default(), source.clone());
        let mut host = Host::new(wiring.clone());
        host.add::<Peers>(()).await.unwrap();
        let gate = storage.open("approval_gate").await;
        host.add::<Versioning>(Config::default()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = host.start(listener).await.unwrap();
        let client = VersioningServiceClient::new(wiring.peer("approval-gate", Peer::Versioning).unwrap());
        Self { running, client, gate, source, _storage: storage }
    }

    pub(crate) async fn stop(self) {
        self.running.shutdown(Duration::from_secs(20)).await.unwrap();
    }

    pub(crate) fn client(&self) -> VersioningServiceClient<Transport> {
        self.client.clone()
    }

    pub(crate) fn session(&self) -> SessionId {
        self.source.new_id()
    }

    pub(crate) fn wait(&self, time: Duration) {
        assert!(self.source.clock().advance(time));
    }

    /// What the gate does in the name of `user`.
    pub(crate) fn on_behalf_of(&self, user: &str) -> OpContext {
        self.source.operation(Actor {
            id: user.to_owned(),
            kind: ActorKind::User,
            name: String::new(),
            roles: vec!["developer".to_owned()],
            groups: Vec::new(),
            credential: "static_token".to_owned(),
            on_behalf_of: String::new(),
        })
    }

    pub(crate) async fn create(&self, request: CreateVersionRequest) -> Result<PlanVersion, Status> {
        let ctx = self.on_behalf_of("ada");
        let answer = self.client().create_version(outbound(&ctx, request)).await?;
        Ok(answer.into_inner().version.unwrap())
    }

    /// Sends all of them at the same time, each from a task of its own as separate callers would.
    pub(crate) async fn create_at_once(
        &self,
        requests: Vec<CreateVersionRequest>,
    ) -> Vec<Result<PlanVersion, Status>> {
        let mut tasks = JoinSet::new();
        for request in requests {
            let (mut client, ctx) = (self.client(), self.on_behalf_of("ada"));
            tasks.spawn(async move {
                let answer = client.create_version(outbound(&ctx, request)).await?;
                Ok(answer.into_inner().version.unwrap())
            });
        }
        tasks.join_all().await
    }

    pub(crate) async fn get(
        &self,
        session: SessionId,
        version_number: Option<i32>,
    ) -> Result<GetVersionResponse, Status> {
        let request = GetVersionRequest { session_id: session.to_string(), version_number };
        Ok(self.client().get_version(outbound(&self.on_behalf_of("bob"), request)).await?.into_inner())
    }

    pub(crate) async fn seal(&self, version: &PlanVersion) -> Result<Timestamp, Status> {
        let request = SealVersionRequest {
            session_id: version.session_id.clone(),
            version_number: version.version_number,
            digest: version.digest.clone(),
            lease: None,
        };
        let answer = self.client().seal_version(outbound(&self.on_behalf_of("bob"), request)).await?;
        Ok(Timestamp::from_pb(answer.into_inner().seal_expire_time.unwrap(), "").unwrap())
    }

    pub(crate) async fn release(&self, version: &PlanVersion, until: Timestamp) -> Result<(), Status> {
        let request = ReleaseSealRequest {
            session_id: version.session_id.clone(),
            version_number: version.version_number,
            digest: version.digest.clone(),
            seal_expire_time: Some(until.to_pb()),
        };
        self.client().release_seal(outbound(&self.on_behalf_of("bob"), request)).await.map(drop)
    }

    /// Has the gate publish a fact.
    pub(crate) async fn publish(&self, session: SessionId, payload: Payload) {
        let mut tx = self.gate.begin().await.unwrap();
        let ctx = self.source.operation(Actor::system("approval-gate"));
        append(&mut tx, &ctx, Some(session), payload).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// A plan that writes a file with `content`.
pub(crate) fn plan(goal: &str, content: &str) -> Plan {
    let text = format!(
        "goal: {goal}
items:
  - {{ id: write, name: Write it, tool: file_write, arguments: {{ path: out.txt, content: \"{content}\" }} }}
"
    );
    Plan::from_yaml(&text).unwrap()
}

/// A request without a request id.
pub(crate) fn version(session: SessionId, plan: &Plan, base_version: i32) -> CreateVersionRequest {
    CreateVersionRequest {
        session_id: session.to_string(),
        plan: Some(plan.to_pb()),
        base_version,
        change_description: "because".to_owned(),
        request_id: String::new(),
        validate_only: false,
    }
}

/// The reason of a refusal and one value of its metadata.
pub(crate) fn refusal(status: &Status, key: &str) -> (String, Option<String>) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no details: {status:?}"));
    (info.reason.clone(), info.metadata.get(key).cloned())
}
