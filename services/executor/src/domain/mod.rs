//! The rules of an execution, without I/O: which states follow which, what runs next, what a grant must say,
//! when a failed attempt is repeated and in which order things are undone.

pub(crate) mod amend;
pub(crate) mod control;
pub(crate) mod execution;
pub(crate) mod grant;
pub(crate) mod limits;
pub(crate) mod pins;
pub(crate) mod retry;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod schedule;
mod state;
pub(crate) mod work;

pub(crate) use execution::{Execution, ExecutionFact, ExecutionState};
pub(crate) use run::{Run, RunFact, RunState};
pub(crate) use state::IllegalTransition;
