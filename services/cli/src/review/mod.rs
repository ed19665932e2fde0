//! What a reviewer is shown, and how he answers.

mod changes;
mod details;
mod plan;
mod prompt;
mod screen;
mod steps;

pub(crate) use changes::{changes, conflicts};
pub(crate) use details::details;
pub(crate) use plan::action_plan;
pub(crate) use prompt::{Answer, prompt};
pub(crate) use screen::{is_open, requirement, screen, state_name};
pub(crate) use steps::ordered;
