//! The RPCs.

use std::sync::Arc;

use assent_plan::{InvalidPlan, Plan};
use assent_proto::planner::v1 as pb;
use assent_proto::planner::v1::planner_service_server::PlannerService;
use assent_proto::review::v1::PlanComment;
use assent_rpc::convert::{Field, Refused, Wire as _, read_message};
use tonic::{Request, Response, Status};

use crate::app::{App, CreatePlan, Remark, RevisePlan, Revision};
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

    async fn revise_plan(
        &self,
        request: Request<pb::RevisePlanRequest>,
    ) -> Result<Response<pb::RevisePlanResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let Revision { plan, answered, explanation } = self.0.revise(read_revision(body)?)?;
        let plan = Some(plan.to_pb());
        Ok(Response::new(pb::RevisePlanResponse { plan, answered_comment_ids: answered, explanation }))
    }

    async fn estimate_plan(
        &self,
        request: Request<pb::EstimatePlanRequest>,
    ) -> Result<Response<pb::EstimatePlanResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let plan = read_plan(body.plan)?;
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

fn read_plan(plan: Option<assent_proto::plan::v1::Plan>) -> Result<Plan, PlannerError> {
    Plan::from_pb(plan.unwrap_or_default(), "plan").map_err(|found| InvalidPlan(found).into())
}

fn read_revision(body: pb::RevisePlanRequest) -> Result<RevisePlan, Status> {
    let plan = read_plan(body.plan)?;
    let read = read_message("", |at| {
        let constraints = at.field("constraints").optional(body.constraints);
        let comments = at.field("comments");
        let remarks: Vec<_> =
            body.comments.into_iter().enumerate().map(|(n, c)| read_remark(c, &comments.index(n))).collect();
        Ok(RevisePlan {
            plan,
            feedback: body.feedback,
            comments: remarks.into_iter().collect::<Result<_, _>>()?,
            constraints: constraints?.unwrap_or_default(),
        })
    });
    read.map_err(assent_rpc::invalid)
}

fn read_remark(comment: PlanComment, at: &Field<'_>) -> Result<Remark, Refused> {
    let item = at.field("target_item_id").unless_empty(comment.target_item_id);
    if comment.id.is_empty() {
        return Err(at.field("id").refuse("REQUIRED", "must be set"));
    }
    Ok(Remark { id: comment.id, text: comment.content, item: item? })
}

fn playbook_to_pb(playbook: &Playbook) -> pb::Playbook {
    pb::Playbook {
        name: playbook.name().to_owned(),
        description: playbook.description().to_owned(),
        examples: playbook.examples().to_vec(),
    }
}
