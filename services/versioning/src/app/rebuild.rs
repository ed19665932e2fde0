//! Versions whose rows are damaged: rebuilt from their neighbours where that is possible, else the session is marked,
//! the alarm raised, and nothing handed out.

use assent_core::Actor;
use assent_core::id::SessionId;
use assent_events::append;
use assent_proto::event::v1::PlanCorrupted;
use assent_proto::event::v1::event::Payload;
use assent_store::StoreError;

use super::App;
use crate::domain::{Head, Version, chain};
use crate::error::VersioningError;
use crate::store::{heads, versions};

impl App {
    /// One version, with the digests that were kept with it.
    pub(crate) async fn version(&self, session: SessionId, number: i32) -> Result<Version, VersioningError> {
        let read = match versions::chain(&self.db, session, number).await {
            Ok(links) if links.last().is_none_or(|link| link.number != number) => {
                return Err(VersioningError::NotFound { session, number: Some(number) });
            }
            Ok(links) => chain::read(links),
            Err(error) if is_damage(&error) => None,
            Err(error) => return Err(error.into()),
        };
        match read {
            Some(version) => Ok(version),
            None => self.rebuild(session, number).await,
        }
    }

    async fn rebuild(&self, session: SessionId, number: i32) -> Result<Version, VersioningError> {
        let all = versions::salvage(&self.db, session).await?;
        let Some(version) = chain::rebuild(&all, number) else {
            self.mark_corrupted(session, number).await?;
            return Err(VersioningError::Corrupted { session, version: number });
        };
        let mut tx = self.db.begin().await?;
        versions::store_whole(&mut tx, &version).await?;
        tx.commit().await?;
        tracing::warn!(session.id = %session, version = number, "a damaged plan version was rebuilt from its neighbours");
        Ok(version)
    }

    async fn mark_corrupted(&self, session: SessionId, number: i32) -> Result<(), VersioningError> {
        let ctx = self.source.operation(Actor::system("versioning"));
        let mut tx = self.db.begin().await?;
        let Some(head) = heads::lock(&mut tx, session).await? else { return Ok(()) };
        if head.corrupted == Some(number) {
            return Ok(());
        }
        tracing::error!(session.id = %session, version = number, "a plan version is damaged and cannot be rebuilt");
        let marked = Head { corrupted: Some(number), ..head };
        heads::update(&mut tx, session, &marked, ctx.now()).await?;
        let fact = PlanCorrupted {
            version: number,
            table: "plan_versions".to_owned(),
            problem: "the stored version does not match its digests and cannot be rebuilt".to_owned(),
        };
        append(&mut tx, &ctx, Some(session), Payload::PlanCorrupted(fact)).await?;
        Ok(tx.commit().await?)
    }

    /// The head, after marks on it were looked into: what has been repaired meanwhile is no reason to stop.
    pub(super) async fn sound_head(&self, session: SessionId) -> Result<Option<Head>, VersioningError> {
        let mut head = heads::load(&self.db, session).await?;
        // Somebody who read before the repair may put another mark in the place of the one that was looked into.
        while let Some(damaged) = head.and_then(|head| head.corrupted) {
            self.version(session, damaged).await?;
            head = self.unmark(session, damaged).await?;
        }
        Ok(head)
    }

    async fn unmark(&self, session: SessionId, sound: i32) -> Result<Option<Head>, VersioningError> {
        let mut tx = self.db.begin().await?;
        let Some(head) = heads::lock(&mut tx, session).await? else { return Ok(None) };
        let head = Head { corrupted: head.corrupted.filter(|number| *number != sound), ..head };
        heads::update(&mut tx, session, &head, self.source.now()).await?;
        tx.commit().await?;
        tracing::info!(session.id = %session, version = sound, "a damaged plan version reads well again");
        Ok(Some(head))
    }
}

/// Whether a row could not be read, as opposed to the database.
fn is_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { .. } | StoreError::Other(sqlx::Error::ColumnDecode { .. }))
}
