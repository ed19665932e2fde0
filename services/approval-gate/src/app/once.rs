//! Calls that may come twice and happen once.

use assent_core::{Digest, OpContext};
use assent_store::{Tx, idempotency};
use prost::Message;

use super::settle;
use crate::error::GateError;

/// What makes a call safe to repeat: its method, the caller's id for it, and a digest of all that it says.
pub(crate) struct Once {
    method: &'static str,
    request_id: String,
    hash: Digest,
}

impl Once {
    /// `request_id` is empty when the caller gave none; then every call happens.
    pub(crate) fn of(method: &'static str, request_id: &str, request: &impl Message) -> Self {
        let hash = Digest::of(&[&request.encode_to_vec()]);
        Self { method, request_id: request_id.to_owned(), hash }
    }

    /// Name of the method.
    pub(super) fn method(&self) -> &'static str {
        self.method
    }

    /// The answer that the same call got before.
    ///
    /// # Errors
    /// When the id came before with another request.
    pub(super) async fn recall<M: Message + Default>(
        &self,
        tx: &mut Tx,
        ctx: &OpContext,
    ) -> Result<Option<M>, GateError> {
        if self.request_id.is_empty() {
            return Ok(None);
        }
        let actor = &ctx.actor().id;
        let answer = idempotency::recall(tx, actor, self.method, &self.request_id, self.hash).await?;
        Ok(answer.and_then(|bytes| M::decode(bytes.as_slice()).ok()))
    }

    /// Keeps the answer, in the transaction that did the work.
    pub(super) async fn remember(
        &self,
        tx: &mut Tx,
        ctx: &OpContext,
        answer: &impl Message,
    ) -> Result<(), GateError> {
        if self.request_id.is_empty() {
            return Ok(());
        }
        let (actor, bytes) = (&ctx.actor().id, answer.encode_to_vec());
        idempotency::remember(tx, actor, self.method, &self.request_id, self.hash, &bytes, ctx.now()).await?;
        Ok(())
    }
}

/// Tries again while others change the same rows at the same time.
pub(super) async fn retried<T, F: Future<Output = Result<T, GateError>>>(
    attempt: impl Fn() -> F,
) -> Result<T, GateError> {
    let mut number = 1;
    loop {
        if let Some(settled) = settle(number, attempt().await) {
            return settled;
        }
        number += 1;
    }
}
