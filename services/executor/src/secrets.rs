//! Secrets: looked up when an attempt begins, and taken out again of everything that comes back.

use std::collections::BTreeMap;
use std::path::PathBuf;

use assent_plan::redact::REDACTED;
use serde_json::Value;

use crate::tools::{Outcome, ToolError};

/// Names of variables that hold secrets begin so.
const VARIABLE: &str = "ASSENT_SECRET_";
/// Largest secret, in bytes.
const MAX_SECRET: u64 = 65_536;

/// Where secrets are found.
pub(crate) struct Secrets {
    variables: BTreeMap<String, String>,
    directory: Option<PathBuf>,
}

impl Secrets {
    /// The secrets of this process's environment, then those in `directory` (none when empty).
    pub(crate) fn new(directory: &str) -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.to_str()?.strip_prefix(VARIABLE)?.to_owned();
            Some((name, value.into_string().ok()?))
        });
        let directory = (!directory.is_empty()).then(|| PathBuf::from(directory));
        Self { variables: variables.collect(), directory }
    }

    /// The secret called `name`; the plan's rules keep slashes and leading dots out of names.
    pub(crate) async fn get(&self, name: &str) -> Option<String> {
        if let Some(value) = self.variables.get(name) {
            return Some(value.clone());
        }
        let path = self.directory.as_ref()?.join(name);
        // Read anew each time, so that a rotated secret is seen.
        let about = tokio::fs::metadata(&path).await.ok()?;
        if !about.is_file() || about.len() > MAX_SECRET {
            return None;
        }
        let text = tokio::fs::read_to_string(&path).await.ok()?;
        Some(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// The secrets that an attempt knew.
#[derive(Clone, Default)]
pub(crate) struct Mask(Vec<String>);

impl Mask {
    /// Hides `secrets`.
    pub(crate) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<String> = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        // The longest first: a secret may be a part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets)
    }

    /// Hides them in what an attempt gave back.
    pub(crate) fn apply(&self, result: Result<Outcome, ToolError>) -> Result<Outcome, ToolError> {
        match result {
            Ok(mut outcome) => {
                outcome.summary = self.text(&outcome.summary);
                outcome.output =
                    outcome.output.into_iter().map(|(k, v)| (self.text(&k), self.value(v))).collect();
                Ok(outcome)
            }
            Err(error) => Err(self.error(error)),
        }
    }

    /// Hides them in an error.
    pub(crate) fn error(&self, error: ToolError) -> ToolError {
        ToolError { message: self.text(&error.message), ..error }
    }

    fn text(&self, text: &str) -> String {
        // Postgres stores no U+0000.
        let text = text.replace('\0', "\u{fffd}");
        self.0.iter().fold(text, |text, secret| text.replace(secret.as_str(), REDACTED))
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(members) => {
                Value::Object(members.into_iter().map(|(k, v)| (self.text(&k), self.value(v))).collect())
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_leave_no_trace() {
        let mask = Mask::new(["pa".to_owned(), "pass".to_owned(), String::new()]);
        let output = json!({ "a": ["x pass y", { "pass": 1 }], "b": "pa\0" }).as_object().cloned().unwrap();
        let outcome = Outcome { output, summary: "pass".to_owned(), files: Vec::new() };
        let masked = mask.apply(Ok(outcome)).unwrap();
        assert_eq!(
            Value::Object(masked.output),
            json!({ "a": [format!("x {REDACTED} y"), { REDACTED: 1 }], "b": format!("{REDACTED}\u{fffd}") })
        );
        assert_eq!(masked.summary, REDACTED);
        assert!(!mask.apply(Err(ToolError::passing("X", "a pass"))).unwrap_err().message.contains("pass"));
    }

    #[tokio::test]
    async fn files_are_read_without_their_last_line_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("DB"), "s3cret\n").unwrap();
        let secrets = Secrets::new(folder.path().to_str().unwrap());
        assert_eq!(secrets.get("DB").await.as_deref(), Some("s3cret"));
        assert_eq!(secrets.get("OTHER").await, None);
    }
}
