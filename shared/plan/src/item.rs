//! One piece of work: what to do, with which tool or agent, and how to undo it.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::money::Money;
use crate::names::named;
use crate::risk::RiskLevel;
use crate::span::Span;

/// A JSON object by its member names.
pub type Map = serde_json::Map<String, serde_json::Value>;

/// Name of a work item, unique in its plan and kept through all versions: a lowercase letter or
/// digit, then up to 63 of these, `.`, `_` and `-`. No part between dots but the first is `output`,
/// so that `${items.ID.output}` reads in one way only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(String);

impl ItemId {
    /// Longest id, in characters.
    pub const MAX_LEN: usize = 64;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no item id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an item id such as `write-file`: 1 to 64 of a-z, 0-9, `.`, `_` and `-`, \
     first a letter or digit, without `.output`"
)]
pub struct ParseItemIdError;

impl FromStr for ItemId {
    type Err = ParseItemIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let first = text.bytes().next().is_some_and(plain);
        let rest = text.bytes().all(|b| plain(b) || matches!(b, b'.' | b'_' | b'-'));
        let clear = text.split('.').skip(1).all(|part| part != "output");
        if first && rest && clear && text.len() <= Self::MAX_LEN {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseItemIdError)
        }
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Borrow<str> for ItemId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for ItemId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ItemId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

named! {
    /// What kind of work it is.
    ItemType, "work item type" {
        /// Finds something out.
        Research => "research",
        /// Makes something.
        Generation => "generation",
        /// Checks something.
        Validation => "validation",
        /// Judges something.
        Review => "review",
        /// Changes something.
        Execution => "execution",
    }
}

named! {
    /// Which of several ready items goes first. Ordered: a higher priority is greater.
    Priority, "priority" {
        /// After the others.
        Low => "low",
        /// The usual.
        Normal => "normal",
        /// Before the others.
        High => "high",
        /// First of all.
        Critical => "critical",
    }
}

/// What the work is for. Read by people and the planner; a tool never sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Objective {
    /// The state to reach.
    pub goal: String,
    /// How to tell that it was reached.
    pub success_criteria: Vec<String>,
    /// What the work starts from.
    pub inputs: Vec<String>,
    /// What the work leaves behind.
    pub outputs: Vec<String>,
}

/// Limits of one item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ItemConstraints {
    /// Longest time of one attempt; the tool's default when absent.
    pub timeout: Option<Span>,
    /// How often a failed attempt is repeated; the tool's default when absent.
    pub max_retries: Option<u32>,
    /// Most that all attempts together may cost.
    pub max_cost: Option<Money>,
}

/// How to undo a completed item: a call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// Name of a tool of the catalog.
    pub tool: String,
    /// Arguments by the tool's schema; may refer to the item's own output.
    #[serde(default)]
    pub arguments: Map,
}

/// A limit that was approved on a value known only while the plan runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// CEL over the resolved `arguments`, e.g. `arguments.amount <= 500`.
    pub expression: String,
    /// For the reader.
    #[serde(default)]
    pub description: String,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkItem {
    /// Unique in the plan.
    pub id: ItemId,
    /// Short name.
    pub name: String,
    /// For the reader; has no effect.
    #[serde(default)]
    pub description: String,
    /// What kind of work.
    #[serde(default = "execution", rename = "type")]
    pub item_type: ItemType,
    /// Which of several ready items goes first.
    #[serde(default = "normal")]
    pub priority: Priority,
    /// What the work is for.
    #[serde(default)]
    pub objective: Objective,
    /// Limits.
    #[serde(default)]
    pub constraints: ItemConstraints,
    /// Name of a tool of the catalog.
    pub tool: String,
    /// Arguments by the tool's schema. Texts may hold `${items.ID.output.path}` and `${secret:NAME}`.
    #[serde(default)]
    pub arguments: Map,
    /// What an agent must be able to do to take the item.
    #[serde(default)]
    pub required_capabilities: Vec<String>,
    /// Type of agent to prefer; empty when any will do.
    #[serde(default)]
    pub preferred_agent_type: String,
    /// The author's own opinion of the risk; it can raise the assessed level, never lower it.
    #[serde(default)]
    pub declared_risk: Option<RiskLevel>,
    /// How to undo the work; the tool's default when absent.
    #[serde(default)]
    pub rollback: Option<Rollback>,
    /// False when the work cannot be undone. Absent: true exactly when there is a rollback.
    #[serde(default)]
    pub rollback_possible: Option<bool>,
    /// Limits on late-bound values.
    #[serde(default)]
    pub bounds: Vec<Bound>,
}

impl WorkItem {
    /// An item with the given tool and everything else at its default.
    pub fn new(id: ItemId, name: impl Into<String>, tool: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            description: String::new(),
            item_type: execution(),
            priority: normal(),
            objective: Objective::default(),
            constraints: ItemConstraints::default(),
            tool: tool.into(),
            arguments: Map::new(),
            required_capabilities: Vec::new(),
            preferred_agent_type: String::new(),
            declared_risk: None,
            rollback: None,
            rollback_possible: None,
            bounds: Vec::new(),
        }
    }

    /// Whether the item will be undone when a later one fails.
    pub fn can_roll_back(&self) -> bool {
        self.rollback.is_some() && self.rollback_possible != Some(false)
    }
}

const fn execution() -> ItemType {
    ItemType::Execution
}

const fn normal() -> Priority {
    Priority::Normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_strict() {
        for good in ["a", "1", "write-file", "a.b_c-d", "output", "a.outputs", &"x".repeat(64)] {
            assert_eq!(good.parse::<ItemId>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", ".a", "A", "a b", "é", "a.output", "a.output.b", "a/b", &"x".repeat(65)] {
            assert!(bad.parse::<ItemId>().is_err(), "{bad}");
        }
    }
}
