//! JSON Schema of what models write, from the types that read it: one source for what is asked and what is taken.

mod portable;

use std::sync::LazyLock;

use assent_core::Violation;
use assent_plan::{Catalog, PlanConstraints, Tool};
use jsonschema::Validator;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::body::{Body, Changes};
use portable::{loosened, portable};

/// Most errors that are told about one answer.
const MOST: usize = 30;

/// Something that a model is asked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Its name.
    pub(crate) name: &'static str,
    schema: Value,
    validator: Option<Validator>,
}

/// A whole plan.
pub(crate) static PLAN: LazyLock<Wanted> = LazyLock::new(|| Wanted::of::<Body>("plan"));
/// Changes to a plan.
pub(crate) static CHANGES: LazyLock<Wanted> = LazyLock::new(|| Wanted::of::<Changes>("changes"));

/// Tools that items may use under `limits`.
pub(crate) fn allowed<'c>(catalog: &'c Catalog, limits: &PlanConstraints) -> Vec<&'c Tool> {
    let (allowed, forbidden) = (limits.allowed_tools.clone(), limits.forbidden_tools.clone());
    let may = move |tool: &&Tool| {
        !forbidden.contains(&tool.name) && (allowed.is_empty() || allowed.contains(&tool.name))
    };
    catalog.tools().filter(may).collect()
}

impl Wanted {
    fn of<T: JsonSchema>(name: &'static str) -> Self {
        let mut schema = schemars::schema_for!(T).to_value();
        if let Some(members) = schema.as_object_mut() {
            members.remove("$schema");
            members.remove("title");
        }
        let validator = jsonschema::validator_for(&schema).ok();
        Self { name, schema, validator }
    }

    /// The schema as a model is given it: with the arguments of every tool, in the part of JSON Schema that models'
    /// servers know. `bounded` says whether they know lengths, too.
    pub(crate) fn asked(&self, tools: &[&Tool], bounded: bool) -> Value {
        let mut schema = self.schema.clone();
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        let arguments: Vec<&Value> = tools.iter().map(|tool| &tool.schema).collect();
        for place in ["WorkItem", "Rollback"] {
            if let Some(fields) = schema.pointer_mut(&format!("/$defs/{place}/properties")) {
                fields["tool"] = json!({ "type": "string", "enum": names });
                fields["arguments"] = json!({ "anyOf": arguments });
            }
            // A model that may leave arguments out does.
            if let Some(required) =
                schema.pointer_mut(&format!("/$defs/{place}/required")).and_then(Value::as_array_mut)
            {
                required.push(json!("arguments"));
            }
        }
        portable(&schema, bounded)
    }

    /// Reads what a model wrote.
    ///
    /// # Errors
    /// Everything in which it is not what was asked for, by path.
    pub(crate) fn read<T: DeserializeOwned>(&self, text: &str, tools: &[&Tool]) -> Result<T, Vec<Violation>> {
        let none = |why: String| vec![Violation::new("answer", "NO_JSON", why)];
        let value: Value = serde_json::from_str(unfenced(text)).map_err(|error| none(error.to_string()))?;
        let mut value = loosened(value, &self.schema);
        for list in ["items", "changed_items"] {
            let items = value.get_mut(list).and_then(Value::as_array_mut);
            items.into_iter().flatten().for_each(|item| loosen_arguments(item, tools));
        }
        if let Some(validator) = &self.validator {
            let found: Vec<_> = validator
                .iter_errors(&value)
                .take(MOST)
                .map(|error| {
                    let path = error.instance_path().to_string();
                    Violation::new(format!("answer{path}"), "SCHEMA", cut(&error.to_string()))
                })
                .collect();
            if !found.is_empty() {
                return Err(found);
            }
        }
        serde_json::from_value(value)
            .map_err(|error| vec![Violation::new("answer", "SCHEMA", cut(&error.to_string()))])
    }
}

fn cut(text: &str) -> String {
    text.chars().take(500).collect()
}

/// Arguments that were written in the portable form of their tool's schema.
fn loosen_arguments(call: &mut Value, tools: &[&Tool]) {
    let tool =
        call.get("tool").and_then(Value::as_str).and_then(|name| tools.iter().find(|tool| tool.name == name));
    if let (Some(tool), Some(arguments)) = (tool, call.get_mut("arguments")) {
        *arguments = loosened(arguments.take(), &tool.schema);
    }
    if let Some(rollback) = call.get_mut("rollback").filter(|rollback| rollback.is_object()) {
        loosen_arguments(rollback, tools);
    }
}

