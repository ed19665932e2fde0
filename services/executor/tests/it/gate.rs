//! A gate that approves whatever a test wants, also what no gate would.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use assent_core::grant::{GrantClaims, ISSUER};
use assent_core::id::SessionId;
use assent_core::{Actor, ContextSource};
use assent_events::append;
use assent_plan::{Plan, PlanDigest};
use assent_proto::approval::v1::approval_service_server::{ApprovalService, ApprovalServiceServer};
use assent_proto::approval::v1::*;
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{GrantRevoked, PlanApproved};
use assent_proto::plan::v1::PlanVersion;
use assent_proto::review::v1::PlanReviewSession;
use assent_proto::versioning::v1::versioning_service_server::{VersioningService, VersioningServiceServer};
use assent_proto::versioning::v1::*;
use assent_rpc::convert::Wire as _;
use assent_rpc::{Access, RemoteFault};
use assent_runtime::{BuildError, Service, TaskSet, Wiring};
use assent_store::{Db, Migrations};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use futures_util::Stream;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status};

/// No tables but those of the events.
static NO_TABLES: Migrations = Migrations {
    name: "gate",
    postgres: sqlx::migrate::Migrator::DEFAULT,
    sqlite: sqlx::migrate::Migrator::DEFAULT,
};

#[derive(Default)]
struct Shared {
    db: Mutex<Option<Db>>,
    decided: Mutex<HashMap<SessionId, (String, PlanVersion)>>,
    /// Reviews that were asked for.
    asked: Mutex<Vec<(SessionId, SubmitForApprovalRequest)>>,
    /// Sessions whose grant was taken back.
    revoked: Mutex<HashSet<SessionId>>,
    /// How often it was asked which grants it stands by.
    looked: watch::Sender<usize>,
    source: Mutex<Option<ContextSource>>,
}

/// What a test holds of the gate.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Gate {
    #[serde(skip)]
    shared: Arc<Shared>,
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// Claims that are as they should be.
pub(crate) fn claims(source: &ContextSource, session: SessionId, plan: &Plan) -> GrantClaims {
    let digest = PlanDigest::of(plan).unwrap();
    let now = source.now().micros() / 1_000_000;
    let items = plan.items.iter().map(|item| (item.id.to_string(), *digest.item(&item.id).unwrap()));
    GrantClaims {
        iss: ISSUER.to_owned(),
        sub: session,
        jti: source.new_id(),
        ver: 1,
        dig: digest.root,
        items: items.collect(),
        conditions: Vec::new(),
        amends: None,
        iat: now,
        nbf: now,
        exp: now + 3600,
    }
}

