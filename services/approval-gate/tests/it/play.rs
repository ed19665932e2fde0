//! Stand-ins for versioning and risk: versions in memory, and a policy that the test chooses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_core::{Actor, Clock, Digest};
use assent_plan::PlanDigest;
use assent_proto::plan::v1 as plan;
use assent_proto::risk::v1 as risk;
use assent_proto::risk::v1::risk_service_server::{RiskService, RiskServiceServer};
use assent_proto::versioning::v1 as versions;
use assent_proto::versioning::v1::versioning_service_server::{VersioningService, VersioningServiceServer};
use assent_rpc::convert::{Wire, WireEnum};
use assent_rpc::{Access, accept};
use assent_runtime::{BuildError, Service, TaskSet, Wiring};
use assent_store::{Db, idempotency};
use prost::Message as _;
use prost_types::value::Kind;
use serde::{Deserialize, Serialize};
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status};

/// What both stand-ins and the test share.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Play {
    #[serde(skip)]
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    versions: HashMap<String, Vec<plan::PlanVersion>>,
    /// What the policy asks for, where that is not what its level asks for.
    requirement: Option<plan::ApprovalRequirement>,
    /// Lowest level that the policy gives to any plan.
    level: i32,
    /// Upper end of every estimate, in millionths of a dollar.
    cost_high: Option<i64>,
    /// How often the policy has changed.
    changes: usize,
    /// Sessions whose head is sealed, and when that ends.
    seals: HashMap<String, prost_types::Timestamp>,
    /// How long the next seal takes, by the clock of all.
    slow_seal: Option<(Clock, Duration)>,
}

impl Play {
    /// From now on the policy asks for this.
    pub(crate) fn require(&self, requirement: plan::ApprovalRequirement) {
        self.shared.lock().unwrap().requirement = Some(requirement);
    }

    /// From now on plans may cost so much.
    pub(crate) fn cost(&self, micros: i64) {
        self.shared.lock().unwrap().cost_high = Some(micros);
    }

    /// Another policy, by which nothing is below `level`.
    pub(crate) fn change_policy(&self, level: plan::RiskLevel) {
        let mut shared = self.shared.lock().unwrap();
        shared.changes += 1;
        shared.level = level.into();
    }

    /// While the next version is sealed, so much time goes by.
    pub(crate) fn seal_slowly(&self, clock: &Clock, time: Duration) {
        self.shared.lock().unwrap().slow_seal = Some((clock.clone(), time));
    }

    pub(crate) fn is_sealed(&self, session: &str) -> bool {
        self.shared.lock().unwrap().seals.contains_key(session)
    }

    /// The next version of a session's plan.
    pub(crate) fn edit(
        &self,
        session: &str,
        author: &Actor,
        change: impl FnOnce(&mut plan::Plan),
    ) -> plan::PlanVersion {
        let mut shared = self.shared.lock().unwrap();
        let mut message = shared.versions[session].last().unwrap().plan.clone().unwrap();
        change(&mut message);
        let number = i32::try_from(shared.versions[session].len()).unwrap() + 1;
        let version = shared.version(session, number, author, message);
        shared.versions.get_mut(session).unwrap().push(version.clone());
        plan::PlanVersion { plan: None, ..version }
    }
}

impl Shared {
    fn policy_digest(&self) -> String {
        Digest::of(&[b"policy", &[u8::try_from(self.changes).unwrap()]]).to_string()
    }

    /// As risky as the first item says, or as the policy does.
    fn assess(&self, message: &plan::Plan) -> plan::RiskAssessment {
        let read = assent_plan::Plan::from_pb(message.clone(), "plan").unwrap();
        let declared: plan::RiskLevel = read.items[0].declared_risk.unwrap().to_pb();
        let level = declared.max(plan::RiskLevel::try_from(self.level).unwrap());
        let (role, quorum) = match level {
            plan::RiskLevel::Critical => ("admin", 2),
            plan::RiskLevel::High => ("lead", 1),
            _ => ("developer", 1),
        };
        let requirement = plan::ApprovalRequirement {
            roles: vec![role.to_owned()],
            quorum,
            separation_of_duties: level >= plan::RiskLevel::High,
            auto_approvable: level == plan::RiskLevel::Low,
            no_open_concerns: read.intent == "settle every concern",
            ..Default::default()
        };
        let mut requirement = self.requirement.clone().unwrap_or(requirement);
        // A single plan may stand under a policy that asks for more.
        let asked =
            message.context.as_ref().and_then(|context| context.fields.get("requirement")?.kind.clone());
        if let Some(Kind::StringValue(asked)) = asked {
            let asked = serde_json::from_str(&asked).unwrap();
            let more: plan::ApprovalRequirement = assent_proto::json::from_json(asked).unwrap();
            requirement.merge(more.encode_to_vec().as_slice()).unwrap();
        }
        plan::RiskAssessment {
            level: level.into(),
            policy_digest: self.policy_digest(),
            requirement: Some(requirement),
            ..Default::default()
        }
    }

