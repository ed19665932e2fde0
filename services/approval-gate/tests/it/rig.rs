//! One gate with its neighbours, people and a clock that the test moves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_approval_gate::{App, ApprovalGate, Config};
use assent_core::{Actor, ActorKind, Clock, ContextSource, Digest, Timestamp};
use assent_events::Bus;
use assent_plan::PlanDigest;
use assent_proto::approval::v1 as pb;
use assent_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use assent_proto::approval::v1::audit_service_client::AuditServiceClient;
use assent_proto::approval::v1::directory_service_client::DirectoryServiceClient;
use assent_proto::approval::v1::watch_session_response::Message;
use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_proto::plan::v1 as plan;
use assent_proto::review::v1 as review;
use assent_proto::versioning::v1 as versions;
use assent_proto::versioning::v1::versioning_service_server::{VersioningService, VersioningServiceServer};
use assent_rpc::convert::{Wire, WireEnum};
use assent_rpc::{Access, Credentials, Identities, Identity, accept};
use assent_runtime::config::Database;
use assent_runtime::{BuildError, Host, Running, Service, TaskSet, Wiring};
use assent_store::{Db, idempotency};
use assent_testkit::Storage;
use futures_util::StreamExt as _;
use tokio::net::TcpListener;
use tonic::metadata::MetadataValue;
use tonic::service::RoutesBuilder;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;

/// Who there is: name, kind, roles. The token is the name.
const PEOPLE: &[(&str, ActorKind, &[&str])] = &[
    ("rob", ActorKind::User, &["developer", "lead", "admin"]),
    ("dev", ActorKind::User, &["developer"]),
    ("ada", ActorKind::User, &["lead", "admin"]),
    ("ben", ActorKind::User, &["lead", "admin"]),
    ("bot", ActorKind::Agent, &["admin"]),
    ("gears", ActorKind::Service, &["service"]),
];

pub(crate) struct Rig {
    pub(crate) clock: Clock,
    pub(crate) app: Arc<App>,
    source: ContextSource,
    executor: Db,
    wiring: Wiring,
    config: Config,
    running: Running,
    channel: Channel,
    _storage: Storage,
}

impl Rig {
    pub(crate) async fn start(storage: Storage) -> Self {
        Self::start_with(storage, Config::default()).await
    }

