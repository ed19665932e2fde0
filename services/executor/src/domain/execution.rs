//! One execution of an approved version.

use assent_core::id::{ExecutionId, SessionId};
use assent_core::{Digest, Timestamp};
use assent_plan::Money;

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
            (Self::RollingBack, Fact::Undone) => Self::RolledBack,
            (Self::RollingBack, Fact::UndoFailed) => Self::RollbackFailed,
            (Self::Pending | Self::Running | Self::RollingBack, Fact::Refused) => Self::Failed,
            (state, fact) => {
                let (state, fact) = (state.as_str(), fact.as_str());
                return Err(IllegalTransition { what: "execution", state, fact });
            }
        })
    }

    /// Whether nothing follows.
    pub(crate) const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::RollingBack)
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
        if self.state.is_final() {
            self.ended_at = Some(now);
        }
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
                "pending refused failed",
                "running items_done completed",
                "running item_failed failed",
                "running undo_begun rolling_back",
                "running refused failed",
                "rolling_back undone rolled_back",
                "rolling_back undo_failed rollback_failed",
                "rolling_back refused failed",
            ]
        );
        for state in ExecutionState::ALL.iter().filter(|state| state.is_final()) {
            assert!(ExecutionFact::ALL.iter().all(|fact| state.after(*fact).is_err()));
        }
    }
}