    fn version(&self, session: &str, number: i32, author: &Actor, message: plan::Plan) -> plan::PlanVersion {
        let read = assent_plan::Plan::from_pb(message.clone(), "plan").unwrap();
        let digest = PlanDigest::of(&read).unwrap();
        let leaf = |item: &assent_plan::WorkItem| plan::ItemDigest {
            item_id: item.id.to_string(),
            digest: digest.item(&item.id).unwrap().to_string(),
        };
        let cost_high =
            self.cost_high.map(|micros| assent_proto::types::v1::Money { micros, ..Default::default() });
        plan::PlanVersion {
            session_id: session.to_owned(),
            version_number: number,
            modified_by: Some(author.to_pb()),
            estimate: Some(plan::PlanEstimate {
                total_work_items: i32::try_from(read.items.len()).unwrap(),
                estimated_duration: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
                cost_high,
                ..Default::default()
            }),
            risk: Some(self.assess(&message)),
            digest: digest.root.to_string(),
            item_digests: read.items.iter().map(leaf).collect(),
            plan: Some(message),
            ..Default::default()
        }
    }
}

/// Keeps versions in memory; its log says what the test says.
pub(crate) struct Versions(Play, Db);

impl Service for Versions {
    const NAME: &'static str = "versioning";
    const PORT: u16 = 0;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.versioning.v1.VersioningService/CreateVersion", Access::Service),
        ("/assent.versioning.v1.VersioningService/GetVersion", Access::Authenticated),
        ("/assent.versioning.v1.VersioningService/ListVersions", Access::Authenticated),
        ("/assent.versioning.v1.VersioningService/SealVersion", Access::Service),
        ("/assent.versioning.v1.VersioningService/ReleaseSeal", Access::Service),
        ("/assent.versioning.v1.VersioningService/PreviewEdits", Access::Authenticated),
    ];
    type Config = Play;

    async fn build(play: Play, wiring: &Wiring) -> Result<Self, BuildError> {
        // Any table set will do beside that of the log.
        Ok(Self(play, wiring.database("versioning", &idempotency::MIGRATIONS).await?))
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        routes.add_service(VersioningServiceServer::new(self.0.clone()));
    }

    fn tasks(&self, _: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        Some(&self.1)
    }
}

/// Assesses plans by the policy that the test chose.
pub(crate) struct Policy(Play);

impl Service for Policy {
    const NAME: &'static str = "risk";
    const PORT: u16 = 0;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.risk.v1.RiskService/AssessPlan", Access::Authenticated),
        ("/assent.risk.v1.RiskService/GetPolicy", Access::Authenticated),
    ];
    type Config = Play;

    async fn build(play: Play, _: &Wiring) -> Result<Self, BuildError> {
        Ok(Self(play))
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        routes.add_service(RiskServiceServer::new(self.0.clone()));
    }

    fn tasks(&self, _: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        None
    }
}

#[tonic::async_trait]
impl RiskService for Play {
    async fn assess_plan(
        &self,
        request: Request<risk::AssessPlanRequest>,
    ) -> Result<Response<risk::AssessPlanResponse>, Status> {
        let (_, body) = accept(request)?;
        let risk = Some(self.shared.lock().unwrap().assess(&body.plan.unwrap()));
        Ok(Response::new(risk::AssessPlanResponse { risk }))
    }

    async fn get_policy(
        &self,
        _: Request<risk::GetPolicyRequest>,
    ) -> Result<Response<risk::GetPolicyResponse>, Status> {
        let digest = self.shared.lock().unwrap().policy_digest();
        Ok(Response::new(risk::GetPolicyResponse { digest, ..Default::default() }))
    }

    async fn check_policy(
        &self,
        _: Request<risk::CheckPolicyRequest>,
    ) -> Result<Response<risk::CheckPolicyResponse>, Status> {
        Err(Status::unimplemented("the gate asks for no such thing"))
    }

