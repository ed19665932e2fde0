//! What happens next in an execution, given the plan and how far every item has come.

use std::collections::{BTreeMap, BTreeSet};

use assent_core::Timestamp;
use assent_plan::graph::{GraphError, Progress};
use assent_plan::{ItemId, Plan, PlanGraph, Strategy};

use super::run::{Run, RunState};

/// The runs of an execution, by item.
pub(crate) type Runs = BTreeMap<ItemId, Run>;

/// The rules of one plan.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    graph: PlanGraph,
    /// Items whose failure ends nothing: somebody waits for them, and nobody needs their success.
    tolerated: BTreeSet<ItemId>,
    parallel: usize,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Items that will not run, and why.
    pub(crate) skip: Vec<(ItemId, String)>,
    /// Items that wait for a retry that will not come, because the execution stops.
    pub(crate) give_up: Vec<ItemId>,
    /// Items of which an attempt begins, in this order.
    pub(crate) start: Vec<ItemId>,
    /// What follows once that is done.
    pub(crate) verdict: Verdict,
}

/// Where the items as a whole stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Something runs or waits for a retry, at the earliest at the given time.
    GoOn(Option<Timestamp>),
    /// Nothing is left but items whose values wait for a review.
    Waiting,
    /// Everything is done.
    Completed,
    /// This item failed, and nothing runs any more.
    Failed(ItemId),
}

impl Schedule {
    /// The rules of `plan`, with at most `parallel` items at once.
    pub(crate) fn new(plan: &Plan, parallel: usize) -> Result<Self, GraphError> {
        let graph = PlanGraph::new(plan)?;
        let tolerated = plan.dependencies.iter().filter(|edge| !edge.kind.needs_success());
        let mut tolerated: BTreeSet<ItemId> = tolerated.map(|edge| edge.from.clone()).collect();
        for edge in plan.dependencies.iter().filter(|edge| edge.kind.needs_success()) {
            tolerated.remove(&edge.from);
        }
        let parallel = if plan.strategy == Strategy::Sequential { 1 } else { parallel.max(1) };
        Ok(Self { graph, tolerated, parallel })
    }

    /// The graph of the plan.
    pub(crate) fn graph(&self) -> &PlanGraph {
        &self.graph
    }

    /// What to do at `now`.
    pub(crate) fn next(&self, runs: &Runs, now: Timestamp) -> Step {
        let mut progress: BTreeMap<&ItemId, Progress> =
            runs.iter().map(|(id, run)| (id, run.state.progress())).collect();
        let failed =
            runs.values().find(|run| run.state == RunState::Failed && !self.tolerated.contains(&run.item));
        let mut skip = self.blocked(&mut progress);
        let mut step =
            Step { skip: Vec::new(), give_up: Vec::new(), start: Vec::new(), verdict: Verdict::GoOn(None) };
        match failed {
            Some(failed) => {
                let held = |id: &ItemId| runs.get(id).is_some_and(|run| run.state == RunState::Held);
                let left = progress.iter().filter(|(id, p)| **p == Progress::Pending || held(id));
                skip.extend(left.map(|(id, _)| {
                    let why = format!("the execution stopped, because `{}` failed", failed.item);
                    ((*id).clone(), why)
                }));
                let waiting = runs.values().filter(|run| run.state == RunState::Retrying);
                step.give_up = waiting.map(|run| run.item.clone()).collect();
                if !runs.values().any(|run| run.state == RunState::Running) {
                    step.verdict = Verdict::Failed(failed.item.clone());
                }
            }
            None => self.go_on(runs, &progress, now, &mut step),
        }
        step.skip = skip;
        step
    }

    /// Pending items that can never start, near and far; noted in `progress`.
    fn blocked(&self, progress: &mut BTreeMap<&ItemId, Progress>) -> Vec<(ItemId, String)> {
        let mut skip = Vec::new();
        loop {
            let of = |id: &ItemId| progress.get(id).copied().unwrap_or(Progress::Skipped);
            let blocked = self.graph.blocked(of);
            let because = |id: &ItemId| {
                let before = self.graph.predecessors(id).into_iter().find(|(before, kind)| {
                    kind.needs_success() && matches!(of(before), Progress::Failed | Progress::Skipped)
                });
                before.map_or_else(String::new, |(before, _)| {
                    format!("`{before}`, which it needs, did not succeed")
                })
            };
            if blocked.is_empty() {
                return skip;
            }
            let found: Vec<(ItemId, String)> = blocked
                .into_iter()
                .map(|id| {
                    let why = because(&id);
                    (id, why)
                })
                .collect();
            for (id, _) in &found {
                if let Some(entry) = progress.get_mut(id) {
                    *entry = Progress::Skipped;
                }
            }
            skip.extend(found);
        }
    }

