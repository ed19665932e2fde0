//! Playbooks, what they make of a goal, and what a plan will take. Pure.

mod estimate;
mod library;
mod playbook;
mod render;

pub(crate) use estimate::estimate;
pub use library::Library;
pub use playbook::{Fit, Playbook, PlaybookError};