pub(crate) fn sign(claims: &GrantClaims, seed: u8) -> String {
    let header = Header { kid: Some("key_1".to_owned()), ..Header::new(Algorithm::EdDSA) };
    let der = key(seed).to_pkcs8_der().unwrap();
    encode(&header, claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap()
}

/// The id of the grant, where it is one.
fn granted(token: &str) -> Option<String> {
    let claims = jsonwebtoken::dangerous::insecure_decode::<GrantClaims>(token).ok()?.claims;
    Some(claims.jti.to_string())
}

impl Gate {
    /// Says that `plan` is approved as `token` says.
    pub(crate) async fn approve(
        &self,
        source: &ContextSource,
        session: SessionId,
        plan: &Plan,
        token: String,
    ) {
        let version = PlanVersion {
            session_id: session.to_string(),
            version_number: 1,
            plan: Some(plan.to_pb()),
            digest: PlanDigest::of(plan).unwrap().root.to_string(),
            ..PlanVersion::default()
        };
        self.shared.decided.lock().unwrap().insert(session, (token, version));
        self.tell(source, session).await;
    }

    /// Publishes the decision (once more).
    pub(crate) async fn tell(&self, source: &ContextSource, session: SessionId) {
        self.publish(source, session, Payload::PlanApproved(PlanApproved::default())).await;
    }

    /// Takes the grant of `session` back.
    pub(crate) async fn revoke(&self, source: &ContextSource, session: SessionId) {
        self.revoke_unheard(session);
        self.publish(source, session, Payload::GrantRevoked(GrantRevoked::default())).await;
    }

    /// Takes the grant of `session` back, and tells nobody.
    pub(crate) fn revoke_unheard(&self, session: SessionId) {
        self.shared.revoked.lock().unwrap().insert(session);
    }

    /// Waits until it was asked so many times more which grants it stands by.
    pub(crate) async fn looked(&self, times: usize) {
        let mut looked = self.shared.looked.subscribe();
        let wanted = *looked.borrow_and_update() + times;
        looked.wait_for(|count| *count >= wanted).await.unwrap();
    }

    /// The reviews that the executor asked for.
    pub(crate) fn asked(&self) -> Vec<(SessionId, SubmitForApprovalRequest)> {
        self.shared.asked.lock().unwrap().clone()
    }

    pub(crate) async fn publish(&self, source: &ContextSource, session: SessionId, fact: Payload) {
        let db = self.shared.db.lock().unwrap().clone().unwrap();
        let ctx = source.operation(Actor::system("approval-gate"));
        let mut tx = db.begin().await.unwrap();
        append(&mut tx, &ctx, Some(session), fact).await.unwrap();
        tx.commit().await.unwrap();
    }

    fn status(&self, session: &str) -> GrantStatus {
        let revoked = self.shared.revoked.lock().unwrap().contains(&session.parse().unwrap());
        if revoked { GrantStatus::Revoked } else { GrantStatus::Valid }
    }

    fn stands_by(&self, grant: &str) -> bool {
        let decided = self.shared.decided.lock().unwrap();
        let of = decided.iter().find(|(_, (token, _))| granted(token).is_some_and(|id| id == grant));
        of.is_some_and(|(session, _)| !self.shared.revoked.lock().unwrap().contains(session))
    }

    fn decided(&self, session: &str) -> Result<(String, PlanVersion), Status> {
        let session: SessionId = session.parse().map_err(|_| Status::not_found("session"))?;
        self.shared
            .decided
            .lock()
            .unwrap()
            .get(&session)
            .cloned()
            .ok_or_else(|| assent_rpc::status(&RemoteFault::from(Status::not_found("session"))))
    }
}

/// The gate and the versions behind it.
pub(crate) struct GateService {
    gate: Gate,
    db: Db,
}

impl Service for GateService {
    const NAME: &'static str = "approval-gate";
    const PORT: u16 = 0;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.approval.v1.ApprovalService/SubmitForApproval", Access::Service),
        ("/assent.approval.v1.ApprovalService/CheckGrant", Access::Service),
        ("/assent.approval.v1.ApprovalService/GetValidGrants", Access::Service),
        ("/assent.approval.v1.ApprovalService/GetGrant", Access::Service),
        ("/assent.approval.v1.ApprovalService/GetKeys", Access::Service),
        ("/assent.versioning.v1.VersioningService/GetVersion", Access::Service),
    ];
    type Config = Gate;

    async fn build(gate: Gate, wiring: &Wiring) -> Result<Self, BuildError> {
        let db = wiring.database("approval_gate", &NO_TABLES).await?;
        *gate.shared.db.lock().unwrap() = Some(db.clone());
        *gate.shared.source.lock().unwrap() = Some(wiring.source().clone());
        Ok(Self { gate, db })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        routes.add_service(ApprovalServiceServer::new(self.gate.clone()));
        routes.add_service(VersioningServiceServer::new(self.gate.clone()));
    }

    fn tasks(&self, _: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        Some(&self.db)
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn unused<T>() -> Answer<T> {
    Err(Status::unimplemented("not in this test"))
}

#[tonic::async_trait]
impl ApprovalService for Gate {
    type WatchSessionStream = Pin<Box<dyn Stream<Item = Result<WatchSessionResponse, Status>> + Send>>;

    async fn get_grant(&self, request: Request<GetGrantRequest>) -> Answer<GetGrantResponse> {
        let session = request.into_inner().session_id;
        let (grant, _) = self.decided(&session)?;
        let status = self.status(&session).into();
        Ok(Response::new(GetGrantResponse { grant, expire_time: None, status }))
    }

    async fn get_keys(&self, _: Request<GetKeysRequest>) -> Answer<GetKeysResponse> {
        let public_key = key(1).verifying_key().to_bytes().to_vec();
        let key = VerifyingKey { key_id: "key_1".to_owned(), public_key, ..VerifyingKey::default() };
        Ok(Response::new(GetKeysResponse { keys: vec![key] }))
    }

    async fn submit_for_approval(
        &self,
        request: Request<SubmitForApprovalRequest>,
    ) -> Answer<SubmitForApprovalResponse> {
        let request = request.into_inner();
        let mut asked = self.shared.asked.lock().unwrap();
        let known = asked.iter().find(|(_, known)| known.request_id == request.request_id);
        let id = match known {
            Some((id, _)) => *id,
            None => self.shared.source.lock().unwrap().as_ref().unwrap().new_id(),
        };
        if known.is_none() {
            asked.push((id, request));
        }
        let session = PlanReviewSession { id: id.to_string(), ..Default::default() };
        Ok(Response::new(SubmitForApprovalResponse { session: Some(session) }))
    }
    async fn get_session(&self, _: Request<GetSessionRequest>) -> Answer<GetSessionResponse> {
        unused()
    }
    async fn list_sessions(&self, _: Request<ListSessionsRequest>) -> Answer<ListSessionsResponse> {
        unused()
    }
    async fn start_review(&self, _: Request<StartReviewRequest>) -> Answer<StartReviewResponse> {
        unused()
    }
    async fn approve(&self, _: Request<ApproveRequest>) -> Answer<ApproveResponse> {
        unused()
    }
    async fn reject(&self, _: Request<RejectRequest>) -> Answer<RejectResponse> {
        unused()
    }
    async fn wait_for_decision(&self, _: Request<WaitForDecisionRequest>) -> Answer<WaitForDecisionResponse> {
        unused()
    }
    async fn watch_session(&self, _: Request<WatchSessionRequest>) -> Answer<Self::WatchSessionStream> {
        unused()
    }
    async fn check_grant(&self, request: Request<CheckGrantRequest>) -> Answer<CheckGrantResponse> {
        let session = request.into_inner().session_id;
        self.decided(&session)?;
        Ok(Response::new(CheckGrantResponse {
            status: self.status(&session).into(),
            reason: "second thoughts".to_owned(),
            revoke_time: None,
        }))
    }
    async fn get_valid_grants(
        &self,
        request: Request<GetValidGrantsRequest>,
    ) -> Answer<GetValidGrantsResponse> {
        let mut grant_ids = request.into_inner().grant_ids;
        grant_ids.retain(|id| self.stands_by(id));
        self.shared.looked.send_modify(|count| *count += 1);
        Ok(Response::new(GetValidGrantsResponse { grant_ids }))
    }
    async fn revoke_grant(&self, _: Request<RevokeGrantRequest>) -> Answer<RevokeGrantResponse> {
        unused()
    }
    async fn list_pending_sessions(
        &self,
        _: Request<ListPendingSessionsRequest>,
    ) -> Answer<ListPendingSessionsResponse> {
        unused()
    }
    async fn explain_decision(&self, _: Request<ExplainDecisionRequest>) -> Answer<ExplainDecisionResponse> {
        unused()
    }
    async fn break_glass(&self, _: Request<BreakGlassRequest>) -> Answer<BreakGlassResponse> {
        unused()
    }
    async fn request_modification(
        &self,
        _: Request<RequestModificationRequest>,
    ) -> Answer<RequestModificationResponse> {
        unused()
    }
    async fn resubmit(&self, _: Request<ResubmitRequest>) -> Answer<ResubmitResponse> {
        unused()
    }
    async fn cancel(&self, _: Request<CancelRequest>) -> Answer<CancelResponse> {
        unused()
    }
    async fn reassign(&self, _: Request<ReassignRequest>) -> Answer<ReassignResponse> {
        unused()
    }
    async fn extend_deadline(&self, _: Request<ExtendDeadlineRequest>) -> Answer<ExtendDeadlineResponse> {
        unused()
    }
    async fn rotate_keys(&self, _: Request<RotateKeysRequest>) -> Answer<RotateKeysResponse> {
        unused()
    }
}

#[tonic::async_trait]
impl VersioningService for Gate {
    async fn get_version(&self, request: Request<GetVersionRequest>) -> Answer<GetVersionResponse> {
        let (_, version) = self.decided(&request.into_inner().session_id)?;
        Ok(Response::new(GetVersionResponse { version: Some(version), seal_expire_time: None }))
    }

    async fn create_version(&self, _: Request<CreateVersionRequest>) -> Answer<CreateVersionResponse> {
        unused()
    }
    async fn list_versions(&self, _: Request<ListVersionsRequest>) -> Answer<ListVersionsResponse> {
        unused()
    }
    async fn seal_version(&self, _: Request<SealVersionRequest>) -> Answer<SealVersionResponse> {
        unused()
    }
    async fn release_seal(&self, _: Request<ReleaseSealRequest>) -> Answer<ReleaseSealResponse> {
        unused()
    }
    async fn compare_versions(&self, _: Request<CompareVersionsRequest>) -> Answer<CompareVersionsResponse> {
        unused()
    }
    async fn restore_version(&self, _: Request<RestoreVersionRequest>) -> Answer<RestoreVersionResponse> {
        unused()
    }
    async fn validate_plan(&self, _: Request<ValidatePlanRequest>) -> Answer<ValidatePlanResponse> {
        unused()
    }
    async fn preview_edits(&self, _: Request<PreviewEditsRequest>) -> Answer<PreviewEditsResponse> {
        unused()
    }
}
