//! What a version is, how it is kept, when another may follow it, and who may make it. Pure.

pub(crate) mod chain;
pub(crate) mod content;
pub(crate) mod delta;
pub(crate) mod editors;
pub(crate) mod head;
mod parallel;
pub(crate) mod version;

pub(crate) use head::{Closing, Head, HeadError, HeadState};
pub(crate) use parallel::at_once;
pub(crate) use version::{Version, VersionInfo};
