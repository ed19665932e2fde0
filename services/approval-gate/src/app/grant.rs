//! Grants after they were issued: whether they hold, and taking them back.

use assent_core::id::{GrantKind, SessionId};
use assent_core::{Id, OpContext};
use assent_events::append;
use assent_plan::redact::redact;
use assent_proto::approval::v1::RevokeGrantResponse;
use assent_proto::event::v1::GrantRevoked;
use assent_proto::event::v1::event::Payload;
use assent_rpc::convert::Wire;
use assent_store::Tx;
use serde_json::json;

use super::once::retried;
use super::record::{audit, resumed};
use super::{App, Once};
use crate::domain::grant::{Grant, Revocation, Standing};
use crate::domain::session::Session;
use crate::error::GateError;
use crate::store;

impl App {
    /// The grant of that id.
    pub(crate) async fn checked_grant(
        &self,
        session: SessionId,
        id: Id<GrantKind>,
    ) -> Result<Grant, GateError> {
        match store::grant::of_session(&self.db, session).await? {
            Some(grant) if grant.id == id => Ok(grant),
            _ => {
                self.session(session).await?;
                Err(GateError::UnknownGrant(id))
            }
        }
    }

    /// Which of the grants may be acted on now.
    pub(crate) async fn valid_grants(
        &self,
        ctx: &OpContext,
        ids: &[Id<GrantKind>],
    ) -> Result<Vec<Id<GrantKind>>, GateError> {
        let (mut found, now) = (store::grant::standing(&self.db, ids).await?, ctx.now());
        found.retain(|one| Standing::of(one.revoked_at.is_some(), one.expires_at, now) == Standing::Valid);
        Ok(found.into_iter().map(|one| one.id).collect())
    }

    /// Takes the session's grant back; tells when that was done.
    pub(crate) async fn revoke_grant(
        &self,
        ctx: &OpContext,
        id: SessionId,
        reason: &str,
        once: &Once,
    ) -> Result<RevokeGrantResponse, GateError> {
        let reason = redact(reason);
        retried(|| self.try_revoke_grant(ctx, id, &reason, once)).await
    }

    async fn try_revoke_grant(
        &self,
        ctx: &OpContext,
        id: SessionId,
        reason: &str,
        once: &Once,
    ) -> Result<RevokeGrantResponse, GateError> {
        let caller = self.voter(ctx, "").await?;
        let mut tx = self.db.begin().await?;
        let session = store::session::lock(&mut tx, id).await?;
        let mut session = session.ok_or(GateError::UnknownSession(id))?;
        let ctx = &resumed(ctx, &session);
        session.may_withdraw(&caller).map_err(GateError::NotEligible)?;
        if let Some(answer) = once.recall(&mut tx, ctx).await? {
            return Ok(answer);
        }
        let grant = store::grant::of_session(&mut tx, id).await?;
        let grant = grant.ok_or(GateError::State { session: id, state: session.state })?;
        let revoked_at = match &grant.revoked {
            Some(revocation) => revocation.at,
            None => {
                revoke(&mut tx, ctx, &mut session, &grant, reason).await?;
                ctx.now()
            }
        };
        let answer = RevokeGrantResponse { revoke_time: Some(revoked_at.to_pb()) };
        once.remember(&mut tx, ctx, &answer).await?;
        self.commit(tx, &mut session).await?;
        Ok(answer)
    }
}

/// Takes `grant` back in the caller's transaction: row, audit and fact. The session must be saved afterwards.
pub(super) async fn revoke(
    tx: &mut Tx,
    ctx: &OpContext,
    session: &mut Session,
    grant: &Grant,
    reason: &str,
) -> Result<(), GateError> {
    let revocation = Revocation { at: ctx.now(), by: ctx.actor().id.clone(), reason: reason.to_owned() };
    store::grant::revoke(tx, grant.id, &revocation).await?;
    session.updated_at = session.updated_at.max(revocation.at);
    let details = json!({ "grant": grant.id, "version": session.subject.version, "reason": reason });
    audit(tx, ctx, session, "grant.revoked", details).await?;
    let revoked = GrantRevoked {
        grant_id: grant.id.to_string(),
        reason: reason.to_owned(),
        version: session.subject.version,
    };
    append(tx, ctx, Some(session.id), Payload::GrantRevoked(revoked)).await?;
    Ok(())
}
