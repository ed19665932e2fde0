//! The approval gate as a process.

fn main() -> std::process::ExitCode {
    assent_runtime::main::<assent_approval_gate::ApprovalGate>()
}
