//! Keys for grants: which there are, and putting a new one in the place of the active one.

use std::time::Duration;

use assent_core::{Actor, OpContext};
use assent_events::append;
use assent_proto::event::v1::SigningKeyRotated;
use assent_proto::event::v1::event::Payload;
use serde_json::json;

use super::once::retried;
use super::record::audit_directory;
use super::{App, Once};
use crate::error::GateError;
use crate::store;
use crate::store::key::PublicKey;

/// Who makes keys when nobody asks.
const CLOCK: &str = "key-rotation";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl App {
    /// Every key that may have signed a grant that may still be used.
    pub(crate) async fn keys(&self) -> Result<Vec<PublicKey>, GateError> {
        Ok(store::key::public(&self.db, self.source.now()).await?)
    }

    /// Makes a new key, or finds that the same request has made one before; the key that signs now.
    pub(crate) async fn rotate_keys(&self, ctx: &OpContext, once: &Once) -> Result<PublicKey, GateError> {
        self.signer.refresh(&self.db).await?;
        retried(|| self.try_rotate(ctx, Some(once))).await?;
        self.signer.refresh(&self.db).await?;
        let (active, _) = self.signer.key();
        let key = self.keys().await?.into_iter().find(|key| key.id == active);
        key.ok_or(GateError::Store(assent_store::StoreError::Conflict))
    }

    async fn try_rotate(&self, ctx: &OpContext, once: Option<&Once>) -> Result<(), GateError> {
        let mut tx = self.db.begin().await?;
        if let Some(once) = once
            && once.recall::<()>(&mut tx, ctx).await?.is_some()
        {
            return Ok(());
        }
        let (old, _) = self.signer.key();
        let Some(new) = self.signer.replace(&mut tx, &self.source, old).await? else { return Ok(()) };
        let rotated = SigningKeyRotated { key_id: new.to_string(), retired_key_id: old.to_string() };
        audit_directory(&mut tx, ctx, "key.rotated", json!({ "key": new, "retired_key": old })).await?;
        append(&mut tx, ctx, None, Payload::SigningKeyRotated(rotated)).await?;
        if let Some(once) = once {
            once.remember(&mut tx, ctx, &()).await?;
        }
        tx.commit().await?;
        tracing::info!(key = %new, retired = %old, by = ctx.actor().id, "another key signs grants");
        Ok(())
    }

    /// Takes up the key of another replica, and puts a new one in the place of one that is old enough.
    pub(crate) async fn tend_keys(&self) -> Result<(), GateError> {
        self.signer.refresh(&self.db).await?;
        let days = u32::try_from(self.config.key_rotation_days).unwrap_or(u32::MAX);
        let (_, created_at) = self.signer.key();
        if days > 0 && created_at.after(DAY.saturating_mul(days)) <= self.source.now() {
            self.try_rotate(&self.source.operation(Actor::system(CLOCK)), None).await?;
            self.signer.refresh(&self.db).await?;
        }
        Ok(())
    }
}
