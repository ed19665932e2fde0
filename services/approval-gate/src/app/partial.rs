//! What some items of a plan come to without the others.

use std::collections::BTreeSet;

use assent_core::{OpContext, Violation};
use assent_plan::references::{Reference, find};
use assent_plan::{Plan, PlanEstimate, PlanGraph, RiskAssessment};
use assent_rpc::convert::Wire;

use super::App;
use crate::domain::decision::{ItemStatus, Subset};
use crate::domain::partial::{Needs, Split, closed, dependents_first};
use crate::domain::session::Session;
use crate::domain::vote::Ballot;
use crate::error::GateError;
use crate::peers::unusable;

impl App {
    /// What each item of the current version cannot run without: what it waits for, and whose output it takes.
    pub(super) async fn needs(&self, ctx: &OpContext, session: &Session) -> Result<Needs, GateError> {
        let version = self.peers.version(ctx, session.id, session.subject.version).await?;
        let plan = version.plan.and_then(|plan| Plan::from_pb(plan, "plan").ok());
        let plan = plan.ok_or_else(|| unusable("versioning", "the version has no readable plan"))?;
        let graph = PlanGraph::new(&plan).map_err(|error| unusable("versioning", &error.to_string()))?;
        let needs = plan.items.iter().map(|item| {
            let mut needed: BTreeSet<String> =
                graph.requirements(&item.id).iter().map(ToString::to_string).collect();
            let outputs = find(&item.arguments).into_iter().filter_map(|found| match found.reference {
                Ok(Reference::Output { item, .. }) => Some(item.to_string()),
                _ => None,
            });
            needed.extend(outputs);
            needed.remove(item.id.as_str());
            (item.id.to_string(), needed)
        });
        Ok(needs.collect())
    }

    /// The items of `ballot` that cannot run, because others that they need are not among them.
    ///
    /// # Errors
    /// When nothing is left.
    pub(super) fn skipped(&self, ballot: &Ballot, needs: &Needs) -> Result<Vec<String>, GateError> {
        let Some(named) = &ballot.items else { return Ok(Vec::new()) };
        let kept = closed(named, needs);
        if kept.is_empty() {
            let text = "none of these can run without the items that are left out";
            return Err(GateError::invalid(vec![Violation::new("items", "NOTHING_RUNS", text)]));
        }
        Ok(named.difference(&kept).cloned().collect())
    }

    /// What the approved items take and risk without the others, as versioning, planner and policy see it.
    pub(super) async fn subset(
        &self,
        ctx: &OpContext,
        session: &Session,
        needs: &Needs,
        split: Split,
    ) -> Result<Subset, GateError> {
        let out: BTreeSet<String> = split.rejected.union(&split.skipped).cloned().collect();
        let out = dependents_first(&out, needs);
        let version = self.peers.without(ctx, session.id, session.subject.version, out).await?;
        let left: BTreeSet<String> =
            version.plan.unwrap_or_default().items.into_iter().map(|item| item.id).collect();
        if left != split.approved {
            return Err(unusable("versioning", "other items are left than were approved"));
        }
        let malformed = |_| unusable("versioning", "the preview has no readable estimate or risk");
        let estimate =
            PlanEstimate::from_pb(version.estimate.unwrap_or_default(), "estimate").map_err(malformed)?;
        let risk = RiskAssessment::from_pb(version.risk.unwrap_or_default(), "risk").map_err(malformed)?;
        if risk.level > session.risk.level {
            return Err(GateError::RiskierSubset { whole: session.risk.level, subset: risk.level });
        }
        Ok(Subset { split, estimate, risk_level: risk.level })
    }
}

/// The ballot with its items checked against those of the plan: none where it names all of them.
pub(super) fn with_items(
    session: &Session,
    items: &[ItemStatus],
    ballot: &Ballot,
) -> Result<Ballot, GateError> {
    let Some(named) = &ballot.items else { return Ok(ballot.clone()) };
    if !session.options.allow_partial_approval {
        return Err(GateError::PartialNotAllowed);
    }
    let known: BTreeSet<String> = items.iter().map(|item| item.item_id.clone()).collect();
    let unknown = named
        .difference(&known)
        .map(|item| Violation::new("items", "UNKNOWN_ITEM", format!("`{item}` is no item of the plan")));
    let unknown: Vec<_> = unknown.collect();
    if !unknown.is_empty() {
        return Err(GateError::invalid(unknown));
    }
    let items = (*named != known).then(|| named.clone());
    Ok(Ballot { items, ..ballot.clone() })
}
