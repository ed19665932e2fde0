//! The digest of a plan: a Merkle tree over the canonical form of every field that can change what an
//! execution does. `docs/digest.md` specifies it for any language.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use assent_core::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::canonical::write_canonical;
use crate::dependency::Dependency;
use crate::item::{ItemId, Map, Priority, Rollback, WorkItem};
use crate::json;
use crate::merkle::{self, InclusionProof};
use crate::money::Money;
use crate::plan::{Plan, Strategy};
use crate::span::Span;

/// What a leaf is about. The order of keys is the order of leaves: the plan, then items by id, then
/// edges by their ends. Text form: `plan`, `item/ID`, `edge/FROM/TO`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeafKey {
    /// The plan's own fields.
    Plan,
    /// One work item.
    Item(ItemId),
    /// One dependency.
    Edge(ItemId, ItemId),
}

impl fmt::Display for LeafKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.write_str("plan"),
            Self::Item(id) => write!(f, "item/{id}"),
            Self::Edge(from, to) => write!(f, "edge/{from}/{to}"),
        }
    }
}

/// A text that names no leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `plan`, `item/ID` or `edge/FROM/TO`")]
pub struct ParseLeafKeyError;

impl FromStr for LeafKey {
    type Err = ParseLeafKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = |text: &str| text.parse::<ItemId>().map_err(|_| ParseLeafKeyError);
        match text.split('/').collect::<Vec<_>>().as_slice() {
            ["plan"] => Ok(Self::Plan),
            ["item", item] => Ok(Self::Item(id(item)?)),
            ["edge", from, to] => Ok(Self::Edge(id(from)?, id(to)?)),
            _ => Err(ParseLeafKeyError),
        }
    }
}

impl Serialize for LeafKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LeafKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Root and leaves of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanDigest {
    /// What approvals and grants are bound to.
    pub root: Digest,
    /// Every leaf, in the order of the tree.
    pub leaves: BTreeMap<LeafKey, Digest>,
}

/// A plan that has no digest because two readers could disagree about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Two items with one id, or two edges between the same ends.
    #[error("the plan holds `{0}` twice")]
    Duplicate(LeafKey),
    /// A number that some readers would round.
    #[error("`{key}`: the number at `{path}` lies beyond 2^53 - 1; write it as a text")]
    InexactNumber {
        /// The leaf.
        key: LeafKey,
        /// Where in the arguments.
        path: String,
    },
    /// A value without a canonical form.
    #[error("`{0}` has no canonical JSON form")]
    NotCanonical(LeafKey),
}

impl PlanDigest {
    /// The digest of `plan`. Neither the order of items and dependencies counts, nor texts that are
    /// only for readers.
    pub fn of(plan: &Plan) -> Result<Self, DigestError> {
        let mut leaves = Vec::with_capacity(1 + plan.items.len() + plan.dependencies.len());
        each_leaf(plan, |key, text| leaves.push((key, merkle::leaf(text))))?;
        sort(&mut leaves)?;
        let root = merkle::root(&leaves.iter().map(|(_, leaf)| *leaf).collect::<Vec<_>>());
        let leaves = leaves.into_iter().collect();
        Ok(Self { root, leaves })
    }

    /// The leaf of an item.
    pub fn item(&self, id: &ItemId) -> Option<&Digest> {
        self.leaves.get(&LeafKey::Item(id.clone()))
    }

    /// Proof that the leaf of `key` belongs to the root.
    pub fn prove(&self, key: &LeafKey) -> Option<InclusionProof> {
        let index = self.leaves.keys().position(|k| k == key)?;
        merkle::prove(&self.leaves.values().copied().collect::<Vec<_>>(), index)
    }
}

/// What the leaves are digests of: exactly what an approval covers, as canonical JSON.
pub fn leaf_texts(plan: &Plan) -> Result<BTreeMap<LeafKey, String>, DigestError> {
    let mut texts = Vec::new();
    each_leaf(plan, |key, text| texts.push((key, String::from_utf8_lossy(text).into_owned())))?;
    sort(&mut texts)?;
    Ok(texts.into_iter().collect())
}

/// Puts leaves into the order of the tree; one that stands there twice is refused.
fn sort<T>(leaves: &mut [(LeafKey, T)]) -> Result<(), DigestError> {
    leaves.sort_by(|a, b| a.0.cmp(&b.0));
    match leaves.windows(2).find(|two| two[0].0 == two[1].0) {
        Some(twice) => Err(DigestError::Duplicate(twice[0].0.clone())),
        None => Ok(()),
    }
}

