//! How risky a plan is, and why.

use std::collections::BTreeMap;

use assent_core::Digest;
use serde::{Deserialize, Serialize};

use crate::item::ItemId;
use crate::names::named;
use crate::requirement::ApprovalRequirement;

named! {
    /// How much harm something could do. Ordered: a higher level is greater.
    RiskLevel, "risk level" {
        /// Reads, searches, nothing that lasts.
        Low => "low",
        /// Lasting but small and easily undone.
        Medium => "medium",
        /// Credentials, personal data, outside systems.
        High => "high",
        /// Loss that cannot be undone.
        Critical => "critical",
    }
}

/// One reason for a risk level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskFactor {
    /// Stable code, e.g. `DATABASE_CONNECTION`.
    pub code: String,
    /// What could go wrong, for people.
    pub description: String,
    /// How bad it would be.
    pub severity: RiskLevel,
    /// What would make it less likely or less bad; empty when nothing is known.
    #[serde(default)]
    pub mitigation: String,
    /// The item concerned; none when it is the plan as a whole.
    #[serde(default)]
    pub item_id: Option<ItemId>,
    /// Name of the policy rule that matched.
    #[serde(default)]
    pub rule: String,
    /// Which rule matched on which field, in words.
    #[serde(default)]
    pub explanation: String,
}

/// The risk of one version of a plan under one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskAssessment {
    /// The plan's level: at least that of every item.
    pub level: RiskLevel,
    /// Why.
    pub factors: Vec<RiskFactor>,
    /// Level of each item.
    pub items: BTreeMap<ItemId, RiskLevel>,
    /// Digest of the policy that was applied, to be checked again when a decision is made.
    pub policy_digest: Digest,
    /// What the level demands.
    pub requirement: ApprovalRequirement,
}
