//! What two people did that does not go together.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::item::ItemId;
use crate::names::named;

named! {
    /// In which way two changes do not go together.
    ConflictKind, "conflict" {
        /// Both changed one field, each to something else.
        FieldChanged => "field_changed",
        /// One changed an item that the other removed.
        ChangedAndRemoved => "changed_and_removed",
        /// Both added an item of one id, each a different one.
        ItemAdded => "item_added",
        /// Both changed one dependency, or one added a dependency of an item that the other removed.
        Dependency => "dependency",
        /// Both moved items, and the places do not go together.
        Order => "order",
    }
}

/// One conflict, with what each side has. Null stands for what is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    /// In which way the two do not go together.
    pub kind: ConflictKind,
    /// The item concerned: for a dependency the one that waits; none for the plan as a whole.
    #[serde(default)]
    pub item_id: Option<ItemId>,
    /// Name of the field, as in changes; empty for a whole item or dependency.
    #[serde(default)]
    pub field: String,
    /// What both started from.
    #[serde(default)]
    pub base: Value,
    /// What the others made of it.
    #[serde(default)]
    pub theirs: Value,
    /// What you made of it.
    #[serde(default)]
    pub yours: Value,
}

/// The conflict in a few words, without its values.
impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = &self.field;
        match (self.kind, &self.item_id) {
            (ConflictKind::FieldChanged, Some(id)) => {
                write!(f, "`{id}`: both changed {field}, each to something else")
            }
            (ConflictKind::FieldChanged, None) => write!(f, "both changed {field}, each to something else"),
            (ConflictKind::ChangedAndRemoved, Some(id)) => {
                let (changed, removed) =
                    if self.theirs.is_null() { ("you", "they") } else { ("they", "you") };
                write!(f, "{changed} changed the work item `{id}`, which {removed} removed")
            }
            (ConflictKind::ItemAdded, Some(id)) => {
                write!(f, "both added a work item `{id}`, each a different one")
            }
            (ConflictKind::Dependency, Some(id)) => {
                let from =
                    [&self.yours, &self.theirs, &self.base].into_iter().find_map(|v| v["from"].as_str());
                write!(
                    f,
                    "whether and how `{id}` waits for `{}` was changed by both, or an end was removed",
                    from.unwrap_or_default()
                )
            }
            (ConflictKind::Order, _) => f.write_str("both moved work items, each to other places"),
            (kind, None) => write!(f, "{kind}"),
        }
    }
}
