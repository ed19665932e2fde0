//! What has to be undone, and in which order.

use std::cmp::Reverse;

use assent_plan::catalog::SideEffects;
use assent_plan::{Catalog, ItemId};

use super::run::{Run, RunState};

/// Whether completing `run` changed anything. A tool that the catalog does not know may have.
pub(crate) fn has_effect(run: &Run, catalog: &Catalog) -> bool {
    catalog.get(&run.tool).is_none_or(|tool| tool.side_effects >= SideEffects::Write)
}

/// Completed items that have to be undone, and the one whose undoing is under way; the last one completed first.
pub(crate) fn order<'r>(runs: impl IntoIterator<Item = &'r Run>, catalog: &Catalog) -> Vec<ItemId> {
    let done = runs.into_iter().filter(|run| {
        run.state == RunState::RollingBack || run.state == RunState::Succeeded && has_effect(run, catalog)
    });
    let mut done: Vec<&Run> = done.collect();
    done.sort_by_key(|run| Reverse(run.completed));
    done.into_iter().map(|run| run.item.clone()).collect()
}

#[cfg(test)]
mod tests {
    use assent_core::Id;
    use assent_plan::WorkItem;
    use proptest::prelude::*;

    use super::*;

    fn run(number: usize, tool: &str, completed: Option<i64>) -> Run {
        let item = WorkItem::new(format!("i{number}").parse().unwrap(), "I", tool);
        let mut run = Run::new(Id::from_uuid(uuid::Uuid::from_u128(number as u128)), &item);
        if completed.is_some() {
            run.state = RunState::Succeeded;
        }
        run.completed = completed;
        run
    }

    proptest! {
        #[test]
        fn completed_effects_are_undone_in_reverse(
            order_of_completion in Just((0_usize..12).collect::<Vec<_>>()).prop_shuffle(),
            tools in prop::collection::vec(prop::sample::select(vec!["shell", "file_write", "web_search", "code_gen"]), 12),
            done in prop::collection::vec(any::<bool>(), 12),
        ) {
            let catalog = Catalog::builtin().unwrap();
            let place = |n: usize| order_of_completion.iter().position(|m| *m == n).map(|p| p as i64 + 1);
            let runs: Vec<Run> = (0..12).map(|n| run(n, tools[n], place(n).filter(|_| done[n]))).collect();
            let undone = order(&runs, &catalog);
            let expected: Vec<String> = order_of_completion
                .iter()
                .rev()
                .filter(|n| done[**n] && matches!(tools[**n], "shell" | "file_write"))
                .map(|n| format!("i{n}"))
                .collect();
            prop_assert_eq!(undone.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        }
    }
}
