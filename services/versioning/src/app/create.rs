//! A plan becomes the next version of its session.

use assent_core::id::SessionId;
use assent_core::{Digest, OpContext, Violation};
use assent_events::append;
use assent_plan::{
    Catalog, InvalidPlan, Plan, PlanDigest, PlanEstimate, RiskAssessment, complete, diff, redact, validate,
};
use assent_proto::event::v1::PlanVersionCreated;
use assent_proto::event::v1::event::Payload;
use assent_proto::planner::v1::EstimatePlanRequest;
use assent_proto::risk::v1::AssessPlanRequest;
use assent_rpc::convert::Wire;
use assent_rpc::{RemoteFault, outbound};
use assent_store::{StoreError, Tx, idempotency};

use super::App;
use crate::domain::{Head, Version, VersionInfo};
use crate::error::VersioningError;
use crate::grpc::convert;
use crate::store::{heads, versions};

/// How often the last step is tried when others change the same rows.
const ATTEMPTS: u32 = 4;

/// A plan that becomes a version.
pub(crate) struct CreateVersion {
    pub(crate) session: SessionId,
    pub(crate) plan: Plan,
    /// The head that the author saw; 0 for the first version.
    pub(crate) base: i32,
    pub(crate) change_description: String,
    pub(crate) request: Option<RequestKey>,
    /// Whether only to tell what the version would be.
    pub(crate) validate_only: bool,
}

/// What tells a repeated request from a new one.
pub(crate) struct RequestKey {
    /// Name of the RPC; ids are told apart by method.
    pub(crate) method: &'static str,
    pub(crate) id: String,
    /// Of the whole request.
    pub(crate) hash: Digest,
}

/// What a version follows; nothing when it is the first.
#[derive(Clone, Copy)]
pub(super) struct Before<'v> {
    /// The head as it was when the version was drafted.
    pub(super) head: Option<&'v Head>,
    pub(super) previous: Option<&'v VersionInfo>,
}

