//! What somebody said about a plan.

use assent_plan::ItemId;

/// A comment, as far as a planner needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remark {
    /// Id of the comment.
    pub id: String,
    /// What it says.
    pub text: String,
    /// What others answered, oldest first.
    pub replies: Vec<String>,
    /// What kind of comment it is, e.g. `concern`.
    pub kind: String,
    /// What it is about, e.g. `work_item`.
    pub about: String,
    /// The item that it is about.
    pub item: Option<ItemId>,
}
