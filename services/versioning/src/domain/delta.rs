//! What differs between two JSON values, in a form much smaller than either when they are almost alike.

use serde_json::{Map, Value, json};

/// What makes `new` of `old`: null when they are equal.
pub(crate) fn delta(old: &Value, new: &Value) -> Value {
    match (old, new) {
        (old, new) if old == new => Value::Null,
        (Value::Object(old), Value::Object(new)) => {
            let removed: Vec<_> = old.keys().filter(|key| !new.contains_key(*key)).collect();
            let change = |(key, value): (&String, &Value)| match old.get(key) {
                Some(before) => Some(delta(before, value)).filter(|d| !d.is_null()).map(|d| (key.clone(), d)),
                None => Some((key.clone(), json!({ "=": value }))),
            };
            let changed: Map<_, _> = new.iter().filter_map(change).collect();
            json!({ "members": changed, "removed": removed })
        }
        (Value::Array(old), Value::Array(new)) => {
            let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
            let rest = old[start..].iter().rev().zip(new[start..].iter().rev());
            let end = rest.take_while(|(a, b)| a == b).count();
            json!({ "at": start, "drop": old.len() - start - end, "insert": new[start..new.len() - end] })
        }
        (_, new) => json!({ "=": new }),
    }
}

/// What `delta` makes of `old`; none when it was made from something else.
pub(crate) fn patched(old: Value, delta: &Value) -> Option<Value> {
    let Some(how) = delta.as_object() else { return delta.is_null().then_some(old) };
    if let Some(new) = how.get("=") {
        return Some(new.clone());
    }
    match old {
        Value::Object(mut members) => {
            for key in how.get("removed")?.as_array()? {
                members.remove(key.as_str()?)?;
            }
            for (key, change) in how.get("members")?.as_object()? {
                let before = members.remove(key).unwrap_or_default();
                members.insert(key.clone(), patched(before, change)?);
            }
            Some(Value::Object(members))
        }
        Value::Array(mut elements) => {
            let number = |key| usize::try_from(how.get(key)?.as_u64()?).ok();
            let (at, dropped) = (number("at")?, number("drop")?);
            let end = at.checked_add(dropped).filter(|end| *end <= elements.len())?;
            elements.splice(at..end, how.get("insert")?.as_array()?.iter().cloned());
            Some(Value::Array(elements))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..4i64).prop_map(Value::from),
            "[=a-c]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[=a-c]", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_delta_leads_from_any_value_to_any_other(old in value(), new in value()) {
            prop_assert_eq!(patched(old.clone(), &delta(&old, &new)), Some(new));
        }

        #[test]
        fn a_delta_of_something_else_is_no_panic(old in value(), delta in value()) {
            let _ = patched(old, &delta);
        }
    }

    #[test]
    fn what_is_alike_costs_nothing() {
        let many: Vec<Value> = (0..500).map(|n| json!({ "item": n })).collect();
        let mut changed = many.clone();
        changed[250] = json!({ "item": "other" });
        let small = delta(&json!({ "items": many }), &json!({ "items": changed }));
        assert!(small.to_string().len() < 100, "{small}");
    }
}
