//! Late-bound references in arguments: `${items.ID.output.path}` is part of the output of an earlier
//! item, `${secret:NAME}` is a secret. A text that is exactly one reference takes the referenced value
//! as it is; inside a longer text the value is written out. `$${items.…}` and `$${secret:…}` stand for
//! the literal text. Any other `${` is plain text, so that shell scripts and templates need no escapes.

use std::fmt;

use serde_json::Value;

use crate::item::{ItemId, Map};
use crate::json;

const MAX_SEGMENTS: usize = 32;
const MAX_SECRET_NAME: usize = 64;

/// What a late-bound text stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// Part of an item's output.
    Output {
        /// The item.
        item: ItemId,
        /// Member names and array indexes, from the outside in; empty for the whole output.
        path: Vec<String>,
    },
    /// A secret by its name.
    Secret(String),
}

impl Reference {
    /// The part of `output` that a path leads to: this function is for the value of the item that an
    /// [`Reference::Output`] names. None when the path leads nowhere.
    pub fn select<'v>(path: &[String], output: &'v Value) -> Option<&'v Value> {
        path.iter().try_fold(output, |value, segment| match value {
            Value::Object(members) => members.get(segment),
            Value::Array(items) => segment.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output { item, path } => {
                write!(f, "${{items.{item}.output")?;
                path.iter().try_for_each(|segment| write!(f, ".{segment}"))?;
                f.write_str("}")
            }
            Self::Secret(name) => write!(f, "${{secret:{name}}}"),
        }
    }
}

/// Part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// To be taken as it is.
    Text(String),
    /// To be replaced.
    Reference(Reference),
}

/// Something that begins like a reference and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no reference; {hint}")]
pub struct ReferenceError {
    /// The malformed text, cut short.
    pub text: String,
    /// What would be right.
    pub hint: &'static str,
}

const OUTPUT_HINT: &str = "expected ${items.ID.output} or ${items.ID.output.path}";
const SECRET_HINT: &str = "expected ${secret:NAME} with a NAME of letters, digits, `_`, `-` and `.`";

/// Takes a text apart.
pub fn parse(text: &str) -> Result<Vec<Piece>, ReferenceError> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        let body = &from[2..];
        if !body.starts_with("items.") && !body.starts_with("secret:") {
            plain.push_str(before);
            plain.push_str("${");
            rest = body;
        } else if let Some(before) = before.strip_suffix('$') {
            plain.push_str(before);
            plain.push_str("${");
            rest = body;
        } else {
            plain.push_str(before);
            let (reference, tail) = read(body)?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Reference(reference));
            rest = tail;
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// Reads a reference after its `${`; returns what follows its `}`.
fn read(body: &str) -> Result<(Reference, &str), ReferenceError> {
    let hint = if body.starts_with("items.") { OUTPUT_HINT } else { SECRET_HINT };
    let refuse = |shown: &str| ReferenceError {
        text: format!("${{{}", shown.chars().take(80).collect::<String>()),
        hint,
    };
    let (inside, tail) = body.split_once('}').ok_or_else(|| refuse(body))?;
    let reference = match inside.strip_prefix("secret:") {
        Some(name) => is_secret_name(name).then(|| Reference::Secret(name.to_owned())),
        None => inside.strip_prefix("items.").and_then(read_output),
    };
    reference.map(|r| (r, tail)).ok_or_else(|| refuse(&format!("{inside}}}")))
}

fn read_output(text: &str) -> Option<Reference> {
    // Ids may hold dots but, beyond the first part, no part `output`: the first `.output` ends the id.
    let parts: Vec<&str> = text.split('.').collect();
    let end = parts.iter().skip(1).position(|part| *part == "output")? + 1;
    let item = parts[..end].join(".").parse().ok()?;
    let path: Vec<String> = parts[end + 1..].iter().map(|part| (*part).to_owned()).collect();
    let sound = |segment: &String| {
        !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    (path.len() <= MAX_SEGMENTS && path.iter().all(sound)).then_some(Reference::Output { item, path })
}

fn is_secret_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let rest = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    first && rest && name.len() <= MAX_SECRET_NAME
}

/// A reference and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Path in the arguments, e.g. `headers.authorization` or `rows[2].name`.
    pub field: String,
    /// The reference, or why it is none.
    pub reference: Result<Reference, ReferenceError>,
}

/// Every reference in `arguments`, also the malformed ones.
pub fn find(arguments: &Map) -> Vec<Found> {
    let mut found = Vec::new();
    json::walk(arguments, &mut |field, value| {
        let Value::String(text) = value else { return };
        match parse(text) {
            Err(error) => found.push(Found { field: field.to_owned(), reference: Err(error) }),
            Ok(pieces) => found.extend(pieces.into_iter().filter_map(|piece| match piece {
                Piece::Text(_) => None,
                Piece::Reference(reference) => {
                    Some(Found { field: field.to_owned(), reference: Ok(reference) })
                }
            })),
        }
    });
    found
}

/// Whether `value` holds a reference anywhere, so that its final content is not known yet.
pub(crate) fn is_late_bound(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            parse(text).is_ok_and(|pieces| pieces.iter().any(|p| matches!(p, Piece::Reference(_))))
        }
        Value::Array(items) => items.iter().any(is_late_bound),
        Value::Object(members) => members.values().any(is_late_bound),
        _ => false,
    }
}

