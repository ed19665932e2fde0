//! What every service is run by: configuration, telemetry, wiring, named tasks, a port, and an orderly end.
//! A service's `main.rs` is one call of [`main`].

#![warn(missing_docs)]

pub mod config;
mod error;
mod healthy;
mod host;
mod metrics;
mod process;
mod service;
mod tasks;
pub mod telemetry;
mod wiring;

pub use config::Settings;
pub use error::RunError;
pub use host::{Host, Listening, Running};
pub use process::{install_tls, main, stop_signal};
pub use service::{BuildError, Service};
pub use tasks::{OnError, TaskSet};
pub use wiring::{Peer, Wiring};

/// Plans and messages are made of many small strings, which the usual allocator of Linux is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
