//! Why a playbook cannot be used, and on which line.

/// A text that is no playbook, or a playbook that yields no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlaybookError {
    /// The text cannot be read.
    #[error("the playbook cannot be read: {why}")]
    Unreadable {
        /// Why.
        why: String,
        /// Where, from 1.
        line: Option<u64>,
    },
    /// The name is none.
    #[error("`{0}` is no name of a playbook; expected lowercase letters, digits and `-`")]
    Name(String),
    /// There is another playbook of that name.
    #[error("there is a playbook `{0}` already")]
    NameTaken(String),
    /// Without examples, nothing shows that it works.
    #[error("the playbook has no example")]
    NoExample,
    /// A pattern is no regular expression.
    #[error("`{pattern}` cannot be used")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        #[source]
        source: Box<regex::Error>,
    },
    /// A template cannot be rendered.
    #[error("a template cannot be rendered: {source}: {template:?}")]
    Template {
        /// The template.
        template: String,
        /// Why.
        #[source]
        source: minijinja::Error,
    },
    /// What was rendered is no plan.
    #[error("what it makes is no plan: {0}")]
    NoPlan(#[from] serde_json::Error),
    /// The playbook does not fit its own example.
    #[error("it does not fit its own example {0:?}")]
    ExampleUnmatched(String),
    /// The plan of an example is not sound.
    #[error("the plan for its example {example:?} is not sound: {field}: {why}")]
    ExampleUnsound {
        /// The example.
        example: String,
        /// The field.
        field: String,
        /// The first thing that is wrong.
        why: String,
    },
}

impl PlaybookError {
    /// The line of `text`, from 1, that is to be mended: where the wrong pattern, template or example stands.
    pub fn line(&self, text: &str) -> Option<u64> {
        let wrong = match self {
            Self::Unreadable { line, .. } => return *line,
            Self::Name(name) | Self::NameTaken(name) => name,
            Self::Pattern { pattern, .. } => pattern,
            Self::Template { template, .. } => template,
            Self::ExampleUnmatched(example) | Self::ExampleUnsound { example, .. } => example,
            Self::NoExample => "examples:",
            Self::NoPlan(_) => "plan:",
        };
        // A text of several lines stands indented; its first line is enough to find it.
        let first = wrong.lines().map(str::trim).find(|line| !line.is_empty())?;
        let found =
            text.lines().position(|line| line.contains(first) && !line.trim_start().starts_with('#'))?;
        u64::try_from(found + 1).ok()
    }
}
