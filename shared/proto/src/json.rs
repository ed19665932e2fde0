//! Proto3 JSON for any message of the contract, with the field names as the protos spell them.

use prost::{Message, Name};
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

/// A JSON text that is no such message.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The message is not part of the contract.
    #[error("no message {0} in the contract")]
    Unknown(String),
    /// Unknown field, wrong type or malformed value.
    #[error("{0}")]
    Malformed(String),
}

fn descriptor<M: Name>() -> Result<MessageDescriptor, JsonError> {
    let name = M::full_name();
    crate::pool().get_message_by_name(&name).ok_or(JsonError::Unknown(name))
}

/// `message` as proto3 JSON, with proto field names.
///
/// # Errors
/// Only when `M` is not part of the contract.
pub fn to_json<M: Message + Name>(message: &M) -> Result<Value, JsonError> {
    let dynamic = DynamicMessage::decode(descriptor::<M>()?, message.encode_to_vec().as_slice())
        .map_err(|e| JsonError::Malformed(e.to_string()))?;
    dynamic
        .serialize_with_options(
            serde_json::value::Serializer,
            &SerializeOptions::new().use_proto_field_name(true),
        )
        .map_err(|e| JsonError::Malformed(e.to_string()))
}

/// Reads proto3 JSON; unknown fields are refused. Field names in proto or JSON spelling.
///
/// # Errors
/// [`JsonError::Malformed`] says what does not fit.
pub fn from_json<M: Message + Name + Default>(json: Value) -> Result<M, JsonError> {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let dynamic = DynamicMessage::deserialize_with_options(descriptor::<M>()?, json, &options)
        .map_err(|e| JsonError::Malformed(e.to_string()))?;
    M::decode(dynamic.encode_to_vec().as_slice()).map_err(|e| JsonError::Malformed(e.to_string()))
}

#[cfg(test)]
mod tests {
    use crate::plan::v1::{Plan, Strategy};

    #[test]
    fn plans_round_trip_with_proto_names_and_unknown_fields_are_refused() {
        let json = serde_json::json!({
            "goal": "g", "strategy": "STRATEGY_PARALLEL",
            "items": [{"id": "a", "name": "A", "tool": "shell", "arguments": {"command": ["true"]},
                       "constraints": {"timeout": "2.500s", "max_retries": 0}}]
        });
        let plan: Plan = super::from_json(json.clone()).unwrap();
        assert_eq!(plan.strategy(), Strategy::Parallel);
        assert_eq!(super::to_json(&plan).unwrap(), json);
        assert!(super::from_json::<Plan>(serde_json::json!({"gaol": "g"})).is_err());
    }
}
