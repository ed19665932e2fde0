//! One work item in an execution.

use assent_core::id::{RunKind, SessionId};
use assent_core::{Id, Timestamp};
use assent_plan::graph::Progress;
use assent_plan::{ItemId, Map, Money};

use super::state::{IllegalTransition, names};

names! {
    /// Where a run stands. The names are stored.
    stored RunState {
        /// Waits for its turn.
        Pending => "pending",
        /// An attempt runs, or ran when its driver died.
        Running => "running",
        /// Failed and will be tried again.
        Retrying => "retrying",
        /// Ended well.
        Succeeded => "succeeded",
        /// Failed for good.
        Failed => "failed",
        /// Will not run.
        Skipped => "skipped",
        /// Was done and is undone.
        RolledBack => "rolled_back",
        /// Was done and could not be undone.
        RollbackFailed => "rollback_failed",
        /// Its values lie outside a bound; a review of them is under way.
        Held => "held",
        /// Is being undone, or was when its driver died.
        RollingBack => "rolling_back",
    }
}

names! {
    /// What can become true of a run.
    RunFact {
        /// An attempt begins.
        AttemptStarted => "attempt_started",
        /// The attempt ended well.
        AttemptSucceeded => "attempt_succeeded",
        /// The attempt failed; another will follow.
        AttemptFailed => "attempt_failed",
        /// It failed for good.
        GivenUp => "given_up",
        /// It is not approved, or something that it needs did not succeed.
        PassedOver => "passed_over",
        /// It is undone.
        Undone => "undone",
        /// It cannot be undone.
        UndoFailed => "undo_failed",
        /// Its values lie outside a bound.
        Held => "held",
        /// Its values have been approved.
        Released => "released",
        /// A person has it tried again, or it was skipped because of one that is.
        Reopened => "reopened",
        /// An attempt to undo it begins.
        UndoStarted => "undo_started",
        /// The attempt to undo it failed; another will follow.
        UndoAttemptFailed => "undo_attempt_failed",
        /// A person has the undoing tried again.
        UndoReopened => "undo_reopened",
    }
}

impl RunState {
    /// The whole life of a run: no other function makes a next state.
    pub(crate) fn after(self, fact: RunFact) -> Result<Self, IllegalTransition> {
        use RunFact as Fact;

        Ok(match (self, fact) {
            (Self::Pending | Self::Retrying, Fact::AttemptStarted) => Self::Running,
            (Self::Running, Fact::AttemptSucceeded) => Self::Succeeded,
            (Self::Running, Fact::AttemptFailed) => Self::Retrying,
            // Before an attempt when its arguments cannot be resolved or a limit is reached.
            (Self::Pending | Self::Running | Self::Retrying | Self::Held, Fact::GivenUp) => Self::Failed,
            (Self::Pending | Self::Held, Fact::PassedOver) => Self::Skipped,
            (Self::Pending | Self::Retrying, Fact::Held) => Self::Held,
            (Self::Held, Fact::Released) => Self::Pending,
            (Self::Failed | Self::Skipped, Fact::Reopened) => Self::Pending,
            (Self::Succeeded, Fact::UndoStarted) => Self::RollingBack,
            (Self::RollingBack, Fact::UndoAttemptFailed) => Self::Succeeded,
            (Self::RollingBack, Fact::Undone) => Self::RolledBack,
            // Without an attempt when there is no way to undo it.
            (Self::Succeeded | Self::RollingBack, Fact::UndoFailed) => Self::RollbackFailed,
            (Self::RollbackFailed, Fact::UndoReopened) => Self::Succeeded,
            (state, fact) => {
                let (state, fact) = (state.as_str(), fact.as_str());
                return Err(IllegalTransition { what: "work item run", state, fact });
            }
        })
    }

    /// As the graph of the plan sees it.
    pub(crate) const fn progress(self) -> Progress {
        match self {
            Self::Pending => Progress::Pending,
            Self::Running | Self::Retrying | Self::Held => Progress::Running,
            Self::Succeeded | Self::RolledBack | Self::RollbackFailed | Self::RollingBack => {
                Progress::Succeeded
            }
            Self::Failed => Progress::Failed,
            Self::Skipped => Progress::Skipped,
        }
    }
}

