//! What the tools of an item were when its execution was accepted: others are not called, be it to do or to undo it.

use assent_core::Digest;
use assent_plan::{Catalog, WorkItem};

use super::grant::Refusal;

/// Digests of the tools of one item; none for a tool that the catalog did not have, and for executions that are older
/// than the pin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pins {
    /// Of the tool that does it.
    pub(crate) tool: Option<Digest>,
    /// Of the tool that undoes it.
    pub(crate) rollback: Option<Digest>,
}

impl Pins {
    /// As `catalog` has them now.
    pub(crate) fn of(catalog: &Catalog, item: &WorkItem) -> Self {
        let rollback = item.rollback.as_ref().and_then(|rollback| catalog.tool_digest(&rollback.tool));
        Self { tool: catalog.tool_digest(&item.tool), rollback }
    }

    /// Whether `catalog` still has them.
    ///
    /// # Errors
    /// [`Refusal::Tool`] with the one that changed, or is gone.
    pub(crate) fn check(self, catalog: &Catalog, item: &WorkItem) -> Result<(), Refusal> {
        let now = Self::of(catalog, item);
        let changed = |pinned: Option<Digest>, now| pinned.is_some() && pinned != now;
        if changed(self.tool, now.tool) {
            return Err(Refusal::Tool(item.tool.clone()));
        }
        if changed(self.rollback, now.rollback) {
            let tool = item.rollback.as_ref().map(|rollback| rollback.tool.clone());
            return Err(Refusal::Tool(tool.unwrap_or_default()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use assent_plan::{Map, Rollback};

    use super::*;

    #[test]
    fn every_tool_of_an_item_must_be_what_it_was() {
        let catalog = Catalog::builtin().unwrap();
        let mut item = WorkItem::new("a".parse().unwrap(), "A", "code_gen");
        item.rollback = Some(Rollback { tool: "shell".to_owned(), arguments: Map::new() });
        let pins = Pins::of(&catalog, &item);
        assert!(pins.tool.is_some() && pins.rollback.is_some() && pins.tool != pins.rollback);
        assert_eq!(pins.check(&catalog, &item), Ok(()));
        assert_eq!(Pins::default().check(&catalog, &item), Ok(()));
        let other = Some(Digest::of(&[b"other"]));
        let changed = Pins { tool: other, ..pins }.check(&catalog, &item);
        assert_eq!(changed, Err(Refusal::Tool("code_gen".to_owned())));
        let changed = Pins { rollback: other, ..pins }.check(&catalog, &item);
        assert_eq!(changed, Err(Refusal::Tool("shell".to_owned())));
        // A way back that is gone is not what was approved either.
        item.rollback = None;
        assert!(pins.check(&catalog, &item).is_err());
    }
}
