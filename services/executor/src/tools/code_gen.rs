//! `code_gen`: renders a template that was approved, or one that this executor has by its name.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use assent_plan::Map;
use assent_runtime::BuildError;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;

use super::{Call, Outcome, ToolError};

/// Steps of the template engine; far more than any sensible template takes.
const FUEL: u64 = 5_000_000;
/// Largest text that is made, in bytes: the largest that `file_write` takes.
const MAX_TEXT: usize = 1 << 20;

/// Templates by name.
#[derive(Debug, Default)]
pub(super) struct Templates(BTreeMap<String, String>);

impl Templates {
    pub(super) fn load(directory: &str) -> Result<Self, BuildError> {
        let mut templates = BTreeMap::new();
        if directory.is_empty() {
            return Ok(Self(templates));
        }
        let failed = |path: &Path, source| BuildError::File { path: path.display().to_string(), source };
        let directory = Path::new(directory);
        for entry in std::fs::read_dir(directory).map_err(|e| failed(directory, e))? {
            let path = entry.map_err(|e| failed(directory, e))?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str());
            if let Some(name) = name.filter(|_| path.extension().is_some_and(|end| end == "j2")) {
                let text = std::fs::read_to_string(&path).map_err(|e| failed(&path, e))?;
                templates.insert(name.to_owned(), text);
            }
        }
        Ok(Self(templates))
    }

    pub(super) async fn render(&self, call: &Call) -> Result<Outcome, ToolError> {
        let template = match call.arguments.get("template_name").and_then(Value::as_str) {
            Some(name) => self.0.get(name).cloned().ok_or_else(|| {
                ToolError::lasting("TEMPLATE_UNKNOWN", format!("this executor has no template `{name}`"))
            })?,
            None => super::text(&call.arguments, "template")?.to_owned(),
        };
        let values = call.arguments.get("values").cloned().unwrap_or_default();
        let rendered = tokio::task::spawn_blocking(move || render(&template, &values)).await;
        let text =
            rendered.unwrap_or_else(|_| Err(ToolError::lasting("TEMPLATE_FAILED", "the template failed")))?;
        let lines = text.lines().count();
        let summary = format!("generated {lines} line{}", if lines == 1 { "" } else { "s" });
        let mut output = Map::new();
        output.insert("text".to_owned(), Value::String(text));
        Ok(Outcome { output, summary, files: Vec::new() })
    }
}

fn render(template: &str, values: &Value) -> Result<String, ToolError> {
    let failed = |error: minijinja::Error| {
        let place = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        ToolError::lasting("TEMPLATE_FAILED", format!("{}{place}{detail}", error.kind()))
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().map_err(failed)?);
    environment.set_fuel(Some(FUEL));
    let template = environment.template_from_str(template).map_err(failed)?;
    let mut out = Bounded(Vec::new());
    let context = minijinja::Value::from(minijinja::value::Serde(values));
    template.render_captured_to(context, &mut out).map_err(failed)?;
    String::from_utf8(out.0).map_err(|_| ToolError::lasting("TEMPLATE_FAILED", "the text is no UTF-8"))
}

/// Refuses what would grow beyond [`MAX_TEXT`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_TEXT {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the text is larger than 1 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_filled_in_and_nothing_else_happens() {
        assert_eq!(render("a {{ x }}\n", &json!({ "x": "<b>" })).unwrap(), "a <b>\n");
        assert_eq!(render("{{ y }}", &json!({})).unwrap_err().reason, "TEMPLATE_FAILED");
        assert_eq!(render("{% if %}", &json!({})).unwrap_err().reason, "TEMPLATE_FAILED");
        assert!(render("{% include '/etc/passwd' %}", &json!({})).is_err());
    }

    #[test]
    fn a_template_that_would_not_end_is_ended() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert!(!render(endless, &json!({})).unwrap_err().retryable);
        let huge = "{% for a in range(9999) %}{{ x }}{% endfor %}";
        assert!(!render(huge, &json!({ "x": "x".repeat(1000) })).unwrap_err().retryable);
    }
}
