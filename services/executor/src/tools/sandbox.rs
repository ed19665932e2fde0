//! Confines programs in the kernel: Landlock keeps files to the workspace, seccomp keeps the network away.
//!
//! Both hold for the thread that asks for them and for all that it starts, and are never lifted. So each program is
//! started by a thread of its own, which ends with the start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use tokio::process::{Child, Command};

/// The newest version of Landlock that is asked for; an older kernel enforces what it has.
const LANDLOCK: ABI = ABI::V6;

/// What programs need to write to that is no file of theirs.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Where and with what a program may work.
#[derive(Debug, Clone)]
pub(super) struct Sandbox {
    readable: Vec<PathBuf>,
    writable: Vec<PathBuf>,
    offline: BpfProgram,
}

/// Why a program cannot be confined.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    /// The kernel has no Landlock, or it is switched off.
    #[error("this kernel does not confine programs (Landlock)")]
    Unavailable,
    /// Landlock refused.
    #[error("Landlock: {0}")]
    Landlock(#[from] RulesetError),
    /// The filter of system calls cannot be made or set.
    #[error("seccomp: {0}")]
    Seccomp(String),
    /// The program, or the thread that starts it, cannot be started.
    #[error(transparent)]
    Start(#[from] std::io::Error),
}

impl Sandbox {
    /// A sandbox in which programs read `readable` and change `writable`, besides their workspace. Paths that are not
    /// there are passed over.
    ///
    /// # Errors
    /// When this machine cannot confine programs.
    pub(super) fn new(readable: &[String], writable: &[String]) -> Result<Self, SandboxError> {
        let sandbox = Self {
            readable: readable.iter().map(PathBuf::from).collect(),
            writable: writable.iter().map(PathBuf::from).chain(DEVICES.map(PathBuf::from)).collect(),
            offline: offline()?,
        };
        // Tried out on a thread that does nothing else, so that a machine that cannot says so at start.
        let trial = sandbox.clone();
        let tried = std::thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || trial.enter(Path::new("/nonexistent"), false))?;
        tried.join().unwrap_or(Err(SandboxError::Unavailable))?;
        Ok(sandbox)
    }

    /// A sandbox in which programs read `readable` and change `writable` as well.
    pub(super) fn widened(&self, readable: &[String], writable: &[String]) -> Self {
        let mut sandbox = self.clone();
        sandbox.readable.extend(readable.iter().map(PathBuf::from));
        sandbox.writable.extend(writable.iter().map(PathBuf::from));
        sandbox
    }

    /// Starts `command` inside.
    ///
    /// # Errors
    /// When it cannot be started or confined; then nothing runs.
    pub(super) async fn spawn(
        &self,
        mut command: Command,
        workspace: &Path,
        network: bool,
    ) -> Result<Child, SandboxError> {
        let (sandbox, workspace) = (self.clone(), workspace.to_owned());
        let runtime = tokio::runtime::Handle::current();
        let (started, child) = tokio::sync::oneshot::channel();
        std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            let _runtime = runtime.enter();
            let spawned =
                sandbox.enter(&workspace, network).and_then(|()| command.spawn().map_err(SandboxError::from));
            // Nobody waits any more: the child is dropped, which ends it.
            let _ = started.send(spawned);
        })?;
        child.await.unwrap_or(Err(SandboxError::Unavailable))
    }

    /// Confines the calling thread and all that it starts from now on.
    fn enter(&self, workspace: &Path, network: bool) -> Result<(), SandboxError> {
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .scope(Scope::from_all(LANDLOCK))?
            .create()?
            .add_rules(path_beneath_rules(&self.readable, AccessFs::from_read(LANDLOCK)))?
            .add_rules(path_beneath_rules(&self.writable, AccessFs::from_all(LANDLOCK)))?
            .add_rules(path_beneath_rules([workspace], AccessFs::from_all(LANDLOCK)))?
            .restrict_self()?;
        if status.ruleset == RulesetStatus::NotEnforced {
            return Err(SandboxError::Unavailable);
        }
        if !network {
            apply_filter(&self.offline).map_err(|e| SandboxError::Seccomp(e.to_string()))?;
        }
        Ok(())
    }
}

/// Refuses every socket, with the error that a firewall would give. Pairs of sockets within a program stay possible.
fn offline() -> Result<BpfProgram, SandboxError> {
    let failed = |e: seccompiler::BackendError| SandboxError::Seccomp(e.to_string());
    let denied = u32::try_from(libc::EACCES).unwrap_or(1);
    // io_uring makes sockets without the system call.
    let mut calls = vec![libc::SYS_socket, libc::SYS_io_uring_setup];
    if cfg!(target_arch = "x86_64") {
        // The same calls by the numbers of the x32 interface.
        const X32: i64 = 0x4000_0000;
        calls.extend(calls.clone().into_iter().map(|call| call | X32));
    }
    let rules: BTreeMap<_, _> = calls.into_iter().map(|call| (call, Vec::new())).collect();
    let target = TargetArch::try_from(std::env::consts::ARCH).map_err(failed)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(denied), target)
        .map_err(failed)?;
    BpfProgram::try_from(filter).map_err(failed)
}
