//! Who calls whom.

/// The call graph: each program and whom it calls. Calls go one way; what goes against it reads facts (`EventService`).
pub const CALLS: [(&str, &[&str]); 7] = [
    // How long runs took.
    ("planner", &["executor"]),
    ("risk", &[]),
    // Plans, estimates, levels; and, as facts, what was decided.
    ("versioning", &["planner", "risk", "approval-gate"]),
    // Plans, versions, policies; and, as facts, what was executed.
    ("approval-gate", &["planner", "risk", "versioning", "executor"]),
    ("executor", &["versioning", "approval-gate"]),
    ("notification", &["versioning", "approval-gate", "executor"]),
    ("dashboard", &["planner", "risk", "versioning", "approval-gate", "executor", "notification"]),
];
