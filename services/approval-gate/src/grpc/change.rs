//! Reading what is done to an open session.

use assent_core::OpContext;
use assent_plan::Span;
use assent_proto::approval::v1 as pb;
use assent_proto::review::v1::PlanReviewSession;
use assent_rpc::convert::read_message;
use tonic::Status;

use super::convert::view_to_pb;
use super::{Grpc, session_id};
use crate::app::{Change, Feedback, Once};
use crate::domain::deadline::NewDeadline;
use crate::domain::vote::Subject;
use crate::error::GateError;

impl Grpc {
    pub(super) async fn modify(
        &self,
        ctx: &OpContext,
        body: pb::RequestModificationRequest,
    ) -> Result<PlanReviewSession, Status> {
        let once = Once::of("RequestModification", &body.request_id, &body);
        let digest = read_message("digest", |at| at.read(body.digest)).map_err(GateError::invalid)?;
        let subject = Subject { version: body.version, digest };
        let wish = Feedback { subject, feedback: body.feedback, comment_ids: body.comment_ids };
        let view = self.0.request_modification(ctx, session_id(body.session_id)?, wish, &once).await?;
        Ok(view_to_pb(view))
    }

    pub(super) async fn bring_back(
        &self,
        ctx: &OpContext,
        body: pb::ResubmitRequest,
    ) -> Result<PlanReviewSession, Status> {
        let once = Once::of("Resubmit", &body.request_id, &body);
        let (id, message) = (session_id(body.session_id)?, body.message);
        let view = match body.plan {
            Some(plan) => self.0.resubmit_plan(ctx, id, message, plan, (body.request_id, &once)).await?,
            None => self.0.change(ctx, id, Change::Resubmit { message }, &once).await?,
        };
        Ok(view_to_pb(view))
    }

    pub(super) async fn withdraw(
        &self,
        ctx: &OpContext,
        body: pb::CancelRequest,
    ) -> Result<PlanReviewSession, Status> {
        let once = Once::of("Cancel", &body.request_id, &body);
        let change = Change::Cancel { reason: body.reason };
        Ok(view_to_pb(self.0.change(ctx, session_id(body.session_id)?, change, &once).await?))
    }

    pub(super) async fn hand_over(
        &self,
        ctx: &OpContext,
        body: pb::ReassignRequest,
    ) -> Result<PlanReviewSession, Status> {
        let once = Once::of("Reassign", &body.request_id, &body);
        let change = Change::Reassign { reviewer: body.reviewer, reason: body.reason };
        Ok(view_to_pb(self.0.change(ctx, session_id(body.session_id)?, change, &once).await?))
    }

    pub(super) async fn extend(
        &self,
        ctx: &OpContext,
        body: pb::ExtendDeadlineRequest,
    ) -> Result<PlanReviewSession, Status> {
        let once = Once::of("ExtendDeadline", &body.request_id, &body);
        let deadline = read_message("", |at| match (body.expire_time, body.extension) {
            (Some(time), None) => Ok(NewDeadline::At(at.field("expire_time").read(time)?)),
            (None, Some(span)) => Ok(NewDeadline::Later(at.field("extension").read::<Span>(span)?)),
            (None, None) => Err(at.field("expire_time").refuse("REQUIRED", "give a time, or an extension")),
            (Some(_), Some(_)) => {
                Err(at.field("expire_time").refuse("CONFLICT", "give a time or an extension, not both"))
            }
        });
        let deadline = deadline.map_err(GateError::invalid)?;
        let change = Change::Extend { deadline, reason: body.reason };
        Ok(view_to_pb(self.0.change(ctx, session_id(body.session_id)?, change, &once).await?))
    }
}
