//! Answering what was said about a plan.

use assent_plan::redact::{redact, redact_plan};
use assent_plan::{Plan, PlanConstraints, complete};

use super::{App, keep_to_limits};
use crate::domain::feedback::{self, Instruction};
use crate::domain::{Remark, restrict, revise};
use crate::error::PlannerError;
use crate::llm::Usage;

/// A plan, and what was said about it.
#[derive(Debug, Clone)]
pub struct RevisePlan {
    /// The plan as it is.
    pub plan: Plan,
    /// What is to change.
    pub feedback: String,
    /// Open comments.
    pub comments: Vec<Remark>,
    /// Limits beside those of the plan.
    pub constraints: PlanConstraints,
}

/// The outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// The plan.
    pub plan: Plan,
    /// Ids of the comments that it answers.
    pub answered: Vec<String>,
    /// What was changed, for people.
    pub explanation: String,
    /// What to know about the plan, for people.
    pub warnings: Vec<String>,
    /// What asking a language model took; none when nobody was asked.
    pub usage: Option<Usage>,
}

impl App {
    /// Changes a plan as feedback and comments ask, and nothing else about it. Instructions are carried out as they
    /// stand; everything else is for the language model, where there is one.
    ///
    /// # Errors
    /// When the plan is not sound, the feedback is not understood, or cannot be done.
    pub async fn revise(&self, command: RevisePlan) -> Result<Revision, PlannerError> {
        let RevisePlan { mut plan, feedback, comments, constraints } = command;
        redact_plan(&mut plan);
        complete::complete(&mut plan, &self.catalog);
        self.check(&plan)?;
        let (instructions, answered) = match (self.understand(&plan, &feedback, &comments), &self.model) {
            (Ok(understood), _) => understood,
            (Err(PlannerError::NotUnderstood(_)), Some(model)) => {
                return self.redraft(model, plan, &feedback, &comments, &constraints).await;
            }
            (Err(error), _) => return Err(error),
        };
        restrict(&mut plan, &constraints);
        let mut said = revise(&mut plan, &instructions, &self.catalog)?;
        redact_plan(&mut plan);
        let expected = self.estimate(&plan).await?;
        keep_to_limits(&plan, &expected)?;
        let open: Vec<&str> =
            comments.iter().map(|c| c.id.as_str()).filter(|id| !answered.iter().any(|a| a == id)).collect();
        if !open.is_empty() {
            said.push(format!("Not answered: {}.", open.join(", ")));
        }
        Ok(Revision { plan, answered, explanation: said.join(" "), warnings: Vec::new(), usage: None })
    }

    /// All instructions of the feedback, those of the comments that are nothing but instructions, and the ids of
    /// these comments.
    fn understand(
        &self,
        plan: &Plan,
        feedback: &str,
        comments: &[Remark],
    ) -> Result<(Vec<Instruction>, Vec<String>), PlannerError> {
        let not = |part: feedback::NotUnderstood| PlannerError::NotUnderstood(part.0);
        let read = |text: &str, about| feedback::read(&redact(text), about, plan, &self.catalog);
        let mut instructions = read(feedback, None).map_err(not)?;
        let mut answered = Vec::new();
        let mut unclear = None;
        for comment in comments {
            match read(&comment.text, comment.item.as_ref()) {
                Ok(found) if !found.is_empty() => {
                    // What feedback and comments both ask for is done once.
                    instructions
                        .extend(found.into_iter().filter(|i| !instructions.contains(i)).collect::<Vec<_>>());
                    answered.push(comment.id.clone());
                }
                Ok(_) => {}
                Err(part) => unclear = unclear.or(Some(part)),
            }
        }
        if instructions.is_empty() {
            return Err(not(unclear.unwrap_or(feedback::NotUnderstood(String::new()))));
        }
        Ok((instructions, answered))
    }
}
