//! Playbooks, what they make of a goal, what models are asked, how a plan is revised, and what it will take. Pure.

mod body;
pub(crate) mod budget;
mod calibration;
mod estimate;
pub(crate) mod feedback;
mod library;
mod playbook;
pub(crate) mod prompt;
mod remark;
mod render;
mod revise;
pub(crate) mod schema;

pub(crate) use body::{Body, Changes};
pub(crate) use calibration::{Calibration, Measured, Sample};
pub(crate) use estimate::estimate;
pub use library::{Library, Unusable};
pub use playbook::{Fit, Playbook, PlaybookError, schema as playbook_schema};
pub use remark::Remark;
pub(crate) use revise::{Impossible, restrict, revise};
