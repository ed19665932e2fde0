//! The executor as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    assent_runtime::main::<assent_executor::Executor>()
}
