//! What people may ask of an execution, and when.

use assent_core::Timestamp;

use super::execution::{Execution, ExecutionFact, ExecutionState};
use super::run::{Run, RunFact, RunState};
use super::schedule::Runs;
use super::state::{IllegalTransition, names};

names! {
    /// What a person has asked of an execution that somebody drives; the driver does it. The names are stored.
    stored Order {
        /// Begin nothing more.
        Pause => "pause",
        /// End now.
        Cancel => "cancel",
        /// End now, and undo.
        Rollback => "rollback",
    }
}

names! {
    /// What a person can ask.
    Command {
        /// Begin nothing more.
        Pause => "pause",
        /// Go on.
        Resume => "resume",
        /// End now.
        Cancel => "cancel",
        /// Undo what was done.
        Rollback => "rollback",
        /// Try an item again.
        RetryItem => "retry_item",
    }
}

impl Order {
    /// What is true once it is carried out.
    pub(crate) const fn fact(self) -> ExecutionFact {
        match self {
            Self::Pause => ExecutionFact::Paused,
            Self::Cancel => ExecutionFact::Cancelled,
            Self::Rollback => ExecutionFact::UndoBegun,
        }
    }
}

/// What a command comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is so already, or about to be.
    Already,
    /// It becomes true at once, because nobody drives the execution.
    Now(ExecutionFact),
    /// The driver is told.
    Order(Order),
    /// The driver is told to forget what it was told.
    Withdraw,
}

/// The state does not allow the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the execution is {}, which does not allow {}", state.as_str(), command.as_str())]
pub(crate) struct NotAllowed {
    /// Where the execution stands.
    pub(crate) state: ExecutionState,
    /// What was asked.
    pub(crate) command: Command,
}

/// What `command` comes to in `state`, when `order` has been given and not been carried out. The only place that
/// says so; trying an item again depends on the item, too.
pub(crate) fn answer(
    state: ExecutionState,
    order: Option<Order>,
    command: Command,
) -> Result<Answer, NotAllowed> {
    use ExecutionState as State;

    Ok(match (state, order, command) {
        (State::Pending | State::Running, Some(Order::Pause), Command::Pause) => Answer::Already,
        (State::Pending | State::Running, None, Command::Pause) => Answer::Order(Order::Pause),
        (State::Waiting, _, Command::Pause) => Answer::Now(ExecutionFact::Paused),
        (State::Paused, _, Command::Pause) => Answer::Already,

        (State::Pending | State::Running, Some(Order::Pause), Command::Resume) => Answer::Withdraw,
        (State::Pending | State::Running, None, Command::Resume) => Answer::Already,
        (State::Paused, _, Command::Resume) => Answer::Now(ExecutionFact::Resumed),

        (State::Pending | State::Running, Some(Order::Cancel), Command::Cancel) => Answer::Already,
        (State::Pending | State::Running, None | Some(Order::Pause), Command::Cancel) => {
            Answer::Order(Order::Cancel)
        }
        (State::Paused | State::Waiting, _, Command::Cancel) => Answer::Now(ExecutionFact::Cancelled),
        (State::Cancelled, _, Command::Cancel) => Answer::Already,

        (State::Pending | State::Running, Some(Order::Rollback), Command::Rollback) => Answer::Already,
        // Undoing goes further than ending, and ending further than pausing.
        (State::Pending | State::Running, _, Command::Rollback) => Answer::Order(Order::Rollback),
        (
            State::Paused
            | State::Waiting
            | State::Completed
            | State::Failed
            | State::Cancelled
            | State::RollbackFailed,
            _,
            Command::Rollback,
        ) => Answer::Now(ExecutionFact::UndoBegun),
        (State::RollingBack | State::RolledBack, _, Command::Rollback) => Answer::Already,

        (State::Failed | State::Cancelled, _, Command::RetryItem) => Answer::Now(ExecutionFact::Reopened),
        (State::RollbackFailed, _, Command::RetryItem) => Answer::Now(ExecutionFact::UndoBegun),
        (State::Paused, _, Command::RetryItem) => Answer::Already,

        (state, _, command) => return Err(NotAllowed { state, command }),
    })
}

