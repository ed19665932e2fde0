//! A playbook: goals that it fits, and the plan that it makes of them.
//!
//! Values from a goal reach arguments through templates. Text of generated code is handed on as it stands; values
//! belong into the `values` of the item, because whatever stands in a template of the executor is executed there.

mod error;
mod file;

use std::collections::{BTreeMap, BTreeSet};

use assent_plan::{Catalog, Map, Plan, validate};
use regex::Regex;
use serde_json::{Value as Json, json};

use super::body::Body;
use super::render::{Renderer, Values, literal};
pub use error::PlaybookError;
use file::{File, PlanFile};

pub use file::schema;

#[derive(Debug)]
struct Parameter {
    name: String,
    value: String,
    default: String,
    pattern: Regex,
    max_length: Option<usize>,
}

impl Parameter {
    fn takes(&self, value: &str) -> bool {
        self.max_length.is_none_or(|most| value.chars().nth(most).is_none()) && self.pattern.is_match(value)
    }
}

/// A template of plans.
#[derive(Debug)]
pub struct Playbook {
    name: String,
    description: String,
    examples: Vec<String>,
    matches: Vec<(u32, Regex)>,
    parameters: Vec<Parameter>,
    templates: BTreeMap<String, String>,
    requires: Vec<String>,
    plan: PlanFile,
}

/// How a playbook fits a goal: how specifically, and with which values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    score: u32,
    values: Values,
}

impl Fit {
    /// The higher, the more specific.
    pub fn score(&self) -> u32 {
        self.score
    }
}

fn regex(pattern: &str) -> Result<Regex, PlaybookError> {
    compiled(pattern, pattern)
}

/// Matches a whole text only.
fn whole(pattern: &str) -> Result<Regex, PlaybookError> {
    compiled(&format!("^(?:{pattern})$"), pattern)
}

fn compiled(text: &str, pattern: &str) -> Result<Regex, PlaybookError> {
    Regex::new(text)
        .map_err(|source| PlaybookError::Pattern { pattern: pattern.to_owned(), source: Box::new(source) })
}

impl Playbook {
    /// Reads a playbook and tries it with its own examples.
    ///
    /// # Errors
    /// Says where and why it cannot be used.
    pub fn from_yaml(text: &str, catalog: &Catalog) -> Result<Self, PlaybookError> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| PlaybookError::Unreadable {
            line: error.location().map(|location| location.line()),
            why: error.to_string(),
        })?;
        let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if file.name.is_empty() || !file.name.bytes().all(named) {
            return Err(PlaybookError::Name(file.name));
        }
        let matches = file.r#match.iter().map(|m| Ok((m.score, regex(&m.pattern)?)));
        let parameters = file.parameters.into_iter().map(|p| {
            let pattern = whole(&p.pattern)?;
            let max_length = p.max_length;
            Ok(Parameter { name: p.name, value: p.value, default: p.default, pattern, max_length })
        });
        let playbook = Self {
            matches: matches.collect::<Result<_, PlaybookError>>()?,
            parameters: parameters.collect::<Result<_, PlaybookError>>()?,
            name: file.name,
            description: file.description,
            examples: file.examples,
            templates: file.templates,
            requires: file.requires,
            plan: file.plan,
        };
        playbook.try_examples(catalog)?;
        Ok(playbook)
    }

    /// Unique name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Goals that it fits.
    pub fn examples(&self) -> &[String] {
        &self.examples
    }

    /// What must be configured before its plans run.
    pub fn requires(&self) -> &[String] {
        &self.requires
    }

    /// Whether and how it fits `goal`, of which `context` knows more. A value that a parameter does not take makes it unfit: another value than
    /// the one asked for would be another goal.
    pub fn fit(&self, goal: &str, context: &Map) -> Option<Fit> {
        let mut found: Vec<_> =
            self.matches.iter().filter_map(|(score, regex)| Some((*score, regex.captures(goal)?))).collect();
        // Stable, so that of equals the first counts.
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        let (score, captures) = found.into_iter().next()?;
        let mut values: Values = self.groups().map(|name| (name.to_owned(), String::new())).collect();
        for (name, value) in &mut values {
            if let Some(group) = captures.name(name) {
                *value = group.as_str().trim().to_owned();
            }
        }
        for parameter in &self.parameters {
            let rendered = Renderer::with_context(&values, context).ok()?.text(&parameter.value).ok()?;
            let value = if rendered.is_empty() { parameter.default.clone() } else { rendered };
            if !parameter.takes(&value) {
                return None;
            }
            values.insert(parameter.name.clone(), value);
        }
        Some(Fit { score, values })
    }

    fn groups(&self) -> impl Iterator<Item = &str> {
        let names: BTreeSet<&str> =
            self.matches.iter().flat_map(|(_, regex)| regex.capture_names().flatten()).collect();
        names.into_iter()
    }

    /// The plan for `goal`.
    ///
    /// # Errors
    /// When a template cannot be rendered with these values.
    pub fn plan(&self, goal: &str, fit: &Fit) -> Result<Plan, PlaybookError> {
        let values = fit.values.iter().map(|(name, text)| (name.clone(), literal(text))).collect();
        let renderer = Renderer::new(&values, &self.templates)?;
        let mut items = Vec::new();
        let mut left_out = BTreeSet::new();
        for item in &self.plan.items {
            let mut item = renderer.json(item)?;
            let when = item.as_object_mut().and_then(|members| members.remove("when"));
            let id = item.get("id").and_then(Json::as_str);
            match when.as_ref().and_then(Json::as_str) {
                Some(text) if text.trim().is_empty() => left_out.extend(id.map(str::to_owned)),
                _ => items.push(item),
            }
        }
        let mut dependencies = Vec::new();
        for edge in &self.plan.dependencies {
            let edge = renderer.json(edge)?;
            let goes =
                |end: &str| edge.get(end).and_then(Json::as_str).is_some_and(|id| left_out.contains(id));
            if !goes("from") && !goes("to") {
                dependencies.push(edge);
            }
        }
        let body: Body = serde_json::from_value(json!({
            "intent": renderer.text(&self.plan.intent)?,
            "strategy": self.plan.strategy,
            "items": items,
            "dependencies": dependencies,
        }))?;
        Ok(body.into_plan(goal, format!("playbook:{}", self.name)))
    }

    fn try_examples(&self, catalog: &Catalog) -> Result<(), PlaybookError> {
        if self.examples.is_empty() {
            return Err(PlaybookError::NoExample);
        }
        for example in &self.examples {
            let fit = self
                .fit(example, &Map::new())
                .ok_or_else(|| PlaybookError::ExampleUnmatched(example.clone()))?;
            let plan = self.plan(example, &fit)?;
            if let Some(error) = validate(&plan, catalog).errors.into_iter().next() {
                let (field, why) = (error.field, error.message);
                return Err(PlaybookError::ExampleUnsound { example: example.clone(), field, why });
            }
        }
        Ok(())
    }
}
