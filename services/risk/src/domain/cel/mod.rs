//! Conditions: CEL, compiled once into a tree whose evaluation borrows what it looks at, and is bounded in steps.
//!
//! The grammar and the macros are those of the `cel` crate. Its interpreter is not used for rules: it copies every
//! value that it touches and knows no limit. A test compares the two on random expressions.

mod compile;
mod eval;
mod functions;
#[cfg(test)]
mod tests;
mod value;

pub(super) use compile::{Condition, Flaw, Path};
pub(super) use eval::{Budget, Judgement};
pub(super) use value::Val;
