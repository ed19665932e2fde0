//! What rules are asked about: every call that a plan makes, and the plan as a whole. Whatever takes time is found
//! out when the first rule asks for it.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use assent_plan::catalog::SideEffects;
use assent_plan::references::{self, Reference};
use assent_plan::{Catalog, Map, Plan, RiskLevel, Tool, WorkItem};

use super::analysis::{data, money};
use super::meaning::{Asked, Meaning, names_production};
use super::patterns::{Findings, Patterns, Text, joined, push_line, texts};

/// A call of a tool: an item's own, or that of its rollback.
#[derive(Debug)]
pub(super) struct Call<'p> {
    pub(super) item: &'p WorkItem,
    pub(super) name: &'p str,
    pub(super) tool: Option<&'p Tool>,
    pub(super) arguments: &'p Map,
    pub(super) is_rollback: bool,
    patterns: &'p Patterns,
    /// All texts of the arguments as one.
    text: String,
    /// First way in which the arguments break the tool's schema.
    broken: Option<String>,
    found: OnceCell<Findings>,
    hosts: OnceCell<Vec<String>>,
    references: OnceCell<References>,
    meaning: OnceCell<Meaning>,
    amount: OnceCell<f64>,
}

/// What the arguments refer to.
#[derive(Debug, Default)]
pub(super) struct References {
    /// Names, sorted.
    pub(super) secrets: Vec<String>,
    /// Fields.
    pub(super) late_bound: Vec<String>,
    /// First text that begins like a reference and is none.
    malformed: Option<String>,
}

/// All calls of a plan. The usual rollback of a tool is part of the tool; one that the author chose is a call
/// like any other.
pub(super) fn calls<'p>(plan: &'p Plan, catalog: &'p Catalog, patterns: &'p Patterns) -> Vec<Call<'p>> {
    let mut calls = Vec::with_capacity(plan.items.len());
    for item in &plan.items {
        let own = Call::new(item, &item.tool, &item.arguments, false, catalog, patterns);
        let tool = own.tool;
        calls.push(own);
        if let Some(rollback) = &item.rollback {
            let usual = tool.and_then(|tool| tool.rollback_for(&item.arguments));
            if usual.as_ref() != Some(rollback) {
                let call = Call::new(item, &rollback.tool, &rollback.arguments, true, catalog, patterns);
                calls.push(call);
            }
        }
    }
    calls
}

impl<'p> Call<'p> {
    fn new(
        item: &'p WorkItem,
        name: &'p str,
        arguments: &'p Map,
        is_rollback: bool,
        catalog: &'p Catalog,
        patterns: &'p Patterns,
    ) -> Self {
        let broken = catalog.check_arguments(name, arguments).into_iter().next();
        Self {
            item,
            name,
            tool: catalog.get(name),
            arguments,
            is_rollback,
            patterns,
            text: joined(arguments),
            broken: broken.map(|error| format!("{}{}: {}", place(is_rollback), error.pointer, error.message)),
            found: OnceCell::new(),
            hosts: OnceCell::new(),
            references: OnceCell::new(),
            meaning: OnceCell::new(),
            amount: OnceCell::new(),
        }
    }

    /// Patterns of the policy that stand in the arguments, or in the commands that these amount to.
    pub(super) fn found(&self) -> &Findings {
        self.found.get_or_init(|| {
            let commands = &self.meaning().commands;
            let mut all = self.text.clone();
            commands.iter().for_each(|command| push_line(command, &mut all));
            self.patterns.find(&all, || {
                let mut texts = texts(place(self.is_rollback), self.arguments);
                let command = |text| Text { place: "the command, read as a shell does".to_owned(), text };
                texts.extend(commands.iter().map(|text| command(text.as_str())));
                texts
            })
        })
    }

    /// What the arguments mean.
    pub(super) fn meaning(&self) -> &Meaning {
        self.meaning.get_or_init(|| {
            Meaning::of(Asked {
                tool: self.name,
                is_known: self.tool.is_some(),
                side_effects: self.side_effects(),
                arguments: self.arguments,
                text: &self.text,
            })
        })
    }

    /// The greatest amount of money that the arguments name; zero when they name none.
    pub(super) fn amount(&self) -> f64 {
        *self.amount.get_or_init(|| money::greatest(self.arguments).unwrap_or_default())
    }

    /// Hosts of URLs in the arguments.
    pub(super) fn hosts(&self) -> &[String] {
        self.hosts.get_or_init(|| self.patterns.hosts(&self.text))
    }

    pub(super) fn references(&self) -> &References {
        self.references.get_or_init(|| {
            if !self.text.contains("${") {
                return References::default();
            }
            let mut secrets = BTreeSet::new();
            let mut references = References::default();
            for found in references::find(self.arguments) {
                match found.reference {
                    Ok(Reference::Secret(name)) => {
                        secrets.insert(name);
                    }
                    Ok(Reference::Output { .. }) => references.late_bound.push(found.field),
                    Err(error) => {
                        let place = place(self.is_rollback);
                        references.malformed.get_or_insert(format!("{place}.{}: {error}", found.field));
                    }
                }
            }
            references.late_bound.dedup();
            references.secrets = secrets.into_iter().collect();
            references
        })
    }

    /// First way in which the arguments cannot be understood.
    pub(super) fn unreadable(&self) -> Option<&str> {
        let by_text = || self.references().malformed.as_deref();
        self.broken.as_deref().or_else(by_text).or_else(|| self.unreadable_code())
    }