    async fn replay_policy(
        &self,
        _: Request<risk::ReplayPolicyRequest>,
    ) -> Result<Response<risk::ReplayPolicyResponse>, Status> {
        Err(Status::unimplemented("the gate asks for no such thing"))
    }
}

#[tonic::async_trait]
impl VersioningService for Play {
    async fn create_version(
        &self,
        request: Request<versions::CreateVersionRequest>,
    ) -> Result<Response<versions::CreateVersionResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let mut shared = self.shared.lock().unwrap();
        let head = shared.versions.get(&body.session_id).map_or(0, Vec::len);
        if body.base_version != i32::try_from(head).unwrap() {
            return Err(Status::aborted("the head moved on"));
        }
        let number = body.base_version + 1;
        let version = shared.version(&body.session_id, number, ctx.actor(), body.plan.unwrap());
        if !body.validate_only {
            shared.versions.entry(body.session_id).or_default().push(version.clone());
        }
        Ok(Response::new(versions::CreateVersionResponse { version: Some(version) }))
    }

    async fn get_version(
        &self,
        request: Request<versions::GetVersionRequest>,
    ) -> Result<Response<versions::GetVersionResponse>, Status> {
        let body = request.into_inner();
        let shared = self.shared.lock().unwrap();
        let all = shared.versions.get(&body.session_id).map(Vec::as_slice).unwrap_or_default();
        let wanted = |version: &&plan::PlanVersion| Some(version.version_number) == body.version_number;
        let version = all.iter().find(wanted).cloned();
        Ok(Response::new(versions::GetVersionResponse { version, seal_expire_time: None }))
    }

    async fn list_versions(
        &self,
        request: Request<versions::ListVersionsRequest>,
    ) -> Result<Response<versions::ListVersionsResponse>, Status> {
        let shared = self.shared.lock().unwrap();
        let all = shared.versions.get(&request.get_ref().session_id).cloned().unwrap_or_default();
        let told = |version| match request.get_ref().brief {
            true => plan::PlanVersion { plan: None, changes: Vec::new(), estimate: None, ..version },
            false => plan::PlanVersion { plan: None, ..version },
        };
        let versions = all.into_iter().rev().map(told).collect();
        Ok(Response::new(versions::ListVersionsResponse { versions, next_page_token: String::new() }))
    }

    async fn seal_version(
        &self,
        request: Request<versions::SealVersionRequest>,
    ) -> Result<Response<versions::SealVersionResponse>, Status> {
        let body = request.into_inner();
        let mut shared = self.shared.lock().unwrap();
        let head = shared.versions.get(&body.session_id).and_then(|all| all.last());
        // As the real one: only the head can be sealed.
        if head.map(|v| (v.version_number, v.digest.as_str())) != Some((body.version_number, &body.digest)) {
            return Err(Status::aborted("not the head"));
        }
        if let Some((clock, time)) = shared.slow_seal.take() {
            clock.advance(time);
        }
        let end = prost_types::Timestamp { seconds: i64::from(body.version_number), nanos: 1 };
        let prolonged = shared.seals.insert(body.session_id, end).is_some();
        Ok(Response::new(versions::SealVersionResponse { seal_expire_time: Some(end), prolonged }))
    }

    async fn release_seal(
        &self,
        request: Request<versions::ReleaseSealRequest>,
    ) -> Result<Response<versions::ReleaseSealResponse>, Status> {
        let body = request.into_inner();
        let sealed = self.shared.lock().unwrap().seals.remove(&body.session_id);
        assert_eq!(sealed, body.seal_expire_time);
        Ok(Response::new(versions::ReleaseSealResponse {}))
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
        request: Request<versions::PreviewEditsRequest>,
    ) -> Result<Response<versions::PreviewEditsResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let shared = self.shared.lock().unwrap();
        let mut plan = shared.versions[&body.session_id].last().unwrap().plan.clone().unwrap();
        for edit in body.edits {
            let Some(plan::edit::Edit::RemoveWorkItem(out)) = edit.edit else { unreachable!() };
            // As versioning: whoever needs it would go too, so it must be gone.
            assert!(plan.dependencies.iter().all(|d| d.from != out.item_id), "{} is needed", out.item_id);
            plan.items.retain(|item| item.id != out.item_id);
            plan.dependencies.retain(|d| d.to != out.item_id);
        }
        let version = Some(shared.version(&body.session_id, body.base_version + 1, ctx.actor(), plan));
        Ok(Response::new(versions::PreviewEditsResponse { version, ..Default::default() }))
    }
}