/// Calls `visit` with the text of every leaf, which is gone when the next one comes.
fn each_leaf(plan: &Plan, mut visit: impl FnMut(LeafKey, &[u8])) -> Result<(), DigestError> {
    let mut text = Vec::with_capacity(1024);
    write(&mut text, || LeafKey::Plan, &PlanFields::of(plan))?;
    visit(LeafKey::Plan, &text);
    for item in &plan.items {
        write_item(&mut text, item)?;
        visit(LeafKey::Item(item.id.clone()), &text);
    }
    for edge in &plan.dependencies {
        visit(LeafKey::Edge(edge.from.clone(), edge.to.clone()), edge_text(edge).as_bytes());
    }
    Ok(())
}

/// The leaf of one item: what an executor recomputes before it dispatches the item.
pub fn item_leaf(item: &WorkItem) -> Result<Digest, DigestError> {
    let mut text = Vec::new();
    write_item(&mut text, item)?;
    Ok(merkle::leaf(&text))
}

fn write_item(text: &mut Vec<u8>, item: &WorkItem) -> Result<(), DigestError> {
    let key = || LeafKey::Item(item.id.clone());
    let rollback = item.rollback.as_ref().map(|rollback| &rollback.arguments);
    for (field, map) in [("arguments", Some(&item.arguments)), ("rollback.arguments", rollback)] {
        if let Some(path) = map.and_then(json::inexact_number) {
            return Err(DigestError::InexactNumber { key: key(), path: format!("{field}.{path}") });
        }
    }
    write(text, key, &ItemFields::of(item))
}

/// Writes the canonical form in place of what `text` held.
fn write(
    text: &mut Vec<u8>,
    key: impl FnOnce() -> LeafKey,
    fields: &impl Serialize,
) -> Result<(), DigestError> {
    text.clear();
    write_canonical(text, fields).map_err(|_| DigestError::NotCanonical(key()))
}

#[derive(Serialize)]
struct PlanFields<'p> {
    kind: &'static str,
    strategy: Strategy,
    max_cost_micros: Option<String>,
    max_duration_ms: Option<String>,
    allowed_tools: BTreeSet<&'p str>,
    forbidden_tools: BTreeSet<&'p str>,
}

impl<'p> PlanFields<'p> {
    fn of(plan: &'p Plan) -> Self {
        let limits = &plan.constraints;
        Self {
            kind: "assent.plan.v1/plan",
            strategy: plan.strategy,
            max_cost_micros: limits.max_cost.map(micros),
            max_duration_ms: limits.max_duration.map(millis),
            allowed_tools: set(&limits.allowed_tools),
            forbidden_tools: set(&limits.forbidden_tools),
        }
    }
}

#[derive(Serialize)]
struct ItemFields<'p> {
    kind: &'static str,
    id: &'p ItemId,
    priority: Priority,
    tool: &'p str,
    arguments: &'p Map,
    timeout_ms: Option<String>,
    max_retries: Option<u32>,
    max_cost_micros: Option<String>,
    required_capabilities: BTreeSet<&'p str>,
    preferred_agent_type: &'p str,
    rollback: Option<&'p Rollback>,
    rollback_possible: Option<bool>,
    bounds: BTreeSet<&'p str>,
}

impl<'p> ItemFields<'p> {
    fn of(item: &'p WorkItem) -> Self {
        Self {
            kind: "assent.plan.v1/item",
            id: &item.id,
            priority: item.priority,
            tool: &item.tool,
            arguments: &item.arguments,
            timeout_ms: item.constraints.timeout.map(millis),
            max_retries: item.constraints.max_retries,
            max_cost_micros: item.constraints.max_cost.map(micros),
            required_capabilities: set(&item.required_capabilities),
            preferred_agent_type: &item.preferred_agent_type,
            rollback: item.rollback.as_ref(),
            rollback_possible: item.rollback_possible,
            bounds: item.bounds.iter().map(|bound| bound.expression.as_str()).collect(),
        }
    }
}

/// Ids and names hold nothing that JSON would escape, so that the canonical form can be written down.
fn edge_text(edge: &Dependency) -> String {
    let Dependency { from, to, kind } = edge;
    format!(r#"{{"from":"{from}","kind":"assent.plan.v1/edge","to":"{to}","type":"{kind}"}}"#)
}

// 64-bit integers travel as texts, as in proto3 JSON: a double does not hold them all.
fn micros(amount: Money) -> String {
    amount.micros().to_string()
}

fn millis(span: Span) -> String {
    span.millis().to_string()
}

fn set(names: &[String]) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}