    fn unreadable_code(&self) -> Option<&'static str> {
        let is_unreadable = |names: &[String]| names.iter().any(|name| name == "unreadable");
        let meaning = self.meaning();
        if is_unreadable(&meaning.shell) {
            Some("a command that no shell would read, or too long a one")
        } else if is_unreadable(&meaning.sql) {
            Some("a statement that cannot be read as SQL")
        } else {
            None
        }
    }

    /// Least level of the call, whatever the rules say.
    pub(super) fn base(&self) -> RiskLevel {
        let Some(tool) = self.tool else { return RiskLevel::High };
        let least = if tool.side_effects == SideEffects::None { RiskLevel::Low } else { RiskLevel::Medium };
        tool.default_risk.unwrap_or(least)
    }

    /// Of an unknown tool the worst is assumed.
    pub(super) fn side_effects(&self) -> SideEffects {
        self.tool.map_or(SideEffects::External, |tool| tool.side_effects)
    }

    pub(super) fn can_roll_back(&self) -> bool {
        let usual = || self.tool.and_then(|tool| tool.rollback.as_ref()).is_some();
        self.item.rollback_possible != Some(false) && (self.item.rollback.is_some() || usual())
    }
}

const fn place(is_rollback: bool) -> &'static str {
    if is_rollback { "rollback.arguments" } else { "arguments" }
}

/// The plan as a whole.
#[derive(Debug)]
pub(super) struct Whole<'p> {
    pub(super) plan: &'p Plan,
    calls: &'p [Call<'p>],
    patterns: &'p Patterns,
    found: OnceCell<Findings>,
    tools: OnceCell<Vec<String>>,
    secrets: OnceCell<Vec<String>>,
    hosts: OnceCell<Vec<String>>,
    data: OnceCell<Vec<String>>,
}

impl<'p> Whole<'p> {
    pub(super) fn new(plan: &'p Plan, calls: &'p [Call<'p>], patterns: &'p Patterns) -> Self {
        Self {
            plan,
            calls,
            patterns,
            found: OnceCell::new(),
            tools: OnceCell::new(),
            secrets: OnceCell::new(),
            hosts: OnceCell::new(),
            data: OnceCell::new(),
        }
    }

    /// Patterns of the policy that stand in goal, intent, context or any call.
    pub(super) fn found(&self) -> &Findings {
        self.found.get_or_init(|| {
            let plan = self.plan;
            let mut text = joined(&plan.context);
            push_line(&plan.goal, &mut text);
            push_line(&plan.intent, &mut text);
            let mut found = self.patterns.find(&text, || {
                let mut words = vec![
                    Text { place: "goal".to_owned(), text: &plan.goal },
                    Text { place: "intent".to_owned(), text: &plan.intent },
                ];
                words.extend(texts("context", &plan.context));
                words
            });
            let mut known: BTreeSet<String> = found.names.iter().cloned().collect();
            for call in self.calls {
                for (name, place) in call.found().iter() {
                    if !known.contains(name) {
                        known.insert(name.to_owned());
                        found.push(name, format!("{place} of item `{}`", call.item.id));
                    }
                }
            }
            found
        })
    }

    pub(super) fn tools(&self) -> &[String] {
        self.tools.get_or_init(|| sorted(self.calls.iter().map(|call| call.name)))
    }

    pub(super) fn secrets(&self) -> &[String] {
        let of_call = |call: &'p Call<'p>| call.references().secrets.iter().map(String::as_str);
        self.secrets.get_or_init(|| sorted(self.calls.iter().flat_map(of_call)))
    }

    pub(super) fn hosts(&self) -> &[String] {
        let of_call = |call: &'p Call<'p>| call.hosts().iter().map(String::as_str);
        self.hosts.get_or_init(|| sorted(self.calls.iter().flat_map(of_call)))
    }

    /// Classes of data that goal, intent, context or any call speaks of.
    pub(super) fn data(&self) -> &[String] {
        self.data.get_or_init(|| {
            let mut text = joined(&self.plan.context);
            push_line(&self.plan.goal, &mut text);
            push_line(&self.plan.intent, &mut text);
            let own: Vec<&str> = data::classes(&text).into_iter().map(data::Class::as_str).collect();
            sorted(
                own.into_iter()
                    .chain(self.calls.iter().flat_map(|call| call.meaning().data.iter().map(String::as_str))),
            )
        })
    }

    /// Whether the context or any call names production.
    pub(super) fn is_production(&self) -> bool {
        let said = || names_production(&joined(&self.plan.context)) || names_production(&self.plan.goal);
        self.calls.iter().any(|call| call.meaning().is_production) || said()
    }

    /// Whether any call hands data to others.
    pub(super) fn sends(&self) -> bool {
        self.calls.iter().any(|call| call.meaning().sends)
    }

    /// All amounts of money together.
    pub(super) fn amount(&self) -> f64 {
        self.calls.iter().filter(|call| !call.is_rollback).map(Call::amount).sum()
    }

    /// The furthest that any call reaches.
    pub(super) fn side_effects(&self) -> SideEffects {
        self.calls.iter().map(Call::side_effects).max().unwrap_or(SideEffects::None)
    }
}

fn sorted<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    let once: BTreeSet<&str> = texts.collect();
    once.into_iter().map(str::to_owned).collect()
}