impl App {
    /// Stores the plan with its estimate, risk, digest and changes, unless only to be told of it; the same request again
    /// gets the same version.
    pub(crate) async fn create(
        &self,
        ctx: &OpContext,
        mut command: CreateVersion,
    ) -> Result<Version, VersioningError> {
        let session = command.session;
        if command.validate_only {
            return self.draft(ctx, command).await.map(|(_, _, version)| version);
        }
        let request = command.request.take();
        let request = request.as_ref();
        if let Some(number) = self.recall(ctx, request).await? {
            return self.version(session, number).await;
        }
        let (head, previous, version) = match self.draft(ctx, command).await {
            Ok(drafted) => drafted,
            Err(error) => {
                // The head may have moved because the same request, sent twice at once, was answered meanwhile.
                return match self.recall(ctx, request).await? {
                    Some(number) => self.version(session, number).await,
                    None => Err(error),
                };
            }
        };
        let mut attempt = 1;
        loop {
            let previous = previous.as_ref().map(|old| &old.info);
            match self.keep(ctx, &version, Before { head: head.as_ref(), previous }, request).await {
                Ok(None) => return Ok(version),
                Ok(Some(number)) => return self.version(session, number).await,
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) async fn recall(
        &self,
        ctx: &OpContext,
        request: Option<&RequestKey>,
    ) -> Result<Option<i32>, VersioningError> {
        match request {
            Some(key) => recall(&mut self.db.begin().await?, ctx, key).await,
            None => Ok(None),
        }
    }

    /// Everything that can be known before the version is stored: the head, the version that it follows, and it.
    async fn draft(
        &self,
        ctx: &OpContext,
        command: CreateVersion,
    ) -> Result<(Option<Head>, Option<Version>, Version), VersioningError> {
        let CreateVersion { session, mut plan, base, change_description, .. } = command;
        let read = async {
            match base {
                0 => Ok(None),
                number => self.version(session, number).await.map(Some),
            }
        };
        let (head, previous) = tokio::join!(self.sound_head(session), read);
        let head = head?;
        Head::may_follow(head.as_ref(), base, ctx.now())
            .map_err(|error| VersioningError::of_head(session, head.as_ref(), error))?;
        let previous = previous?;
        match &previous {
            // Who asked, and for which plan, belongs to the session.
            Some(Version { plan: old, .. }) => {
                plan.id = old.id;
                plan.requester.clone_from(&old.requester);
                plan.on_behalf_of.clone_from(&old.on_behalf_of);
            }
            None => {
                plan.id.get_or_insert_with(|| ctx.new_id());
            }
        }
        let version = self.follow(ctx, session, previous.as_ref(), plan, &change_description).await?;
        Ok((head, previous, version))
    }

    /// The version that `plan` is, right after `previous`. Peers are asked here, outside any transaction.
    pub(super) async fn follow(
        &self,
        ctx: &OpContext,
        session: SessionId,
        previous: Option<&Version>,
        mut plan: Plan,
        change_description: &str,
    ) -> Result<Version, VersioningError> {
        let tree = make_sound(&mut plan, &self.catalog)?;
        let (mut estimate, risk) = tokio::try_join!(self.estimate(ctx, &plan), self.assess(ctx, &plan))?;
        estimate.risk_factors.clone_from(&risk.factors);
        let info = VersionInfo {
            id: ctx.new_id(),
            session,
            number: previous.map_or(0, |old| old.info.number).saturating_add(1),
            digest: tree.root,
            estimate,
            risk,
            changes: previous.map(|old| diff(&old.plan, &plan)).unwrap_or_default(),
            change_description: redact::redact(change_description).into_owned(),
            author: ctx.actor().clone(),
            created_at: ctx.now(),
        };
        Ok(Version { info, plan, tree })
    }

    async fn estimate(&self, ctx: &OpContext, plan: &Plan) -> Result<PlanEstimate, VersioningError> {
        let request = EstimatePlanRequest { plan: Some(plan.to_pb()) };
        let answer =
            self.planner.clone().estimate_plan(outbound(ctx, request)).await.map_err(RemoteFault::from)?;
        read_answer("planner", answer.into_inner().estimate)
    }

    async fn assess(&self, ctx: &OpContext, plan: &Plan) -> Result<RiskAssessment, VersioningError> {
        let request = AssessPlanRequest { plan: Some(plan.to_pb()) };
        let answer =
            self.risk.clone().assess_plan(outbound(ctx, request)).await.map_err(RemoteFault::from)?;
        read_answer("risk", answer.into_inner().risk)
    }

    /// Stores `version`, if the head is still the one that its author saw. Stores nothing and returns a number when
    /// that version answered the same request meanwhile.
    pub(super) async fn keep(
        &self,
        ctx: &OpContext,
        version: &Version,
        before: Before<'_>,
        request: Option<&RequestKey>,
    ) -> Result<Option<i32>, VersioningError> {
        let VersionInfo { session, number, digest, .. } = version.info;
        let now = ctx.now();
        let after = |head| {
            Head::after(head, number - 1, digest, now)
                .map_err(|error| VersioningError::of_head(session, head, error))
        };
        let mut tx = self.db.begin().await?;
        let moved = match after(before.head) {
            Ok(next) => heads::advance(&mut tx, session, before.head, &next, now).await?,
            Err(_) => false,
        };
        if !moved {
            let head = heads::lock(&mut tx, session).await?;
            // Under the lock: the same request, sent twice at once, has been answered by now.
            if let Some(key) = request
                && let Some(number) = recall(&mut tx, ctx, key).await?
            {
                return Ok(Some(number));
            }
            if !heads::advance(&mut tx, session, head.as_ref(), &after(head.as_ref())?, now).await? {
                return Err(StoreError::Conflict.into());
            }
        }
        let whole = (number - 1) % self.config.snapshot_every == 0;
        versions::insert(&mut tx, version, before.previous.filter(|_| !whole)).await?;
        let fact = PlanVersionCreated { version: Some(convert::without_plan(version)) };
        append(&mut tx, ctx, Some(session), Payload::PlanVersionCreated(fact)).await?;
        if let Some(RequestKey { method, id, hash }) = request {
            let answer = number.to_be_bytes();
            idempotency::remember(&mut tx, &ctx.actor().id, method, id, *hash, &answer, now).await?;
        }
        tx.commit().await?;
        tracing::info!(session.id = %session, version = number, risk = ?version.info.risk.level, "plan version created");
        Ok(None)
    }
}

/// The number of the version that answered the request before.
async fn recall(tx: &mut Tx, ctx: &OpContext, key: &RequestKey) -> Result<Option<i32>, VersioningError> {
    let answer = idempotency::recall(tx, &ctx.actor().id, key.method, &key.id, key.hash).await?;
    let corrupt = |_| StoreError::Corrupt { table: "request_ids", column: "response", id: key.id.clone() };
    let number = answer.map(|bytes| bytes.as_slice().try_into().map(i32::from_be_bytes).map_err(corrupt));
    Ok(number.transpose()?)
}

/// Completes the plan from the catalog, so that what is judged, shown and signed is what will run.
pub(super) fn make_sound(plan: &mut Plan, catalog: &Catalog) -> Result<PlanDigest, InvalidPlan> {
    complete::complete(plan, catalog);
    let found = validate(plan, catalog);
    if !found.is_valid() {
        return Err(InvalidPlan(found.violations()));
    }
    redact::redact_plan(plan);
    PlanDigest::of(plan).map_err(|e| InvalidPlan(vec![Violation::new("plan", "NO_DIGEST", e.to_string())]))
}

/// An answer that is missing or malformed is a defect of the peer, never the caller's fault.
fn read_answer<T: Wire>(peer: &'static str, pb: Option<T::Pb>) -> Result<T, VersioningError> {
    let unusable = |problem: String| VersioningError::Answer { peer, problem };
    let pb = pb.ok_or_else(|| unusable("it is empty".to_owned()))?;
    T::from_pb(pb, "").map_err(|violations| {
        unusable(
            violations
                .iter()
                .map(|v| format!("{} {}", v.field, v.description))
                .collect::<Vec<_>>()
                .join("; "),
        )
    })
}
