//! When a failed attempt is repeated.

use std::time::Duration;

use assent_core::Timestamp;
use assent_plan::{ItemId, WorkItem};

use super::run::{Run, RunFact, RunState};
use super::schedule::Runs;
use super::state::IllegalTransition;

/// How long to wait before attempt `failed + 1`, before jitter: `first` doubled for each failed attempt, up to
/// `longest`. None when the item has no retry left.
pub(crate) fn delay(item: &WorkItem, failed: u32, first: Duration, longest: Duration) -> Option<Duration> {
    let retries = item.constraints.max_retries.unwrap_or_default();
    (failed <= retries).then(|| backoff(failed, first, longest))
}

/// `first` doubled for each failed attempt after the first, up to `longest`.
pub(crate) fn backoff(failed: u32, first: Duration, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1))).min(longest)
}

/// Why an item is not tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the work item `{item}` is {}: {why}", state.as_str())]
pub(crate) struct NotRepeatable {
    /// The item.
    pub(crate) item: ItemId,
    /// Where it stands.
    pub(crate) state: RunState,
    /// What would have to be so.
    pub(crate) why: &'static str,
}

/// Runs as they are once a person has `run` tried again: it, and everything that was skipped when the execution
/// stopped. What was not `granted` stays skipped.
pub(crate) fn again(
    run: &Run,
    all: &Runs,
    granted: impl Fn(&ItemId) -> bool,
    now: Timestamp,
) -> Result<Vec<Run>, AgainError> {
    let refuse = |why| NotRepeatable { item: run.item.clone(), state: run.state, why };
    if !granted(&run.item) {
        return Err(refuse("it was not approved").into());
    }
    match run.state {
        RunState::Retrying => return Ok(vec![run.clone()]),
        RunState::Failed | RunState::Skipped => {}
        _ => return Err(refuse("only what failed or was skipped can be tried again").into()),
    }
    let mut reopened = run.clone();
    reopened.apply(RunFact::Reopened, now)?;
    let mut changed = vec![reopened];
    for run in all.values().filter(|other| other.item != run.item && other.state == RunState::Skipped) {
        if granted(&run.item) {
            let mut run = run.clone();
            run.apply(RunFact::Reopened, now)?;
            changed.push(run);
        }
    }
    Ok(changed)
}

/// The run as it is once a person has undoing it tried again.
pub(crate) fn undo_again(run: &Run, now: Timestamp) -> Result<Vec<Run>, AgainError> {
    if run.state != RunState::RollbackFailed {
        let why = "only what could not be undone can be undone again";
        return Err(NotRepeatable { item: run.item.clone(), state: run.state, why }.into());
    }
    let mut run = run.clone();
    run.apply(RunFact::UndoReopened, now)?;
    Ok(vec![run])
}

/// Why trying an item again comes to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AgainError {
    /// The item does not allow it.
    #[error(transparent)]
    NotRepeatable(#[from] NotRepeatable),
    /// A defect.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
}

/// The key that lets the outside recognise a repeated attempt: the same for the same attempt, whichever
/// process makes it.
pub(crate) fn idempotency_key(
    session: impl std::fmt::Display,
    version: i32,
    item: &WorkItem,
    attempt: u32,
) -> String {
    format!("{session}.{version}.{}.{attempt}", item.id)
}

/// As [`idempotency_key`], for undoing the item.
pub(crate) fn rollback_key(session: impl std::fmt::Display, version: i32, item: &WorkItem) -> String {
    format!("{session}.{version}.{}.rollback", item.id)
}

/// As [`rollback_key`], for one attempt at undoing it.
pub(crate) fn rollback_attempt_key(
    session: impl std::fmt::Display,
    version: i32,
    item: &WorkItem,
    attempt: u32,
) -> String {
    format!("{}.{attempt}", rollback_key(session, version, item))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(retries: Option<u32>) -> WorkItem {
        let mut item = WorkItem::new("a".parse().unwrap(), "A", "shell");
        item.constraints.max_retries = retries;
        item
    }

    #[test]
    fn without_retries_the_first_failure_is_the_last() {
        assert_eq!(delay(&item(None), 1, Duration::from_secs(1), Duration::from_secs(9)), None);
        assert_eq!(idempotency_key("ses_1", 3, &item(None), 2), "ses_1.3.a.2");
    }

    proptest! {
        #[test]
        fn delays_grow_to_the_limit_and_end_with_the_retries(retries in 0_u32..20, failed in 1_u32..40) {
            let (first, longest) = (Duration::from_millis(200), Duration::from_secs(30));
            let at = |n| delay(&item(Some(retries)), n, first, longest);
            prop_assert_eq!(at(failed).is_some(), failed <= retries);
            if let (Some(this), Some(next)) = (at(failed), at(failed + 1)) {
                prop_assert!(this >= first && this <= next && next <= longest);
            }
        }
    }
}
