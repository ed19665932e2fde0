//! JSON Schema of what is more than the sum of its fields: the same texts that are read are described.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::item::ItemId;
use crate::money::Money;
use crate::span::Span;

impl JsonSchema for ItemId {
    fn schema_name() -> Cow<'static, str> {
        "ItemId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]*$", "minLength": 1, "maxLength": Self::MAX_LEN })
    }
}

impl JsonSchema for Money {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "US dollars such as 0.05",
            "type": ["string", "number"],
            "pattern": "^[0-9]+(\\.[0-9]{1,6})?$",
            "maxLength": 21,
            "minimum": 0,
        })
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time such as 30s, 5m, 1h30m or 250ms",
            "type": "string",
            "pattern": "^([0-9]+(d|h|m|s|ms))+$",
            "maxLength": 40,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::plan::Plan;

    /// Whatever the types read passes the schema, and what it refuses they refuse.
    #[test]
    fn the_schema_agrees_with_the_types() {
        let schema = schemars::schema_for!(Plan).to_value();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let plan = json!({
            "goal": "g",
            "strategy": "sequential",
            "items": [{
                "id": "a", "name": "A", "tool": "shell", "type": "validation", "arguments": { "command": ["ls"] },
                "constraints": { "timeout": "1m30s", "max_cost": 0.05 }, "priority": "high",
                "rollback": { "tool": "shell", "arguments": { "command": ["ls"] } },
            }],
            "dependencies": [],
        });
        let both =
            |plan: &Value| (validator.is_valid(plan), serde_json::from_value::<Plan>(plan.clone()).is_ok());
        assert_eq!(both(&plan), (true, true));
        for (pointer, value) in [
            ("/strategy", json!("random")),
            ("/items/0/id", json!("A b")),
            ("/items/0/type", json!("magic")),
            ("/items/0/constraints/timeout", json!("soon")),
            ("/items/0/constraints/max_cost", json!("much")),
            ("/items/0/constraints/max_cost", json!(-1)),
            ("/items/0/arguments", json!([])),
            ("/items/0/rollback", json!({ "toll": "shell" })),
            ("/items", json!({})),
        ] {
            let mut changed = plan.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            assert_eq!(both(&changed), (false, false), "{pointer}");
        }
    }
}
