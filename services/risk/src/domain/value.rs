//! JSON as CEL sees it.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Value;
use serde_json::Value as Json;

/// Whole numbers become signed, as in the bounds of a plan: CEL has no arithmetic between `5` and `5u`.
pub(super) fn to_cel(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(yes) => Value::Bool(*yes),
        Json::Number(n) => {
            n.as_i64().map_or_else(|| n.as_f64().map_or(Value::Null, Value::Float), Value::Int)
        }
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Json::Object(members) => {
            let members: HashMap<String, Value> =
                members.iter().map(|(k, v)| (k.clone(), to_cel(v))).collect();
            Value::Map(members.into())
        }
    }
}
