//! The RPCs.

use std::sync::Arc;

use assent_plan::{InvalidPlan, Plan};
use assent_proto::planner::v1 as pb;
use assent_proto::planner::v1::planner_service_server::PlannerService;
use assent_rpc::convert::{Wire as _, read_message};
use tonic::{Request, Response, Status};

use crate::app::{App, CreatePlan};
use crate::domain::Playbook;
use crate::error::PlannerError;

pub(crate) struct Grpc(pub(crate) Arc<App>);

#[tonic::async_trait]
impl PlannerService for Grpc {
    async fn create_plan(
        &self,
        request: Request<pb::CreatePlanRequest>,
    ) -> Result<Response<pb::CreatePlanResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let (plan, playbook) = self.0.create(read_command(body)?)?;
        Ok(Response::new(pb::CreatePlanResponse { plan: Some(plan.to_pb()), playbook }))
    }

    async fn estimate_plan(
        &self,
        request: Request<pb::EstimatePlanRequest>,
    ) -> Result<Response<pb::EstimatePlanResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let plan = Plan::from_pb(body.plan.unwrap_or_default(), "plan")
            .map_err(|found| PlannerError::from(InvalidPlan(found)))?;
        let estimate = self.0.estimate(&plan)?;
        Ok(Response::new(pb::EstimatePlanResponse { estimate: Some(estimate.to_pb()) }))
    }

    async fn list_playbooks(
        &self,
        request: Request<pb::ListPlaybooksRequest>,
    ) -> Result<Response<pb::ListPlaybooksResponse>, Status> {
        assent_rpc::accept(request)?;
        let playbooks = self.0.playbooks().map(playbook_to_pb).collect();
        Ok(Response::new(pb::ListPlaybooksResponse { playbooks }))
    }
}

fn read_command(body: pb::CreatePlanRequest) -> Result<CreatePlan, Status> {
    let read = read_message("", |at| {
        let context = at.field("context").optional(body.context);
        let constraints = at.field("constraints").optional(body.constraints);
        Ok(CreatePlan {
            goal: body.goal,
            context: context?.unwrap_or_default(),
            constraints: constraints?.unwrap_or_default(),
        })
    });
    read.map_err(assent_rpc::invalid)
}

fn playbook_to_pb(playbook: &Playbook) -> pb::Playbook {
    pb::Playbook {
        name: playbook.name().to_owned(),
        description: playbook.description().to_owned(),
        examples: playbook.examples().to_vec(),
    }
}
