//! Secrets: looked up when an attempt begins, and taken out again of everything that comes back.

use std::collections::BTreeMap;
use std::path::PathBuf;

use assent_plan::redact::REDACTED;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::tools::{Outcome, ToolError};

/// Names of variables that hold secrets begin so.
const VARIABLE: &str = "ASSENT_SECRET_";
/// Bytes from which on a part or another form of a secret tells something, and does not stand in other texts by chance.
const TELLING: usize = 8;
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
    /// Hides `secrets`, also in base64, and each line of one that has several.
    pub(crate) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<String> = secrets.into_iter().flat_map(forms).collect();
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

/// A secret, and what programs make of one when they write it.
fn forms(secret: String) -> Vec<String> {
    let is_telling = |text: &str| text.len() >= TELLING;
    let lines = secret.lines().map(str::trim).filter(|line| is_telling(line)).map(str::to_owned);
    let mut forms: Vec<String> = lines.collect();
    if is_telling(&secret) {
        forms.extend([BASE64_STANDARD_NO_PAD.encode(&secret), BASE64_URL_SAFE_NO_PAD.encode(&secret)]);
    }
    forms.push(secret);
    forms.retain(|form| !form.is_empty());
    forms
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

    #[test]
    fn lines_and_base64_of_a_secret_are_hidden_as_well() {
        let key = "-----BEGIN KEY-----\nc2VjcmV0IG9mIHRoZSBrZXk\n-----END KEY-----";
        let mask = Mask::new([key.to_owned(), "swordfish".to_owned()]);
        let shown = mask.text("  c2VjcmV0IG9mIHRoZSBrZXk\nc3dvcmRmaXNo\nkey");
        assert_eq!(shown, format!("  {REDACTED}\n{REDACTED}\nkey"));
        // What is short stays what it is.
        assert_eq!(Mask::new(["a\nb".to_owned()]).text("a b YQpi"), "a b YQpi");
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
