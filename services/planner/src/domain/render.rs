//! Templates of playbooks.

use std::collections::BTreeMap;

use assent_plan::Map;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde_json::Value as Json;

use super::playbook::PlaybookError;

/// Values by name.
pub(super) type Values = BTreeMap<String, String>;

/// What templates are rendered with: values that come from a goal, and texts of the playbook itself.
pub(super) struct Renderer<'p> {
    environment: Environment<'p>,
    context: Value,
}

impl<'p> Renderer<'p> {
    /// For a plan: values, and texts as `templates.NAME`.
    pub(super) fn new(values: &Values, texts: &BTreeMap<String, String>) -> Result<Self, PlaybookError> {
        let texts = Value::from_pairs(texts.iter().map(|(name, text)| (name.clone(), Value::from(text))));
        Self::over(values, ("templates", texts))
    }

    /// For a parameter: values, and facts that are texts, numbers or truths as `context.NAME`.
    pub(super) fn with_context(values: &Values, context: &Map) -> Result<Self, PlaybookError> {
        let fact = |(name, value): (&String, &Json)| {
            let value = match value {
                Json::String(text) => Value::from(text.as_str()),
                Json::Number(number) => Value::from(number.to_string()),
                Json::Bool(is) => Value::from(*is),
                Json::Null | Json::Array(_) | Json::Object(_) => return None,
            };
            Some((name.clone(), value))
        };
        Self::over(values, ("context", Value::from_pairs(context.iter().filter_map(fact))))
    }

    fn over(values: &Values, more: (&str, Value)) -> Result<Self, PlaybookError> {
        let wrong = |source| PlaybookError::Template { template: String::new(), source };
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().map_err(wrong)?);
        let values = values.iter().map(|(name, text)| (name.clone(), Value::from(text)));
        let context = Value::from_pairs(values.chain([(more.0.to_owned(), more.1)]));
        Ok(Self { environment, context })
    }

    pub(super) fn text(&self, template: &str) -> Result<String, PlaybookError> {
        // Most texts of a plan are no templates.
        if !template.contains('{') {
            return Ok(template.to_owned());
        }
        let rendered = self.environment.render_str(template, self.context.clone());
        rendered.map_err(|source| PlaybookError::Template { template: template.to_owned(), source })
    }

    /// Renders every text in `value`; names of members stay.
    pub(super) fn json(&self, value: &Json) -> Result<Json, PlaybookError> {
        Ok(match value {
            Json::String(template) => Json::String(self.text(template)?),
            Json::Array(items) => items.iter().map(|item| self.json(item)).collect::<Result<_, _>>()?,
            Json::Object(members) => {
                let rendered = members.iter().map(|(name, value)| Ok((name.clone(), self.json(value)?)));
                Json::Object(rendered.collect::<Result<_, PlaybookError>>()?)
            }
            other => other.clone(),
        })
    }
}

/// A text from a goal, in which a reference stands for itself: whoever states a goal must not reach secrets or
/// outputs that the playbook did not hand out.
pub(super) fn literal(text: &str) -> String {
    text.replace("${items.", "$${items.").replace("${secret:", "$${secret:")
}