    fn go_on(&self, runs: &Runs, progress: &BTreeMap<&ItemId, Progress>, now: Timestamp, step: &mut Step) {
        let due = |run: &&Run| run.state == RunState::Retrying && run.retry_at.is_none_or(|at| at <= now);
        step.start = runs.values().filter(due).map(|run| run.item.clone()).collect();
        let waiting = runs.values().filter(|run| run.state == RunState::Retrying && !due(run));
        let next_retry = waiting.filter_map(|run| run.retry_at).min();
        // One that waits for a retry keeps its place, so that one at a time means one at a time. One that waits for
        // people does not.
        let held = runs.values().filter(|run| run.state == RunState::Held).count();
        let taken = progress.values().filter(|p| **p == Progress::Running).count() - held;
        let free = self.parallel.saturating_sub(taken);
        let ready = self.graph.ready(|id| progress.get(id).copied().unwrap_or(Progress::Skipped));
        step.start.extend(ready.into_iter().take(free));
        let open = |p: &Progress| matches!(p, Progress::Pending | Progress::Running);
        let done = !progress.values().any(open);
        step.verdict = if done {
            Verdict::Completed
        } else if taken == 0 && step.start.is_empty() {
            Verdict::Waiting
        } else {
            Verdict::GoOn(next_retry)
        };
    }
}

#[cfg(test)]
mod tests {
    use assent_core::Id;
    use assent_plan::{Dependency, DependencyType, WorkItem};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::{ItemId, Plan, Runs, Schedule, Strategy as Order, Timestamp, Verdict};
    use crate::domain::run::{Run, RunFact, RunState};

    fn id(number: usize) -> ItemId {
        format!("i{number}").parse().unwrap()
    }

    fn plan(items: usize, edges: &[(usize, usize, DependencyType)]) -> Plan {
        let mut plan = Plan::new("g");
        plan.items = (0..items).map(|n| WorkItem::new(id(n), "I", "shell")).collect();
        plan.dependencies = edges
            .iter()
            .map(|(from, to, kind)| Dependency { from: id(*from), to: id(*to), kind: *kind })
            .collect();
        plan
    }

    fn runs(plan: &Plan) -> Runs {
        let run = |item: &WorkItem| (item.id.clone(), Run::new(Id::from_uuid(Uuid::from_u128(1)), item));
        plan.items.iter().map(run).collect()
    }

    fn now() -> Timestamp {
        Timestamp::from_micros(1_000_000).unwrap()
    }

    fn set(runs: &mut Runs, id: &ItemId, facts: &[RunFact]) {
        let run = runs.get_mut(id).unwrap();
        facts.iter().for_each(|fact| run.apply(*fact, now()).unwrap());
    }

    const FAIL: &[RunFact] = &[RunFact::AttemptStarted, RunFact::GivenUp];

