//! What can go wrong with a goal or a plan.

use std::time::Duration;

use assent_core::{Code, Fault, Reason, Violation, fault};
use assent_plan::{InvalidPlan, Money};
use assent_store::StoreError;
use tonic::Status;

use crate::domain::feedback::FORMS;
use crate::domain::{Impossible, PlaybookError};
use crate::llm::ModelError;

/// When a language model that did not answer may be asked again, where its server does not say.
const RETRY_AFTER: Duration = Duration::from_secs(10);

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
    /// A language model is asked for and none is configured.
    #[error("there is no language model: service.llm_url is not set")]
    NoModel,
    /// The language model gives no answer.
    #[error("the language model gives no answer: {0}")]
    Model(#[from] ModelError),
    /// The language model does not want to answer; holds what it says.
    #[error("the language model declines: {0}")]
    Refused(String),
    /// Asking on would cost too much.
    #[error("asking the language model on would cost more than ${most}; ${spent} is spent")]
    Budget {
        /// What one request may cost.
        most: Money,
        /// What it has cost.
        spent: Money,
    },
    /// The language model yields no sound plan; holds what is wrong with its last answer.
    #[error("the language model yields no sound plan, asked {calls} times: {}", fault::summary(.found))]
    Unsound {
        /// Answers that were had.
        calls: u32,
        /// What is wrong with the last one.
        found: Vec<Violation>,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
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
            Self::Impossible(_) | Self::NoModel | Self::Refused(_) | Self::Model(ModelError::Rejected(_)) => {
                Code::FailedPrecondition
            }
            Self::Model(ModelError::Unavailable { .. }) => Code::Unavailable,
            Self::Budget { .. } => Code::ResourceExhausted,
            Self::Unsound { .. } => Code::InvalidArgument,
            Self::Invalid(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Broken { .. } => Code::Internal,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Unmatched(_) => Reason::new("GOAL_UNMATCHED"),
            Self::NotUnderstood(_) => Reason::new("FEEDBACK_NOT_UNDERSTOOD"),
            Self::Impossible(_) => Reason::new("REVISION_IMPOSSIBLE"),
            Self::NoModel => Reason::new("MODEL_NOT_CONFIGURED"),
            Self::Model(ModelError::Rejected(_)) => Reason::new("MODEL_REJECTED"),
            Self::Model(ModelError::Unavailable { .. }) => Reason::new("MODEL_UNAVAILABLE"),
            Self::Refused(_) => Reason::new("MODEL_REFUSED"),
            Self::Budget { .. } => Reason::new("MODEL_BUDGET_EXCEEDED"),
            Self::Unsound { .. } => Reason::new("MODEL_PLAN_INVALID"),
            Self::Invalid(error) => error.reason(),
            Self::Store(error) => error.reason(),
            Self::Broken { .. } => Reason::new("INTERNAL"),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Store(error) => error.retry_after(),
            Self::Model(ModelError::Unavailable { retry_after, .. }) => {
                Some(retry_after.unwrap_or(RETRY_AFTER))
            }
            _ => None,
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::Unmatched(names) => vec![("playbooks".to_owned(), names.join(","))],
            Self::NotUnderstood(part) => {
                vec![("part".to_owned(), part.clone()), ("forms".to_owned(), FORMS.to_owned())]
            }
            Self::Invalid(error) => error.metadata(),
            Self::Store(error) => error.metadata(),
            Self::Budget { most, spent } => {
                vec![("max_cost".to_owned(), most.to_string()), ("spent".to_owned(), spent.to_string())]
            }
            Self::Unsound { calls, .. } => vec![("calls".to_owned(), calls.to_string())],
            Self::Impossible(_) | Self::NoModel | Self::Model(_) | Self::Refused(_) | Self::Broken { .. } => {
                Vec::new()
            }
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Unmatched(_) => vec![Violation::new("goal", "UNMATCHED", "fits no playbook")],
            Self::NotUnderstood(_) => {
                vec![Violation::new("feedback", "NOT_UNDERSTOOD", format!("understood are: {FORMS}"))]
            }
            Self::Invalid(error) => error.violations(),
            Self::Unsound { found, .. } => found.clone(),
            Self::Store(error) => error.violations(),
            Self::Impossible(_)
            | Self::NoModel
            | Self::Model(_)
            | Self::Refused(_)
            | Self::Budget { .. }
            | Self::Broken { .. } => Vec::new(),
        }
    }
}

impl From<PlannerError> for Status {
    fn from(error: PlannerError) -> Self {
        assent_rpc::status(&error)
    }
}
