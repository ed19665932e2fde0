//! A playbook: goals that it fits, and the plan that it makes of them.
//!
//! Values from a goal reach arguments through templates. Text of generated code is handed on as it stands; values
//! belong into the `values` of the item, because whatever stands in a template of the executor is executed there.

use std::collections::{BTreeMap, BTreeSet};

use assent_plan::{Catalog, Dependency, Plan, Strategy, WorkItem, validate};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value as Json;

use super::render::{Renderer, Values, literal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    description: String,
    examples: Vec<String>,
    r#match: Vec<MatchFile>,
    #[serde(default)]
    parameters: Vec<ParameterFile>,
    #[serde(default)]
    templates: BTreeMap<String, String>,
    plan: Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MatchFile {
    score: u32,
    pattern: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterFile {
    name: String,
    value: String,
    #[serde(default)]
    default: String,
    pattern: String,
}

/// The part of a plan that a playbook writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    intent: String,
    strategy: Strategy,
    items: Vec<WorkItem>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    value: String,
    default: String,
    pattern: Regex,
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
    body: Json,
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

/// A text that is no playbook, or a playbook that yields no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlaybookError {
    /// The text cannot be read; names line and column.
    #[error("the playbook cannot be read: {0}")]
    Unreadable(String),
    /// The name is none.
    #[error("`{0}` is no name of a playbook; expected lowercase letters, digits and `-`")]
    Name(String),
    /// There is another playbook of that name.
    #[error("there is a playbook `{0}` already")]
    NameTaken(String),
    /// Without examples, nothing shows that it works.
    #[error("the playbook has no example")]
    NoExample,
    /// A pattern is no regular expression.
    #[error("`{pattern}` cannot be used")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        #[source]
        source: Box<regex::Error>,
    },
    /// A template cannot be rendered.
    #[error("a template cannot be rendered: {0}")]
    Template(#[from] minijinja::Error),
    /// What was rendered is no plan.
    #[error("what it makes is no plan: {0}")]
    NoPlan(#[from] serde_json::Error),
    /// The playbook does not fit its own example.
    #[error("it does not fit its own example {0:?}")]
    ExampleUnmatched(String),
    /// The plan of an example is not sound.
    #[error("the plan for its example {example:?} is not sound: {field}: {why}")]
    ExampleUnsound {
        /// The example.
        example: String,
        /// The field.
        field: String,
        /// The first thing that is wrong.
        why: String,
    },
}

fn regex(pattern: &str) -> Result<Regex, PlaybookError> {
    Regex::new(pattern)
        .map_err(|source| PlaybookError::Pattern { pattern: pattern.to_owned(), source: Box::new(source) })
}

impl Playbook {
    /// Reads a playbook and tries it with its own examples.
    ///
    /// # Errors
    /// Says where and why it cannot be used.
    pub fn from_yaml(text: &str, catalog: &Catalog) -> Result<Self, PlaybookError> {
        let file: File =
            serde_saphyr::from_str(text).map_err(|error| PlaybookError::Unreadable(error.to_string()))?;
        let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if file.name.is_empty() || !file.name.bytes().all(named) {
            return Err(PlaybookError::Name(file.name));
        }
        let matches = file.r#match.iter().map(|m| Ok((m.score, regex(&m.pattern)?)));
        let parameters = file.parameters.into_iter().map(|p| {
            let pattern = regex(&format!("^(?:{})$", p.pattern))?;
            Ok(Parameter { name: p.name, value: p.value, default: p.default, pattern })
        });
        let playbook = Self {
            matches: matches.collect::<Result<_, PlaybookError>>()?,
            parameters: parameters.collect::<Result<_, PlaybookError>>()?,
            name: file.name,
            description: file.description,
            examples: file.examples,
            templates: file.templates,
            body: file.plan,
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

    /// Whether and how it fits `goal`. A value that a parameter does not take makes it unfit: another value than
    /// the one asked for would be another goal.
    pub fn fit(&self, goal: &str) -> Option<Fit> {
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
            let rendered =
                Renderer::new(&values, &BTreeMap::new()).and_then(|r| r.text(&parameter.value)).ok()?;
            let value = if rendered.is_empty() { parameter.default.clone() } else { rendered };
            if !parameter.pattern.is_match(&value) {
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
        let rendered = Renderer::new(&values, &self.templates)?.json(&self.body)?;
        let body: Body = serde_json::from_value(rendered)?;
        Ok(Plan {
            intent: body.intent,
            strategy: body.strategy,
            items: body.items,
            dependencies: body.dependencies,
            origin: format!("playbook:{}", self.name),
            ..Plan::new(goal)
        })
    }

    fn try_examples(&self, catalog: &Catalog) -> Result<(), PlaybookError> {
        if self.examples.is_empty() {
            return Err(PlaybookError::NoExample);
        }
        for example in &self.examples {
            let fit = self.fit(example).ok_or_else(|| PlaybookError::ExampleUnmatched(example.clone()))?;
            let plan = self.plan(example, &fit)?;
            if let Some(error) = validate(&plan, catalog).errors.into_iter().next() {
                let (field, why) = (error.field, error.message);
                return Err(PlaybookError::ExampleUnsound { example: example.clone(), field, why });
            }
        }
        Ok(())
    }
}
