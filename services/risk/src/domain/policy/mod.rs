//! The policy: YAML that says which calls and plans are how risky, and who must approve what.

mod compile;
mod diagnostic;
mod file;

use std::collections::BTreeSet;

use assent_core::Digest;
use assent_plan::{ApprovalRequirement, RiskLevel};

use super::cel::Condition;
use super::fields::Scope;
use super::patterns::Patterns;

pub use diagnostic::{Diagnostic, PolicyError, Severity};

/// What a rule that matches puts into the assessment.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) rule: String,
    pub(super) level: RiskLevel,
    pub(super) factor: String,
    pub(super) description: String,
    pub(super) mitigation: String,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) over: Scope,
    /// Any of them is enough.
    pub(super) conditions: Vec<Condition>,
    pub(super) outcome: Outcome,
}

#[derive(Debug)]
pub(super) struct Escalation {
    pub(super) all: BTreeSet<String>,
    pub(super) outcome: Outcome,
}

/// A policy that can be applied.
#[derive(Debug)]
pub struct Policy {
    text: String,
    digest: Digest,
    pub(super) patterns: Patterns,
    pub(super) rules: Vec<Rule>,
    pub(super) escalations: Vec<Escalation>,
    requirements: [ApprovalRequirement; 4],
    warnings: Vec<Diagnostic>,
}

impl Policy {
    /// The text of the policy that Assent ships.
    pub const BUILTIN: &'static str = concat!(
        include_str!("../../../policy/default/1-head.yaml"),
        include_str!("../../../policy/default/2-rest.yaml"),
    );

    /// The policy that Assent ships.
    ///
    /// # Errors
    /// Only through a defect of the shipped text.
    pub fn builtin() -> Result<Self, PolicyError> {
        Self::from_yaml(Self::BUILTIN)
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// Everything that keeps it from being used, with line and column.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        compile::compile(text).map_err(|diagnostics| PolicyError { diagnostics })
    }

    /// The text, as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What looks like a mistake.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Names of all rules and escalations, in the order of the text.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        let rules = self.rules.iter().map(|rule| &rule.outcome);
        let escalations = self.escalations.iter().map(|escalation| &escalation.outcome);
        rules.chain(escalations).map(|outcome| outcome.rule.as_str())
    }

    /// Who must approve a plan of `level`.
    pub fn requirement(&self, level: RiskLevel) -> &ApprovalRequirement {
        let [low, medium, high, critical] = &self.requirements;
        match level {
            RiskLevel::Low => low,
            RiskLevel::Medium => medium,
            RiskLevel::High => high,
            RiskLevel::Critical => critical,
        }
    }
}
