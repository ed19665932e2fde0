//! Why an edit cannot be carried out.

use assent_core::{Code, Fault, Reason, Violation};

use crate::graph::arrows;
use crate::item::ItemId;

/// The first edit that cannot be carried out; none of its batch was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("edits[{index}]: {problem}")]
pub struct EditError {
    /// Position of the edit in its batch, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub problem: EditProblem,
}

/// Why one edit cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditProblem {
    /// It names an item that is not there.
    #[error("`{0}` is no item of the plan")]
    ItemNotFound(ItemId),
    /// It adds an item whose id is taken.
    #[error("the plan has an item `{0}` already")]
    ItemExists(ItemId),
    /// It names an item twice where each counts once.
    #[error("`{0}` is named twice")]
    ItemRepeated(ItemId),
    /// It splits into fewer than two parts, or merges fewer than two items.
    #[error("it takes at least two items to {0}")]
    TooFewItems(&'static str),
    /// It removes an item that others wait for.
    #[error("{} {} for `{item}`; choose what becomes of them", quoted(.dependents), if .dependents.len() == 1 { "waits" } else { "wait" })]
    HasDependents {
        /// The item.
        item: ItemId,
        /// Those that wait for it directly.
        dependents: Vec<ItemId>,
    },
    /// Items would wait for each other.
    #[error("items would wait for each other: {}", arrows(.0))]
    WouldCycle(Vec<ItemId>),
    /// It names a dependency that is not there.
    #[error("`{to}` does not wait for `{from}`")]
    EdgeNotFound {
        /// The earlier item.
        from: ItemId,
        /// The later item.
        to: ItemId,
    },
    /// It adds a dependency that is there.
    #[error("`{to}` waits for `{from}` already")]
    EdgeExists {
        /// The earlier item.
        from: ItemId,
        /// The later item.
        to: ItemId,
    },
    /// It names a field that items do not have.
    #[error("`{item}`: work items have no field `{field}`")]
    FieldUnknown {
        /// The item.
        item: ItemId,
        /// The path.
        field: String,
    },
    /// It changes what an item is known by.
    #[error("`{0}`: the id of an item never changes; remove it and add it anew to give it another")]
    FieldFixed(ItemId),
    /// It gives a field a value that the field cannot have.
    #[error("`{item}`: {why}")]
    FieldInvalid {
        /// The item.
        item: ItemId,
        /// What is wrong and what would be right.
        why: String,
    },
    /// Its order is not one of all items.
    #[error("the order does not name every item{}", leaves_out(.missing))]
    OrderIncomplete {
        /// The items that it leaves out.
        missing: Vec<ItemId>,
    },
}

fn quoted(ids: &[ItemId]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = ids.iter().take(SHOWN).map(|id| format!("`{id}`")).collect();
    match ids.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn leaves_out(missing: &[ItemId]) -> String {
    format!("; it leaves out {}", quoted(missing))
}

impl EditProblem {
    /// The items concerned, the first one first.
    pub fn items(&self) -> Vec<&ItemId> {
        match self {
            Self::ItemNotFound(id) | Self::ItemExists(id) | Self::ItemRepeated(id) | Self::FieldFixed(id) => {
                vec![id]
            }
            Self::TooFewItems(_) => Vec::new(),
            Self::HasDependents { item, dependents } => std::iter::once(item).chain(dependents).collect(),
            Self::WouldCycle(ids) | Self::OrderIncomplete { missing: ids } => ids.iter().collect(),
            Self::EdgeNotFound { from, to } | Self::EdgeExists { from, to } => vec![to, from],
            Self::FieldUnknown { item, .. } | Self::FieldInvalid { item, .. } => vec![item],
        }
    }
}

impl Fault for EditError {
    fn code(&self) -> Code {
        match &self.problem {
            EditProblem::ItemRepeated(_)
            | EditProblem::TooFewItems(_)
            | EditProblem::FieldUnknown { .. }
            | EditProblem::FieldFixed(_)
            | EditProblem::FieldInvalid { .. } => Code::InvalidArgument,
            EditProblem::ItemNotFound(_)
            | EditProblem::ItemExists(_)
            | EditProblem::HasDependents { .. }
            | EditProblem::WouldCycle(_)
            | EditProblem::EdgeNotFound { .. }
            | EditProblem::EdgeExists { .. }
            | EditProblem::OrderIncomplete { .. } => Code::FailedPrecondition,
        }
    }

    fn reason(&self) -> Reason {
        Reason::new(match &self.problem {
            EditProblem::ItemNotFound(_) => "ITEM_NOT_FOUND",
            EditProblem::ItemExists(_) => "ITEM_EXISTS",
            EditProblem::ItemRepeated(_) => "ITEM_REPEATED",
            EditProblem::TooFewItems(_) => "TOO_FEW_ITEMS",
            EditProblem::HasDependents { .. } => "HAS_DEPENDENTS",
            EditProblem::WouldCycle(_) => "WOULD_CYCLE",
            EditProblem::EdgeNotFound { .. } => "EDGE_NOT_FOUND",
            EditProblem::EdgeExists { .. } => "EDGE_EXISTS",
            EditProblem::FieldUnknown { .. } => "FIELD_UNKNOWN",
            EditProblem::FieldFixed(_) => "FIELD_FIXED",
            EditProblem::FieldInvalid { .. } => "FIELD_INVALID",
            EditProblem::OrderIncomplete { .. } => "ORDER_INCOMPLETE",
        })
    }

    fn metadata(&self) -> Vec<(String, String)> {
        let mut metadata = vec![("edit_index".to_owned(), self.index.to_string())];
        let ids: Vec<&str> = self.problem.items().into_iter().map(ItemId::as_str).collect();
        if let Some((first, others)) = ids.split_first() {
            metadata.push(("item_id".to_owned(), (*first).to_owned()));
            if !others.is_empty() {
                metadata.push(("other_item_ids".to_owned(), others.join(",")));
            }
        }
        if let EditProblem::FieldUnknown { field, .. } = &self.problem {
            metadata.push(("field".to_owned(), field.clone()));
        }
        metadata
    }

    fn violations(&self) -> Vec<Violation> {
        if self.code() != Code::InvalidArgument {
            return Vec::new();
        }
        let Reason(code) = self.reason();
        let (field, description) = (format!("edits[{}]", self.index), self.problem.to_string());
        vec![Violation { field, code, description }]
    }
}
