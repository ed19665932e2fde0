//! What is wrong with the text of a policy, and where.

use std::fmt;

use serde_saphyr::Location;

use crate::domain::cel::Flaw;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The policy cannot be used.
    Error,
    /// It can be used, and something about it looks like a mistake.
    Warning,
}

/// Something about the text of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the policy can be used all the same.
    pub severity: Severity,
    /// Line, from 1; 0 for the text as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 for the text as a whole.
    pub column: usize,
    /// Rule, pattern or escalation; empty for the text as a whole.
    pub rule: String,
    /// What is wrong.
    pub message: String,
}

/// As compilers write it, but for the file's name: `12:5: error: rule: message`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{}: {severity}: ", self.line, self.column)?;
        if !self.rule.is_empty() {
            write!(f, "{}: ", self.rule)?;
        }
        f.write_str(&self.message)
    }
}

/// A text that is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy cannot be used: {}", self.first().map(ToString::to_string).unwrap_or_default())]
pub struct PolicyError {
    /// Everything that is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

impl PolicyError {
    /// The first error.
    pub fn first(&self) -> Option<&Diagnostic> {
        self.diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// A line and a column.
pub(super) type Place = (usize, usize);

pub(super) fn place(location: Location) -> Place {
    let number = |number: u64| usize::try_from(number).unwrap_or_default();
    (number(location.line()), number(location.column()))
}

/// Where in `text` a flaw of a condition is that begins at `at`: quotes, escapes and folded lines are counted.
pub(super) fn place_of_flaw(text: &str, at: Place, flaw: &Flaw) -> Place {
    let (line, column) = at;
    let opener = line.checked_sub(2).and_then(|index| text.lines().nth(index)).unwrap_or_default();
    let opener = opener.trim_end().trim_end_matches(['-', '+']);
    if opener.ends_with(['>', '|']) {
        return block(text.lines().skip(line - 1), line, flaw).unwrap_or(at);
    }
    let first = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let rest: String = first.chars().skip(column.saturating_sub(1)).collect();
    match rest.chars().next() {
        _ if flaw.line > 1 => at,
        Some(quote @ ('"' | '\'')) => (line, column + 1 + quoted(&rest[1..], quote, flaw.column)),
        _ => (line, column + flaw.column.saturating_sub(1)),
    }
}

/// How many characters stand before the character `column` of a quoted text.
fn quoted(raw: &str, quote: char, column: usize) -> usize {
    let mut characters = raw.chars().peekable();
    let mut before = 0;
    for _ in 1..column {
        let Some(character) = characters.next() else { break };
        before += 1;
        let is_pair = (quote == '"' && character == '\\') || (quote == '\'' && character == '\'');
        if is_pair && characters.next().is_some() {
            before += 1;
        }
    }
    before
}

/// In a block, whose lines a folded text joins by spaces.
fn block<'t>(lines: impl Iterator<Item = &'t str>, line: usize, flaw: &Flaw) -> Option<Place> {
    let mut column = flaw.column;
    let mut skip = flaw.line.saturating_sub(1);
    for (index, raw) in lines.enumerate() {
        let indent = raw.chars().take_while(|c| *c == ' ').count();
        let length = raw.trim().chars().count();
        if skip > 0 {
            skip -= 1;
        } else if column <= length + 1 {
            return Some((line + index, indent + column));
        } else {
            column -= length + 1;
        }
    }
    None
}
