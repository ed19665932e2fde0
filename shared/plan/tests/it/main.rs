//! The plan crate through its public doors.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod apply;
mod diff;
mod digest;
mod edit;
mod edits_between;
mod fuzz;
mod generate;
mod graph;
mod merge;
mod mutate;
mod redact;
mod validate;
mod vectors;
mod yaml;
