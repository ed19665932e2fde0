//! The services that versioning asks and follows.

use assent_core::{Digest, OpContext};
use assent_plan::{ApprovalRequirement, PlanEstimate, RiskAssessment, RiskFactor, RiskLevel};
use assent_proto::planner::v1 as planner;
use assent_proto::planner::v1::planner_service_server::{PlannerService, PlannerServiceServer};
use assent_proto::risk::v1 as risk;
use assent_proto::risk::v1::risk_service_server::{RiskService, RiskServiceServer};
use assent_rpc::convert::Wire as _;
use assent_rpc::{Access, accept};
use assent_runtime::{BuildError, Service, TaskSet, Wiring};
use assent_store::Db;
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status};

/// Goal of a plan that risk cannot answer for.
pub(crate) const BREAKS_RISK: &str = "break risk";

/// Planner and risk, and the log of an approval gate that does nothing else.
pub(crate) struct Peers(Db);

struct Answers;

impl Service for Peers {
    const NAME: &'static str = "approval-gate";
    const PORT: u16 = 0;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.planner.v1.PlannerService/EstimatePlan", Access::Authenticated),
        ("/assent.risk.v1.RiskService/AssessPlan", Access::Authenticated),
    ];
    type Config = ();

    async fn build((): (), wiring: &Wiring) -> Result<Self, BuildError> {
        Ok(Self(wiring.database("approval_gate", &assent_events::MIGRATIONS).await?))
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        routes.add_service(PlannerServiceServer::new(Answers));
        routes.add_service(RiskServiceServer::new(Answers));
    }

    fn tasks(&self, _tasks: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        Some(&self.0)
    }
}

#[tonic::async_trait]
impl PlannerService for Answers {
    async fn create_plan(
        &self,
        _: Request<planner::CreatePlanRequest>,
    ) -> Result<Response<planner::CreatePlanResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn estimate_plan(
        &self,
        request: Request<planner::EstimatePlanRequest>,
    ) -> Result<Response<planner::EstimatePlanResponse>, Status> {
        let (_, body) = accept(request)?;
        let items = u32::try_from(body.plan.unwrap_or_default().items.len()).unwrap();
        let estimate = PlanEstimate { total_work_items: items, ..PlanEstimate::default() };
        Ok(Response::new(planner::EstimatePlanResponse { estimate: Some(estimate.to_pb()) }))
    }

    async fn revise_plan(
        &self,
        _: Request<planner::RevisePlanRequest>,
    ) -> Result<Response<planner::RevisePlanResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn list_playbooks(
        &self,
        _: Request<planner::ListPlaybooksRequest>,
    ) -> Result<Response<planner::ListPlaybooksResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }
}

#[tonic::async_trait]
impl RiskService for Answers {
    async fn assess_plan(
        &self,
        request: Request<risk::AssessPlanRequest>,
    ) -> Result<Response<risk::AssessPlanResponse>, Status> {
        let (ctx, body): (OpContext, _) = accept(request)?;
        let plan = body.plan.unwrap_or_default();
        if plan.goal == BREAKS_RISK {
            return Ok(Response::new(risk::AssessPlanResponse { risk: None }));
        }
        let factor = RiskFactor {
            code: "PLAYED".to_owned(),
            description: format!("asked for by {}", ctx.actor().id),
            severity: RiskLevel::High,
            mitigation: String::new(),
            item_id: None,
            rule: "played".to_owned(),
            explanation: String::new(),
        };
        let assessment = RiskAssessment {
            level: RiskLevel::High,
            factors: vec![factor],
            items: plan.items.iter().map(|item| (item.id.parse().unwrap(), RiskLevel::High)).collect(),
            policy_digest: Digest::of(&[b"policy"]),
            requirement: ApprovalRequirement {
                roles: vec!["lead".to_owned()],
                quorum: 1,
                separation_of_duties: true,
                ..Default::default()
            },
        };
        Ok(Response::new(risk::AssessPlanResponse { risk: Some(assessment.to_pb()) }))
    }

    async fn get_policy(
        &self,
        _: Request<risk::GetPolicyRequest>,
    ) -> Result<Response<risk::GetPolicyResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn check_policy(
        &self,
        _: Request<risk::CheckPolicyRequest>,
    ) -> Result<Response<risk::CheckPolicyResponse>, Status> {
        Err(Status::unimplemented("versioning asks for no such thing"))
    }

    async fn replay_policy(
        &self,
        _: Request<risk::ReplayPolicyRequest>,
    ) -> Result<Response<risk::ReplayPolicyResponse>, Status> {
        Err(Status::unimplemented("versioning asks for no such thing"))
    }
}