/// One work item in an execution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    /// Its id.
    pub(crate) id: Id<RunKind>,
    /// The item.
    pub(crate) item: ItemId,
    /// Name of the item.
    pub(crate) name: String,
    /// Its tool.
    pub(crate) tool: String,
    /// Type of agent that the plan prefers; empty when any will do.
    pub(crate) agent_type: String,
    /// Where it stands.
    pub(crate) state: RunState,
    /// Attempts begun.
    pub(crate) attempt: u32,
    /// When the last attempt began.
    pub(crate) started_at: Option<Timestamp>,
    /// When the last attempt ended.
    pub(crate) ended_at: Option<Timestamp>,
    /// Not before then is it tried again.
    pub(crate) retry_at: Option<Timestamp>,
    /// What it gave back.
    pub(crate) output: Option<Map>,
    /// Why it failed or was passed over.
    pub(crate) error: String,
    /// One line for people.
    pub(crate) summary: String,
    /// What its attempts have cost.
    pub(crate) cost: Money,
    /// Place among the runs of the execution that ended well, from 1: undoing goes the other way.
    pub(crate) completed: Option<i64>,
    /// Attempts to undo it that were begun.
    pub(crate) undo_attempt: u32,
    /// The review of its values that lay outside a bound, and once approved the session whose grant it runs under.
    pub(crate) amended_by: Option<SessionId>,
}

impl Run {
    /// A run that waits for its turn.
    pub(crate) fn new(id: Id<RunKind>, item: &assent_plan::WorkItem) -> Self {
        Self {
            id,
            item: item.id.clone(),
            name: item.name.clone(),
            tool: item.tool.clone(),
            agent_type: item.preferred_agent_type.clone(),
            state: RunState::Pending,
            attempt: 0,
            started_at: None,
            ended_at: None,
            retry_at: None,
            output: None,
            error: String::new(),
            summary: String::new(),
            cost: Money::ZERO,
            completed: None,
            undo_attempt: 0,
            amended_by: None,
        }
    }

    /// Makes `fact` true at `now`.
    pub(crate) fn apply(&mut self, fact: RunFact, now: Timestamp) -> Result<(), IllegalTransition> {
        self.state = self.state.after(fact)?;
        match fact {
            RunFact::AttemptStarted => {
                self.attempt += 1;
                (self.started_at, self.ended_at, self.retry_at) = (Some(now), None, None);
                self.error.clear();
            }
            RunFact::AttemptSucceeded | RunFact::AttemptFailed => self.ended_at = Some(now),
            RunFact::GivenUp => {
                self.ended_at = self.started_at.and(Some(self.ended_at.unwrap_or(now)));
                self.retry_at = None;
            }
            RunFact::Reopened => {
                (self.started_at, self.ended_at, self.retry_at) = (None, None, None);
                self.error.clear();
            }
            RunFact::UndoStarted => {
                self.undo_attempt += 1;
                self.retry_at = None;
            }
            RunFact::UndoReopened => {
                self.undo_attempt = 0;
                self.error.clear();
            }
            RunFact::Released => self.error.clear(),
            RunFact::PassedOver
            | RunFact::Undone
            | RunFact::UndoFailed
            | RunFact::UndoAttemptFailed
            | RunFact::Held => {}
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
        for state in RunState::ALL {
            for fact in RunFact::ALL {
                if let Ok(next) = state.after(*fact) {
                    lines.push(format!("{} {} {}", state.as_str(), fact.as_str(), next.as_str()));
                }
            }
        }
        assert_eq!(
            lines,
            [
                "pending attempt_started running",
                "pending given_up failed",
                "pending passed_over skipped",
                "pending held held",
                "running attempt_succeeded succeeded",
                "running attempt_failed retrying",
                "running given_up failed",
                "retrying attempt_started running",
                "retrying given_up failed",
                "retrying held held",
                "succeeded undo_failed rollback_failed",
                "succeeded undo_started rolling_back",
                "failed reopened pending",
                "skipped reopened pending",
                "rollback_failed undo_reopened succeeded",
                "held given_up failed",
                "held passed_over skipped",
                "held released pending",
                "rolling_back undone rolled_back",
                "rolling_back undo_failed rollback_failed",
                "rolling_back undo_attempt_failed succeeded",
            ]
        );
    }
}
