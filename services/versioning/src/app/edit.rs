//! Changes of a plan: applied to the version that their author saw, merged into the head where that has moved on.

use assent_core::OpContext;
use assent_core::id::SessionId;
use assent_plan::{Edit, Plan, apply_edits, merge};

use super::create::Before;
use super::{App, RequestKey};
use crate::domain::editors::may_edit;
use crate::domain::{Head, Version};
use crate::error::VersioningError;

/// How often an edit is merged anew when the head moves while planner and risk are asked.
const ATTEMPTS: u32 = 32;

/// What an author wants of the plan.
pub(crate) enum Wish {
    /// These edits of the base, all or none.
    Edits(Vec<Edit>),
    /// The plan of an earlier version, in place of the base.
    Restore(i32),
}

/// A change of a plan.
pub(crate) struct EditPlan {
    pub(crate) session: SessionId,
    /// The version that the author saw.
    pub(crate) base: i32,
    pub(crate) wish: Wish,
    pub(crate) change_description: String,
    pub(crate) request: Option<RequestKey>,
}

/// What came of it.
pub(crate) struct Edited {
    pub(crate) version: Version,
    /// The head that the change was merged into, where that was not the base.
    pub(crate) merged_from: Option<i32>,
}

impl Edited {
    fn new(version: Version, base: i32) -> Self {
        let merged_from = Some(version.info.number - 1).filter(|before| *before != base);
        Self { version, merged_from }
    }
}

impl App {
    /// Makes one version of the change; the same request again gets the same version.
    pub(crate) async fn edit(&self, ctx: &OpContext, change: EditPlan) -> Result<Edited, VersioningError> {
        let (session, base) = (change.session, change.base);
        let _turn = self.lanes.enter(session).await;
        let mut attempt = 1;
        loop {
            if let Some(number) = self.recall(ctx, change.request.as_ref()).await? {
                return Ok(Edited::new(self.version(session, number).await?, base));
            }
            let head = self.sound_head(session).await?;
            Head::may_follow(head.as_ref(), head.map_or(0, |head| head.version), ctx.now())
                .map_err(|error| VersioningError::of_head(session, head.as_ref(), error))?;
            let (previous, version) = self.compose(ctx, &change, head).await?;
            let before = Before { head: head.as_ref(), previous: Some(&previous.info) };
            match self.keep(ctx, &version, before, change.request.as_ref()).await {
                Ok(None) => return Ok(Edited::new(version, base)),
                Ok(Some(number)) => return Ok(Edited::new(self.version(session, number).await?, base)),
                // Somebody else was first, in another process: merge with what they made.
                Err(VersioningError::Superseded { .. }) if attempt < ATTEMPTS => {}
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
            attempt += 1;
        }
    }

    /// The version that the change would make, without making it.
    pub(crate) async fn preview(
        &self,
        ctx: &OpContext,
        change: &EditPlan,
    ) -> Result<(Version, Edited), VersioningError> {
        let head = self.sound_head(change.session).await?;
        let (previous, version) = self.compose(ctx, change, head).await?;
        Ok((previous, Edited::new(version, change.base)))
    }

    /// The head, and what would follow it.
    async fn compose(
        &self,
        ctx: &OpContext,
        change: &EditPlan,
        head: Option<Head>,
    ) -> Result<(Version, Version), VersioningError> {
        let EditPlan { session, base, ref wish, ref change_description, .. } = *change;
        let head = head.ok_or(VersioningError::NotFound { session, number: None })?;
        let previous = self.version(session, head.version).await?;
        if !may_edit(ctx.actor(), &previous.plan) {
            return Err(VersioningError::Forbidden { session });
        }
        if base > head.version {
            return Err(VersioningError::NotFound { session, number: Some(base) });
        }
        let plan = match wish {
            Wish::Restore(number) => {
                if base != head.version {
                    let head = Some((head.version, head.digest));
                    return Err(VersioningError::Superseded { session, head });
                }
                self.version(session, *number).await?.plan
            }
            Wish::Edits(edits) if base == head.version => apply_edits(&previous.plan, edits, &self.catalog)?,
            Wish::Edits(edits) => self.merged(session, base, &previous, edits).await?,
        };
        let version = self.follow(ctx, session, Some(&previous), plan, change_description).await?;
        // A version dismisses votes; one that says the same as the one before must not.
        if version.info.changes.is_empty() {
            return Err(VersioningError::NothingChanged { session });
        }
        Ok((previous, version))
    }

    /// What becomes of `head` when edits of version `base` are put into it.
    async fn merged(
        &self,
        session: SessionId,
        base: i32,
        head: &Version,
        edits: &[Edit],
    ) -> Result<Plan, VersioningError> {
        let started = self.version(session, base).await?.plan;
        let edited = apply_edits(&started, edits, &self.catalog)?;
        merge(&started, &edited, &head.plan).map_err(|conflicts| VersioningError::Conflicts {
            session,
            base,
            head: head.info.number,
            conflicts,
        })
    }
}
