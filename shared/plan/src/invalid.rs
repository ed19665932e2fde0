//! The one error that every service answers an unsound plan with.

use assent_core::{Code, Fault, Reason, Violation, fault};

/// A plan that cannot be reviewed or run; holds everything that is wrong with it, by path of the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan is not sound: {}", fault::summary(.0))]
pub struct InvalidPlan(pub Vec<Violation>);

impl Fault for InvalidPlan {
    fn code(&self) -> Code {
        Code::InvalidArgument
    }

    fn reason(&self) -> Reason {
        Reason::new("PLAN_INVALID")
    }

    fn violations(&self) -> Vec<Violation> {
        self.0.clone()
    }
}
