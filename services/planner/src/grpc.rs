//! The RPCs.

use std::sync::Arc;

use assent_plan::{InvalidPlan, Plan};
use assent_proto::planner::v1 as pb;
use assent_proto::planner::v1::planner_service_server::PlannerService;
use assent_proto::review::v1::PlanComment;
use assent_rpc::convert::{Field, Refused, Wire as _, read_message};
use tonic::{Request, Response, Status};

use crate::app::{App, Backend, CreatePlan, RevisePlan};
use crate::domain::{Playbook, Remark, Unusable};
use crate::error::PlannerError;
use crate::llm::Usage;

pub(crate) struct Grpc(pub(crate) Arc<App>);

#[tonic::async_trait]
impl PlannerService for Grpc {
    async fn create_plan(
        &self,
        request: Request<pb::CreatePlanRequest>,
    ) -> Result<Response<pb::CreatePlanResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let made = self.0.create(read_command(body)?).await?;
        Ok(Response::new(pb::CreatePlanResponse {
            plan: Some(made.plan.to_pb()),
            playbook: made.playbook,
            score: i32::try_from(made.score).unwrap_or(i32::MAX),
            warnings: made.warnings,
            usage: made.usage.map(usage_to_pb),
        }))
    }

    async fn revise_plan(
        &self,
        request: Request<pb::RevisePlanRequest>,
    ) -> Result<Response<pb::RevisePlanResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let revision = self.0.revise(read_revision(body)?).await?;
        Ok(Response::new(pb::RevisePlanResponse {
            plan: Some(revision.plan.to_pb()),
            answered_comment_ids: revision.answered,
            explanation: revision.explanation,
            warnings: revision.warnings,
            usage: revision.usage.map(usage_to_pb),
        }))
    }

    async fn estimate_plan(
        &self,
        request: Request<pb::EstimatePlanRequest>,
    ) -> Result<Response<pb::EstimatePlanResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let plan = read_plan(body.plan)?;
        let estimate = self.0.estimate(&plan).await?;
        Ok(Response::new(pb::EstimatePlanResponse { estimate: Some(estimate.to_pb()) }))
    }

    async fn list_playbooks(
        &self,
        request: Request<pb::ListPlaybooksRequest>,
    ) -> Result<Response<pb::ListPlaybooksResponse>, Status> {
        assent_rpc::accept(request)?;
        let library = self.0.library();
        let playbooks = library.playbooks().map(playbook_to_pb).collect();
        let unusable = library.unusable().iter().map(unusable_to_pb).collect();
        Ok(Response::new(pb::ListPlaybooksResponse { playbooks, unusable }))
    }
}

fn read_command(body: pb::CreatePlanRequest) -> Result<CreatePlan, Status> {
    let read = read_message("", |at| {
        let context = at.field("context").optional(body.context);
        let constraints = at.field("constraints").optional(body.constraints);
        let backend = match pb::PlannerBackend::try_from(body.backend) {
            Ok(pb::PlannerBackend::Unspecified) => Ok(None),
            Ok(pb::PlannerBackend::Playbook) => Ok(Some(Backend::Playbook)),
            Ok(pb::PlannerBackend::Llm) => Ok(Some(Backend::Llm)),
            Err(_) => {
                Err(at.field("backend").refuse("UNKNOWN_ENUM", format!("has no value {}", body.backend)))
            }
        };
        Ok(CreatePlan {
            goal: body.goal,
            backend: backend?,
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
    let item = at.field("target_item_id").unless_empty(comment.target_item_id.clone());
    if comment.id.is_empty() {
        return Err(at.field("id").refuse("REQUIRED", "must be set"));
    }
    let kind = word(comment.r#type().as_str_name(), "COMMENT_TYPE_");
    let about = word(comment.scope().as_str_name(), "COMMENT_SCOPE_");
    let replies = comment.replies.into_iter().map(|reply| reply.content).collect();
    Ok(Remark { id: comment.id, text: comment.content, replies, kind, about, item: item? })
}

/// `COMMENT_TYPE_CONCERN` as `concern`.
fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase()
}

fn usage_to_pb(usage: Usage) -> pb::ModelUsage {
    pb::ModelUsage {
        model: usage.model,
        calls: i32::try_from(usage.calls).unwrap_or(i32::MAX),
        input_tokens: i64::try_from(usage.input_tokens).unwrap_or(i64::MAX),
        output_tokens: i64::try_from(usage.output_tokens).unwrap_or(i64::MAX),
        cost: Some(usage.cost.to_pb()),
    }
}

fn playbook_to_pb(playbook: &Playbook) -> pb::Playbook {
    pb::Playbook {
        name: playbook.name().to_owned(),
        description: playbook.description().to_owned(),
        examples: playbook.examples().to_vec(),
        requires: playbook.requires().to_vec(),
    }
}

fn unusable_to_pb(unusable: &Unusable) -> pb::UnusablePlaybook {
    pb::UnusablePlaybook {
        file: unusable.file.clone(),
        line: unusable.line.and_then(|line| i32::try_from(line).ok()).unwrap_or_default(),
        reason: unusable.reason.clone(),
    }
}
