//! How a command ends when it does not do what was asked: what is said, and the exit code.

use std::process::ExitCode;

use assent_proto::json::JsonError;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::output::{Console, Line, Tone, plain, toned};

/// What an exit code means; part of the interface of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Failure = 1,
    Usage = 2,
    NotFound = 3,
    Denied = 4,
    Conflict = 5,
}

/// The same, for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failure, 2 wrong usage or request, 3 not found, 4 denied or not approved,
5 the state does not allow it or has changed.";

/// An end that the command line decides itself.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Stop {
    exit: Exit,
    message: String,
}

/// Ends the command with `exit`.
pub(crate) fn stop(exit: Exit, message: impl Into<String>) -> anyhow::Error {
    Stop { exit, message: message.into() }.into()
}

fn exit_of_status(code: Code) -> Exit {
    match code {
        Code::InvalidArgument | Code::OutOfRange => Exit::Usage,
        Code::NotFound => Exit::NotFound,
        Code::PermissionDenied | Code::Unauthenticated => Exit::Denied,
        Code::FailedPrecondition | Code::Aborted | Code::AlreadyExists => Exit::Conflict,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Exit::Failure,
    }
}

fn exit_of(error: &anyhow::Error) -> Exit {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stop.exit;
    }
    if let Some(status) = error.downcast_ref::<Status>() {
        return exit_of_status(status.code());
    }
    if error.is::<JsonError>() { Exit::Usage } else { Exit::Failure }
}

/// What a status says to people: message, reason, violations and the id to ask for.
pub(crate) fn explain(status: &Status) -> Vec<Line> {
    let details = status.get_error_details();
    let Some(info) = details.error_info() else {
        // Nothing of Assent's spoke: the connection failed.
        let hint = "  check --server, and that it is running (assent dev, assent doctor)";
        return vec![
            toned("error: ", Tone::Bad).then("the server cannot be reached", Tone::Plain),
            toned(format!("  {:?}: {}", status.code(), status.message()), Tone::Dim),
            toned(hint, Tone::Dim),
        ];
    };
    let mut lines = vec![
        toned("error: ", Tone::Bad)
            .then(status.message(), Tone::Plain)
            .then(format!(" ({})", info.reason), Tone::Dim),
    ];
    if status.code() == Code::Unauthenticated {
        lines.push(toned("  give a credential: --token-file FILE, or ASSENT_TOKEN_FILE", Tone::Dim));
    }
    for violation in details.bad_request().map(|b| b.field_violations.as_slice()).unwrap_or_default() {
        lines.push(plain(format!("  {}: {}", violation.field, violation.description)));
    }
    if let Some(delay) = details.retry_info().and_then(|r| r.retry_delay) {
        lines.push(toned(format!("  try again in {}s", delay.as_secs().max(1)), Tone::Dim));
    }
    if let Some(request) = details.request_info() {
        lines.push(toned(format!("  request {}", request.request_id), Tone::Dim));
    }
    lines
}

/// Says what went wrong; the exit code for it.
pub(crate) fn report(console: &Console, error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        // The reader has seen enough, e.g. `assent list | head`.
        return ExitCode::SUCCESS;
    }
    match error.downcast_ref::<Status>() {
        Some(status) => console.say(explain(status)),
        None => console.say([toned("error: ", Tone::Bad).then(format!("{error:#}"), Tone::Plain)]),
    }
    ExitCode::from(exit_of(error) as u8)
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_status_is_told_without_its_inside_and_gives_its_exit_code() {
        let mut details = ErrorDetails::with_error_info("SESSION_NOT_FOUND", "assent.dev", []);
        details.set_request_info("req_1", "");
        details.add_bad_request_violation("session_id", "ID_MALFORMED: expected \u{1b}[31m");
        let status = Status::with_error_details(Code::NotFound, "no such session", details);
        let told: Vec<_> = explain(&status).iter().map(|l| l.paint(false)).collect();
        assert_eq!(
            told,
            [
                "error: no such session (SESSION_NOT_FOUND)",
                "  session_id: ID_MALFORMED: expected \\u{1b}[31m",
                "  request req_1"
            ]
        );
        assert_eq!(exit_of(&status.into()), Exit::NotFound);
        assert_eq!(exit_of(&stop(Exit::Conflict, "x")), Exit::Conflict);
        assert_eq!(exit_of(&anyhow::anyhow!("x")), Exit::Failure);
        assert_eq!(exit_of_status(Code::Aborted), Exit::Conflict);
    }
}