    #[test]
    fn a_soft_successor_runs_after_a_failure_and_a_hard_one_stops_the_execution() {
        let soft = plan(2, &[(0, 1, DependencyType::Soft)]);
        let mut state = runs(&soft);
        set(&mut state, &id(0), FAIL);
        let step = Schedule::new(&soft, 4).unwrap().next(&state, now());
        assert_eq!((step.start, step.verdict), (vec![id(1)], Verdict::GoOn(None)));

        let hard = plan(3, &[(0, 1, DependencyType::Dependency)]);
        let mut state = runs(&hard);
        set(&mut state, &id(0), FAIL);
        set(&mut state, &id(2), &[RunFact::AttemptStarted]);
        let schedule = Schedule::new(&hard, 4).unwrap();
        let step = schedule.next(&state, now());
        assert_eq!(step.skip.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), [id(1)]);
        assert_eq!((step.start, step.verdict), (vec![], Verdict::GoOn(None)));
        set(&mut state, &id(2), &[RunFact::AttemptSucceeded]);
        assert_eq!(schedule.next(&state, now()).verdict, Verdict::Failed(id(0)));
    }

    #[test]
    fn a_retry_waits_for_its_time_and_is_dropped_when_the_execution_stops() {
        let both = plan(2, &[]);
        let mut state = runs(&both);
        set(&mut state, &id(0), &[RunFact::AttemptStarted, RunFact::AttemptFailed]);
        let later = now().after(std::time::Duration::from_secs(5));
        state.get_mut(&id(0)).unwrap().retry_at = Some(later);
        let schedule = Schedule::new(&both, 1).unwrap();
        let step = schedule.next(&state, now());
        assert_eq!((step.start, step.verdict), (vec![], Verdict::GoOn(Some(later))));
        assert_eq!(schedule.next(&state, later).start, [id(0)]);
        set(&mut state, &id(1), FAIL);
        let step = schedule.next(&state, now());
        assert_eq!((step.give_up, step.verdict), (vec![id(0)], Verdict::Failed(id(1))));
    }

    fn edges(items: usize) -> impl Strategy<Value = Vec<(usize, usize, DependencyType)>> {
        let kind = prop::sample::select(vec![
            DependencyType::Dependency,
            DependencyType::Soft,
            DependencyType::Data,
        ]);
        prop::collection::btree_map((0..items, 0..items), kind, 0..20).prop_map(|edges| {
            // From lower to higher, so that there is no cycle.
            edges
                .into_iter()
                .filter(|((from, to), _)| from < to)
                .map(|((from, to), kind)| (from, to, kind))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn dependencies_and_parallelism_hold_to_the_end(
            edges in edges(10),
            parallel in 1_usize..5,
            sequential in any::<bool>(),
            fails in prop::collection::vec(prop::bool::weighted(0.15), 10),
            holds in prop::collection::vec(prop::bool::weighted(0.15), 10),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 10),
        ) {
            let mut plan = plan(10, &edges);
            plan.strategy = if sequential { Order::Sequential } else { Order::Parallel };
            let schedule = Schedule::new(&plan, parallel).unwrap();
            let mut state = runs(&plan);
            let mut picks = picks.into_iter();
            let mut reviewed = std::collections::BTreeSet::new();
            for _ in 0..60 {
                let step = schedule.next(&state, now());
                for (id, why) in &step.skip {
                    prop_assert!(!why.is_empty());
                    set(&mut state, id, &[RunFact::PassedOver]);
                }
                for started in &step.start {
                    for edge in plan.dependencies.iter().filter(|edge| edge.to == *started) {
                        let before = state[&edge.from].state;
                        let ended = matches!(before, RunState::Succeeded | RunState::Failed | RunState::Skipped);
                        prop_assert!(ended, "{started} before {}", edge.from);
                        prop_assert!(!edge.kind.needs_success() || before == RunState::Succeeded);
                    }
                    let number: usize = started.as_str()[1..].parse().unwrap();
                    let held = holds[number] && reviewed.insert(number);
                    set(&mut state, started, &[if held { RunFact::Held } else { RunFact::AttemptStarted }]);
                }
                let running: Vec<ItemId> =
                    state.values().filter(|run| run.state == RunState::Running).map(|run| run.item.clone()).collect();
                let most = if sequential { 1 } else { parallel };
                prop_assert!(running.len() <= most);
                match &step.verdict {
                    // What was to start may be held instead.
                    Verdict::GoOn(_) if running.is_empty() => continue,
                    Verdict::GoOn(_) => {}
                    Verdict::Waiting => {
                        prop_assert!(running.is_empty());
                        let held: Vec<ItemId> =
                            state.values().filter(|run| run.state == RunState::Held).map(|run| run.item.clone()).collect();
                        prop_assert!(!held.is_empty());
                        held.iter().for_each(|id| set(&mut state, id, &[RunFact::Released]));
                        continue;
                    }
                    Verdict::Completed | Verdict::Failed(_) => {
                        prop_assert!(running.is_empty());
                        prop_assert!(state.values().all(|run| run.state != RunState::Pending));
                        return Ok(());
                    }
                }
                let Some(pick) = picks.next() else { continue };
                let ended = pick.get(&running);
                let number: usize = ended.as_str()[1..].parse().unwrap();
                let fact = if fails[number] { RunFact::GivenUp } else { RunFact::AttemptSucceeded };
                set(&mut state, ended, &[fact]);
            }
            prop_assert!(false, "the execution did not end");
        }
    }
}