/// The JSON of an answer that stands in a fence, as models like to write it.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let Some(inside) = text.strip_prefix("```") else { return text };
    let inside = inside.split_once('\n').map_or(inside, |(_, rest)| rest);
    inside.trim_end().strip_suffix("```").unwrap_or(inside).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(catalog: &Catalog) -> Vec<&Tool> {
        allowed(catalog, &PlanConstraints::default())
    }

    fn item(arguments: Value) -> Value {
        json!({
            "intent": "i", "strategy": "parallel", "dependencies": null,
            "items": [{
                "id": "a", "name": "A", "description": null, "tool": "http_request", "arguments": arguments,
                "rollback": null, "objective": null, "priority": null, "type": "execution",
            }],
        })
    }

    #[test]
    fn what_the_portable_schema_admits_is_read_back() {
        let catalog = Catalog::builtin().unwrap();
        let tools = tools(&catalog);
        for bounded in [false, true] {
            let schema = PLAN.asked(&tools, bounded);
            let validator = jsonschema::validator_for(&schema).unwrap();
            let mut answer = item(json!({
                "method": "POST", "url": "https://x.dev", "headers": "{\"accept\":\"text/plain\"}", "body": "{\"n\":1}",
            }));
            // Everything is required in this form.
            let fields = schema.pointer("/$defs/WorkItem/properties").and_then(Value::as_object).unwrap();
            for field in fields.keys() {
                if answer["items"][0].get(field).is_none() {
                    answer["items"][0][field] = Value::Null;
                }
            }
            let errors: Vec<_> = validator.iter_errors(&answer).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}");
            let body: Body = PLAN.read(&answer.to_string(), &tools).unwrap();
            let arguments = &body.items[0].arguments;
            assert_eq!(arguments["headers"], json!({ "accept": "text/plain" }));
            assert_eq!(arguments["body"], json!({ "n": 1 }));
            assert!(catalog.check_arguments("http_request", arguments).is_empty());
        }
    }

    #[test]
    fn the_portable_schema_keeps_to_the_common_part() {
        let catalog = Catalog::builtin().unwrap();
        for wanted in [&*PLAN, &*CHANGES] {
            let schema = wanted.asked(&tools(&catalog), false);
            assert!(wanted.validator.is_some());
            let mut open = vec![&schema];
            while let Some(value) = open.pop() {
                if let Some(members) = value.as_object() {
                    if members.get("type").is_some_and(|kind| kind == "object") {
                        let fields: Vec<_> = members["properties"].as_object().unwrap().keys().collect();
                        let required: Vec<_> = members["required"]
                            .as_array()
                            .unwrap()
                            .iter()
                            .filter_map(Value::as_str)
                            .collect();
                        assert_eq!(fields, required);
                        assert_eq!(members["additionalProperties"], false);
                    }
                    for word in ["oneOf", "allOf", "if", "propertyNames", "default", "format", "maxLength"] {
                        let named_so = members.values().all(|value| value.is_object());
                        assert!(named_so || !members.contains_key(word), "{word}: {value}");
                    }
                }
                open.extend(value.as_object().into_iter().flat_map(|members| members.values()));
                open.extend(value.as_array().into_iter().flatten());
            }
        }
    }

    #[test]
    fn tools_that_are_not_allowed_are_not_offered() {
        let catalog = Catalog::builtin().unwrap();
        let limits =
            PlanConstraints { forbidden_tools: vec!["shell".to_owned()], ..PlanConstraints::default() };
        let schema = PLAN.asked(&allowed(&catalog, &limits), false);
        let names = schema.pointer("/$defs/WorkItem/properties/tool/enum").and_then(Value::as_array).unwrap();
        assert!(names.iter().all(|name| name != "shell") && names.len() + 1 == catalog.tools().count());
    }

    #[test]
    fn an_answer_that_is_something_else_is_told_where() {
        let catalog = Catalog::builtin().unwrap();
        let tools = tools(&catalog);
        let found = |text: &str| PLAN.read::<Body>(text, &tools).unwrap_err();
        assert_eq!(found("Sure! Here is the plan:")[0].code, "NO_JSON");
        assert_eq!(found("{}")[0].code, "SCHEMA");
        let mut answer = item(json!({}));
        answer["items"][0]["type"] = json!("magic");
        assert_eq!(found(&answer.to_string())[0].field, "answer/items/0/type");
        let fenced = format!("```json\n{}\n```\n", item(json!({ "method": "GET", "url": "https://x" })));
        assert!(PLAN.read::<Body>(&fenced, &tools).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_answers_never_panic(text in "(\\{|\\}|\\[|\\]|\"items\"|\"tool\"|:|,|1|null|```|\n|é){0,24}") {
            let catalog = Catalog::builtin().unwrap();
            let _ = PLAN.read::<Body>(&text, &tools(&catalog));
            let _ = CHANGES.read::<Changes>(&text, &tools(&catalog));
        }
    }
}
