//! The form of a policy in YAML.

use std::collections::BTreeMap;

use assent_plan::{ApprovalRequirement, RiskLevel};
use serde::Deserialize;
use serde_saphyr::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) patterns: BTreeMap<String, Spanned<String>>,
    pub(super) rules: Vec<RuleFile>,
    #[serde(default)]
    pub(super) escalations: Vec<EscalationFile>,
    pub(super) requirements: BTreeMap<RiskLevel, Spanned<ApprovalRequirement>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) over: Over,
    pub(super) when: Vec<Spanned<String>>,
    pub(super) level: RiskLevel,
    pub(super) factor: Spanned<String>,
    pub(super) description: String,
    #[serde(default)]
    pub(super) mitigation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EscalationFile {
    pub(super) name: Spanned<String>,
    pub(super) all: Vec<Spanned<String>>,
    pub(super) level: RiskLevel,
    pub(super) factor: Spanned<String>,
    pub(super) description: String,
    #[serde(default)]
    pub(super) mitigation: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Over {
    /// Asked about every call.
    #[default]
    Calls,
    /// Asked once.
    Plan,
}
