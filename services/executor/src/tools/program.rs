//! Programs: each with an environment of its own, in a process group of its own, within limits, and out of reach of
//! other files and of the network.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::sandbox::{Sandbox, SandboxError};
use crate::config::{Config, ShellSandbox};

/// Bytes read from a pipe at once.
const PIECE: usize = 8192;

/// Sets the limits, which only a process itself can do without a moment in which they do not hold, and becomes the
/// program.
const LAUNCH: &str = r#"ulimit -S -c 0; for limit in $1; do ulimit "${limit%=*}" "${limit#*=}" || exit 125; done; shift; exec "$@""#;

/// How programs are run here.
#[derive(Debug)]
pub(super) struct Programs {
    environment: Vec<(String, String)>,
    /// As the launcher reads them: `-t=600 -d=4194304`.
    limits: String,
    /// None where the configuration does without.
    sandbox: Option<Result<Sandbox, SandboxError>>,
}

/// What a program may reach besides its workspace and what every program may.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reach<'r> {
    /// The network.
    pub(super) network: bool,
    /// What it may read and run.
    pub(super) readable: &'r [String],
    /// What it may change.
    pub(super) writable: &'r [String],
}

/// Ends everything that a program started, whichever way its attempt ends.
#[derive(Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    /// The group of a program that [`Programs::start`] has started.
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // An error means that all of it has ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Programs {
    /// Programs as `config` has them.
    pub(super) fn new(config: &Config) -> Self {
        let sandbox = (config.shell_sandbox == ShellSandbox::Required)
            .then(|| Sandbox::new(&config.shell_readable_paths, &config.shell_writable_paths));
        Self { environment: inherited(&config.shell_environment), limits: limits(config), sandbox }
    }

    /// Why no program can be run here.
    pub(super) fn problem(&self) -> Option<&'static str> {
        matches!(self.sandbox, Some(Err(_))).then_some(
            "this machine cannot confine programs (Linux with Landlock is needed), and service.shell_sandbox asks for it",
        )
    }

    /// A command that runs `argv` in `workspace`, with nothing of this process's environment but what is allowed. The
    /// caller says where its pipes go.
    pub(super) fn command<'a>(&self, argv: impl IntoIterator<Item = &'a str>, workspace: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", LAUNCH, "sh", &self.limits]).args(argv);
        command.current_dir(workspace).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("HOME", workspace).env("TMPDIR", workspace);
        command.process_group(0).kill_on_drop(true);
        command
    }

    /// Starts a command of [`Programs::command`].
    ///
    /// # Errors
    /// When it cannot be started or confined; then nothing runs.
    pub(super) async fn start(
        &self,
        mut command: Command,
        workspace: &Path,
        reach: Reach<'_>,
    ) -> Result<Child, SandboxError> {
        match &self.sandbox {
            None => Ok(command.spawn()?),
            Some(Ok(sandbox)) => {
                let sandbox = sandbox.widened(reach.readable, reach.writable);
                sandbox.spawn(command, workspace, reach.network).await
            }
            Some(Err(_)) => Err(SandboxError::Unavailable),
        }
    }
}

/// The variables of this process that have those names.
pub(super) fn inherited(names: &[String]) -> Vec<(String, String)> {
    names.iter().filter_map(|name| std::env::var(name).ok().map(|value| (name.clone(), value))).collect()
}

fn limits(config: &Config) -> String {
    // Kilobytes of memory that a process writes to (ulimit -d), blocks of 512 bytes of a file.
    let all = [
        ("-t", config.shell_cpu_seconds),
        ("-d", config.shell_memory_megabytes.saturating_mul(1_000_000 / 1024)),
        ("-f", config.shell_file_megabytes.saturating_mul(1_000_000 / 512)),
    ];
    let set = all.into_iter().filter(|(_, value)| *value > 0);
    set.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// The first bytes of a pipe; what comes after them is read and dropped, so that the program does not block.
pub(super) struct Captured<R> {
    pipe: Option<R>,
    kept: Vec<u8>,
    most: usize,
    dropped: bool,
}

impl<R: AsyncRead + Unpin> Captured<R> {
    /// Keeps `most` bytes.
    pub(super) fn new(pipe: Option<R>, most: usize) -> Self {
        Self { pipe, kept: Vec::new(), most, dropped: false }
    }

    /// Reads to the end of the pipe.
    pub(super) async fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut buffer = vec![0; PIECE];
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            let room = self.most.saturating_sub(self.kept.len()).min(count);
            self.kept.extend_from_slice(&buffer[..room]);
            self.dropped |= room < count;
        }
    }

    /// What was kept, and that something was not.
    pub(super) fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.kept).into_owned();
        if self.dropped {
            text.push_str("\n[cut off]");
        }
        text
    }
}
