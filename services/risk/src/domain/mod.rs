//! Policies and what they say about plans. Pure.

mod assess;
mod condition;
mod patterns;
mod policy;
mod subject;
mod value;

pub use assess::assess;
pub use policy::{Policy, PolicyError};
