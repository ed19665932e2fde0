//! What comments are anchored to, and whether it has changed.

use std::collections::BTreeMap;

use assent_core::id::SessionId;
use assent_core::{Digest, OpContext, Violation};
use assent_plan::{LeafKey, Plan, PlanDigest};
use assent_proto::json::{JsonError, to_json};
use assent_proto::plan::v1 as pb;
use assent_rpc::convert::Wire;
use assent_store::{StoreError, Tx};

use super::App;
use crate::domain::comment::{Anchor, Anchors, Target};
use crate::domain::session::Session;
use crate::error::GateError;
use crate::store;

impl App {
    /// The anchor of a thread about `target` at `version`, 0 for the current one, and whether it is stale by now.
    pub(super) async fn anchor(
        &self,
        ctx: &OpContext,
        session: &Session,
        target: Target,
        version: i32,
    ) -> Result<(Anchor, bool), GateError> {
        let current = session.subject.version;
        let version = if version == 0 { current } else { version };
        if version > current {
            let text = format!("there is no such version yet; the current one is {current}");
            return Err(GateError::invalid(vec![Violation::new("version", "OUT_OF_RANGE", text)]));
        }
        let then = self.anchors_at(ctx, session, &target, version).await?;
        let digest = then.digest(&target).ok_or_else(|| missing(&target, version))?;
        let anchor = Anchor { target, version, digest };
        let stale = version != current
            && self.anchors_at(ctx, session, &anchor.target, current).await?.is_stale(&anchor);
        Ok((anchor, stale))
    }

    /// What `target` can be anchored to at a version: read here where it is known here, else asked for.
    async fn anchors_at(
        &self,
        ctx: &OpContext,
        session: &Session,
        target: &Target,
        version: i32,
    ) -> Result<Anchors, GateError> {
        let here = matches!(target, Target::Plan | Target::WorkItem(_));
        if here && version == session.subject.version {
            let items = store::item::of_session(&self.db, session.id).await?;
            return Ok(Anchors {
                plan: session.subject.digest,
                estimate: session.subject.digest,
                items: items.into_iter().map(|item| (item.item_id, item.leaf)).collect(),
                edges: BTreeMap::new(),
            });
        }
        let version = self.peers.version(ctx, session.plan_session(), version).await?;
        anchors_of(version)
    }

    /// Marks the threads of a session whose target is another one by now, and takes the mark from those whose target is
    /// again as it was; returns how many are stale.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when dependencies must be known for that and are not.
    pub(super) async fn mark_stale(
        &self,
        tx: &mut Tx,
        session: SessionId,
        anchors: &Anchors,
        knows_edges: bool,
    ) -> Result<usize, GateError> {
        let comments = store::comment::of_session(&mut *tx, session).await?;
        let mut stale = 0;
        for thread in comments.iter().filter(|comment| comment.parent.is_none()) {
            if matches!(thread.anchor.target, Target::Edge(..)) && !knows_edges {
                return Err(StoreError::Conflict.into());
            }
            let is_stale = anchors.is_stale(&thread.anchor);
            stale += usize::from(is_stale);
            if is_stale != thread.is_stale {
                store::comment::mark_stale(tx, thread.id, is_stale).await?;
            }
        }
        Ok(stale)
    }
}

/// What can be anchored to in a version that has its plan.
pub(super) fn anchors_of(version: pb::PlanVersion) -> Result<Anchors, GateError> {
    let unusable = |problem: String| GateError::Answer { peer: "versioning", problem };
    let malformed = |violations: Vec<Violation>| unusable(assent_core::fault::summary(&violations));
    let plan = version.plan.ok_or_else(|| unusable("the version has no plan".to_owned()))?;
    let plan = Plan::from_pb(plan, "plan").map_err(malformed)?;
    let digest = PlanDigest::of(&plan).map_err(|error| unusable(error.to_string()))?;
    let estimate = estimate_digest(version.estimate)?;
    let mut anchors = Anchors { plan: digest.root, estimate, items: BTreeMap::new(), edges: BTreeMap::new() };
    for (key, leaf) in digest.leaves {
        match key {
            LeafKey::Plan => {}
            LeafKey::Item(id) => {
                anchors.items.insert(id.to_string(), leaf);
            }
            LeafKey::Edge(from, to) => {
                anchors.edges.insert((from.to_string(), to.to_string()), leaf);
            }
        }
    }
    Ok(anchors)
}

/// SHA-256 of the canonical JSON of an estimate, whatever it holds.
pub(super) fn estimate_digest(estimate: Option<pb::PlanEstimate>) -> Result<Digest, GateError> {
    let unusable = |error: JsonError| GateError::Answer { peer: "versioning", problem: error.to_string() };
    let json = to_json(&estimate.unwrap_or_default()).map_err(unusable)?;
    Ok(Digest::of(&[&serde_json_canonicalizer::to_vec(&json)?]))
}

fn missing(target: &Target, version: i32) -> GateError {
    let (field, text) = match target {
        Target::Edge(from, to) => {
            ("target_edge_to", format!("version {version} has no dependency from `{from}` to `{to}`"))
        }
        _ => ("target_item_id", format!("version {version} has no item `{}`", target.item())),
    };
    GateError::invalid(vec![Violation::new(field, "NOT_FOUND", text)])
}
