//! Functions of conditions.

use std::borrow::Cow;
use std::rc::Rc;

use super::eval::Unclear;
use super::value::Val;
use crate::domain::analysis::shell::Script;
use crate::domain::analysis::sql::Statements;
use crate::domain::analysis::{data, glob, money};

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
    PathMatches,
    HostMatches,
    Money,
    DataClasses,
    SqlKinds,
    ShellCommands,
    ShellPrograms,
    ShellTraits,
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
    ("path_matches", Function::PathMatches, 2),
    ("host_matches", Function::HostMatches, 2),
    ("money", Function::Money, 1),
    ("data_classes", Function::DataClasses, 1),
    ("sql_kinds", Function::SqlKinds, 1),
    ("shell_commands", Function::ShellCommands, 1),
    ("shell_programs", Function::ShellPrograms, 1),
    ("shell_traits", Function::ShellTraits, 1),
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

    /// Steps that a call takes.
    pub(super) fn cost(self, arguments: &[Val<'_>]) -> usize {
        let size: usize = arguments.iter().map(Val::weight).sum();
        match (self, arguments) {
            (Self::PathMatches | Self::HostMatches, [texts, globs]) => {
                size + 4 * texts.len().unwrap_or(1).saturating_mul(globs.len().unwrap_or(1))
            }
            (Self::DataClasses | Self::SqlKinds, _) => 200 + 8 * size,
            (Self::ShellCommands | Self::ShellPrograms | Self::ShellTraits, _) => 1_000 + 16 * size,
            _ => size,
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
            (Self::PathMatches, [paths, globs]) => any_matches(paths, globs, glob::path_matches),
            (Self::HostMatches, [hosts, globs]) => any_matches(hosts, globs, glob::host_matches),
            (Self::Money, [Val::Text(text)]) => money::amount(text).map(Val::Float).ok_or(Unclear),
            (Self::Money, [value]) => float(value).map(Val::Float).ok_or(Unclear),
            (Self::DataClasses, [Val::Text(text)]) => {
                Ok(names(data::classes(text).into_iter().map(|class| class.as_str().to_owned())))
            }
            (Self::SqlKinds, [Val::Text(text)]) => {
                let mut statements = Statements::default();
                statements.add_certain(text);
                Ok(names(statements.kinds.into_iter().map(|kind| kind.as_str().to_owned())))
            }
            (Self::ShellCommands, [Val::Text(text)]) => Ok(names(script(text).commands.into_iter())),
            (Self::ShellPrograms, [Val::Text(text)]) => Ok(names(script(text).programs.into_iter())),
            (Self::ShellTraits, [Val::Text(text)]) => {
                Ok(names(script(text).traits.into_iter().map(|of| of.as_str().to_owned())))
            }
            _ => Err(Unclear),
        }
    }
}

fn script(text: &str) -> Script {
    let mut script = Script::default();
    script.add_text(text);
    script
}

fn names<'v>(names: impl Iterator<Item = String>) -> Val<'v> {
    Val::List(Rc::new(names.map(|name| Val::Text(Cow::Owned(name))).collect()))
}

/// Whether any text of `of` matches any glob of `globs`; each may be one text or a list of them.
fn any_matches<'v>(
    of: &Val<'v>,
    globs: &Val<'v>,
    matches: fn(&str, &str) -> bool,
) -> Result<Val<'v>, Unclear> {
    let (texts, globs) = (texts(of)?, texts(globs)?);
    Ok(Val::Bool(texts.iter().any(|text| globs.iter().any(|glob| matches(text, glob)))))
}

fn texts<'v>(of: &Val<'v>) -> Result<Vec<Cow<'v, str>>, Unclear> {
    if let Val::Text(text) = of {
        return Ok(vec![text.clone()]);
    }
    let text = |value| if let Val::Text(text) = value { Ok(text) } else { Err(Unclear) };
    of.elements().ok_or(Unclear)?.map(text).collect()
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
