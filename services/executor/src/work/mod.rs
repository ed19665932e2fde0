//! The two sides of the desk over which work goes to workers: drivers offer attempts and wait for reports, workers
//! lease them and report.

mod desk;
mod lease;
mod offer;

pub(crate) use desk::{Desk, attend};
pub(crate) use lease::Told;
pub(crate) use offer::made_by_a_worker;