/// A reference that could not be resolved. Never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nothing is known by that reference.
    #[error("`{field}`: {reference} has no value")]
    Missing {
        /// Path in the arguments.
        field: String,
        /// The reference.
        reference: Reference,
    },
    /// The text is malformed.
    #[error("`{field}`: {error}")]
    Malformed {
        /// Path in the arguments.
        field: String,
        /// Why.
        error: ReferenceError,
    },
}

/// Replaces every reference in `arguments` by what `lookup` knows. What came in by a reference is not
/// searched again: an output that looks like a secret's reference stays a text.
pub fn resolve(
    arguments: &Map,
    mut lookup: impl FnMut(&Reference) -> Option<Value>,
) -> Result<Map, ResolveError> {
    resolve_members(arguments, "", &mut lookup)
}

type Lookup<'l> = &'l mut dyn FnMut(&Reference) -> Option<Value>;

fn resolve_members(members: &Map, field: &str, lookup: Lookup<'_>) -> Result<Map, ResolveError> {
    let mut resolved = Map::new();
    for (name, value) in members {
        let path = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
        resolved.insert(name.clone(), resolve_value(value, &path, lookup)?);
    }
    Ok(resolved)
}

fn resolve_value(value: &Value, field: &str, lookup: Lookup<'_>) -> Result<Value, ResolveError> {
    match value {
        Value::String(text) => resolve_text(text, field, lookup),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.map(|(i, v)| resolve_value(v, &format!("{field}[{i}]"), lookup)).collect()
        }
        Value::Object(members) => resolve_members(members, field, lookup).map(Value::Object),
        other => Ok(other.clone()),
    }
}

fn resolve_text(text: &str, field: &str, lookup: Lookup<'_>) -> Result<Value, ResolveError> {
    let pieces = parse(text).map_err(|error| ResolveError::Malformed { field: field.to_owned(), error })?;
    let mut value_of = |reference: &Reference| {
        let missing = || ResolveError::Missing { field: field.to_owned(), reference: reference.clone() };
        lookup(reference).ok_or_else(missing)
    };
    if let [Piece::Reference(reference)] = pieces.as_slice() {
        return value_of(reference);
    }
    let mut written = String::with_capacity(text.len());
    for piece in &pieces {
        match piece {
            Piece::Text(plain) => written.push_str(plain),
            Piece::Reference(reference) => match value_of(reference)? {
                Value::String(inner) => written.push_str(&inner),
                other => written.push_str(&other.to_string()),
            },
        }
    }
    Ok(Value::String(written))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map {
        value.as_object().unwrap().clone()
    }

    fn output(item: &str, path: &[&str]) -> Reference {
        Reference::Output {
            item: item.parse().unwrap(),
            path: path.iter().map(|s| (*s).to_owned()).collect(),
        }
    }

    #[test]
    fn reads_references_and_leaves_other_text_alone() {
        let one = |text: &str| match parse(text).unwrap().as_slice() {
            [Piece::Reference(reference)] => reference.clone(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(one("${items.a.output}"), output("a", &[]));
        assert_eq!(one("${items.a.b.output.rows.0.output}"), output("a.b", &["rows", "0", "output"]));
        assert_eq!(one("${items.output.output.x}"), output("output", &["x"]));
        assert_eq!(one("${secret:DB_PASSWORD}"), Reference::Secret("DB_PASSWORD".into()));
        for plain in ["", "$", "${", "${HOME}", "$(date)", "${x:-${y}}", "price $5", "${item.a}"] {
            let expected: Vec<Piece> =
                if plain.is_empty() { vec![] } else { vec![Piece::Text(plain.to_owned())] };
            assert_eq!(parse(plain).unwrap(), expected, "{plain}");
        }
        assert_eq!(parse("a $${secret:X} b").unwrap(), [Piece::Text("a ${secret:X} b".into())]);
        for bad in [
            "${items.a}",
            "${items.a.output",
            "${items.A.output}",
            "${items..output}",
            "${items.a.output.}",
            "${items.a.output.x y}",
            "${secret:}",
            "${secret:a b}",
            "${secret:9}",
            "x ${secret:é} y",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn resolving_keeps_types_and_never_resolves_what_came_in() {
        let arguments = map(json!({
            "whole": "${items.a.output.n}",
            "within": ["n=${items.a.output.n} t=${items.a.output.t}", 7],
            "deep": { "secret": "Bearer ${secret:S}" },
        }));
        let a = json!({ "n": 5, "t": "${secret:S}" });
        let resolved = resolve(&arguments, |reference| match reference {
            Reference::Output { path, .. } => Reference::select(path, &a).cloned(),
            Reference::Secret(name) => (name == "S").then(|| json!("s3")),
        });
        let expected =
            json!({ "whole": 5, "within": ["n=5 t=${secret:S}", 7], "deep": { "secret": "Bearer s3" } });
        assert_eq!(resolved.unwrap(), map(expected));

        let missing = resolve(&arguments, |_| None).unwrap_err();
        assert!(missing.to_string().contains("has no value"), "{missing}");
    }

    #[test]
    fn references_are_found_with_their_places() {
        let arguments = map(json!({ "a": [{ "b": "${secret:S} ${items.x.output}" }], "c": "${secret:}" }));
        let found: Vec<(String, bool)> =
            find(&arguments).into_iter().map(|f| (f.field, f.reference.is_ok())).collect();
        assert_eq!(found, [("a[0].b".into(), true), ("a[0].b".into(), true), ("c".into(), false)]);
    }
}