    pub(crate) async fn start_with(storage: Storage, config: Config) -> Self {
        let clock = Clock::manual(Timestamp::from_micros(1_800_000_000_000_000).unwrap());
        let source = ContextSource::seeded(clock.clone(), 1);
        let identity = |(name, kind, roles): &(&str, ActorKind, &[&str])| Identity {
            id: (*name).to_owned(),
            kind: *kind,
            name: String::new(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            groups: Vec::new(),
            token_sha256: Some(Digest::of(&[name.as_bytes()])),
        };
        let identities = Identities { identities: PEOPLE.iter().map(identity).collect() };
        let credentials = Credentials::new(&identities, "static_token").unwrap();
        let database = Database { url: storage.url().to_owned(), max_connections: 8 };
        let wiring = Wiring::local(database, Bus::local(), credentials, source.clone());
        let mut host = Host::new(wiring.clone());
        host.add::<Versions>(()).await.unwrap();
        host.add::<Executions>(()).await.unwrap();
        // Built a second time for its use cases: the host keeps the one that it serves.
        let app = ApprovalGate::build(config.clone(), &wiring).await.unwrap().app();
        host.add::<ApprovalGate>(config.clone()).await.unwrap();
        let running = host.start(TcpListener::bind("127.0.0.1:0").await.unwrap()).await.unwrap();
        let address = format!("http://{}", running.address());
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        let executor = storage.open("executor").await;
        Self { clock, app, source, executor, wiring, config, running, channel, _storage: storage }
    }

    pub(crate) async fn stop(self) {
        drop(self.channel);
        self.executor.close().await;
        self.running.shutdown(Duration::from_secs(10)).await.unwrap();
    }

    /// Builds one more replica, as at a start.
    pub(crate) async fn another_gate(&self) -> Arc<App> {
        ApprovalGate::build(self.config.clone(), &self.wiring).await.unwrap().app()
    }

    pub(crate) fn gate(&self) -> ApprovalServiceClient<Channel> {
        ApprovalServiceClient::new(self.channel.clone())
    }

    pub(crate) fn audits(&self) -> AuditServiceClient<Channel> {
        AuditServiceClient::new(self.channel.clone())
    }

    pub(crate) fn directory(&self) -> DirectoryServiceClient<Channel> {
        DirectoryServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn submit_as(
        &self,
        who: &str,
        request: pb::SubmitForApprovalRequest,
    ) -> Result<review::PlanReviewSession, Status> {
        let answer = self.gate().submit_for_approval(by(who, request)).await?;
        Ok(answer.into_inner().session.unwrap())
    }

    pub(crate) async fn submit(&self, level: plan::RiskLevel) -> review::PlanReviewSession {
        self.submit_as("rob", submission(level)).await.unwrap()
    }

    pub(crate) async fn get(&self, id: &str) -> review::PlanReviewSession {
        let request = pb::GetSessionRequest { session_id: id.to_owned() };
        self.gate().get_session(by("dev", request)).await.unwrap().into_inner().session.unwrap()
    }

    pub(crate) async fn approve(
        &self,
        who: &str,
        session: &review::PlanReviewSession,
    ) -> Result<pb::ApproveResponse, Status> {
        let request = pb::ApproveRequest {
            session_id: session.id.clone(),
            version: session.current_version,
            digest: session.digest.clone(),
            reason: "looks right".to_owned(),
        };
        self.gate().approve(by(who, request)).await.map(Response::into_inner)
    }

    pub(crate) async fn reject(
        &self,
        who: &str,
        session: &review::PlanReviewSession,
    ) -> Result<pb::RejectResponse, Status> {
        let request = pb::RejectRequest {
            session_id: session.id.clone(),
            version: session.current_version,
            digest: session.digest.clone(),
            reason: "no".to_owned(),
        };
        self.gate().reject(by(who, request)).await.map(Response::into_inner)
    }

    /// Says something in the executor's log.
    pub(crate) async fn executor_says(&self, session: &str, payload: Payload) {
        let ctx = self.source.operation(Actor::system("executor"));
        let mut tx = self.executor.begin().await.unwrap();
        assent_events::append(&mut tx, &ctx, session.parse().ok(), payload).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The first `count` facts about a session.
    pub(crate) async fn facts(&self, id: &str, count: usize) -> Vec<Event> {
        let watch = pb::WatchSessionRequest { session_id: id.to_owned(), after_position: 0 };
        let stream = self.gate().watch_session(by("dev", watch)).await.unwrap().into_inner();
        let facts = stream.filter_map(async |told| match told.unwrap().message {
            Some(Message::Event(event)) => Some(event),
            _ => None,
        });
        facts.take(count).collect().await
    }

    pub(crate) async fn actions(&self, id: &str) -> Vec<String> {
        let request = pb::ListEntriesRequest { session_id: id.to_owned(), ..Default::default() };
        let entries = self.audits().list_entries(by("dev", request)).await.unwrap().into_inner().entries;
        entries.into_iter().map(|entry| entry.action).collect()
    }
}

/// A request of `who`.
pub(crate) fn by<M>(who: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    let token = MetadataValue::try_from(format!("Bearer {who}")).unwrap();
    request.metadata_mut().insert("authorization", token);
    request
}

/// Reason and one value of the metadata.
pub(crate) fn reason(status: &Status, key: &str) -> (String, String) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    (info.reason.clone(), info.metadata.get(key).cloned().unwrap_or_default())
}

/// A submission whose plan the stand-in will assess with `level`.
pub(crate) fn submission(level: plan::RiskLevel) -> pb::SubmitForApprovalRequest {
    let item = |id: &str| plan::WorkItem {
        id: id.to_owned(),
        name: id.to_owned(),
        tool: "shell".to_owned(),
        declared_risk: level.into(),
        ..Default::default()
    };
    let plan =
        plan::Plan { goal: "export".to_owned(), items: vec![item("a"), item("b")], ..Default::default() };
    pb::SubmitForApprovalRequest { plan: Some(plan), ..Default::default() }
}

/// Keeps versions in memory, and finds a plan as risky as its first item says.
#[derive(Clone, Default)]
struct Versions(Arc<Mutex<HashMap<String, plan::PlanVersion>>>);

impl Service for Versions {
    const NAME: &'static str = "versions";
    const PORT: u16 = 0;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.versioning.v1.VersioningService/CreateVersion", Access::Service),
        ("/assent.versioning.v1.VersioningService/GetVersion", Access::Authenticated),
        ("/assent.versioning.v1.VersioningService/ListVersions", Access::Authenticated),
        ("/assent.versioning.v1.VersioningService/SealVersion", Access::Service),
    ];
    type Config = ();

    async fn build((): (), _: &Wiring) -> Result<Self, BuildError> {
        Ok(Self::default())
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        routes.add_service(VersioningServiceServer::new(self.clone()));
    }

    fn tasks(&self, _: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        None
    }
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

fn assess(level: plan::RiskLevel) -> plan::RiskAssessment {
    let (role, quorum) = match level {
        plan::RiskLevel::Critical => ("admin", 2),
        plan::RiskLevel::High => ("lead", 1),
        _ => ("developer", 1),
    };
    plan::RiskAssessment {
        level: level.into(),
        policy_digest: Digest::of(&[b"policy"]).to_string(),
        requirement: Some(plan::ApprovalRequirement {
            roles: vec![role.to_owned()],
            quorum,
            separation_of_duties: level >= plan::RiskLevel::High,
            auto_approvable: level == plan::RiskLevel::Low,
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl VersioningService for Versions {
    async fn create_version(
        &self,
        request: Request<versions::CreateVersionRequest>,
    ) -> Result<Response<versions::CreateVersionResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let message = body.plan.unwrap();
        let read = assent_plan::Plan::from_pb(message.clone(), "plan").unwrap();
        let digest = PlanDigest::of(&read).unwrap();
        let leaf = |item: &assent_plan::WorkItem| plan::ItemDigest {
            item_id: item.id.to_string(),
            digest: digest.item(&item.id).unwrap().to_string(),
        };
        let version = plan::PlanVersion {
            session_id: body.session_id.clone(),
            version_number: 1,
            modified_by: Some(Actor::to_pb(ctx.actor())),
            estimate: Some(plan::PlanEstimate { total_work_items: 2, ..Default::default() }),
            risk: Some(assess(read.items[0].declared_risk.unwrap().to_pb())),
            digest: digest.root.to_string(),
            item_digests: read.items.iter().map(leaf).collect(),
            plan: Some(message),
            ..Default::default()
        };
        self.0.lock().unwrap().insert(body.session_id, version.clone());
        Ok(Response::new(versions::CreateVersionResponse { version: Some(version) }))
    }

    async fn get_version(
        &self,
        request: Request<versions::GetVersionRequest>,
    ) -> Result<Response<versions::GetVersionResponse>, Status> {
        let version = self.0.lock().unwrap().get(&request.get_ref().session_id).cloned();
        Ok(Response::new(versions::GetVersionResponse { version, seal_expire_time: None }))
    }

    async fn list_versions(
        &self,
        request: Request<versions::ListVersionsRequest>,
    ) -> Result<Response<versions::ListVersionsResponse>, Status> {
        let version = self.0.lock().unwrap().get(&request.get_ref().session_id).cloned();
        let versions = version.into_iter().map(|v| plan::PlanVersion { plan: None, ..v }).collect();
        Ok(Response::new(versions::ListVersionsResponse { versions, next_page_token: String::new() }))
    }

    async fn seal_version(
        &self,
        request: Request<versions::SealVersionRequest>,
    ) -> Result<Response<versions::SealVersionResponse>, Status> {
        let body = request.into_inner();
        let known = self.0.lock().unwrap().get(&body.session_id).map(|v| v.digest.clone());
        assert_eq!(known, Some(body.digest));
        Ok(Response::new(versions::SealVersionResponse::default()))
    }

    async fn release_seal(
        &self,
        _: Request<versions::ReleaseSealRequest>,
    ) -> Result<Response<versions::ReleaseSealResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn compare_versions(
        &self,
        _: Request<versions::CompareVersionsRequest>,
    ) -> Result<Response<versions::CompareVersionsResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn restore_version(
        &self,
        _: Request<versions::RestoreVersionRequest>,
    ) -> Result<Response<versions::RestoreVersionResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn validate_plan(
        &self,
        _: Request<versions::ValidatePlanRequest>,
    ) -> Result<Response<versions::ValidatePlanResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn preview_edits(
        &self,
        _: Request<versions::PreviewEditsRequest>,
    ) -> Result<Response<versions::PreviewEditsResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }
}
