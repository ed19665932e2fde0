//! `DirectoryService`.

use assent_core::Id;
use assent_core::page::Page;
use assent_proto::approval::v1 as pb;
use assent_proto::approval::v1::directory_service_server::DirectoryService;
use assent_rpc::accept;
use assent_rpc::convert::{Wire, list_to_pb, read_message};
use tonic::{Request, Response, Status};

use super::people::{contact_to_pb, delegation_to_pb, eligible_to_pb, read_user, user_to_pb};
use super::{Grpc, request, session_id};
use crate::app::{Once, Shown, Wish};
use crate::domain::member::person;
use crate::error::GateError;
use crate::store::delegation::Filter;

#[tonic::async_trait]
impl DirectoryService for Grpc {
    async fn get_caller(
        &self,
        request: Request<pb::GetCallerRequest>,
    ) -> Result<Response<pb::GetCallerResponse>, Status> {
        let (ctx, pb::GetCallerRequest {}) = accept(request)?;
        let caller = self.0.known(ctx.actor()).await?.actor;
        Ok(Response::new(pb::GetCallerResponse { caller: Some(caller.to_pb()) }))
    }

    async fn list_eligible_approvers(
        &self,
        request: Request<pb::ListEligibleApproversRequest>,
    ) -> Result<Response<pb::ListEligibleApproversResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let eligible = self.0.eligible(&ctx, session_id(body.session_id)?).await?;
        let mut approvers: Vec<_> = eligible.iter().map(|one| one.voter.actor.clone()).collect();
        approvers.dedup_by(|a, b| a.id == b.id);
        Ok(Response::new(pb::ListEligibleApproversResponse {
            approvers: list_to_pb(&approvers),
            eligible: eligible.iter().map(eligible_to_pb).collect(),
        }))
    }

    async fn get_user(
        &self,
        request: Request<pb::GetUserRequest>,
    ) -> Result<Response<pb::GetUserResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let id = if body.user_id.is_empty() { ctx.actor().id.clone() } else { body.user_id };
        let shown = self.0.user(&id).await?;
        let contacts = self.0.may_see_contacts(&ctx, &id).await?;
        Ok(Response::new(pb::GetUserResponse { user: Some(user_to_pb(&shown, contacts)) }))
    }

    async fn list_users(
        &self,
        request: Request<pb::ListUsersRequest>,
    ) -> Result<Response<pb::ListUsersResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let page = Page::parse(body.page_size, &body.page_token, &"users").map_err(request::refused)?;
        let (users, next_page_token) = self.0.users(&page).await?;
        // Asked once for a name that is nobody's: whether the caller sees everybody's addresses.
        let all = self.0.may_see_contacts(&ctx, "").await?;
        let own = |shown: &Shown| person(&shown.user.id) == person(&ctx.actor().id);
        let users = users.iter().map(|shown| user_to_pb(shown, all || own(shown))).collect();
        Ok(Response::new(pb::ListUsersResponse { users, next_page_token }))
    }

    async fn upsert_user(
        &self,
        request: Request<pb::UpsertUserRequest>,
    ) -> Result<Response<pb::UpsertUserResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let once = Once::of("UpsertUser", &body.request_id, &body);
        let user = read_user(body.user.unwrap_or_default());
        let wrong = user.violations("user");
        if !wrong.is_empty() {
            return Err(GateError::invalid(wrong).into());
        }
        Ok(Response::new(self.0.upsert_user(&ctx, &once, &user).await?))
    }

    async fn delete_user(
        &self,
        request: Request<pb::DeleteUserRequest>,
    ) -> Result<Response<pb::DeleteUserResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let once = Once::of("DeleteUser", &body.request_id, &body);
        Ok(Response::new(self.0.delete_user(&ctx, &once, &body.user_id).await?))
    }

    async fn create_delegation(
        &self,
        request: Request<pb::CreateDelegationRequest>,
    ) -> Result<Response<pb::CreateDelegationResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let once = Once::of("CreateDelegation", &body.request_id, &body);
        let times = read_message("", |at| {
            let starts_at = at.field("start_time").optional(body.start_time);
            let ends_at = at.field("end_time").required(body.end_time);
            Ok((starts_at?, ends_at?))
        });
        let (starts_at, ends_at) = times.map_err(GateError::invalid)?;
        let pb::CreateDelegationRequest { delegator, delegate, reason, .. } = body;
        let wish = Wish { delegator, delegate, starts_at, ends_at, reason };
        Ok(Response::new(self.0.delegate(&ctx, &once, wish).await?))
    }

    async fn revoke_delegation(
        &self,
        request: Request<pb::RevokeDelegationRequest>,
    ) -> Result<Response<pb::RevokeDelegationResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let once = Once::of("RevokeDelegation", &body.request_id, &body);
        let id = Id::from_pb(body.delegation_id, "delegation_id").map_err(GateError::invalid)?;
        Ok(Response::new(self.0.revoke_delegation(&ctx, &once, id).await?))
    }

    async fn list_delegations(
        &self,
        request: Request<pb::ListDelegationsRequest>,
    ) -> Result<Response<pb::ListDelegationsResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let user = Some(person(&body.user_id)).filter(|person| !person.is_empty());
        let filter = Filter { person: user, active: body.active };
        let page = Page::parse(body.page_size, &body.page_token, &filter).map_err(request::refused)?;
        let (found, next_page_token) = self.0.delegations(ctx.now(), &filter, &page).await?;
        let delegations = found.iter().map(delegation_to_pb).collect();
        Ok(Response::new(pb::ListDelegationsResponse { delegations, next_page_token }))
    }

    async fn get_contacts(
        &self,
        request: Request<pb::GetContactsRequest>,
    ) -> Result<Response<pb::GetContactsResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let contacts = self.0.contacts(ctx.now(), body.user_ids).await?;
        let contacts = contacts.into_iter().map(contact_to_pb).collect();
        Ok(Response::new(pb::GetContactsResponse { contacts }))
    }
}
