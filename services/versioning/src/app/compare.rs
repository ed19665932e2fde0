//! Looking at two versions side by side, and at a plan that is no version yet.

use assent_core::id::SessionId;
use assent_plan::diff::diff_estimates;
use assent_plan::{ChangeCounts, Plan, PlanChange, Validation, complete, diff, validate};

use super::App;
use crate::domain::{Version, VersionInfo};
use crate::error::VersioningError;

/// Two versions side by side.
pub(crate) struct Comparison {
    pub(crate) from: VersionInfo,
    pub(crate) to: VersionInfo,
    /// Of the plan, and of the estimate.
    pub(crate) changes: Vec<PlanChange>,
    pub(crate) counts: ChangeCounts,
}

impl Comparison {
    pub(crate) fn of(from: Version, to: Version) -> Self {
        let mut changes = diff(&from.plan, &to.plan);
        changes.extend(diff_estimates(&from.info.estimate, &to.info.estimate));
        Self { counts: ChangeCounts::of(&changes), changes, from: from.info, to: to.info }
    }
}

/// What to judge.
pub(crate) enum Subject {
    Plan(Box<Plan>),
    /// The head when the number is none.
    Version(SessionId, Option<i32>),
}

impl App {
    pub(crate) async fn compare(
        &self,
        session: SessionId,
        from: i32,
        to: i32,
    ) -> Result<Comparison, VersioningError> {
        let (head, from, to) =
            tokio::join!(self.head(session), self.version(session, from), self.version(session, to));
        head?;
        Ok(Comparison::of(from?, to?))
    }

    /// Everything wrong with a plan, under the tools of this server.
    pub(crate) async fn judge(&self, subject: Subject) -> Result<Validation, VersioningError> {
        let mut plan = match subject {
            Subject::Plan(plan) => *plan,
            Subject::Version(session, number) => {
                let head = self.head(session).await?;
                self.version(session, number.unwrap_or(head.version)).await?.plan
            }
        };
        complete::complete(&mut plan, &self.catalog);
        Ok(validate(&plan, &self.catalog))
    }
}
