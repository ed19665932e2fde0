//! Playbooks, what they make of a goal, how a plan is revised, and what it will take. Pure.

mod estimate;
pub(crate) mod feedback;
mod library;
mod playbook;
mod render;
mod revise;

pub(crate) use estimate::estimate;
pub use library::Library;
pub use playbook::{Fit, Playbook, PlaybookError};
pub(crate) use revise::{Impossible, restrict, revise};
