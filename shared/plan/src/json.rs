//! JSON values: exactness, nesting and equality.

use serde_json::Value;

use crate::item::Map;

/// Largest distance from zero at which a double still tells one integer from the next (2^53 - 1).
pub(crate) const MAX_EXACT: u64 = (1 << 53) - 1;

fn is_exact(number: &serde_json::Number) -> bool {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(n), ..) => n <= MAX_EXACT,
        (_, Some(n), _) => n.unsigned_abs() <= MAX_EXACT,
        // Every double beyond the limit is whole, so it may be an integer that was rounded on its way.
        (_, _, Some(n)) => n.abs() <= MAX_EXACT as f64,
        _ => false,
    }
}

/// Path of the first number that a double cannot hold exactly.
pub(crate) fn inexact_number(map: &Map) -> Option<String> {
    let inexact = |value: &Value| matches!(value, Value::Number(n) if !is_exact(n));
    // Hardly ever is there one, and paths take time.
    let mut any = false;
    walk_values(map, &mut |_, value| any |= inexact(value));
    if !any {
        return None;
    }
    let mut found = None;
    walk(map, &mut |path, value| {
        if found.is_none() && inexact(value) {
            found = Some(path.to_owned());
        }
    });
    found
}

/// Whether objects and arrays lie deeper in each other than `limit`.
pub(crate) fn is_deeper(map: &Map, limit: usize) -> bool {
    fn deeper(value: &Value, limit: usize) -> bool {
        match value {
            Value::Array(items) => limit == 0 || items.iter().any(|v| deeper(v, limit - 1)),
            Value::Object(members) => limit == 0 || members.values().any(|v| deeper(v, limit - 1)),
            _ => false,
        }
    }
    map.values().any(|value| deeper(value, limit))
}

/// About as many bytes as the object takes as JSON.
pub(crate) fn size(map: &Map) -> usize {
    let mut size = 0;
    walk_values(map, &mut |name, value| {
        size += name.len() + value.as_str().map_or(4, str::len);
    });
    size
}

fn walk_values(map: &Map, visit: &mut impl FnMut(&str, &Value)) {
    fn down(name: &str, value: &Value, visit: &mut impl FnMut(&str, &Value)) {
        visit(name, value);
        match value {
            Value::Array(items) => items.iter().for_each(|item| down("", item, visit)),
            Value::Object(members) => members.iter().for_each(|(name, member)| down(name, member, visit)),
            _ => {}
        }
    }
    map.iter().for_each(|(name, value)| down(name, value, visit));
}

/// Calls `visit` with every value and its path, e.g. `headers.accept` or `rows[2].name`.
pub(crate) fn walk<'v>(map: &'v Map, visit: &mut impl FnMut(&str, &'v Value)) {
    fn down<'v>(path: &mut String, value: &'v Value, visit: &mut impl FnMut(&str, &'v Value)) {
        visit(path, value);
        let end = path.len();
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push_str(&format!("[{index}]"));
                    down(path, item, visit);
                    path.truncate(end);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    path.push('.');
                    path.push_str(name);
                    down(path, member, visit);
                    path.truncate(end);
                }
            }
            _ => {}
        }
    }
    for (name, value) in map {
        down(&mut name.clone(), value, visit);
    }
}

/// Equality of the values that JSON can tell apart: 1 and 1.0 are the same number.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a.as_f64() == b.as_f64() && is_exact(a) && is_exact(b))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => same_members(a, b),
        _ => a == b,
    }
}

/// [`same`] for objects.
pub(crate) fn same_members(a: &Map, b: &Map) -> bool {
    a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn finds_numbers_that_doubles_round() {
        for exact in
            [json!(0), json!(-9_007_199_254_740_991_i64), json!(9_007_199_254_740_991_u64), json!(0.1)]
        {
            assert_eq!(inexact_number(&map(json!({ "n": exact }))), None);
        }
        for rounded in [json!(9_007_199_254_740_992_u64), json!(i64::MIN), json!(u64::MAX), json!(1e300)] {
            let path = inexact_number(&map(json!({ "a": [1, { "n": rounded }] })));
            assert_eq!(path.as_deref(), Some("a[1].n"));
        }
    }

    #[test]
    fn numbers_are_equal_by_value() {
        assert!(same(&json!({ "a": [1, 2.0] }), &json!({ "a": [1.0, 2] })));
        assert!(!same(&json!(u64::MAX), &json!(u64::MAX - 1)));
        assert!(!same(&json!("1"), &json!(1)));
    }

    #[test]
    fn nesting_is_counted() {
        assert!(!is_deeper(&map(json!({ "a": [[1]] })), 2));
        assert!(is_deeper(&map(json!({ "a": [[[]]] })), 2));
    }
}
