//! An immutable state of a plan.

use assent_core::id::{SessionId, VersionKind};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::{Plan, PlanChange, PlanDigest, PlanEstimate, RiskAssessment};

/// A version with its plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    pub(crate) info: VersionInfo,
    pub(crate) plan: Plan,
    /// Computed from `plan`; its root is `info.digest`.
    pub(crate) tree: PlanDigest,
}

/// Everything about a version but its plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VersionInfo {
    pub(crate) id: Id<VersionKind>,
    pub(crate) session: SessionId,
    pub(crate) number: i32,
    pub(crate) digest: Digest,
    pub(crate) estimate: PlanEstimate,
    pub(crate) risk: RiskAssessment,
    /// Since the version before; empty for the first.
    pub(crate) changes: Vec<PlanChange>,
    pub(crate) change_description: String,
    pub(crate) author: Actor,
    pub(crate) created_at: Timestamp,
}
