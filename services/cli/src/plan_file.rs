//! Plans in files: as people write them, or as the API shows them.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use assent_plan::Plan;
use assent_proto::json;
use assent_proto::plan::v1 as pb;
use assent_rpc::convert::Wire as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::failure::{Exit, stop};

/// Fields of a plan that its author leaves to the server.
const SET_BY_SERVER: [&str; 4] = ["id", "requester", "on_behalf_of", "origin"];
/// Largest file that is read; more than the server takes in a message.
const LARGEST: u64 = 32 * 1024 * 1024;

/// Reads a plan from a file, or from stdin when the path is `-`.
pub(crate) fn read(path: &Path) -> anyhow::Result<pb::Plan> {
    let mut text = String::new();
    let opened: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?)
    };
    opened
        .take(LARGEST)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).map_err(|problem| stop(Exit::Usage, format!("{}: {problem}", path.display())))
}

/// Understands the form that people write (`strategy: sequential`), and proto3 JSON or YAML as `-o` prints it, alone
/// or below the key `plan`.
fn parse(text: &str) -> Result<pb::Plan, String> {
    let as_written = match Plan::from_yaml(text) {
        Ok(plan) => return Ok(plan.to_pb()),
        Err(error) => error.to_string(),
    };
    let Ok(mut value) = serde_saphyr::from_str::<Value>(text) else { return Err(as_written) };
    let wrapped = value.get_mut("plan").map(Value::take);
    let printed = wrapped.is_some();
    match json::from_json(wrapped.unwrap_or(value)) {
        Ok(plan) => Ok(plan),
        Err(error) if printed => Err(error.to_string()),
        Err(_) => Err(as_written),
    }
}

/// The plan as people write it, without what the server set.
pub(crate) fn write(plan: &pb::Plan) -> anyhow::Result<String> {
    let read = Plan::from_pb(plan.clone(), "plan");
    let plan = read.map_err(|violations| {
        let first = violations.first().map(|v| format!("{}: {}", v.field, v.description)).unwrap_or_default();
        stop(Exit::Failure, format!("the plan cannot be written: {first}"))
    })?;
    let mut fields = serde_json::to_value(&plan)?;
    if let Value::Object(fields) = &mut fields {
        fields.retain(|name, _| !SET_BY_SERVER.contains(&name.as_str()));
    }
    let lean: LeanPlan = serde_json::from_value(fields)?;
    serde_saphyr::to_string(&lean).context("the plan cannot be written")
}

/// A plan in the order in which people write it, without what is empty. A field that is not known here is an
/// error, never a loss.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeanPlan {
    goal: Value,
    #[serde(skip_serializing_if = "is_empty")]
    intent: Value,
    strategy: Value,
    items: Vec<LeanItem>,
    #[serde(skip_serializing_if = "is_empty")]
    dependencies: Value,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "without_empty")]
    constraints: Value,
    #[serde(skip_serializing_if = "is_empty")]
    context: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeanItem {
    id: Value,
    name: Value,
    #[serde(skip_serializing_if = "is_empty")]
    description: Value,
    r#type: Value,
    priority: Value,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "without_empty")]
    objective: Value,
    tool: Value,
    #[serde(skip_serializing_if = "is_empty")]
    arguments: Value,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "without_empty")]
    constraints: Value,
    #[serde(skip_serializing_if = "is_empty")]
    required_capabilities: Value,
    #[serde(skip_serializing_if = "is_empty")]
    preferred_agent_type: Value,
    #[serde(skip_serializing_if = "is_empty")]
    declared_risk: Value,
    #[serde(skip_serializing_if = "is_empty")]
    rollback: Value,
    #[serde(skip_serializing_if = "is_empty")]
    rollback_possible: Value,
    #[serde(skip_serializing_if = "is_empty")]
    bounds: Value,
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// For records whose fields are all optional; never for arguments, where an empty value means something.
fn without_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let mut value = Value::deserialize(deserializer)?;
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !is_empty(value));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "goal: g\nstrategy: sequential\nitems:\n  - { id: a, name: A, tool: shell, arguments: { command: [\"true\"], environment: {}, input: \"\" }, constraints: { timeout: 30s } }\n";

    #[test]
    fn every_form_that_is_printed_is_read_and_means_the_same() {
        let plan = parse(WRITTEN).unwrap();
        assert_eq!(plan.strategy(), pb::Strategy::Sequential);
        let written = write(&plan).unwrap();
        assert_eq!(parse(&written).unwrap(), plan);
        assert!(!written.contains("null") && !written.contains("objective"), "{written}");
        let printed = json::to_json(&plan).unwrap();
        let wrapped = serde_json::json!({ "plan": printed, "playbook": "x" });
        for value in [&printed, &wrapped] {
            assert_eq!(parse(&value.to_string()).unwrap(), plan);
            assert_eq!(parse(&serde_saphyr::to_string(value).unwrap()).unwrap(), plan);
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_the_form_that_was_used() {
        assert!(parse("goal: g\nitems: []\ngaol: x").unwrap_err().contains("gaol"));
        assert!(parse("plan: { goal: g, gaol: x }").unwrap_err().contains("gaol"));
        assert!(parse(": : :").is_err());
    }
}
