//! A stand-in for the planner.

use assent_core::Violation;
use assent_proto::plan::v1 as plan;
use assent_proto::planner::v1 as planner;
use assent_proto::planner::v1::planner_service_server::{PlannerService, PlannerServiceServer};
use assent_rpc::{Access, accept, invalid};
use assent_runtime::{BuildError, Service, TaskSet, Wiring};
use assent_store::Db;
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status};

/// A planner that adds an item for every piece of feedback, and cannot do what is impossible.
#[derive(Clone)]
pub(crate) struct Planner;

impl Service for Planner {
    const NAME: &'static str = "planner";
    const PORT: u16 = 0;
    const ACCESS: &'static [(&'static str, Access)] =
        &[("/assent.planner.v1.PlannerService/RevisePlan", Access::Authenticated)];
    type Config = ();

    async fn build((): (), _: &Wiring) -> Result<Self, BuildError> {
        Ok(Self)
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        routes.add_service(PlannerServiceServer::new(self.clone()));
    }

    fn tasks(&self, _: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        None
    }
}

#[tonic::async_trait]
impl PlannerService for Planner {
    async fn revise_plan(
        &self,
        request: Request<planner::RevisePlanRequest>,
    ) -> Result<Response<planner::RevisePlanResponse>, Status> {
        let (_, body) = accept(request)?;
        let mut plan = body.plan.unwrap();
        if body.feedback.contains("impossible") {
            let violation = Violation::new("feedback", "IMPOSSIBLE", "there is no way");
            return Err(invalid(vec![violation]));
        }
        let first = plan.items[0].clone();
        plan.items.push(plan::WorkItem { id: format!("more{}", plan.items.len()), ..first });
        let answered_comment_ids = body.comments.into_iter().map(|comment| comment.id).collect();
        let explanation = format!("added an item: {}", body.feedback);
        Ok(Response::new(planner::RevisePlanResponse {
            plan: Some(plan),
            answered_comment_ids,
            explanation,
            ..Default::default()
        }))
    }

    async fn create_plan(
        &self,
        _: Request<planner::CreatePlanRequest>,
    ) -> Result<Response<planner::CreatePlanResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn estimate_plan(
        &self,
        _: Request<planner::EstimatePlanRequest>,
    ) -> Result<Response<planner::EstimatePlanResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn list_playbooks(
        &self,
        _: Request<planner::ListPlaybooksRequest>,
    ) -> Result<Response<planner::ListPlaybooksResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }
}
