//! JSON and `google.protobuf.Struct`, whose numbers are all doubles.

use assent_plan::Map;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::{Number, Value};

use super::{Field, Refused, Wire};

/// How deep objects and lists may stand in each other, the outermost included. A level costs up to three
/// of the hundred nested messages that a decoder of protobuf allows, and a plan that is accepted must
/// still be readable inside the largest envelope, an event.
pub const MAX_DEPTH: usize = 24;

/// Up to here every whole number is a double.
const MAX_EXACT: u64 = 1 << 53;

impl Wire for Map {
    type Pb = Struct;

    fn to_pb(&self) -> Struct {
        Struct { fields: self.iter().map(|(key, value)| (key.clone(), value_to_pb(value))).collect() }
    }

    /// Whole numbers up to 2^53 become JSON integers, so that one value has one form.
    fn read(pb: Struct, at: &Field<'_>) -> Result<Self, Refused> {
        read_object(pb, at, MAX_DEPTH)
    }
}

/// Whole numbers beyond 2^53 are written as texts, the form that the contract asks for.
pub(super) fn value_to_pb(value: &Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => number_to_pb(number),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(list) => Kind::ListValue(ListValue { values: list.iter().map(value_to_pb).collect() }),
        Value::Object(object) => Kind::StructValue(object.to_pb()),
    };
    prost_types::Value { kind: Some(kind) }
}

fn number_to_pb(number: &Number) -> Kind {
    let exact = number.is_f64() || number.as_i64().is_some_and(|n| n.unsigned_abs() <= MAX_EXACT);
    match number.as_f64().filter(|_| exact) {
        Some(double) => Kind::NumberValue(double),
        None => Kind::StringValue(number.to_string()),
    }
}

/// Reads a value in which objects and lists stand at most `depth` deep.
pub(super) fn read_value(pb: prost_types::Value, at: &Field<'_>, depth: usize) -> Result<Value, Refused> {
    match pb.kind {
        Some(Kind::NullValue(0)) => Ok(Value::Null),
        Some(Kind::NullValue(number)) => Err(at.refuse("UNKNOWN_ENUM", format!("has no value {number}"))),
        Some(Kind::BoolValue(flag)) => Ok(Value::Bool(flag)),
        Some(Kind::NumberValue(double)) => read_number(double, at),
        Some(Kind::StringValue(text)) => Ok(Value::String(text)),
        Some(Kind::ListValue(list)) => read_list(list, at, depth).map(Value::Array),
        Some(Kind::StructValue(object)) => read_object(object, at, depth).map(Value::Object),
        None => Err(at.refuse("REQUIRED", "must be set; null is a value of its own")),
    }
}

fn read_number(double: f64, at: &Field<'_>) -> Result<Value, Refused> {
    let number = if double.fract() == 0.0 && double.abs() <= MAX_EXACT as f64 {
        // Whole and small enough, so the cast changes nothing.
        Some(Number::from(double as i64))
    } else {
        Number::from_f64(double)
    };
    number.map(Value::Number).ok_or_else(|| at.refuse("OUT_OF_RANGE", "must be a finite number"))
}

fn read_list(pb: ListValue, at: &Field<'_>, depth: usize) -> Result<Vec<Value>, Refused> {
    let inner = deeper(at, depth)?;
    at.each(pb.values, |value, at| read_value(value, at, inner))
}

fn read_object(pb: Struct, at: &Field<'_>, depth: usize) -> Result<Map, Refused> {
    let inner = deeper(at, depth)?;
    let read = |(key, value): (String, _)| {
        let value = read_value(value, &at.field(&key), inner);
        value.map(|value| (key, value))
    };
    // Into results first, so that every member is looked at.
    let all: Vec<_> = pb.fields.into_iter().map(read).collect();
    all.into_iter().collect()
}

fn deeper(at: &Field<'_>, depth: usize) -> Result<usize, Refused> {
    depth
        .checked_sub(1)
        .ok_or_else(|| at.refuse("TOO_DEEP", format!("must not nest deeper than {MAX_DEPTH}")))
}
