//! Policies and what they say about plans. Pure.

mod analysis;
mod assess;
mod cel;
mod fields;
mod meaning;
mod patterns;
mod policy;
mod subject;
mod trial;

pub use assess::assess;
pub use policy::{Diagnostic, Policy, PolicyError, Severity};
pub use trial::{TrialError, TrialReport, Trials};
