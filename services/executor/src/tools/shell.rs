//! `shell`: runs a program in the workspace, with an environment of its own, in a process group of its own that
//! ends with the attempt, within limits, and out of reach of other files and of the network.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use assent_plan::Map;
use serde_json::{Value, json};

use super::program::{Captured, Group, Programs, Reach};
use super::sandbox::SandboxError;
use super::{Call, Outcome, ToolError, file, words};
use crate::blobs::Blobs;
use crate::jobs::{self, Jobs};

/// How long output may still come from the pipes after the program has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Shell {
    programs: Arc<Programs>,
    blobs: Blobs,
    jobs: Jobs,
    max_output: usize,
}

impl Shell {
    pub(super) fn new(programs: Arc<Programs>, blobs: Blobs, jobs: Jobs, max_output: usize) -> Self {
        Self { programs, blobs, jobs, max_output }
    }

    /// Why no program can be run here.
    pub(super) fn problem(&self) -> Option<&'static str> {
        self.programs.problem()
    }

    pub(super) async fn run(&self, call: &Call) -> Result<Outcome, ToolError> {
        let argv = argv(&call.arguments)?;
        let Some(program) = argv.first() else {
            return Err(ToolError::lasting("ARGUMENTS_INVALID", "the command is empty"));
        };
        if jobs::image(&call.arguments).is_some() {
            return self.jobs.run(call, &argv).await;
        }
        let failed = |e: std::io::Error| ToolError::passing("SHELL_FAILED", format!("`{program}`: {e}"));
        call.workspace.create().map_err(failed)?;
        let mut command = self.programs.command(argv.iter().map(String::as_str), call.workspace.root());
        if let Some(Value::Object(own)) = call.arguments.get("env") {
            command.envs(own.iter().filter_map(|(name, value)| value.as_str().map(|value| (name, value))));
        }
        command.env("ASSENT_IDEMPOTENCY_KEY", &call.key);
        command.env("ASSENT_SESSION_ID", call.session.to_string()).env("ASSENT_ITEM_ID", call.item.as_str());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let network = call.arguments.get("network").and_then(Value::as_bool).unwrap_or_default();
        let reach = Reach { network, ..Reach::default() };
        let started = self.programs.start(command, call.workspace.root(), reach).await;
        let mut child = started.map_err(|e| match e {
            SandboxError::Start(error) => failed(error),
            error => ToolError::lasting("SHELL_FAILED", format!("`{program}` cannot be confined: {error}")),
        })?;
        let group = Group::of(&child);
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
        let mut outcome = outcome(program, status.map_err(failed)?, &out.text(), &err.text())?;
        outcome.files = file::collect(call, &self.blobs).await?;
        Ok(outcome)
    }
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

/// What came of a program that has ended elsewhere, where both of its outputs go into one log.
pub(crate) fn ended(program: &str, code: i32, log: &str) -> Result<Outcome, ToolError> {
    report(program, Some(code), &format!("exit status: {code}"), (log, ""), log)
}

fn outcome(program: &str, status: ExitStatus, out: &str, err: &str) -> Result<Outcome, ToolError> {
    report(program, status.code(), &status.to_string(), (out, err), err)
}

/// `code` is none when a signal ended the program; `complaint` is where it says what went wrong.
fn report(
    program: &str,
    code: Option<i32>,
    status: &str,
    (out, err): (&str, &str),
    complaint: &str,
) -> Result<Outcome, ToolError> {
    if code == Some(0) {
        let output = json!({ "exit_code": 0, "stdout": out, "stderr": err });
        let first = out.lines().next().unwrap_or_default();
        let shown: String = first.chars().take(80).collect();
        let summary =
            if shown.is_empty() { format!("ran {program}") } else { format!("ran {program}: {shown}") };
        let output = output.as_object().cloned().unwrap_or_default();
        return Ok(Outcome { output, summary, files: Vec::new() });
    }
    let last: Vec<&str> = complaint.trim_end().lines().rev().take(3).collect();
    let last = last.into_iter().rev().collect::<Vec<_>>().join(" | ");
    let colon = if last.is_empty() { "" } else { ": " };
    let message = format!("`{program}` ended with {status}{colon}{last}");
    // By POSIX, what a shell says when it cannot find or run a program: another attempt would not find it either.
    Err(match code {
        Some(125..=127) => ToolError::lasting("SHELL_FAILED", message),
        _ => ToolError::passing("SHELL_FAILED", message),
    })
}
