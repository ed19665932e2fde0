//! Templates of playbooks.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, UndefinedBehavior, Value};
use serde_json::Value as Json;

/// Values by name.
pub(super) type Values = BTreeMap<String, String>;

/// What templates are rendered with: values that come from a goal, and texts of the playbook itself.
pub(super) struct Renderer<'p> {
    environment: Environment<'p>,
    context: Value,
}

impl<'p> Renderer<'p> {
    pub(super) fn new(values: &Values, texts: &BTreeMap<String, String>) -> Result<Self, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build()?);
        let texts = Value::from_pairs(texts.iter().map(|(name, text)| (name.clone(), Value::from(text))));
        let values = values.iter().map(|(name, text)| (name.clone(), Value::from(text)));
        let context = Value::from_pairs(values.chain([("templates".to_owned(), texts)]));
        Ok(Self { environment, context })
    }

    pub(super) fn text(&self, template: &str) -> Result<String, Error> {
        self.environment.render_str(template, self.context.clone())
    }

    /// Renders every text in `value`; names of members stay.
    pub(super) fn json(&self, value: &Json) -> Result<Json, Error> {
        Ok(match value {
            Json::String(template) => Json::String(self.text(template)?),
            Json::Array(items) => items.iter().map(|item| self.json(item)).collect::<Result<_, _>>()?,
            Json::Object(members) => {
                let rendered = members.iter().map(|(name, value)| Ok((name.clone(), self.json(value)?)));
                Json::Object(rendered.collect::<Result<_, Error>>()?)
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
