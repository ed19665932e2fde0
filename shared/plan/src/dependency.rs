//! Which item waits for which.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::item::ItemId;
use crate::names::named;

named! {
    /// What one item needs from the item before it.
    DependencyType, "dependency type" {
        /// Success: the later item is skipped when the earlier one fails.
        Dependency => "dependency",
        /// The end, whatever the outcome.
        Soft => "soft",
        /// Success, and the output.
        Data => "data",
    }
}

impl DependencyType {
    /// Whether the later item can only run after success of the earlier one.
    pub const fn needs_success(self) -> bool {
        !matches!(self, Self::Soft)
    }
}

/// `to` runs after `from`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// The earlier item.
    pub from: ItemId,
    /// The later item.
    pub to: ItemId,
    /// What `to` needs from `from`.
    #[serde(default = "hard", rename = "type")]
    pub kind: DependencyType,
}

const fn hard() -> DependencyType {
    DependencyType::Dependency
}
