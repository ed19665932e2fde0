//! `DirectoryService`.

use assent_proto::approval::v1 as pb;
use assent_proto::approval::v1::directory_service_server::DirectoryService;
use assent_rpc::accept;
use assent_rpc::convert::{Wire, list_to_pb};
use tonic::{Request, Response, Status};

use super::{Grpc, session_id};

#[tonic::async_trait]
impl DirectoryService for Grpc {
    async fn get_caller(
        &self,
        request: Request<pb::GetCallerRequest>,
    ) -> Result<Response<pb::GetCallerResponse>, Status> {
        let (ctx, pb::GetCallerRequest {}) = accept(request)?;
        Ok(Response::new(pb::GetCallerResponse { caller: Some(ctx.actor().to_pb()) }))
    }

    async fn list_eligible_approvers(
        &self,
        request: Request<pb::ListEligibleApproversRequest>,
    ) -> Result<Response<pb::ListEligibleApproversResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let approvers = self.0.eligible(&ctx, session_id(body.session_id)?).await?;
        Ok(Response::new(pb::ListEligibleApproversResponse { approvers: list_to_pb(&approvers) }))
    }
}
