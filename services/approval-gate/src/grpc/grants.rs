//! Grants as the contract has them.

use assent_core::id::GrantKind;
use assent_core::{Id, OpContext};
use assent_proto::approval::v1 as pb;
use assent_rpc::convert::{Wire, WireEnum};
use assent_rpc::wire_enum;
use tonic::Status;

use super::{Grpc, session_id};
use crate::app::Once;
use crate::domain::grant::Standing;
use crate::error::GateError;

wire_enum!(Standing => pb::GrantStatus { Valid, Revoked, Expired });

impl Grpc {
    pub(super) async fn check(
        &self,
        ctx: &OpContext,
        body: pb::CheckGrantRequest,
    ) -> Result<pb::CheckGrantResponse, Status> {
        let id = Id::<GrantKind>::from_pb(body.grant_id, "grant_id").map_err(GateError::invalid)?;
        let grant = self.0.checked_grant(session_id(body.session_id)?, id).await?;
        let standing = grant.standing(ctx.now());
        let reason = match (standing, &grant.revoked) {
            (Standing::Valid, _) => String::new(),
            (_, Some(revocation)) => revocation.reason.clone(),
            (Standing::Expired | Standing::Revoked, None) => "the grant has expired".to_owned(),
        };
        let revoke_time = grant.revoked.map(|revocation| revocation.at.to_pb());
        Ok(pb::CheckGrantResponse { status: standing.number(), reason, revoke_time })
    }

    pub(super) async fn valid(
        &self,
        ctx: &OpContext,
        body: pb::GetValidGrantsRequest,
    ) -> Result<pb::GetValidGrantsResponse, Status> {
        let ids = body.grant_ids.into_iter().map(|id| Id::from_pb(id, "grant_ids"));
        let ids = ids.collect::<Result<Vec<_>, _>>().map_err(GateError::invalid)?;
        let valid = self.0.valid_grants(ctx, &ids).await?;
        Ok(pb::GetValidGrantsResponse { grant_ids: valid.iter().map(ToString::to_string).collect() })
    }

    pub(super) async fn revoke(
        &self,
        ctx: &OpContext,
        body: pb::RevokeGrantRequest,
    ) -> Result<pb::RevokeGrantResponse, Status> {
        let once = Once::of("RevokeGrant", &body.request_id, &body);
        let session = session_id(body.session_id)?;
        let revoke = self.0.revoke_grant(ctx, session, &body.reason, &once);
        Ok(self.0.audited(ctx, session, "RevokeGrant", revoke).await?)
    }
}
