//! Grants, and whether the approval gate signed them.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use assent_core::grant::GrantClaims;
use assent_core::id::{GrantKind, SessionId};
use assent_core::{Code, Fault as _, Id, OpContext};
use assent_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use assent_proto::approval::v1::{
    CheckGrantRequest, GetGrantRequest, GetKeysRequest, GetValidGrantsRequest, GrantStatus,
};
use assent_rpc::{RemoteFault, Transport, outbound};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

use crate::domain::grant::Refusal;
use crate::error::ExecutorError;

/// Length of an Ed25519 public key.
const KEY_BYTES: usize = 32;

/// The approval gate as the one who signs.
pub(crate) struct Keys {
    gate: ApprovalServiceClient<Transport>,
    known: RwLock<BTreeMap<String, Vec<u8>>>,
}

impl Keys {
    /// Asks `gate` for grants and keys.
    pub(crate) fn new(gate: ApprovalServiceClient<Transport>) -> Self {
        Self { gate, known: RwLock::default() }
    }

    /// The approval gate.
    pub(crate) fn gate(&self) -> ApprovalServiceClient<Transport> {
        self.gate.clone()
    }

    /// Whether the gate still stands by a grant.
    ///
    /// # Errors
    /// When it does not say.
    pub(crate) async fn standing(
        &self,
        ctx: &OpContext,
        session: SessionId,
        grant: Id<GrantKind>,
    ) -> Result<Result<(), Refusal>, ExecutorError> {
        let request = CheckGrantRequest { session_id: session.to_string(), grant_id: grant.to_string() };
        let answer = match self.gate.clone().check_grant(outbound(ctx, request)).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => {
                let fault = RemoteFault::from(status);
                // A gate that does not know it does not stand by it.
                return if fault.code() == Code::NotFound {
                    Ok(Err(Refusal::Revoked("the approval gate does not know it".to_owned())))
                } else {
                    Err(fault.into())
                };
            }
        };
        Ok(match answer.status() {
            GrantStatus::Valid => Ok(()),
            GrantStatus::Expired => Err(Refusal::Expired),
            GrantStatus::Revoked | GrantStatus::Unspecified => Err(Refusal::Revoked(answer.reason)),
        })
    }

    /// Those of `grants` that the gate stands by.
    ///
    /// # Errors
    /// When it does not say.
    pub(crate) async fn valid(
        &self,
        ctx: &OpContext,
        grants: &[Id<GrantKind>],
    ) -> Result<Vec<Id<GrantKind>>, RemoteFault> {
        let request = GetValidGrantsRequest { grant_ids: grants.iter().map(ToString::to_string).collect() };
        let answer = self.gate.clone().get_valid_grants(outbound(ctx, request)).await?.into_inner();
        Ok(answer.grant_ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// The grant of a session, and whether the gate stands by it.
    pub(crate) async fn grant(
        &self,
        ctx: &OpContext,
        session: SessionId,
    ) -> Result<(String, bool), RemoteFault> {
        let request = GetGrantRequest { session_id: session.to_string() };
        let answer = self.gate.clone().get_grant(outbound(ctx, request)).await?.into_inner();
        // A gate that does not say so yet is asked for it.
        let stands = answer.status() == GrantStatus::Valid;
        Ok((answer.grant, stands))
    }

    /// What `token` says, if a key of the gate signed it. Says nothing about its time or what it is for.
    ///
    /// # Errors
    /// When the gate must be asked for its keys and cannot be.
    pub(crate) async fn verify(
        &self,
        ctx: &OpContext,
        token: &str,
    ) -> Result<Result<GrantClaims, Refusal>, ExecutorError> {
        let Some(kid) = decode_header(token).ok().and_then(|header| header.kid) else {
            return Ok(Err(Refusal::Signature));
        };
        let key = match self.cached(&kid) {
            Some(key) => Some(key),
            None => {
                self.refresh(ctx).await?;
                self.cached(&kid)
            }
        };
        Ok(key.and_then(|key| open(token, &key)).ok_or(Refusal::Signature))
    }

    fn cached(&self, kid: &str) -> Option<Vec<u8>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(kid).cloned()
    }

    async fn refresh(&self, ctx: &OpContext) -> Result<(), RemoteFault> {
        let answer = self.gate.clone().get_keys(outbound(ctx, GetKeysRequest {})).await?.into_inner();
        let keys = answer.keys.into_iter().filter(|key| key.public_key.len() == KEY_BYTES);
        let keys = keys.map(|key| (key.key_id, key.public_key)).collect();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }
}

/// The claims of `token` if `key` signed it.
fn open(token: &str, key: &[u8]) -> Option<GrantClaims> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    // Times are checked against our own clock, and the rest against the plan.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    decode(token, &DecodingKey::from_ed_der(key), &validation).ok().map(|data| data.claims)
}
