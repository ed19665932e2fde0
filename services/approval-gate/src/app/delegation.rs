//! Voting in another's place: making, ending and listing the right to it.

use assent_core::id::DelegationKind;
use assent_core::page::Page;
use assent_core::{ActorKind, Id, OpContext, Timestamp};
use assent_events::append;
use assent_plan::redact::redact;
use assent_proto::approval::v1 as pb;
use assent_proto::event::v1 as events;
use assent_proto::event::v1::event::Payload;
use assent_rpc::convert::Wire as _;
use serde_json::json;

use super::App;
use super::once::{Once, retried};
use super::record::audit_directory;
use crate::domain::directory::{Delegation, check_window};
use crate::domain::member::person;
use crate::error::GateError;
use crate::grpc::people::delegation_to_pb;
use crate::store;
use crate::store::delegation::{Filter, Key};

/// What somebody wants to delegate.
pub(crate) struct Wish {
    /// In whose place; the caller when empty.
    pub(crate) delegator: String,
    pub(crate) delegate: String,
    /// Now when absent.
    pub(crate) starts_at: Option<Timestamp>,
    pub(crate) ends_at: Timestamp,
    pub(crate) reason: String,
}

impl App {
    /// Lets one person vote in another's place.
    pub(crate) async fn delegate(
        &self,
        ctx: &OpContext,
        once: &Once,
        wish: Wish,
    ) -> Result<pb::CreateDelegationResponse, GateError> {
        let caller = ctx.actor();
        let own = wish.delegator.is_empty() || person(&wish.delegator) == person(&caller.id);
        if !own || caller.kind != ActorKind::User {
            self.require_admin(ctx).await?;
        }
        let asked = if wish.delegator.is_empty() { &caller.id } else { &wish.delegator };
        let delegator = self.person_of(asked).await?;
        let delegate = self.person_of(&wish.delegate).await?;
        let starts_at = wish.starts_at.unwrap_or(ctx.now());
        let mut wrong: Vec<_> = check_window(starts_at, wish.ends_at, ctx.now()).into_iter().collect();
        if person(&delegator) == person(&delegate) {
            wrong.push(assent_core::Violation::new("delegate", "CONFLICT", "must be somebody else"));
        }
        if !wrong.is_empty() {
            return Err(GateError::invalid(wrong));
        }
        let delegation = Delegation {
            id: ctx.new_id(),
            delegator,
            delegate,
            starts_at,
            ends_at: wish.ends_at,
            reason: redact(&wish.reason).into_owned(),
            created_by: caller.id.clone(),
            created_at: ctx.now(),
            revoked: None,
        };
        retried(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(answer) = once.recall(&mut tx, ctx).await? {
                return Ok(answer);
            }
            store::delegation::insert(&mut tx, &delegation).await?;
            let details = json!({
                "delegation": delegation.id,
                "delegator": delegation.delegator,
                "delegate": delegation.delegate,
                "starts_at": delegation.starts_at.to_string(),
                "ends_at": delegation.ends_at.to_string(),
                "reason": delegation.reason,
            });
            audit_directory(&mut tx, ctx, "delegation.created", details).await?;
            let created = events::DelegationCreated {
                delegation_id: delegation.id.to_string(),
                delegator: delegation.delegator.clone(),
                delegate: delegation.delegate.clone(),
                start_time: Some(delegation.starts_at.to_pb()),
                end_time: Some(delegation.ends_at.to_pb()),
            };
            append(&mut tx, ctx, None, Payload::DelegationCreated(created)).await?;
            let answer = pb::CreateDelegationResponse { delegation: Some(delegation_to_pb(&delegation)) };
            once.remember(&mut tx, ctx, &answer).await?;
            tx.commit().await?;
            Ok(answer)
        })
        .await
    }

    /// Ends a delegation before its time.
    pub(crate) async fn revoke_delegation(
        &self,
        ctx: &OpContext,
        once: &Once,
        id: Id<DelegationKind>,
    ) -> Result<pb::RevokeDelegationResponse, GateError> {
        let is_admin = match self.require_admin(ctx).await {
            Ok(_) => true,
            Err(GateError::RoleRequired(_)) => false,
            Err(error) => return Err(error),
        };
        retried(|| async {
            let (mut tx, caller) = (self.db.begin().await?, ctx.actor());
            if let Some(answer) = once.recall(&mut tx, ctx).await? {
                return Ok(answer);
            }
            let found = store::delegation::lock(&mut tx, id).await?;
            let mut delegation = found.ok_or(GateError::UnknownDelegation(id))?;
            let party = [&delegation.delegator, &delegation.delegate].map(|id| person(id));
            if !is_admin && (caller.kind != ActorKind::User || !party.contains(&person(&caller.id))) {
                return Err(GateError::RoleRequired(&[assent_core::actor::ADMIN]));
            }
            if delegation.revoked.is_none() {
                store::delegation::revoke(&mut tx, id, &caller.id, ctx.now()).await?;
                delegation.revoked = Some((caller.id.clone(), ctx.now()));
                let Delegation { delegator, delegate, .. } = &delegation;
                let details = json!({ "delegation": id, "delegator": delegator, "delegate": delegate });
                audit_directory(&mut tx, ctx, "delegation.revoked", details).await?;
                let revoked = events::DelegationRevoked {
                    delegation_id: id.to_string(),
                    delegator: delegator.clone(),
                    delegate: delegate.clone(),
                };
                append(&mut tx, ctx, None, Payload::DelegationRevoked(revoked)).await?;
            }
            let answer = pb::RevokeDelegationResponse { delegation: Some(delegation_to_pb(&delegation)) };
            once.remember(&mut tx, ctx, &answer).await?;
            tx.commit().await?;
            Ok(answer)
        })
        .await
    }

    /// A page of delegations, newest first, and the token of the next.
    pub(crate) async fn delegations(
        &self,
        now: Timestamp,
        filter: &Filter,
        page: &Page<Key>,
    ) -> Result<(Vec<Delegation>, String), GateError> {
        let mut found = store::delegation::list(&self.db, filter, now, page.after, page.limit()).await?;
        let token = page.finish(&mut found, store::delegation::key);
        Ok((found, token))
    }

    /// The id of a person, as it is spelled where the person is known.
    async fn person_of(&self, id: &str) -> Result<String, GateError> {
        let known = self.find(id).await?.filter(|known| known.actor.kind == ActorKind::User);
        known.map(|known| known.actor.id).ok_or_else(|| GateError::UnknownUser(id.to_owned()))
    }
}
