//! One execution of an approved version.

use assent_core::id::{ExecutionId, SessionId};
use assent_core::{Digest, Timestamp};
use assent_plan::Money;

use super::control::Order;
use super::state::{IllegalTransition, names};

names! {
    /// Where an execution stands. The names are stored.
    stored ExecutionState {
        /// Accepted, nothing started.
        Pending => "pending",
        /// Items run.
        Running => "running",
        /// Everything that had to succeed did.
        Completed => "completed",
        /// An item failed and there was nothing to undo, or what is stored is not what was approved.
        Failed => "failed",
        /// An item failed; completed items are being undone.
        RollingBack => "rolling_back",
        /// Everything that was done has been undone.
        RolledBack => "rolled_back",
        /// Something that was done could not be undone.
        RollbackFailed => "rollback_failed",
        /// Stopped by a person.
        Cancelled => "cancelled",
        /// Held by a person; nothing runs.
        Paused => "paused",
        /// Nothing is left to run but items whose values wait for a review.
        Waiting => "waiting",
    }
}

names! {
    /// What can become true of an execution.
    ExecutionFact {
        /// A driver took it up.
        Started => "started",
        /// Every item is done.
        ItemsDone => "items_done",
        /// An item failed, and nothing has to be undone.
        ItemFailed => "item_failed",
        /// An item failed, and something has to be undone.
        UndoBegun => "undo_begun",
        /// Everything is undone.
        Undone => "undone",
        /// Something cannot be undone.
        UndoFailed => "undo_failed",
        /// What is stored is not what was approved.
        Refused => "refused",
        /// A person holds it, and nothing runs any more.
        Paused => "paused",
        /// A person lets it go on.
        Resumed => "resumed",
        /// Only items that wait for a review are left.
        Parked => "parked",
        /// A review has ended, and there is something to do again.
        Woken => "woken",
        /// A person stopped it, and nothing runs any more.
        Cancelled => "cancelled",
        /// A person has an item tried again.
        Reopened => "reopened",
    }
}

impl ExecutionState {
    /// The whole life of an execution: no other function makes a next state.
    pub(crate) fn after(self, fact: ExecutionFact) -> Result<Self, IllegalTransition> {
        use ExecutionFact as Fact;

        Ok(match (self, fact) {
            (Self::Pending, Fact::Started) => Self::Running,
            (Self::Running, Fact::ItemsDone) => Self::Completed,
            (Self::Running, Fact::ItemFailed) => Self::Failed,
            (Self::Running, Fact::UndoBegun) => Self::RollingBack,
            (Self::Pending | Self::Running | Self::Waiting, Fact::Paused) => Self::Paused,
            (Self::Paused, Fact::Resumed) => Self::Running,
            (Self::Running, Fact::Parked) => Self::Waiting,
            (Self::Waiting, Fact::Woken) => Self::Running,
            (Self::Pending | Self::Running | Self::Paused | Self::Waiting, Fact::Cancelled) => {
                Self::Cancelled
            }
            // What follows only when a person asks for it.
            (Self::Failed | Self::Cancelled, Fact::Reopened) => Self::Running,
            (
                Self::Pending
                | Self::Paused
                | Self::Waiting
                | Self::Completed
                | Self::Failed
                | Self::Cancelled
                | Self::RollbackFailed,
                Fact::UndoBegun,
            ) => Self::RollingBack,
            (Self::RollingBack, Fact::Undone) => Self::RolledBack,
            (Self::RollingBack, Fact::UndoFailed) => Self::RollbackFailed,
            (Self::Pending | Self::Running | Self::Waiting, Fact::Refused) => Self::Failed,
            // What was done stays done.
            (Self::RollingBack, Fact::Refused) => Self::RollbackFailed,
            (state, fact) => {
                let (state, fact) = (state.as_str(), fact.as_str());
                return Err(IllegalTransition { what: "execution", state, fact });
            }
        })
    }

    /// Whether nothing follows unless a person asks for it.
    pub(crate) const fn is_final(self) -> bool {
        !self.is_driven() && !matches!(self, Self::Paused | Self::Waiting)
    }

    /// Whether somebody drives it, or is about to.
    pub(crate) const fn is_driven(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::RollingBack)
    }
}

/// One execution, without its runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Execution {
    /// Its id.
    pub(crate) id: ExecutionId,
    /// The session that was decided.
    pub(crate) session: SessionId,
    /// The version that was approved.
    pub(crate) version: i32,
    /// Digest of that version's plan.
    pub(crate) digest: Digest,
    /// Goal of the plan.
    pub(crate) goal: String,
    /// Where it stands.
    pub(crate) state: ExecutionState,
    /// What a person has asked for and the driver has not done yet.
    pub(crate) order: Option<Order>,
    /// Why it did not complete; empty otherwise.
    pub(crate) error: String,
    /// What its runs have cost.
    pub(crate) cost: Money,
    /// When it was accepted.
    pub(crate) created_at: Timestamp,
    /// When a driver first took it up.
    pub(crate) started_at: Option<Timestamp>,
    /// When it ended.
    pub(crate) ended_at: Option<Timestamp>,
}

impl Execution {
    /// Makes `fact` true at `now`.
    pub(crate) fn apply(&mut self, fact: ExecutionFact, now: Timestamp) -> Result<(), IllegalTransition> {
        self.state = self.state.after(fact)?;
        if fact == ExecutionFact::Started {
            self.started_at = Some(now);
        }
        if fact == ExecutionFact::Reopened {
            self.error.clear();
        }
        self.ended_at = self.state.is_final().then_some(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table() {
        let mut lines = Vec::new();
        for state in ExecutionState::ALL {
            for fact in ExecutionFact::ALL {
                if let Ok(next) = state.after(*fact) {
                    lines.push(format!("{} {} {}", state.as_str(), fact.as_str(), next.as_str()));
                }
            }
        }
        assert_eq!(
            lines,
            [
                "pending started running",
                "pending undo_begun rolling_back",
                "pending refused failed",
                "pending paused paused",
                "pending cancelled cancelled",
                "running items_done completed",
                "running item_failed failed",
                "running undo_begun rolling_back",
                "running refused failed",
                "running paused paused",
                "running parked waiting",
                "running cancelled cancelled",
                "completed undo_begun rolling_back",
                "failed undo_begun rolling_back",
                "failed reopened running",
                "rolling_back undone rolled_back",
                "rolling_back undo_failed rollback_failed",
                "rolling_back refused rollback_failed",
                "rollback_failed undo_begun rolling_back",
                "cancelled undo_begun rolling_back",
                "cancelled reopened running",
                "paused undo_begun rolling_back",
                "paused resumed running",
                "paused cancelled cancelled",
                "waiting undo_begun rolling_back",
                "waiting refused failed",
                "waiting paused paused",
                "waiting woken running",
                "waiting cancelled cancelled",
            ]
        );
        // What has ended begins again only when a person asks for it.
        let asked = [ExecutionFact::UndoBegun, ExecutionFact::Reopened];
        for state in ExecutionState::ALL.iter().filter(|state| state.is_final()) {
            let mut others = ExecutionFact::ALL.iter().filter(|fact| !asked.contains(fact));
            assert!(others.all(|fact| state.after(*fact).is_err()));
        }
    }
}
