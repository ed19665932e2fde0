//! Whole stacks to test against: all services in this process with a clock that tests move, `assent dev` as a
//! process, and six processes on Postgres and Redis. All are reached through their gRPC ports.

#![expect(
    clippy::expect_used,
    reason = "only tests and benchmarks use this crate, and there a failure is to be loud"
)]

pub mod client;
pub mod embedded;
pub mod eventually;
pub mod graph;
pub mod people;
pub mod process;
pub mod raw;
pub mod scenario;
pub mod secured;

pub use assent_testkit::{Fault, FaultProxy};
pub use client::{Client, Refusal};
pub use embedded::Embedded;
pub use eventually::eventually;
pub use process::{Cluster, Dev};
