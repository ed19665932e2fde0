//! Reading versions.

use assent_core::id::SessionId;
use assent_core::page::Page;
use assent_core::{OpContext, Timestamp};

use super::App;
use crate::domain::{Version, VersionInfo, chain};
use crate::error::VersioningError;
use crate::store::versions;

impl App {
    /// One version, the head when `number` is none, and when its seal ends.
    pub(crate) async fn get(
        &self,
        ctx: &OpContext,
        session: SessionId,
        number: Option<i32>,
    ) -> Result<(Version, Option<Timestamp>), VersioningError> {
        let (head, version) = match number {
            Some(number) => {
                let (head, version) = tokio::join!(self.head(session), self.version(session, number));
                (head?, version?)
            }
            None => {
                let head = self.head(session).await?;
                (head, self.version(session, head.version).await?)
            }
        };
        let seal = head.sealed_until(ctx.now()).filter(|_| version.info.number == head.version);
        Ok((version, seal))
    }

    /// A page of versions, newest first, and the token of the next.
    pub(crate) async fn list(
        &self,
        session: SessionId,
        page: &Page<i32>,
    ) -> Result<(Vec<VersionInfo>, String), VersioningError> {
        self.head(session).await?;
        let before = page.after.unwrap_or(i32::MAX);
        let (mut links, wanted) = versions::page(&self.db, session, before, page.limit()).await?;
        links.reverse();
        let mut rows = Vec::with_capacity(wanted);
        for known in chain::infos(&links).into_iter().rev().take(wanted) {
            rows.push(match known {
                Ok(info) => info,
                // Rebuilt, or reported.
                Err(damaged) => self.version(session, damaged).await?.info,
            });
        }
        let next = page.finish(&mut rows, |row| row.number);
        Ok((rows, next))
    }
}
