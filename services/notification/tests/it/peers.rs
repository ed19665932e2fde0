//! The services that notification asks and follows.

use assent_proto::approval::v1 as pb;
use assent_proto::approval::v1::approval_service_server::{ApprovalService, ApprovalServiceServer};
use assent_proto::approval::v1::directory_service_server::{DirectoryService, DirectoryServiceServer};
use assent_proto::plan::v1::Plan;
use assent_proto::review::v1::PlanReviewSession;
use assent_proto::types::v1::Actor;
use assent_rpc::Access;
use assent_runtime::{BuildError, Service, TaskSet, Wiring};
use assent_store::Db;
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status};

/// A gate in which every session was asked for by an agent for Ada and waits for Bob and Cem.
pub(crate) struct Gate(Db);

/// An executor of which only the log is there.
pub(crate) struct Executor(Db);

struct Answers;

impl Service for Gate {
    const NAME: &'static str = "approval-gate";
    const PORT: u16 = 0;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.approval.v1.ApprovalService/GetSession", Access::Authenticated),
        ("/assent.approval.v1.DirectoryService/ListEligibleApprovers", Access::Authenticated),
    ];
    type Config = ();

    async fn build((): (), wiring: &Wiring) -> Result<Self, BuildError> {
        Ok(Self(wiring.database("approval_gate", &assent_events::MIGRATIONS).await?))
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        routes.add_service(ApprovalServiceServer::new(Answers));
        routes.add_service(DirectoryServiceServer::new(Answers));
    }

    fn tasks(&self, _tasks: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        Some(&self.0)
    }
}

impl Service for Executor {
    const NAME: &'static str = "executor";
    const PORT: u16 = 0;
    const ACCESS: &'static [(&'static str, Access)] = &[];
    type Config = ();

    async fn build((): (), wiring: &Wiring) -> Result<Self, BuildError> {
        Ok(Self(wiring.database("executor", &assent_events::MIGRATIONS).await?))
    }

    fn routes(&self, _routes: &mut RoutesBuilder) {}

    fn tasks(&self, _tasks: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        Some(&self.0)
    }
}

fn actor(id: &str) -> Actor {
    Actor { id: id.to_owned(), ..Actor::default() }
}

#[tonic::async_trait]
impl DirectoryService for Answers {
    async fn get_caller(
        &self,
        _: Request<pb::GetCallerRequest>,
    ) -> Result<Response<pb::GetCallerResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn list_eligible_approvers(
        &self,
        _: Request<pb::ListEligibleApproversRequest>,
    ) -> Result<Response<pb::ListEligibleApproversResponse>, Status> {
        Ok(Response::new(pb::ListEligibleApproversResponse {
            approvers: vec![actor("bob"), actor("cem")],
            ..Default::default()
        }))
    }

    async fn get_user(
        &self,
        _: Request<pb::GetUserRequest>,
    ) -> Result<Response<pb::GetUserResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn list_users(
        &self,
        _: Request<pb::ListUsersRequest>,
    ) -> Result<Response<pb::ListUsersResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn upsert_user(
        &self,
        _: Request<pb::UpsertUserRequest>,
    ) -> Result<Response<pb::UpsertUserResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn delete_user(
        &self,
        _: Request<pb::DeleteUserRequest>,
    ) -> Result<Response<pb::DeleteUserResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn create_delegation(
        &self,
        _: Request<pb::CreateDelegationRequest>,
    ) -> Result<Response<pb::CreateDelegationResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn revoke_delegation(
        &self,
        _: Request<pb::RevokeDelegationRequest>,
    ) -> Result<Response<pb::RevokeDelegationResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn list_delegations(
        &self,
        _: Request<pb::ListDelegationsRequest>,
    ) -> Result<Response<pb::ListDelegationsResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn get_contacts(
        &self,
        _: Request<pb::GetContactsRequest>,
    ) -> Result<Response<pb::GetContactsResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }
}

/// Methods that nobody here calls.
macro_rules! not_played {
    ($($method:ident($request:ident) -> $response:ident),* $(,)?) => {
        #[tonic::async_trait]
        impl ApprovalService for Answers {
            async fn get_session(
                &self,
                request: Request<pb::GetSessionRequest>,
            ) -> Result<Response<pb::GetSessionResponse>, Status> {
                let session = PlanReviewSession {
                    id: request.into_inner().session_id,
                    plan: Some(Plan { goal: "Export all users".to_owned(), ..Plan::default() }),
                    requester: Some(actor("agent")),
                    on_behalf_of: "ada".to_owned(),
                    ..PlanReviewSession::default()
                };
                Ok(Response::new(pb::GetSessionResponse { session: Some(session) }))
            }

            type WatchSessionStream =
                futures_util::stream::Pending<Result<pb::WatchSessionResponse, Status>>;

            async fn watch_session(
                &self,
                _: Request<pb::WatchSessionRequest>,
            ) -> Result<Response<Self::WatchSessionStream>, Status> {
                Err(Status::unimplemented("not played"))
            }

            $(async fn $method(&self, _: Request<pb::$request>) -> Result<Response<pb::$response>, Status> {
                Err(Status::unimplemented("not played"))
            })*
        }
    };
}

not_played!(
    submit_for_approval(SubmitForApprovalRequest) -> SubmitForApprovalResponse,
    list_sessions(ListSessionsRequest) -> ListSessionsResponse,
    start_review(StartReviewRequest) -> StartReviewResponse,
    approve(ApproveRequest) -> ApproveResponse,
    reject(RejectRequest) -> RejectResponse,
    wait_for_decision(WaitForDecisionRequest) -> WaitForDecisionResponse,
    get_grant(GetGrantRequest) -> GetGrantResponse,
    get_keys(GetKeysRequest) -> GetKeysResponse,
    check_grant(CheckGrantRequest) -> CheckGrantResponse,
    revoke_grant(RevokeGrantRequest) -> RevokeGrantResponse,
    list_pending_sessions(ListPendingSessionsRequest) -> ListPendingSessionsResponse,
    explain_decision(ExplainDecisionRequest) -> ExplainDecisionResponse,
    break_glass(BreakGlassRequest) -> BreakGlassResponse,
);
