//! What can go wrong with a goal or a plan.

use assent_core::{Code, Fault, Reason, Violation};
use assent_plan::InvalidPlan;
use tonic::Status;

use crate::domain::feedback::FORMS;
use crate::domain::{Impossible, PlaybookError};

/// Why there is no plan, or no estimate.
#[derive(Debug, thiserror::Error)]
pub enum PlannerError {
    /// No playbook fits the goal; holds the names of all.
    #[error("no playbook fits the goal; there are {}", .0.join(", "))]
    Unmatched(Vec<String>),
    /// Feedback is no instruction; holds the part, empty when there is nothing at all.
    #[error("the feedback is not understood{}", quoted(.0))]
    NotUnderstood(String),
    /// What was asked for cannot be done to the plan.
    #[error("the plan cannot be revised so: {0}")]
    Impossible(String),
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

fn quoted(part: &str) -> String {
    if part.is_empty() { String::new() } else { format!(": {part:?}") }
}

impl From<Impossible> for PlannerError {
    fn from(error: Impossible) -> Self {
        Self::Impossible(error.to_string())
    }
}

impl Fault for PlannerError {
    fn code(&self) -> Code {
        match self {
            Self::Unmatched(_) | Self::NotUnderstood(_) => Code::InvalidArgument,
            Self::Impossible(_) => Code::FailedPrecondition,
            Self::Invalid(error) => error.code(),
            Self::Broken { .. } => Code::Internal,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Unmatched(_) => Reason::new("GOAL_UNMATCHED"),
            Self::NotUnderstood(_) => Reason::new("FEEDBACK_NOT_UNDERSTOOD"),
            Self::Impossible(_) => Reason::new("REVISION_IMPOSSIBLE"),
            Self::Invalid(error) => error.reason(),
            Self::Broken { .. } => Reason::new("INTERNAL"),
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::Unmatched(names) => vec![("playbooks".to_owned(), names.join(","))],
            Self::NotUnderstood(part) => {
                vec![("part".to_owned(), part.clone()), ("forms".to_owned(), FORMS.to_owned())]
            }
            Self::Invalid(error) => error.metadata(),
            Self::Impossible(_) | Self::Broken { .. } => Vec::new(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Unmatched(_) => vec![Violation::new("goal", "UNMATCHED", "fits no playbook")],
            Self::NotUnderstood(_) => {
                vec![Violation::new("feedback", "NOT_UNDERSTOOD", format!("understood are: {FORMS}"))]
            }
            Self::Invalid(error) => error.violations(),
            Self::Impossible(_) | Self::Broken { .. } => Vec::new(),
        }
    }
}

impl From<PlannerError> for Status {
    fn from(error: PlannerError) -> Self {
        assent_rpc::status(&error)
    }
}
