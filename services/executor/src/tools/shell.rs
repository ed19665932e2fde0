//! `shell`: runs a program in the workspace, with an environment of its own, in a process group of its own that
//! ends with the attempt, within limits, and out of reach of other files and of the network.

use std::process::Stdio;
use std::time::Duration;

use assent_plan::Map;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::sandbox::{Sandbox, SandboxError};
use super::{Call, Outcome, ToolError, words};
use crate::config::{Config, ShellSandbox};

/// How long output may still come from the pipes after the program has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Bytes read from a pipe at once.
const PIECE: usize = 8192;

/// Sets the limits, which only a process itself can do without a moment in which they do not hold, and becomes the
/// program.
const LAUNCH: &str = r#"ulimit -S -c 0; for limit in $1; do ulimit "${limit%=*}" "${limit#*=}" || exit 125; done; shift; exec "$@""#;

#[derive(Debug)]
pub(super) struct Shell {
    environment: Vec<(String, String)>,
    max_output: usize,
    /// As the launcher reads them: `-t=600 -d=4194304`.
    limits: String,
    /// None where the configuration does without.
    sandbox: Option<Result<Sandbox, SandboxError>>,
}

/// Ends everything that the program started, whichever way the attempt ends.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // An error means that all of it has ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Shell {
    pub(super) fn new(config: &Config) -> Self {
        let names = config.shell_environment.iter();
        let found = names.filter_map(|name| std::env::var(name).ok().map(|value| (name.clone(), value)));
        let sandbox = (config.shell_sandbox == ShellSandbox::Required)
            .then(|| Sandbox::new(&config.shell_readable_paths, &config.shell_writable_paths));
        Self {
            environment: found.collect(),
            max_output: config.max_output_bytes,
            limits: limits(config),
            sandbox,
        }
    }

    /// Why no program can be run here.
    pub(super) fn problem(&self) -> Option<&'static str> {
        matches!(self.sandbox, Some(Err(_))).then_some(
            "this machine cannot confine programs (Linux with Landlock is needed), and service.shell_sandbox asks for it",
        )
    }

    async fn start(&self, mut command: Command, call: &Call) -> Result<Child, SandboxError> {
        let network = call.arguments.get("network").and_then(Value::as_bool).unwrap_or_default();
        match &self.sandbox {
            None => Ok(command.spawn()?),
            Some(Ok(sandbox)) => sandbox.spawn(command, call.workspace.root(), network).await,
            Some(Err(_)) => Err(SandboxError::Unavailable),
        }
    }

    pub(super) async fn run(&self, call: &Call) -> Result<Outcome, ToolError> {
        let argv = argv(&call.arguments)?;
        let Some((program, arguments)) = argv.split_first() else {
            return Err(ToolError::lasting("ARGUMENTS_INVALID", "the command is empty"));
        };
        let failed = |e: std::io::Error| ToolError::passing("SHELL_FAILED", format!("`{program}`: {e}"));
        call.workspace.create().map_err(failed)?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", LAUNCH, "sh", &self.limits, program]).args(arguments);
        command.current_dir(call.workspace.root()).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("HOME", call.workspace.root()).env("TMPDIR", call.workspace.root());
        if let Some(Value::Object(own)) = call.arguments.get("env") {
            command.envs(own.iter().filter_map(|(name, value)| value.as_str().map(|value| (name, value))));
        }
        command.env("ASSENT_IDEMPOTENCY_KEY", &call.key);
        command.env("ASSENT_SESSION_ID", call.session.to_string()).env("ASSENT_ITEM_ID", call.item.as_str());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let started = self.start(command, call).await;
        let mut child = started.map_err(|e| match e {
            SandboxError::Start(error) => failed(error),
            error => ToolError::lasting("SHELL_FAILED", format!("`{program}` cannot be confined: {error}")),
        })?;
        let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
        let mut out = Captured::new(child.stdout.take(), self.max_output);
        let mut err = Captured::new(child.stderr.take(), self.max_output);
        let status = {
            let mut pipes = std::pin::pin!(async { tokio::join!(out.read(), err.read()) });
            let status = tokio::select! {
                status = child.wait() => Some(status),
                _ = &mut pipes => None,
            };
            match status {
                // A child that outlives the program may hold the pipes for ever.
                Some(status) => {
                    drop(group);
                    let _ = tokio::time::timeout(LAST_WORDS, pipes).await;
                    status
                }
                None => child.wait().await,
            }
        };
        outcome(program, status.map_err(failed)?, &out.text(), &err.text())
    }
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

fn argv(arguments: &Map) -> Result<Vec<String>, ToolError> {
    let shell = arguments.get("use_shell").and_then(Value::as_bool).unwrap_or_default();
    match arguments.get("command") {
        Some(Value::String(line)) if shell => Ok(vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()]),
        Some(Value::String(line)) => words::split(line)
            .ok_or_else(|| ToolError::lasting("ARGUMENTS_INVALID", "the command leaves a quote open")),
        Some(Value::Array(words)) => {
            Ok(words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect())
        }
        _ => Err(ToolError::lasting("ARGUMENTS_INVALID", "the command is missing")),
    }
}

fn outcome(
    program: &str,
    status: std::process::ExitStatus,
    out: &str,
    err: &str,
) -> Result<Outcome, ToolError> {
    if status.success() {
        let output = json!({ "exit_code": 0, "stdout": out, "stderr": err });
        let first = out.lines().next().unwrap_or_default();
        let shown: String = first.chars().take(80).collect();
        let summary =
            if shown.is_empty() { format!("ran {program}") } else { format!("ran {program}: {shown}") };
        let output = output.as_object().cloned().unwrap_or_default();
        return Ok(Outcome { output, summary, files: Vec::new() });
    }
    let last: Vec<&str> = err.trim_end().lines().rev().take(3).collect();
    let last = last.into_iter().rev().collect::<Vec<_>>().join(" | ");
    let colon = if last.is_empty() { "" } else { ": " };
    let message = format!("`{program}` ended with {status}{colon}{last}");
    // By POSIX, what a shell says when it cannot find or run a program: another attempt would not find it either.
    Err(match status.code() {
        Some(125..=127) => ToolError::lasting("SHELL_FAILED", message),
        _ => ToolError::passing("SHELL_FAILED", message),
    })
}

/// The first bytes of a pipe; what comes after them is read and dropped, so that the program does not block.
struct Captured<R> {
    pipe: Option<R>,
    kept: Vec<u8>,
    most: usize,
    dropped: bool,
}

impl<R: AsyncRead + Unpin> Captured<R> {
    fn new(pipe: Option<R>, most: usize) -> Self {
        Self { pipe, kept: Vec::new(), most, dropped: false }
    }

    async fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut buffer = vec![0; PIECE];
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            let room = self.most.saturating_sub(self.kept.len()).min(count);
            self.kept.extend_from_slice(&buffer[..room]);
            self.dropped |= room < count;
        }
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.kept).into_owned();
        if self.dropped {
            text.push_str("\n[cut off]");
        }
        text
    }
}
