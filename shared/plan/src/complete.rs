//! Writing a tool's defaults into a plan, so that the digest covers, and reviewers see, what will
//! really be done rather than what a catalog happens to say on the day of the execution.

use crate::catalog::Catalog;
use crate::item::WorkItem;
use crate::plan::Plan;

/// Gives every item of a known tool the timeout, retries and rollback that its tool would lend it, and
/// says whether it can be undone. What the plan says itself stays. Idempotent.
pub fn complete(plan: &mut Plan, catalog: &Catalog) {
    plan.items.iter_mut().for_each(|item| complete_item(item, catalog));
}

/// [`complete`] for one item.
pub fn complete_item(item: &mut WorkItem, catalog: &Catalog) {
    let Some(tool) = catalog.get(&item.tool) else { return };
    item.constraints.timeout.get_or_insert(tool.default_timeout);
    item.constraints.max_retries.get_or_insert(tool.default_retries);
    if item.rollback.is_none() && item.rollback_possible != Some(false) {
        item.rollback = tool.rollback_for(&item.arguments);
    }
    item.rollback_possible.get_or_insert(item.rollback.is_some());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fill_gaps_only() {
        let catalog = Catalog::builtin().unwrap();
        let text = "
goal: g
items:
  - { id: a, name: A, tool: file_write, arguments: { path: x, content: y } }
  - { id: b, name: B, tool: file_write, arguments: { path: x, content: y }, constraints: { timeout: 1s, max_retries: 0 }, rollback_possible: false }
  - { id: c, name: C, tool: shell, arguments: { command: ls } }
";
        let mut plan = Plan::from_yaml(text).unwrap();
        complete(&mut plan, &catalog);
        let [a, b, c] = plan.items.as_slice() else { panic!("three items") };
        assert_eq!(a.constraints.timeout, Some("30s".parse().unwrap()));
        assert_eq!(
            a.rollback.as_ref().map(|r| (r.tool.as_str(), r.arguments.len())),
            Some(("file_delete", 1))
        );
        assert!(a.can_roll_back());
        assert_eq!((b.constraints.max_retries, b.rollback.is_none()), (Some(0), true));
        assert_eq!((c.rollback_possible, c.can_roll_back()), (Some(false), false));
        let before = plan.clone();
        complete(&mut plan, &catalog);
        assert_eq!(plan, before);
    }
}
