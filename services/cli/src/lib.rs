//! The command line of Assent: a client of its services, and the way to run them all in one process.
//!
//! It owns nothing: what it knows it asks, and what it shows comes from untrusted hands and is cleaned first. Stdout is
//! data, stderr is talk, and the exit code says how it ended.

mod app;
mod client;
mod command;
mod execution;
mod failure;
mod follow;
mod output;
mod plan_file;
mod review;
mod stack;

use std::process::ExitCode;
use std::time::Duration;

use assent_core::ContextSource;
use clap::Parser as _;

use crate::app::App;
use crate::client::Target;
use crate::command::Command;
use crate::output::{Console, Format};

/// Plans of AI agents, reviewed like pull requests, executed exactly as approved.
#[derive(Debug, clap::Parser)]
#[command(name = "assent", version, about, after_help = failure::EXIT_CODES, disable_help_subcommand = true)]
struct Cli {
    /// How data is written
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value = "table",
        value_name = "FORMAT",
        help_heading = "Common options"
    )]
    output: Format,
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new(cli.output);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&console, &error.into()),
    };
    let app = App { console, target: cli.target, source: ContextSource::system() };
    let ended = runtime.block_on(cli.command.run(&app));
    // A question that nobody answered must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended.map_or_else(|error| failure::report(&app.console, &error), |()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_sound_and_every_command_shows_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("assent "), "{} has no example", sub.get_name());
        }
    }
}
