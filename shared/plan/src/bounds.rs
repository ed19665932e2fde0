//! Bounds: approved CEL conditions on values that are known only while the plan runs. An expression
//! sees one variable, `arguments`, the item's arguments with every reference resolved.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Program, Value};

use crate::item::{Bound, Map};

/// Longest expression, in bytes.
pub const MAX_EXPRESSION: usize = 4096;

/// A bound that does not hold, or cannot be judged and therefore does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    /// The expression is no CEL.
    #[error("`{expression}` cannot be compiled: {why}")]
    Malformed {
        /// The expression.
        expression: String,
        /// The compiler's words.
        why: String,
    },
    /// The expression says nothing about the item.
    #[error("`{0}` does not look at `arguments`")]
    Unrelated(String),
    /// The expression is too long.
    #[error("the expression is longer than {MAX_EXPRESSION} bytes")]
    TooLong,
    /// The values lie outside the bound.
    #[error("`{0}` does not hold")]
    Broken(String),
    /// The expression yields no yes or no for the values.
    #[error("`{expression}` cannot be judged: {why}")]
    Undecided {
        /// The expression.
        expression: String,
        /// Why.
        why: String,
    },
}

/// Declares every function anew when it is made, which takes longer than most expressions do.
static STDLIB: LazyLock<Env> = LazyLock::new(Env::stdlib);

fn compile(bound: &Bound) -> Result<Program, BoundError> {
    if bound.expression.len() > MAX_EXPRESSION {
        return Err(BoundError::TooLong);
    }
    STDLIB.compile(&bound.expression).map_err(|errors| BoundError::Malformed {
        expression: bound.expression.clone(),
        why: errors.to_string(),
    })
}

/// Whether `bound` could be judged at all; says nothing about values.
pub fn check(bound: &Bound) -> Result<(), BoundError> {
    let program = compile(bound)?;
    if program.references().has_variable("arguments") {
        Ok(())
    } else {
        Err(BoundError::Unrelated(bound.expression.clone()))
    }
}

/// Judges `bound` for resolved `arguments`. Anything but a clear yes is an error.
pub fn judge(bound: &Bound, arguments: &Map) -> Result<(), BoundError> {
    let undecided = |why: String| BoundError::Undecided { expression: bound.expression.clone(), why };
    let program = compile(bound)?;
    let mut context = Context::default();
    context.add_variable_from_value("arguments", object(arguments));
    match program.execute(&context) {
        Ok(Value::Bool(true)) => Ok(()),
        Ok(Value::Bool(false)) => Err(BoundError::Broken(bound.expression.clone())),
        Ok(_) => Err(undecided("the result is no boolean".to_owned())),
        // The error may quote the arguments, and these may hold secrets.
        Err(_) => Err(undecided("the expression does not fit the arguments".to_owned())),
    }
}

/// The arguments for CEL, with every whole number signed: CEL has no arithmetic between `5` and `5u`.
fn object(members: &Map) -> Value {
    let members: HashMap<String, Value> = members.iter().map(|(k, v)| (k.clone(), cel_value(v))).collect();
    Value::Map(members.into())
}

fn cel_value(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;

    match value {
        Json::Null => Value::Null,
        Json::Bool(yes) => Value::Bool(*yes),
        Json::Number(n) => {
            n.as_i64().map_or_else(|| n.as_f64().map_or(Value::Null, Value::Float), Value::Int)
        }
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(cel_value).collect())),
        Json::Object(members) => object(members),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn bound(expression: &str) -> Bound {
        Bound { expression: expression.to_owned(), description: String::new() }
    }

    fn judged(expression: &str, arguments: serde_json::Value) -> Result<(), BoundError> {
        judge(&bound(expression), arguments.as_object().unwrap())
    }

    #[test]
    fn only_a_clear_yes_passes() {
        let small = json!({ "amount": 400, "table": "a", "rows": [1, 2] });
        assert_eq!(judged("arguments.amount <= 500", small.clone()), Ok(()));
        assert_eq!(
            judged("arguments.amount + 1 <= 500 && arguments.amount * 2 == 800", small.clone()),
            Ok(())
        );
        assert_eq!(
            judged("arguments.table in ['a', 'b'] && size(arguments.rows) < 3", small.clone()),
            Ok(())
        );
        assert_eq!(judged("arguments.rows.all(r, r < 5)", small.clone()), Ok(()));
        assert_eq!(judged("arguments.amount <= 500", json!({ "amount": 500.0 })), Ok(()));
        assert!(matches!(judged("arguments.amount <= 300", small.clone()), Err(BoundError::Broken(_))));
        for unclear in ["arguments.amount", "arguments.missing <= 5", "arguments.table <= 5", "other == 1"] {
            assert!(matches!(judged(unclear, small.clone()), Err(BoundError::Undecided { .. })), "{unclear}");
        }
        assert!(matches!(judged("arguments.amount <=", small), Err(BoundError::Malformed { .. })));
    }

    #[test]
    fn checking_needs_no_values() {
        assert_eq!(check(&bound("arguments.rows.all(r, r < 5)")), Ok(()));
        assert!(matches!(check(&bound("1 < 2")), Err(BoundError::Unrelated(_))));
        assert!(matches!(check(&bound("(((")), Err(BoundError::Malformed { .. })));
        assert_eq!(check(&bound(&"a".repeat(5000))), Err(BoundError::TooLong));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn arbitrary_text_never_panics(text in "[a-z0-9.()\\[\\]{}<>=!&|?:'\"\\\\ +*/-]{0,60}") {
            let _ = check(&bound(&text));
            let _ = judged(&text, json!({ "a": 1 }));
        }
    }
}
