use assent_proto::review::v1::ApprovalPriority;

/// How much something hurries, as it is given on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Priority {
    Low,
    Normal,
    High,
    Urgent,
}

impl From<Priority> for ApprovalPriority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Low => Self::Low,
            Priority::Normal => Self::Normal,
            Priority::High => Self::High,
            Priority::Urgent => Self::Urgent,
        }
    }
}

/// As it is given on the command line.
pub(super) fn priority_name(priority: ApprovalPriority) -> String {
    priority.as_str_name().trim_start_matches("APPROVAL_PRIORITY_").to_lowercase()
}
