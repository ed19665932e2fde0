//! Where the kernel is not Linux, programs cannot be confined.

use std::path::Path;

use tokio::process::{Child, Command};

/// Cannot be made here.
#[derive(Debug, Clone)]
pub(super) enum Sandbox {}

/// Why a program cannot be confined.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    /// Always.
    #[error("only Linux confines programs (Landlock)")]
    Unavailable,
    /// The program cannot be started.
    #[error(transparent)]
    Start(#[from] std::io::Error),
}

impl Sandbox {
    /// # Errors
    /// Always.
    pub(super) fn new(_: &[String], _: &[String]) -> Result<Self, SandboxError> {
        Err(SandboxError::Unavailable)
    }

    /// Never called: there is no sandbox.
    pub(super) fn widened(&self, _: &[String], _: &[String]) -> Self {
        match *self {}
    }

    /// Never called: there is no sandbox.
    pub(super) async fn spawn(&self, _: Command, _: &Path, _: bool) -> Result<Child, SandboxError> {
        match *self {}
    }
}
