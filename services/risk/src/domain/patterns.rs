//! Named patterns of a policy, looked for in every text of a call. Compiled once, in linear time however a text
//! is made; rules ask for their names.

use std::collections::BTreeMap;

use assent_plan::Map;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde_json::Value;

#[derive(Debug)]
pub(super) struct Patterns {
    names: Vec<String>,
    all: RegexSet,
    each: Vec<Regex>,
    host: Regex,
}

/// A pattern that was found, and in which field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) pattern: String,
    pub(super) place: String,
}

/// A text and the path of its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'t> {
    pub(super) place: String,
    pub(super) text: &'t str,
}

impl Patterns {
    /// Compiles patterns by name; they match in any case and `^` and `$` at every line.
    pub(super) fn compile(patterns: &BTreeMap<String, String>) -> Result<Self, regex::Error> {
        let all = RegexSetBuilder::new(patterns.values()).case_insensitive(true).multi_line(true).build()?;
        let one = |text: &String| RegexBuilder::new(text).case_insensitive(true).multi_line(true).build();
        Ok(Self {
            names: patterns.keys().cloned().collect(),
            each: patterns.values().map(one).collect::<Result<_, _>>()?,
            host: Regex::new(r"(?i)\b[a-z][a-z0-9+.-]*://(?:[^/\s@]*@)?(\[[0-9a-f:.]+\]|[a-z0-9._-]+)")?,
            all,
        })
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Every pattern that stands somewhere in `texts`, by name.
    pub(super) fn find(&self, texts: &[Text<'_>]) -> Vec<Found> {
        // As one text, because a command may be spread over the elements of a list.
        let joined = texts.iter().map(|t| t.text).collect::<Vec<_>>().join("\n");
        let found = self.all.matches(&joined).into_iter().map(|index| {
            let within = texts.iter().find(|t| self.each[index].is_match(t.text)).or(texts.first());
            let place = within.map_or_else(String::new, |t| t.place.clone());
            Found { pattern: self.names[index].clone(), place }
        });
        found.collect()
    }

    /// Hosts of every URL in `texts`, in lower case, sorted.
    pub(super) fn hosts(&self, texts: &[Text<'_>]) -> Vec<String> {
        let mut hosts: Vec<String> = texts
            .iter()
            .flat_map(|t| self.host.captures_iter(t.text))
            .filter_map(|found| found.get(1).map(|host| host.as_str().to_lowercase()))
            .collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }
}

/// Every text and member name in `map`, with its path below `place`.
pub(super) fn texts<'m>(place: &str, map: &'m Map) -> Vec<Text<'m>> {
    let mut texts = Vec::new();
    walk_members(place, map, &mut texts);
    texts
}

fn walk_members<'m>(place: &str, map: &'m Map, texts: &mut Vec<Text<'m>>) {
    for (name, value) in map {
        let place = format!("{place}.{name}");
        texts.push(Text { place: place.clone(), text: name });
        walk(place, value, texts);
    }
}

fn walk<'m>(place: String, value: &'m Value, texts: &mut Vec<Text<'m>>) {
    match value {
        Value::String(text) => texts.push(Text { place, text }),
        // One place for a list, whose elements mean something only together.
        Value::Array(items) => items.iter().for_each(|item| walk(place.clone(), item, texts)),
        Value::Object(members) => walk_members(&place, members, texts),
        _ => {}
    }
}
