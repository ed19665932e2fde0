//! Outcomes.

use assent_core::id::DecisionKind;
use assent_core::{Actor, Digest, Id, Timestamp};

use super::names;
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
    /// Somebody rejected.
    Rejected,
    /// The time is over.
    TimedOut,
}

impl Ending {
    /// What happens to the session.
    pub const fn fact(self) -> Fact {
        match self {
            Self::AutoApproved => Fact::AutoApproved,
            Self::Approved | Self::BrokenGlass => Fact::Approved,
            Self::Rejected => Fact::Rejected,
            Self::TimedOut => Fact::TimedOut,
        }
    }

    /// What that means for the plan.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::AutoApproved | Self::Approved | Self::BrokenGlass => Outcome::Approved,
            Self::Rejected => Outcome::Rejected,
            Self::TimedOut => Outcome::TimedOut,
        }
    }

    /// What that means for each item.
    pub const fn items(self) -> ItemState {
        match self {
            Self::AutoApproved | Self::Approved | Self::BrokenGlass => ItemState::Approved,
            Self::Rejected | Self::TimedOut => ItemState::Rejected,
        }
    }

    /// The name in the audit.
    pub const fn action(self) -> &'static str {
        match self {
            Self::AutoApproved => "session.auto_approved",
            Self::Approved => "session.approved",
            Self::BrokenGlass => "session.break_glass",
            Self::Rejected => "session.rejected",
            Self::TimedOut => "session.timed_out",
        }
    }
}

/// The outcome of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
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