/// Makes `fact`, which a person has asked for, true of an execution in which nothing runs any more; returns the
/// runs that change with it.
pub(crate) fn carry_out(
    execution: &mut Execution,
    runs: &Runs,
    fact: ExecutionFact,
    now: Timestamp,
) -> Result<Vec<Run>, IllegalTransition> {
    execution.apply(fact, now)?;
    let (ends, undoes) = match fact {
        ExecutionFact::Cancelled => (true, false),
        ExecutionFact::UndoBegun => (true, true),
        _ => (false, false),
    };
    let mut changed = Vec::new();
    for run in runs.values() {
        let fact = match run.state {
            RunState::Pending | RunState::Held if ends => RunFact::PassedOver,
            RunState::Running | RunState::Retrying if ends => RunFact::GivenUp,
            RunState::RollbackFailed if undoes => RunFact::UndoReopened,
            _ => continue,
        };
        let mut run = run.clone();
        run.apply(fact, now)?;
        if fact != RunFact::UndoReopened {
            run.error = "CANCELLED: the execution was stopped by a person".to_owned();
        }
        changed.push(run);
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_at_once_is_in_the_table_of_states() {
        let orders: Vec<_> = std::iter::once(None).chain(Order::ALL.iter().copied().map(Some)).collect();
        for state in ExecutionState::ALL {
            for order in orders.iter().copied() {
                for command in Command::ALL {
                    match answer(*state, order, *command) {
                        Ok(Answer::Now(fact)) => {
                            assert!(state.after(fact).is_ok(), "{} {}", state.as_str(), fact.as_str());
                            assert!(!state.is_driven(), "the driver would overwrite it");
                        }
                        Ok(Answer::Order(_) | Answer::Withdraw) => assert!(state.is_driven()),
                        Ok(Answer::Already) | Err(_) => {}
                    }
                }
            }
        }
    }

    #[test]
    fn the_whole_table() {
        let mut lines = Vec::new();
        for state in ExecutionState::ALL {
            for command in Command::ALL {
                let said = match answer(*state, None, *command) {
                    Ok(Answer::Already) => "already",
                    Ok(Answer::Now(fact)) => fact.as_str(),
                    Ok(Answer::Order(_)) => "ordered",
                    Ok(Answer::Withdraw) => "withdrawn",
                    Err(_) => continue,
                };
                lines.push(format!("{} {}: {said}", state.as_str(), command.as_str()));
            }
        }
        assert_eq!(
            lines,
            [
                "pending pause: ordered",
                "pending resume: already",
                "pending cancel: ordered",
                "pending rollback: ordered",
                "running pause: ordered",
                "running resume: already",
                "running cancel: ordered",
                "running rollback: ordered",
                "completed rollback: undo_begun",
                "failed rollback: undo_begun",
                "failed retry_item: reopened",
                "rolling_back rollback: already",
                "rolled_back rollback: already",
                "rollback_failed rollback: undo_begun",
                "rollback_failed retry_item: undo_begun",
                "cancelled cancel: already",
                "cancelled rollback: undo_begun",
                "cancelled retry_item: reopened",
                "paused pause: already",
                "paused resume: resumed",
                "paused cancel: cancelled",
                "paused rollback: undo_begun",
                "paused retry_item: already",
                "waiting pause: paused",
                "waiting cancel: cancelled",
                "waiting rollback: undo_begun",
            ]
        );
    }

    #[test]
    fn a_stronger_order_replaces_a_weaker_one_and_never_the_other_way() {
        let say = |order, command| answer(ExecutionState::Running, Some(order), command);
        assert_eq!(say(Order::Pause, Command::Cancel), Ok(Answer::Order(Order::Cancel)));
        assert_eq!(say(Order::Cancel, Command::Rollback), Ok(Answer::Order(Order::Rollback)));
        assert_eq!(say(Order::Pause, Command::Resume), Ok(Answer::Withdraw));
        for (order, command) in [
            (Order::Cancel, Command::Pause),
            (Order::Cancel, Command::Resume),
            (Order::Rollback, Command::Cancel),
            (Order::Rollback, Command::Resume),
        ] {
            assert!(say(order, command).is_err());
        }
    }
}
