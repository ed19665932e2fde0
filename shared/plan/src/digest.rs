//! The digest of a plan: a Merkle tree over the canonical form of every field that can change what an
//! execution does. `docs/digest.md` specifies it for any language.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fmt;
use std::str::FromStr;

use assent_core::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
        let texts = leaf_texts(plan)?;
        let leaves: BTreeMap<_, _> =
            texts.into_iter().map(|(key, text)| (key, merkle::leaf(text.as_bytes()))).collect();
        let root = merkle::root(&leaves.values().copied().collect::<Vec<_>>());
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
    let mut texts = BTreeMap::new();
    let mut add = |key: LeafKey, text| match texts.entry(key) {
        Entry::Vacant(free) => {
            free.insert(text);
            Ok(())
        }
        Entry::Occupied(taken) => Err(DigestError::Duplicate(taken.key().clone())),
    };
    add(LeafKey::Plan, canonical(|| LeafKey::Plan, &PlanFields::of(plan))?)?;
    for item in &plan.items {
        add(LeafKey::Item(item.id.clone()), item_text(item)?)?;
    }
    for edge in &plan.dependencies {
        add(LeafKey::Edge(edge.from.clone(), edge.to.clone()), edge_text(edge))?;
    }
    Ok(texts)
}

/// The leaf of one item: what an executor recomputes before it dispatches the item.
pub fn item_leaf(item: &WorkItem) -> Result<Digest, DigestError> {
    item_text(item).map(|text| merkle::leaf(text.as_bytes()))
}

fn item_text(item: &WorkItem) -> Result<String, DigestError> {
    let key = || LeafKey::Item(item.id.clone());
    let rollback = item.rollback.as_ref().map(|rollback| &rollback.arguments);
    for (field, map) in [("arguments", Some(&item.arguments)), ("rollback.arguments", rollback)] {
        if let Some(path) = map.and_then(json::inexact_number) {
            return Err(DigestError::InexactNumber { key: key(), path: format!("{field}.{path}") });
        }
    }
    canonical(key, &ItemFields::of(item))
}

fn canonical(key: impl FnOnce() -> LeafKey, fields: &impl Serialize) -> Result<String, DigestError> {
    let text = json::canonical(fields).and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| DigestError::NotCanonical(key()))
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
