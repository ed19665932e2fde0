//! The RPCs.

use std::sync::Arc;

use assent_plan::Plan;
use assent_proto::risk::v1 as pb;
use assent_proto::risk::v1::risk_service_server::RiskService;
use assent_rpc::convert::Wire as _;
use tonic::{Request, Response, Status};

use crate::{Rulebook, assess};

pub(crate) struct Grpc(pub(crate) Arc<Rulebook>);

#[tonic::async_trait]
impl RiskService for Grpc {
    async fn assess_plan(
        &self,
        request: Request<pb::AssessPlanRequest>,
    ) -> Result<Response<pb::AssessPlanResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let plan = Plan::from_pb(body.plan.unwrap_or_default(), "plan").map_err(assent_rpc::invalid)?;
        let risk = assess(&plan, &self.0.catalog, &self.0.policy);
        Ok(Response::new(pb::AssessPlanResponse { risk: Some(risk.to_pb()) }))
    }

    async fn get_policy(
        &self,
        request: Request<pb::GetPolicyRequest>,
    ) -> Result<Response<pb::GetPolicyResponse>, Status> {
        assent_rpc::accept(request)?;
        let policy = &self.0.policy;
        Ok(Response::new(pb::GetPolicyResponse {
            text: policy.text().to_owned(),
            digest: policy.digest().to_string(),
            rules: policy.rule_names().map(str::to_owned).collect(),
        }))
    }
}
