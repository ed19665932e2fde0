//! The process.

fn main() -> std::process::ExitCode {
    assent_runtime::main::<assent_dashboard::Dashboard>()
}
