//! The plan, and everything about it that needs no I/O: its records, validation, graph, digest,
//! late-bound references, bounds, differences, merges, edits and redaction. Every service that handles a
//! plan, the CLI and the tests share this one crate, so that they cannot disagree about what a plan means.

#![warn(missing_docs)]

pub mod apply;
pub mod bounds;
pub mod canonical;
pub mod catalog;
pub mod change;
pub mod complete;
pub mod condition;
pub mod dependency;
pub mod diff;
pub mod digest;
pub mod edit;
pub mod estimate;
pub mod graph;
pub mod invalid;
pub mod item;
mod json;
pub mod mcp;
pub mod merge;
pub mod merkle;
pub mod money;
pub mod names;
mod order;
pub mod plan;
mod record;
pub mod redact;
pub mod references;
pub mod requirement;
pub mod risk;
mod schema;
pub mod span;
pub mod validate;

pub use apply::{ApplyError, apply};
pub use catalog::{Catalog, Tool};
pub use change::{ChangeCounts, PlanChange, PlanChangeType};
pub use condition::Condition;
pub use dependency::{Dependency, DependencyType};
pub use diff::diff;
pub use digest::{LeafKey, PlanDigest};
pub use edit::{Edit, EditError, apply_edits, edits_between};
pub use estimate::PlanEstimate;
pub use graph::PlanGraph;
pub use invalid::InvalidPlan;
pub use item::{Bound, ItemConstraints, ItemId, ItemType, Map, Objective, Priority, Rollback, WorkItem};
pub use mcp::McpTool;
pub use merge::{Conflict, ConflictKind, merge};
pub use money::Money;
pub use plan::{Plan, PlanConstraints, Strategy};
pub use requirement::{
    ApprovalRequirement, ApprovalRule, ApprovalStage, ApprovalThreshold, Channel, EscalationStep,
    TimeoutAction, Voters,
};
pub use risk::{RiskAssessment, RiskFactor, RiskLevel};
pub use span::Span;
pub use validate::{Finding, Validation, validate};
