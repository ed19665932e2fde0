//! `ApprovalService`.

use std::pin::Pin;

use assent_core::page::Page;
use assent_events::watch;
use assent_proto::approval::v1 as pb;
use assent_proto::approval::v1::approval_service_server::ApprovalService;
use assent_proto::approval::v1::watch_session_response::Message as Told;
use assent_proto::event::v1::watch_events_response::Message as Seen;
use assent_rpc::convert::{Wire, WireEnum};
use assent_rpc::{accept, stopping};
use futures_util::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use super::convert::{decision_to_pb, key_to_pb, session_to_pb, view_to_pb};
use super::explain::{explanation_to_pb, pending_to_pb};
use super::{Grpc, request, session_id};
use crate::app::Once;

#[tonic::async_trait]
impl ApprovalService for Grpc {
    async fn submit_for_approval(
        &self,
        request: Request<pb::SubmitForApprovalRequest>,
    ) -> Result<Response<pb::SubmitForApprovalResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let validate_only = body.validate_only;
        let mut session = view_to_pb(Box::pin(self.0.submit(&ctx, request::submission(&ctx, body)?)).await?);
        if validate_only {
            // Nothing is kept that an id could name.
            session.id.clear();
            session.revision = 0;
        }
        Ok(Response::new(pb::SubmitForApprovalResponse { session: Some(session) }))
    }

    async fn get_session(
        &self,
        request: Request<pb::GetSessionRequest>,
    ) -> Result<Response<pb::GetSessionResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let read = self.0.read(&ctx, session_id(body.session_id)?, body.brief_versions);
        let (view, position) = Box::pin(read).await?;
        Ok(Response::new(pb::GetSessionResponse { session: Some(view_to_pb(view)), position }))
    }

    async fn list_sessions(
        &self,
        request: Request<pb::ListSessionsRequest>,
    ) -> Result<Response<pb::ListSessionsResponse>, Status> {
        let (_, body) = accept(request)?;
        let filter = request::filter(&body)?;
        let page = Page::parse(body.page_size, &body.page_token, &filter).map_err(request::refused)?;
        let (sessions, next_page_token) = self.0.list(&filter, &page).await?;
        let sessions = sessions.iter().map(session_to_pb).collect();
        Ok(Response::new(pb::ListSessionsResponse { sessions, next_page_token }))
    }

    async fn start_review(
        &self,
        request: Request<pb::StartReviewRequest>,
    ) -> Result<Response<pb::StartReviewResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let session = session_id(body.session_id)?;
        let view = self.0.audited(&ctx, session, "StartReview", self.0.start_review(&ctx, session)).await?;
        Ok(Response::new(pb::StartReviewResponse { session: Some(view_to_pb(view)) }))
    }

    async fn approve(
        &self,
        request: Request<pb::ApproveRequest>,
    ) -> Result<Response<pb::ApproveResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let delegator = body.delegator.clone();
        let (session, ballot) = request::approval(body)?;
        let vote = self.0.vote(&ctx, session, &delegator, ballot);
        let voted = self.0.audited(&ctx, session, "Approve", Box::pin(vote)).await?;
        let approvals_missing = i32::try_from(voted.missing).unwrap_or(i32::MAX);
        let (session, skipped_items) = (Some(view_to_pb(voted.view)), voted.skipped);
        Ok(Response::new(pb::ApproveResponse { session, approvals_missing, skipped_items }))
    }

    async fn reject(
        &self,
        request: Request<pb::RejectRequest>,
    ) -> Result<Response<pb::RejectResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let delegator = body.delegator.clone();
        let (session, ballot) = request::rejection(body)?;
        let vote = self.0.vote(&ctx, session, &delegator, ballot);
        let voted = self.0.audited(&ctx, session, "Reject", Box::pin(vote)).await?;
        Ok(Response::new(pb::RejectResponse { session: Some(view_to_pb(voted.view)) }))
    }

    async fn wait_for_decision(
        &self,
        request: Request<pb::WaitForDecisionRequest>,
    ) -> Result<Response<pb::WaitForDecisionResponse>, Status> {
        let (_, body) = accept(request)?;
        let timeout = request::wait(body.timeout)?;
        let waited = self.0.wait(session_id(body.session_id)?, timeout).await?.ok_or_else(stopping)?;
        let (decision, state) = (waited.decision.as_ref().map(decision_to_pb), waited.state.number());
        Ok(Response::new(pb::WaitForDecisionResponse { decision, state }))
    }

    type WatchSessionStream = Pin<Box<dyn Stream<Item = Result<pb::WatchSessionResponse, Status>> + Send>>;

    async fn watch_session(
        &self,
        request: Request<pb::WatchSessionRequest>,
    ) -> Result<Response<Self::WatchSessionStream>, Status> {
        let (_, body) = accept(request)?;
        let session = self.0.session(session_id(body.session_id)?).await?;
        let facts = watch(self.0.log.clone(), self.0.watching.clone(), Some(session.id), body.after_position);
        let told = facts.map(|seen| {
            let message = match seen? {
                Seen::Event(event) => Told::Event(event),
                Seen::Bookmark(bookmark) => Told::Bookmark(bookmark),
            };
            Ok(pb::WatchSessionResponse { message: Some(message) })
        });
        Ok(Response::new(Box::pin(told)))
    }

    async fn get_grant(
        &self,
        request: Request<pb::GetGrantRequest>,
    ) -> Result<Response<pb::GetGrantResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let grant = self.0.grant_of(session_id(body.session_id)?).await?;
        let (expire_time, status) = (Some(grant.expires_at.to_pb()), grant.standing(ctx.now()).number());
        Ok(Response::new(pb::GetGrantResponse { grant: grant.token, expire_time, status }))
    }

    async fn get_keys(
        &self,
        request: Request<pb::GetKeysRequest>,
    ) -> Result<Response<pb::GetKeysResponse>, Status> {
        let (_, pb::GetKeysRequest {}) = accept(request)?;
        let keys = self.0.keys().await?.into_iter().map(key_to_pb).collect();
        Ok(Response::new(pb::GetKeysResponse { keys }))
    }

    async fn check_grant(
        &self,
        request: Request<pb::CheckGrantRequest>,
    ) -> Result<Response<pb::CheckGrantResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.check(&ctx, body).await.map(Response::new)
    }

    async fn get_valid_grants(
        &self,
        request: Request<pb::GetValidGrantsRequest>,
    ) -> Result<Response<pb::GetValidGrantsResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.valid(&ctx, body).await.map(Response::new)
    }

    async fn revoke_grant(
        &self,
        request: Request<pb::RevokeGrantRequest>,
    ) -> Result<Response<pb::RevokeGrantResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.revoke(&ctx, body).await.map(Response::new)
    }

    async fn list_pending_sessions(
        &self,
        request: Request<pb::ListPendingSessionsRequest>,
    ) -> Result<Response<pb::ListPendingSessionsResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let filter = ("pending", &ctx.actor().id);
        let page = Page::parse(body.page_size, &body.page_token, &filter).map_err(request::refused)?;
        let (pending, next_page_token) = self.0.pending(&ctx, &page).await?;
        let sessions = pending.iter().map(pending_to_pb).collect();
        Ok(Response::new(pb::ListPendingSessionsResponse { sessions, next_page_token }))
    }

    async fn explain_decision(
        &self,
        request: Request<pb::ExplainDecisionRequest>,
    ) -> Result<Response<pb::ExplainDecisionResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let explanation = self.0.explain(&ctx, session_id(body.session_id)?).await?;
        Ok(Response::new(explanation_to_pb(&explanation)))
    }

    async fn break_glass(
        &self,
        request: Request<pb::BreakGlassRequest>,
    ) -> Result<Response<pb::BreakGlassResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let once = Once::of("BreakGlass", &body.request_id, &body);
        let reason = body.reason.clone();
        let (session, subject) = request::emergency(body)?;
        let answer = self.0.break_glass(&ctx, &once, session, subject, &reason).await?;
        Ok(Response::new(answer))
    }

    async fn request_modification(
        &self,
        request: Request<pb::RequestModificationRequest>,
    ) -> Result<Response<pb::RequestModificationResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let session = Some(self.modify(&ctx, body).await?);
        Ok(Response::new(pb::RequestModificationResponse { session }))
    }

    async fn resubmit(
        &self,
        request: Request<pb::ResubmitRequest>,
    ) -> Result<Response<pb::ResubmitResponse>, Status> {
        let (ctx, body) = accept(request)?;
        Ok(Response::new(pb::ResubmitResponse { session: Some(self.bring_back(&ctx, body).await?) }))
    }

    async fn cancel(
        &self,
        request: Request<pb::CancelRequest>,
    ) -> Result<Response<pb::CancelResponse>, Status> {
        let (ctx, body) = accept(request)?;
        Ok(Response::new(pb::CancelResponse { session: Some(self.withdraw(&ctx, body).await?) }))
    }

    async fn reassign(
        &self,
        request: Request<pb::ReassignRequest>,
    ) -> Result<Response<pb::ReassignResponse>, Status> {
        let (ctx, body) = accept(request)?;
        Ok(Response::new(pb::ReassignResponse { session: Some(self.hand_over(&ctx, body).await?) }))
    }

    async fn extend_deadline(
        &self,
        request: Request<pb::ExtendDeadlineRequest>,
    ) -> Result<Response<pb::ExtendDeadlineResponse>, Status> {
        let (ctx, body) = accept(request)?;
        Ok(Response::new(pb::ExtendDeadlineResponse { session: Some(self.extend(&ctx, body).await?) }))
    }

    async fn rotate_keys(
        &self,
        request: Request<pb::RotateKeysRequest>,
    ) -> Result<Response<pb::RotateKeysResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let once = Once::of("RotateKeys", &body.request_id, &body);
        let key = self.0.rotate_keys(&ctx, &once).await?;
        Ok(Response::new(pb::RotateKeysResponse { key: Some(key_to_pb(key)) }))
    }
}
