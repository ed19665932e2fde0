//! Patterns that take memory only once they are needed: compiled, those of the shipped playbooks take ten megabytes.

use std::sync::OnceLock;

use regex::Regex;

use super::error::PlaybookError;

/// A regular expression that can be compiled, and is when it is first used.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    groups: Vec<String>,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Matches anywhere in a text.
    pub(super) fn within(pattern: &str) -> Result<Self, PlaybookError> {
        Self::new(pattern.to_owned(), pattern)
    }

    /// Matches a whole text only.
    pub(super) fn whole(pattern: &str) -> Result<Self, PlaybookError> {
        Self::new(format!("^(?:{pattern})$"), pattern)
    }

    fn new(text: String, pattern: &str) -> Result<Self, PlaybookError> {
        let regex = Regex::new(&text).map_err(|source| PlaybookError::Pattern {
            pattern: pattern.to_owned(),
            source: Box::new(source),
        })?;
        let groups = regex.capture_names().flatten().map(str::to_owned).collect();
        Ok(Self { text, groups, compiled: OnceLock::from(Some(regex)) })
    }

    /// Names of its groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(String::as_str)
    }

    /// Ready to use; always there, for it was compiled before.
    pub(super) fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&self.text).ok()).as_ref()
    }

    /// Gives its memory back until it is used again.
    pub(super) fn rest(&mut self) {
        self.compiled = OnceLock::new();
    }
}
