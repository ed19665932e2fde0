//! What can go wrong with a goal or a plan.

use assent_core::{Code, Fault, Reason, Violation};
use assent_plan::InvalidPlan;
use tonic::Status;

use crate::domain::PlaybookError;

/// Why there is no plan, or no estimate.
#[derive(Debug, thiserror::Error)]
pub enum PlannerError {
    /// No playbook fits the goal; holds the names of all.
    #[error("no playbook fits the goal; there are {}", .0.join(", "))]
    Unmatched(Vec<String>),
    /// The plan is not sound.
    #[error(transparent)]
    Invalid(#[from] InvalidPlan),
    /// A playbook that was sound with its examples breaks with this goal.
    #[error("the playbook {playbook} yields no plan")]
    Broken {
        /// Its name.
        playbook: String,
        /// Why.
        #[source]
        source: PlaybookError,
    },
}

impl Fault for PlannerError {
    fn code(&self) -> Code {
        match self {
            Self::Unmatched(_) => Code::InvalidArgument,
            Self::Invalid(error) => error.code(),
            Self::Broken { .. } => Code::Internal,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Unmatched(_) => Reason::new("GOAL_UNMATCHED"),
            Self::Invalid(error) => error.reason(),
            Self::Broken { .. } => Reason::new("INTERNAL"),
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::Unmatched(names) => vec![("playbooks".to_owned(), names.join(","))],
            Self::Invalid(error) => error.metadata(),
            Self::Broken { .. } => Vec::new(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Unmatched(_) => vec![Violation::new("goal", "UNMATCHED", "fits no playbook")],
            Self::Invalid(error) => error.violations(),
            Self::Broken { .. } => Vec::new(),
        }
    }
}

impl From<PlannerError> for Status {
    fn from(error: PlannerError) -> Self {
        assent_rpc::status(&error)
    }
}
