//! One gate with its neighbours, people and a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use assent_approval_gate::{App, ApprovalGate, Config};
use assent_core::{Actor, ActorKind, Clock, ContextSource, Digest, Timestamp};
use assent_events::Bus;
use assent_proto::approval::v1 as pb;
use assent_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use assent_proto::approval::v1::audit_service_client::AuditServiceClient;
use assent_proto::approval::v1::comment_service_client::CommentServiceClient;
use assent_proto::approval::v1::directory_service_client::DirectoryServiceClient;
use assent_proto::approval::v1::watch_session_response::Message;
use assent_proto::event::v1::Event;
use assent_proto::event::v1::ReadEventsRequest;
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::event_service_client::EventServiceClient;
use assent_proto::plan::v1 as plan;
use assent_proto::review::v1 as review;
use assent_rpc::{Access, Credentials, Identities, Identity};
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

use crate::planner::Planner;
use crate::play::{Play, Policy, Versions};

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
    versioning: Db,
    pub(crate) play: Play,
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
            certificate: None,
        };
        let identities = Identities { identities: PEOPLE.iter().map(identity).collect() };
        let credentials = Credentials::new(&identities, "static_token").unwrap();
        let database = Database { url: storage.url().to_owned(), max_connections: 8 };
        let wiring = Wiring::local(database, Bus::local(), credentials, source.clone());
        let mut host = Host::new(wiring.clone());
        let play = Play::default();
        host.add::<Versions>(play.clone()).await.unwrap();
        host.add::<Policy>(play.clone()).await.unwrap();
        host.add::<Planner>(()).await.unwrap();
        host.add::<Executions>(()).await.unwrap();
        // Built a second time for its use cases: the host keeps the one that it serves.
        let app = ApprovalGate::build(config.clone(), &wiring).await.unwrap().app();
        host.add::<ApprovalGate>(config.clone()).await.unwrap();
        let running = host.start(TcpListener::bind("127.0.0.1:0").await.unwrap()).await.unwrap();
        let address = format!("http://{}", running.address());
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        let executor = storage.open("executor").await;
        let versioning = storage.open("versioning").await;
        Self {
            clock,
            app,
            source,
            executor,
            versioning,
            play,
            wiring,
            config,
            running,
            channel,
            _storage: storage,
        }
    }

    pub(crate) async fn stop(self) {
        drop(self.channel);
        self.executor.close().await;
        self.versioning.close().await;
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

    pub(crate) fn comments(&self) -> CommentServiceClient<Channel> {
        CommentServiceClient::new(self.channel.clone())
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
        let request = pb::GetSessionRequest { session_id: id.to_owned(), ..Default::default() };
        self.gate().get_session(by("dev", request)).await.unwrap().into_inner().session.unwrap()
    }

    /// The session once it is as wanted. The gate has jobs of its own, which may have taken up what a test would do.
    pub(crate) async fn get_until(
        &self,
        id: &str,
        wanted: impl Fn(&review::PlanReviewSession) -> bool,
    ) -> review::PlanReviewSession {
        let found = async {
            loop {
                let session = self.get(id).await;
                if wanted(&session) {
                    return session;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found).await.expect("it comes to that")
    }

    /// Approves with more than the usual words.
    pub(crate) async fn approve_with(
        &self,
        who: &str,
        session: &review::PlanReviewSession,
        items: &[&str],
        conditions: Vec<review::ApprovalCondition>,
    ) -> Result<pb::ApproveResponse, Status> {
        let request = pb::ApproveRequest {
            session_id: session.id.clone(),
            version: session.current_version,
            digest: session.digest.clone(),
            items: items.iter().map(|item| (*item).to_owned()).collect(),
            conditions,
            ..pb::ApproveRequest::default()
        };
        self.gate().approve(by(who, request)).await.map(Response::into_inner)
    }

    pub(crate) async fn approve(
        &self,
        who: &str,
        session: &review::PlanReviewSession,
    ) -> Result<pb::ApproveResponse, Status> {
        self.approve_for(who, "", session).await
    }

    /// Approves in the place of `delegator`.
    pub(crate) async fn approve_for(
        &self,
        who: &str,
        delegator: &str,
        session: &review::PlanReviewSession,
    ) -> Result<pb::ApproveResponse, Status> {
        let request = pb::ApproveRequest {
            session_id: session.id.clone(),
            version: session.current_version,
            digest: session.digest.clone(),
            reason: "looks right".to_owned(),
            delegator: delegator.to_owned(),
            ..pb::ApproveRequest::default()
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
            ..Default::default()
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

    /// Makes a new version of the plan in `author`'s name, and waits until the gate has gone on to it.
    pub(crate) async fn edit(
        &self,
        author: &str,
        session: &review::PlanReviewSession,
        change: impl FnOnce(&mut plan::Plan),
    ) -> review::PlanReviewSession {
        let author = Actor {
            id: author.to_owned(),
            kind: ActorKind::User,
            name: String::new(),
            roles: Vec::new(),
            groups: Vec::new(),
            credential: String::new(),
            on_behalf_of: String::new(),
        };
        let version = self.play.edit(&session.id, &author, change);
        let number = version.version_number;
        let ctx = self.source.operation(author);
        let made = assent_proto::event::v1::PlanVersionCreated { version: Some(version) };
        let mut tx = self.versioning.begin().await.unwrap();
        let payload = Payload::PlanVersionCreated(made);
        assent_events::append(&mut tx, &ctx, session.id.parse().ok(), payload).await.unwrap();
        tx.commit().await.unwrap();
        let adopted = async {
            // The gate follows by itself; nothing rings when it has written.
            loop {
                let session = self.get(&session.id).await;
                if session.current_version >= number || session.decision.is_some() {
                    return session;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), adopted).await.unwrap()
    }

    pub(crate) async fn explain(&self, id: &str) -> pb::ExplainDecisionResponse {
        let request = pb::ExplainDecisionRequest { session_id: id.to_owned() };
        self.gate().explain_decision(by("dev", request)).await.unwrap().into_inner()
    }

    /// Ids of the sessions that wait for somebody, with the words that say why.
    pub(crate) async fn pending(&self, who: &str) -> Vec<(String, String)> {
        let request = pb::ListPendingSessionsRequest::default();
        let found = self.gate().list_pending_sessions(by(who, request)).await.unwrap().into_inner();
        found.sessions.into_iter().map(|one| (one.session.unwrap().id, one.why)).collect()
    }

    /// Waits until the log of the gate tells of something in a session. The relay numbers facts by itself.
    pub(crate) async fn fact(&self, session: &str, wanted: impl Fn(&Payload) -> bool) {
        let mut request = ReadEventsRequest {
            session_id: session.to_owned(),
            service: "approval-gate".to_owned(),
            ..Default::default()
        };
        let mut events = EventServiceClient::new(self.channel.clone());
        let told = async {
            loop {
                let page = match events.read_events(by("ada", request.clone())).await {
                    Ok(page) => page.into_inner(),
                    // The clock went on so far that old facts are gone.
                    Err(gone) => {
                        let oldest = reason(&gone, "oldest_position").1;
                        request.after_position = oldest.parse::<i64>().unwrap() - 1;
                        continue;
                    }
                };
                if page.events.iter().filter_map(|event| event.payload.as_ref()).any(&wanted) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), told).await.unwrap();
    }

    /// Waits until the audit of a session ends with `action`. The gate follows the executor by itself.
    pub(crate) async fn told(&self, session: &str, action: &str) {
        let told = async {
            while self.actions(session).await.last().is_none_or(|last| last != action) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), told).await.unwrap();
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

/// The same under a policy that asks for more, e.g. `{"timeout_action": "TIMEOUT_ACTION_HOLD"}`.
pub(crate) fn submission_under(
    level: plan::RiskLevel,
    requirement: serde_json::Value,
) -> pb::SubmitForApprovalRequest {
    let mut request = submission(level);
    let kind = Some(prost_types::value::Kind::StringValue(requirement.to_string()));
    let fields = [("requirement".to_owned(), prost_types::Value { kind })];
    request.plan.as_mut().unwrap().context = Some(prost_types::Struct { fields: fields.into() });
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
