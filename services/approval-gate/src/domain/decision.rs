//! Outcomes.

use assent_core::id::DecisionKind;
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::{Condition, PlanEstimate, RiskLevel};

use super::names;
use super::partial::Split;
use super::state::Fact;
use super::vote::Subject;

names! {
    /// What was decided.
    Outcome {
        /// May run.
        Approved => "approved",
        /// Some of it may run.
        PartiallyApproved => "partially_approved",
        /// Must not run.
        Rejected => "rejected",
        /// Must not run: nobody decided in time.
        TimedOut => "timed_out",
        /// Must not run: withdrawn.
        Cancelled => "cancelled",
    }
}

names! {
    /// Whether a work item may run.
    ItemState {
        /// Undecided.
        Pending => "pending",
        /// May run.
        Approved => "approved",
        /// Must not run.
        Rejected => "rejected",
        /// Must not run, because an item that it needs must not.
        Skipped => "skipped",
    }
}

/// What ends a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The policy let the plan pass.
    AutoApproved,
    /// Enough people approved.
    Approved,
    /// An admin approved alone, in an emergency.
    BrokenGlass,
    /// Enough people approved some of the items.
    PartiallyApproved,
    /// Somebody rejected.
    Rejected,
    /// The time is over, and the plan may run, as was asked for.
    Proceeded,
    /// The time is over.
    TimedOut,
    /// Whoever asked does not want it any more.
    Cancelled,
}

impl Ending {
    /// What happens to the session.
    pub const fn fact(self) -> Fact {
        match self {
            Self::AutoApproved => Fact::AutoApproved,
            Self::Approved | Self::BrokenGlass => Fact::Approved,
            Self::PartiallyApproved => Fact::PartiallyApproved,
            Self::Rejected => Fact::Rejected,
            Self::Proceeded => Fact::Proceeded,
            Self::TimedOut => Fact::TimedOut,
            Self::Cancelled => Fact::Cancelled,
        }
    }

    /// What that means for the plan.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::AutoApproved | Self::Approved | Self::Proceeded | Self::BrokenGlass => Outcome::Approved,
            Self::PartiallyApproved => Outcome::PartiallyApproved,
            Self::Rejected => Outcome::Rejected,
            Self::TimedOut => Outcome::TimedOut,
            Self::Cancelled => Outcome::Cancelled,
        }
    }

    /// What that means for each item that nothing else is said about.
    pub const fn items(self) -> ItemState {
        match self {
            Self::AutoApproved
            | Self::Approved
            | Self::PartiallyApproved
            | Self::Proceeded
            | Self::BrokenGlass => ItemState::Approved,
            Self::Rejected | Self::TimedOut | Self::Cancelled => ItemState::Rejected,
        }
    }

    /// The name in the audit.
    pub const fn action(self) -> &'static str {
        match self {
            Self::AutoApproved => "session.auto_approved",
            Self::Approved => "session.approved",
            Self::BrokenGlass => "session.break_glass",
            Self::PartiallyApproved => "session.partially_approved",
            Self::Rejected => "session.rejected",
            Self::Proceeded => "session.proceeded",
            Self::TimedOut => "session.timed_out",
            Self::Cancelled => "session.cancelled",
        }
    }
}

/// What some items of a plan come to without the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Subset {
    /// What becomes of each item.
    pub split: Split,
    /// What the approved items will take.
    pub estimate: PlanEstimate,
    /// Their risk.
    pub risk_level: RiskLevel,
}

/// The outcome of a review.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Its id.
    pub id: Id<DecisionKind>,
    /// What was decided.
    pub outcome: Outcome,
    /// On which version.
    pub subject: Subject,
    /// Whose vote decided, or the clock, or the policy.
    pub decided_by: Actor,
    /// When.
    pub decided_at: Timestamp,
    /// Why.
    pub reason: String,
    /// Items that may run.
    pub approved_items: Vec<String>,
    /// Items that must not.
    pub rejected_items: Vec<String>,
    /// Items that nobody rejected and that need one which must not.
    pub skipped_items: Vec<String>,
    /// What the execution must keep to.
    pub conditions: Vec<Condition>,
    /// What the approved items alone will take, where they are not all.
    pub estimate: Option<PlanEstimate>,
    /// The risk of the approved items alone, where they are not all.
    pub risk_level: Option<RiskLevel>,
    /// Everybody who approved.
    pub approvers: Vec<String>,
    /// Digest of the policy whose requirement was met, or not.
    pub policy_digest: Digest,
    /// Whether an admin decided alone, in an emergency.
    pub break_glass: bool,
}

/// Whether one work item may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemStatus {
    /// The item.
    pub item_id: String,
    /// Its leaf in the digest's tree.
    pub leaf: Digest,
    /// Whether it may.
    pub state: ItemState,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// Why.
    pub notes: Option<String>,
}
