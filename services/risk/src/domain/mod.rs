//! Policies and what they say about plans. Pure.

mod analysis;
mod assess;
mod cel;
mod fields;
mod meaning;
mod patterns;
mod policy;
mod subject;

pub use assess::assess;
pub use policy::{Policy, PolicyError};
