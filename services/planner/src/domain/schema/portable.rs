//! The part of JSON Schema that models' servers have in common, and the way back.
//!
//! Strict servers want every field required, no field beside those named, and few keywords. So a field that may be
//! absent may be null instead, and an object with free members is a text that holds its JSON.

use serde_json::{Map, Value, json};

/// Most characters of a text and most elements of a list where nothing else says so: a grammar without limits lets a
/// small model write for ever.
const MAX_TEXT: u64 = 1_000;
const MAX_LIST: u64 = 24;

/// `schema` in the common part; with lengths where `bounded`.
pub(super) fn portable(schema: &Value, bounded: bool) -> Value {
    let Some(members) = schema.as_object() else {
        // `true`: anything at all.
        return json_text("Text, or JSON as text", bounded);
    };
    if let Some(name) = members.get("$ref") {
        return json!({ "$ref": name });
    }
    let mut out = Map::new();
    for word in ["description", "enum", "minimum", "maximum"] {
        if let Some(value) = members.get(word) {
            out.insert(word.to_owned(), value.clone());
        }
    }
    if let Some(value) = members.get("const") {
        out.insert("enum".to_owned(), json!([value]));
    }
    if let Some(definitions) = members.get("$defs").and_then(Value::as_object) {
        let each = definitions.iter().map(|(name, schema)| (name.clone(), portable(schema, bounded)));
        out.insert("$defs".to_owned(), Value::Object(each.collect()));
    }
    let choices = ["anyOf", "oneOf"].iter().find_map(|word| members.get(*word)?.as_array());
    // Choices that only say which fields go together are for the validation.
    let choices = choices.filter(|all| {
        all.iter()
            .all(|one| ["type", "$ref", "enum", "const", "anyOf"].iter().any(|word| one.get(word).is_some()))
    });
    if let Some(choices) = choices {
        let each = choices.iter().map(|choice| portable(choice, bounded));
        out.insert("anyOf".to_owned(), each.collect());
        return Value::Object(out);
    }
    match members.get("type") {
        Some(Value::Array(kinds)) => {
            let each = kinds.iter().map(|kind| {
                let mut one = members.clone();
                one.insert("type".to_owned(), kind.clone());
                one.remove("description");
                portable(&Value::Object(one), bounded)
            });
            out.insert("anyOf".to_owned(), each.collect());
            out.remove("minimum");
        }
        Some(Value::String(kind)) => return of_kind(kind, members, out, bounded),
        _ => {}
    }
    Value::Object(out)
}

fn of_kind(kind: &str, members: &Map<String, Value>, mut out: Map<String, Value>, bounded: bool) -> Value {
    out.insert("type".to_owned(), json!(kind));
    if !matches!(kind, "integer" | "number") {
        out.remove("minimum");
        out.remove("maximum");
    }
    match kind {
        "object" => {
            let Some(properties) = members.get("properties").and_then(Value::as_object) else {
                return json_text("An object as JSON text, such as {}", bounded);
            };
            let required = names(members.get("required"));
            let fields = properties.iter().map(|(name, schema)| {
                let portable = portable(schema, bounded);
                let optional = !required.contains(&name.as_str()) && !may_be_null(schema);
                let schema =
                    if optional { json!({ "anyOf": [portable, { "type": "null" }] }) } else { portable };
                (name.clone(), schema)
            });
            out.insert("properties".to_owned(), Value::Object(fields.collect()));
            out.insert("required".to_owned(), properties.keys().cloned().collect());
            out.insert("additionalProperties".to_owned(), json!(false));
        }
        "array" => {
            let items = members
                .get("items")
                .map_or_else(|| json_text("JSON as text", bounded), |items| portable(items, bounded));
            out.insert("items".to_owned(), items);
            if bounded {
                let most = members.get("maxItems").and_then(Value::as_u64).unwrap_or(MAX_LIST).min(MAX_LIST);
                out.insert("maxItems".to_owned(), json!(most));
            }
        }
        "string" if bounded && !out.contains_key("enum") => {
            let most = members.get("maxLength").and_then(Value::as_u64).unwrap_or(MAX_TEXT).min(MAX_TEXT);
            out.insert("maxLength".to_owned(), json!(most));
        }
        _ => {}
    }
    Value::Object(out)
}

fn json_text(description: &str, bounded: bool) -> Value {
    let mut schema = json!({ "type": "string", "description": description });
    if bounded {
        schema["maxLength"] = json!(MAX_TEXT);
    }
    schema
}

fn names(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn may_be_null(schema: &Value) -> bool {
    let null = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "null");
    let listed = |word: &str| schema.get(word).and_then(Value::as_array);
    null(schema)
        || listed("type").is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"))
        || listed("anyOf").is_some_and(|choices| choices.iter().any(null))
}

/// What was written in the portable form of `schema`, in its own form.
pub(super) fn loosened(value: Value, schema: &Value) -> Value {
    loosen(value, schema, schema)
}

fn loosen(value: Value, schema: &Value, root: &Value) -> Value {
    let schema = resolved(schema, root);
    match value {
        Value::Object(members) => {
            let required = names(schema.get("required"));
            let kept = members
                .into_iter()
                .filter(|(name, value)| !value.is_null() || required.contains(&name.as_str()));
            let loose = kept.map(|(name, value)| {
                let inner = schema.get("properties").and_then(|properties| properties.get(&name));
                let value = match inner {
                    Some(inner) => loosen(value, inner, root),
                    None => value,
                };
                (name, value)
            });
            Value::Object(loose.collect())
        }
        Value::Array(items) => match schema.get("items") {
            Some(inner) => items.into_iter().map(|item| loosen(item, inner, root)).collect(),
            None => Value::Array(items),
        },
        Value::String(text) if is_open(schema) => match serde_json::from_str(&text) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
            _ => Value::String(text),
        },
        other => other,
    }
}

/// Whether the portable form of `schema` is a text that holds JSON.
fn is_open(schema: &Value) -> bool {
    let object = schema.get("type").is_some_and(|kind| kind == "object");
    schema == &Value::Bool(true) || (object && schema.get("properties").is_none())
}

/// The schema behind references and choices with null.
fn resolved<'s>(schema: &'s Value, root: &'s Value) -> &'s Value {
    let mut schema = schema;
    // No type of a plan refers to itself; the limit is for others.
    for _ in 0..8 {
        let target =
            schema.get("$ref").and_then(Value::as_str).and_then(|name| root.pointer(name.strip_prefix('#')?));
        let choice = || {
            let choices = schema.get("anyOf")?.as_array()?;
            let mut real = choices.iter().filter(|one| one.get("type").is_none_or(|kind| kind != "null"));
            real.next().filter(|_| real.next().is_none())
        };
        match target.or_else(choice) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}
