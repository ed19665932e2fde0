//! How people want to be told.

use assent_core::OpContext;

use super::App;
use crate::domain::Preferences;
use crate::error::NotificationError;
use crate::store::preferences;

impl App {
    /// The caller's own, with their revision: 0 where none were set.
    pub(crate) async fn preferences(&self, ctx: &OpContext) -> Result<(Preferences, i64), NotificationError> {
        Ok(preferences::one(&self.db, &ctx.actor().id).await?.unwrap_or_default())
    }

    /// Replaces the caller's own, if they still have `revision`; returns the new one.
    pub(crate) async fn set_preferences(
        &self,
        ctx: &OpContext,
        wanted: &Preferences,
        revision: Option<i64>,
    ) -> Result<i64, NotificationError> {
        let mut tx = self.db.begin().await?;
        let new = preferences::set(&mut tx, &ctx.actor().id, wanted, revision, ctx.now()).await?;
        let new = new.ok_or(NotificationError::PreferencesChanged)?;
        tx.commit().await?;
        Ok(new)
    }
}
