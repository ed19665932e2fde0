//! Grants that were verified, with the plans that they are for. Everybody who hands work out asks here, each time.

use std::time::Duration;

use assent_core::grant::GrantClaims;
use assent_core::id::{GrantKind, SessionId};
use assent_core::{Id, OpContext, Timestamp};
use assent_plan::{Condition, ItemId, Plan, PlanDigest, WorkItem};

use crate::app::App;
use crate::domain::grant::{self, Refusal, Subject};
use crate::domain::pins::Pins;
use crate::domain::{Execution, Run};
use crate::error::ExecutorError;
use crate::store::executions::Approved;
use crate::store::{amendments, runs};

/// What may run.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    /// What the grant says.
    claims: GrantClaims,
    /// The plan, whose digest is the grant's.
    pub(crate) plan: Plan,
    /// What the execution must keep to.
    pub(crate) conditions: Vec<Condition>,
}

impl Verified {
    /// What was verified a moment ago, of a version whose grant says `claims`.
    pub(crate) fn accepted(claims: GrantClaims, plan: Plan, conditions: Vec<Condition>) -> Self {
        Self { claims, plan, conditions }
    }

    /// Verifies what is stored with an execution anew, because rows can be changed by others than us: signature,
    /// session, version, digest and leaves.
    ///
    /// # Errors
    /// When nothing can be said now.
    pub(crate) async fn of(
        app: &App,
        ctx: &OpContext,
        execution: &Execution,
        approved: &Approved,
    ) -> Result<Result<Self, Refusal>, ExecutorError> {
        let Execution { session, version, digest, .. } = *execution;
        let subject = Subject { session, version, digest, plan: &approved.plan };
        Self::check(app, ctx, &approved.grant, subject).await
    }

    /// Verifies the grant of a review of values.
    ///
    /// # Errors
    /// When nothing can be said now.
    pub(crate) async fn amendment(
        app: &App,
        ctx: &OpContext,
        plan: &Plan,
        token: &str,
        (session, version): (SessionId, i32),
    ) -> Result<Result<Self, Refusal>, ExecutorError> {
        match PlanDigest::of(plan) {
            Ok(digest) => {
                let subject = Subject { session, version, digest: digest.root, plan };
                Self::check(app, ctx, token, subject).await
            }
            Err(error) => Ok(Err(error.into())),
        }
    }

    /// Verifies what `run` runs under: the grant of its execution, or that of the review of its values.
    ///
    /// # Errors
    /// When nothing can be said now.
    pub(crate) async fn for_run(
        app: &App,
        ctx: &OpContext,
        execution: &Execution,
        approved: &Approved,
        run: &Run,
    ) -> Result<Result<Self, Refusal>, ExecutorError> {
        let Some(session) = run.amended_by else { return Self::of(app, ctx, execution, approved).await };
        let amendment = amendments::of_session(&app.db, session).await?;
        let Some((amendment, (token, version))) = amendment.and_then(|a| a.granted.clone().map(|g| (a, g)))
        else {
            return Ok(Err(Refusal::Unavailable("the review of its values has no grant".to_owned())));
        };
        let verified = Self::amendment(app, ctx, &amendment.plan, &token, (session, version)).await?;
        Ok(verified.and_then(|verified| verified.must_amend(execution.session).map(|()| verified)))
    }

    async fn check(
        app: &App,
        ctx: &OpContext,
        token: &str,
        subject: Subject<'_>,
    ) -> Result<Result<Self, Refusal>, ExecutorError> {
        let claims = match app.keys.verify(ctx, token).await? {
            Ok(claims) => claims,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let plan = subject.plan.clone();
        Ok(grant::check(&claims, subject).map(|conditions| Self { claims, plan, conditions }))
    }

    /// Whether the grant is for values of an execution of `session`.
    pub(crate) fn must_amend(&self, session: SessionId) -> Result<(), Refusal> {
        let amends = self.claims.amends.as_ref().map(|amends| amends.session);
        if amends == Some(session) { Ok(()) } else { Err(Refusal::Session(self.claims.sub)) }
    }

    /// The grant.
    pub(crate) fn grant(&self) -> Id<GrantKind> {
        self.claims.jti
    }

    /// Whether the grant lets the item run.
    pub(crate) fn grants(&self, item: &ItemId) -> bool {
        self.claims.items.contains_key(item.as_str())
    }

    /// The item of `run` as it is stored now, if that is what was approved, for the tools that it was accepted for.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn item(
        &self,
        app: &App,
        run: &Run,
    ) -> Result<Result<WorkItem, Refusal>, ExecutorError> {
        Ok(self.stored(app, run, runs::item(&app.db, run.id).await?))
    }

    /// As [`Verified::item`], of what was read already.
    pub(crate) fn stored(
        &self,
        app: &App,
        run: &Run,
        (item, pins): (WorkItem, Pins),
    ) -> Result<WorkItem, Refusal> {
        if item.id != run.item {
            return Err(Refusal::Leaf(run.item.to_string()));
        }
        grant::check_item(&self.claims, &item)?;
        pins.check(&app.catalog, &item).map(|()| item)
    }

    /// Whether something may begin at `now`.
    pub(crate) fn check_time(&self, app: &App, now: Timestamp) -> Result<(), Refusal> {
        let skew = Duration::from_secs(app.config.clock_skew_seconds);
        grant::check_time(&self.claims, now, skew)
    }

    /// Whether the approval gate still stands by the grant.
    ///
    /// # Errors
    /// When it does not say: nothing may begin then.
    pub(crate) async fn check_standing(
        &self,
        app: &App,
        ctx: &OpContext,
    ) -> Result<Result<(), Refusal>, ExecutorError> {
        app.keys.standing(ctx, self.claims.sub, self.claims.jti).await
    }
}
