//! Named patterns of a policy, looked for in every text of a call. Compiled once, in linear time however a text
//! is made; rules ask for their names.

use std::collections::BTreeMap;

use assent_plan::Map;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde_json::Value;

/// Most memory that all patterns may take together, and what a search may keep besides, in bytes.
const SIZE: usize = 16 << 20;

#[derive(Debug)]
pub(super) struct Patterns {
    names: Vec<String>,
    all: RegexSet,
    each: Vec<Regex>,
    host: regex::Regex,
}

/// Patterns that were found, by name, and in which field each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) names: Vec<String>,
    pub(super) places: Vec<String>,
}

impl Findings {
    pub(super) fn push(&mut self, name: &str, place: String) {
        self.names.push(name.to_owned());
        self.places.push(place);
    }

    /// Names and places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names.iter().map(String::as_str).zip(self.places.iter().map(String::as_str))
    }
}

/// A text and the path of its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'t> {
    pub(super) place: String,
    pub(super) text: &'t str,
}

impl Patterns {
    /// Compiles patterns by name; they match in any case and `^` and `$` at every line. Classes such as `\w` are
    /// those of ASCII, as they are to the programs that will read the texts.
    pub(super) fn compile(patterns: &BTreeMap<String, String>) -> Result<Self, regex::Error> {
        let all = RegexSetBuilder::new(patterns.values())
            .case_insensitive(true)
            .multi_line(true)
            .unicode(false)
            .size_limit(SIZE)
            .dfa_size_limit(SIZE)
            .build()?;
        let one = |text: &String| {
            RegexBuilder::new(text)
                .case_insensitive(true)
                .multi_line(true)
                .unicode(false)
                .size_limit(SIZE)
                .build()
        };
        Ok(Self {
            names: patterns.keys().cloned().collect(),
            each: patterns.values().map(one).collect::<Result<_, _>>()?,
            host: regex::Regex::new(
                r"(?i)\b[a-z][a-z0-9+.-]*://(?:[^/\s@]*@)?(\[[0-9a-f:.]+\]|[a-z0-9._-]+)",
            )?,
            all,
        })
    }

    /// Whether `pattern` can be compiled at all.
    pub(super) fn check(pattern: &str) -> Result<(), regex::Error> {
        RegexBuilder::new(pattern).unicode(false).size_limit(SIZE).build().map(drop)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Every pattern that stands somewhere in `joined`; `texts` says what that was joined of.
    pub(super) fn find<'t>(&self, joined: &str, texts: impl FnOnce() -> Vec<Text<'t>>) -> Findings {
        let mut findings = Findings::default();
        let matches = self.all.matches(joined.as_bytes());
        if !matches.matched_any() {
            return findings;
        }
        let texts = texts();
        for index in &matches {
            let within = texts.iter().find(|t| self.each[index].is_match(t.text.as_bytes()));
            let place = within.or(texts.first()).map_or_else(String::new, |text| text.place.clone());
            findings.push(&self.names[index], place);
        }
        findings
    }

    /// Hosts of every URL in `text`, in lower case, sorted.
    pub(super) fn hosts(&self, text: &str) -> Vec<String> {
        if !text.contains("://") {
            return Vec::new();
        }
        let found = self.host.captures_iter(text).filter_map(|found| found.get(1));
        let mut hosts: Vec<String> = found.map(|host| host.as_str().to_lowercase()).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }
}

/// Every text and member name in `map` as one text, because a command may be spread over the elements of a list.
pub(super) fn joined(map: &Map) -> String {
    let mut text = String::new();
    for (name, value) in map {
        join(name, value, &mut text);
    }
    text
}

fn join(name: &str, value: &Value, into: &mut String) {
    if !name.is_empty() {
        push_line(name, into);
    }
    match value {
        Value::String(text) => push_line(text, into),
        Value::Array(items) => items.iter().for_each(|item| join("", item, into)),
        Value::Object(members) => members.iter().for_each(|(name, value)| join(name, value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(super) fn push_line(line: &str, into: &mut String) {
    if !into.is_empty() {
        into.push('\n');
    }
    into.push_str(line);
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
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
