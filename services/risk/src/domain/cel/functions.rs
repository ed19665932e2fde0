//! Functions of conditions.

use std::borrow::Cow;

use super::eval::Unclear;
use super::value::Val;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Text,
    Int,
    Float,
    LowerAscii,
    /// What the macros of CEL are made of: an error counts as true.
    NotStrictlyFalse,
}

/// Name, function, and how many arguments it takes, a receiver included.
const FUNCTIONS: &[(&str, Function, usize)] = &[
    ("size", Function::Size, 1),
    ("contains", Function::Contains, 2),
    ("startsWith", Function::StartsWith, 2),
    ("endsWith", Function::EndsWith, 2),
    ("string", Function::Text, 1),
    ("int", Function::Int, 1),
    ("double", Function::Float, 1),
    ("lowerAscii", Function::LowerAscii, 1),
    ("@not_strictly_false", Function::NotStrictlyFalse, 1),
];

impl Function {
    /// The function called `name`; the error says what would be right.
    pub(super) fn find(name: &str, arguments: usize) -> Result<Self, String> {
        let Some((_, function, wanted)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            let known: Vec<&str> =
                FUNCTIONS.iter().map(|(name, ..)| *name).filter(|name| !name.starts_with('@')).collect();
            return Err(format!("there is no function `{name}`; there are matches, {}", known.join(", ")));
        };
        if *wanted == arguments {
            Ok(*function)
        } else {
            Err(format!("`{name}` takes {wanted} values, not {arguments}"))
        }
    }

    pub(super) fn apply<'v>(self, arguments: &[Val<'v>]) -> Result<Val<'v>, Unclear> {
        match (self, arguments) {
            (Self::Size, [Val::Text(text)]) => Ok(Val::count(text.chars().count())),
            (Self::Size, [list]) => list.len().map(Val::count).ok_or(Unclear),
            (Self::Contains, [Val::Text(text), Val::Text(part)]) => {
                Ok(Val::Bool(text.contains(part.as_ref())))
            }
            (Self::StartsWith, [Val::Text(text), Val::Text(part)]) => {
                Ok(Val::Bool(text.starts_with(part.as_ref())))
            }
            (Self::EndsWith, [Val::Text(text), Val::Text(part)]) => {
                Ok(Val::Bool(text.ends_with(part.as_ref())))
            }
            (Self::LowerAscii, [Val::Text(text)]) => Ok(Val::Text(Cow::Owned(text.to_ascii_lowercase()))),
            (Self::Text, [value]) => written(value).map(Val::Text).ok_or(Unclear),
            (Self::Int, [value]) => int(value).map(Val::Int).ok_or(Unclear),
            (Self::Float, [value]) => float(value).map(Val::Float).ok_or(Unclear),
            _ => Err(Unclear),
        }
    }
}

fn written<'v>(value: &Val<'v>) -> Option<Cow<'v, str>> {
    match value {
        Val::Text(text) => Some(text.clone()),
        Val::Bool(yes) => Some(Cow::Borrowed(if *yes { "true" } else { "false" })),
        Val::Int(number) => Some(Cow::Owned(number.to_string())),
        Val::Float(number) => Some(Cow::Owned(number.to_string())),
        Val::Null | Val::Names(_) | Val::Array(_) | Val::Object(_) | Val::List(_) => None,
    }
}

fn int(value: &Val<'_>) -> Option<i64> {
    // Both ends lie inside: beyond them a double has no whole number of 64 bits.
    const FURTHEST: f64 = 9_223_372_036_854_774_784.0;
    match value {
        Val::Int(number) => Some(*number),
        Val::Float(number) if number.abs() <= FURTHEST => Some(number.trunc() as i64),
        Val::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn float(value: &Val<'_>) -> Option<f64> {
    match value {
        Val::Int(number) => Some(*number as f64),
        Val::Float(number) => Some(*number),
        Val::Text(text) => text.parse().ok(),
        _ => None,
    }
}
