//! The command line of Assent.

fn main() -> std::process::ExitCode {
    assent_cli::main()
}
