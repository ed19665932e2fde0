//! Reading and marking.

use assent_core::id::{DeliveryKind, SessionId};
use assent_core::page::Page;
use assent_core::{Id, OpContext};

use super::App;
use crate::domain::Delivery;
use crate::error::NotificationError;
use crate::store::inbox::{self, Place};

/// Deliveries, and the token of the next page.
pub(crate) type Slice = (Vec<Delivery>, String);

impl App {
    /// A page of the caller's own notifications, and how many are unread in all.
    pub(crate) async fn inbox(
        &self,
        ctx: &OpContext,
        page: &Page<Place>,
        unread_only: bool,
    ) -> Result<(Slice, i64), NotificationError> {
        let user = ctx.actor().id.as_str();
        let place = page.after.unwrap_or_else(|| Place::end(ctx.now()));
        let mut rows = inbox::of_user(&self.db, user, place, unread_only, page.limit()).await?;
        let next = page.finish(&mut rows, Place::of);
        Ok(((rows, next), inbox::count_unread(&self.db, user).await?))
    }

    /// Marks notifications of the caller as read, all of them when `ids` is empty; returns how many were not.
    pub(crate) async fn mark_read(
        &self,
        ctx: &OpContext,
        ids: &[Id<DeliveryKind>],
    ) -> Result<u64, NotificationError> {
        let (user, now) = (ctx.actor().id.as_str(), ctx.now());
        let mut tx = self.db.begin().await?;
        let marked = match ids {
            [] => inbox::mark_all(&mut tx, user, now).await?,
            ids => inbox::mark(&mut tx, user, ids, now).await?,
        };
        tx.commit().await?;
        Ok(marked)
    }

    /// A page of everybody's deliveries.
    pub(crate) async fn deliveries(
        &self,
        ctx: &OpContext,
        page: &Page<Place>,
        failed_only: bool,
        session: Option<SessionId>,
    ) -> Result<Slice, NotificationError> {
        let place = page.after.unwrap_or_else(|| Place::end(ctx.now()));
        let mut rows = inbox::all(&self.db, session, place, failed_only, page.limit()).await?;
        let next = page.finish(&mut rows, Place::of);
        Ok((rows, next))
    }
}
