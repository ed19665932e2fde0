//! The graph of a plan: what may run when.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use petgraph::Direction::{self, Incoming, Outgoing};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeRef as _, Reversed};

use crate::dependency::DependencyType;
use crate::item::{ItemId, Priority};
use crate::plan::Plan;

/// How far an item has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not started.
    Pending,
    /// Started, or waiting for a retry.
    Running,
    /// Completed.
    Succeeded,
    /// Failed for good.
    Failed,
    /// Will not run.
    Skipped,
}

/// A plan that is no graph that could be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two items have one id.
    #[error("two items have the id `{0}`")]
    DuplicateItem(ItemId),
    /// A dependency names an item that is not there.
    #[error("a dependency names `{0}`, which is no item of the plan")]
    UnknownItem(ItemId),
    /// Items wait for each other.
    #[error("items wait for each other: {}", arrows(.0))]
    Cycle(Vec<ItemId>),
}

/// Writes a cycle as `a -> b -> a`.
pub(crate) fn arrows(members: &[ItemId]) -> String {
    let ids: Vec<&str> = members.iter().chain(members.first()).map(ItemId::as_str).collect();
    ids.join(" -> ")
}

#[derive(Debug, Clone)]
struct Node {
    id: ItemId,
    priority: Priority,
}

/// The items of a plan and which waits for which. All answers are in one order that depends on ids
/// and priorities alone: higher priority first, then by id.
#[derive(Debug, Clone)]
pub struct PlanGraph {
    graph: DiGraph<Node, DependencyType>,
    index: HashMap<ItemId, NodeIndex>,
}

/// Items whose delay delays the end of the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CriticalPath {
    /// In the order of their runs.
    pub items: Vec<ItemId>,
    /// Sum of their weights.
    pub total: u64,
}

impl PlanGraph {
    /// The graph of `plan`, if it is one.
    pub fn new(plan: &Plan) -> Result<Self, GraphError> {
        let mut seen = BTreeSet::new();
        if let Some(item) = plan.items.iter().find(|item| !seen.insert(&item.id)) {
            return Err(GraphError::DuplicateItem(item.id.clone()));
        }
        let graph = Self::of_sound_edges(plan);
        for edge in &plan.dependencies {
            if let Some(id) = [&edge.from, &edge.to].into_iter().find(|id| !graph.index.contains_key(*id)) {
                return Err(GraphError::UnknownItem(id.clone()));
            }
            if edge.from == edge.to {
                return Err(GraphError::Cycle(vec![edge.from.clone()]));
            }
        }
        match graph.cycles().into_iter().next() {
            Some(members) => Err(GraphError::Cycle(members)),
            None => Ok(graph),
        }
    }

    /// The graph without items of a repeated id, dangling edges and edges of an item to itself; it may
    /// hold cycles.
    pub(crate) fn of_sound_edges(plan: &Plan) -> Self {
        let mut graph = DiGraph::with_capacity(plan.items.len(), plan.dependencies.len());
        let mut index = HashMap::with_capacity(plan.items.len());
        for item in &plan.items {
            index
                .entry(item.id.clone())
                .or_insert_with(|| graph.add_node(Node { id: item.id.clone(), priority: item.priority }));
        }
        for edge in plan.dependencies.iter().filter(|edge| edge.from != edge.to) {
            if let (Some(from), Some(to)) = (index.get(&edge.from), index.get(&edge.to)) {
                graph.update_edge(*from, *to, edge.kind);
            }
        }
        Self { graph, index }
    }

    /// One cycle of each group of items that wait for each other, in the order of waiting.
    pub(crate) fn cycles(&self) -> Vec<Vec<ItemId>> {
        let mut cycles: Vec<Vec<ItemId>> = kosaraju_scc(&self.graph)
            .into_iter()
            .filter(|group| group.len() > 1)
            .map(|group| self.cycle_within(&group.into_iter().collect()))
            .collect();
        cycles.sort();
        cycles
    }

    fn cycle_within(&self, group: &BTreeSet<NodeIndex>) -> Vec<ItemId> {
        let mut walked: Vec<NodeIndex> = Vec::new();
        let mut place = HashMap::new();
        let mut at = group.iter().copied().min_by_key(|n| &self.graph[*n].id);
        while let Some(node) = at {
            if let Some(start) = place.insert(node, walked.len()) {
                return walked.drain(start..).map(|n| self.graph[n].id.clone()).collect();
            }
            walked.push(node);
            at = self
                .graph
                .neighbors_directed(node, Outgoing)
                .filter(|n| group.contains(n))
                .min_by_key(|n| &self.graph[*n].id);
        }
        Vec::new()
    }

    /// Whether `id` is an item of the plan.
    pub fn contains(&self, id: &ItemId) -> bool {
        self.index.contains_key(id)
    }

    /// Items before which nothing else has to run, then items that wait only for these, and so on.
    pub fn layers(&self) -> Vec<Vec<ItemId>> {
        let mut depth = vec![0_usize; self.graph.node_count()];
        let mut layers: Vec<Vec<NodeIndex>> = Vec::new();
        for node in self.sorted() {
            let at = depth[node.index()];
            for next in self.graph.neighbors_directed(node, Outgoing) {
                depth[next.index()] = depth[next.index()].max(at + 1);
            }
            if layers.len() <= at {
                layers.resize(at + 1, Vec::new());
            }
            layers[at].push(node);
        }
        layers.into_iter().map(|layer| self.in_order(layer)).collect()
    }

    /// All items in an order in which they could run one at a time.
    pub fn order(&self) -> Vec<ItemId> {
        self.sorted().into_iter().map(|n| self.graph[n].id.clone()).collect()
    }

    fn sorted(&self) -> Vec<NodeIndex> {
        let mut waits: Vec<usize> =
            self.graph.node_indices().map(|n| self.graph.neighbors_directed(n, Incoming).count()).collect();
        let rank = |n: NodeIndex| (self.graph[n].priority, Reverse(&self.graph[n].id), n);
        let mut free: BinaryHeap<_> =
            self.graph.node_indices().filter(|n| waits[n.index()] == 0).map(rank).collect();
        let mut sorted = Vec::with_capacity(waits.len());
        while let Some((_, _, node)) = free.pop() {
            sorted.push(node);
            for next in self.graph.neighbors_directed(node, Outgoing) {
                waits[next.index()] -= 1;
                if waits[next.index()] == 0 {
                    free.push(rank(next));
                }
            }
        }
        sorted
    }

    /// The chain of items with the greatest sum of weights, e.g. durations in milliseconds.
    pub fn critical_path(&self, weight: impl Fn(&ItemId) -> u64) -> CriticalPath {
        let mut until = vec![0_u64; self.graph.node_count()];
        let mut before: Vec<Option<NodeIndex>> = vec![None; self.graph.node_count()];
        let mut last: Option<NodeIndex> = None;
        for node in self.sorted() {
            let at = node.index();
            until[at] = until[at].saturating_add(weight(&self.graph[node].id));
            for next in self.graph.neighbors_directed(node, Outgoing) {
                if before[next.index()].is_none() || until[at] > until[next.index()] {
                    until[next.index()] = until[at];
                    before[next.index()] = Some(node);
                }
            }
            if last.is_none_or(|l| until[at] > until[l.index()]) {
                last = Some(node);
            }
        }
        let total = last.map_or(0, |n| until[n.index()]);
        let mut items: Vec<ItemId> =
            std::iter::successors(last, |n| before[n.index()]).map(|n| self.graph[n].id.clone()).collect();
        items.reverse();
        CriticalPath { items, total }
    }

    /// Everything that runs before `id`, near and far.
    pub fn ancestors(&self, id: &ItemId) -> BTreeSet<ItemId> {
        self.reach(id, Incoming, |_| true)
    }

    /// Everything that runs after `id`, near and far.
    pub fn descendants(&self, id: &ItemId) -> BTreeSet<ItemId> {
        self.reach(id, Outgoing, |_| true)
    }

    /// Everything that cannot run unless `id` succeeds.
    pub fn dependents(&self, id: &ItemId) -> BTreeSet<ItemId> {
        self.reach(id, Outgoing, DependencyType::needs_success)
    }

    /// Everything that has surely succeeded when `id` runs.
    pub fn requirements(&self, id: &ItemId) -> BTreeSet<ItemId> {
        self.reach(id, Incoming, DependencyType::needs_success)
    }

    fn reach(
        &self,
        id: &ItemId,
        way: Direction,
        follow: impl Fn(DependencyType) -> bool,
    ) -> BTreeSet<ItemId> {
        let Some(start) = self.index.get(id) else { return BTreeSet::new() };
        let kept = petgraph::visit::EdgeFiltered::from_fn(&self.graph, |edge| follow(*edge.weight()));
        let mut found = BTreeSet::new();
        let mut visit = |node: NodeIndex| {
            if node != *start {
                found.insert(self.graph[node].id.clone());
            }
        };
        let mut dfs = Dfs::new(&kept, *start);
        match way {
            Outgoing => std::iter::from_fn(|| dfs.next(&kept)).for_each(&mut visit),
            Incoming => std::iter::from_fn(|| dfs.next(Reversed(&kept))).for_each(&mut visit),
        }
        found
    }

    /// What runs before what, for many questions at once; none while items wait for each other.
    pub(crate) fn before(&self) -> Option<Before<'_>> {
        let sorted = self.sorted();
        if sorted.len() < self.graph.node_count() {
            return None;
        }
        let words = sorted.len().div_ceil(64);
        let mut at_all = vec![vec![0_u64; words]; sorted.len()];
        let mut surely = at_all.clone();
        for node in sorted {
            for edge in self.graph.edges_directed(node, Incoming) {
                let source = edge.source().index();
                let add = |sets: &mut Vec<Vec<u64>>| {
                    let mut earlier = sets[source].clone();
                    earlier[source / 64] |= 1 << (source % 64);
                    sets[node.index()].iter_mut().zip(earlier).for_each(|(own, earlier)| *own |= earlier);
                };
                add(&mut at_all);
                if edge.weight().needs_success() {
                    add(&mut surely);
                }
            }
        }
        Some(Before { graph: self, at_all, surely })
    }

    /// What each item waits for directly, and how.
    pub fn predecessors(&self, id: &ItemId) -> Vec<(&ItemId, DependencyType)> {
        let Some(node) = self.index.get(id) else { return Vec::new() };
        let mut found: Vec<_> = self
            .graph
            .edges_directed(*node, Incoming)
            .map(|edge| (&self.graph[edge.source()].id, *edge.weight()))
            .collect();
        found.sort();
        found
    }

    /// Pending items that may start now, first those that should.
    pub fn ready(&self, progress: impl Fn(&ItemId) -> Progress) -> Vec<ItemId> {
        self.pending(&progress, |before, kind| match before {
            Progress::Succeeded => true,
            Progress::Failed | Progress::Skipped => !kind.needs_success(),
            Progress::Pending | Progress::Running => false,
        })
    }

    /// Pending items that can never start, because something that they need did not succeed.
    pub fn blocked(&self, progress: impl Fn(&ItemId) -> Progress) -> Vec<ItemId> {
        let free = self.pending(&progress, |before, kind| {
            !(kind.needs_success() && matches!(before, Progress::Failed | Progress::Skipped))
        });
        let free: BTreeSet<ItemId> = free.into_iter().collect();
        let nodes = self.graph.node_indices();
        let blocked = nodes.filter(|n| {
            let id = &self.graph[*n].id;
            progress(id) == Progress::Pending && !free.contains(id)
        });
        self.in_order(blocked.collect())
    }

    /// Pending items for which `pass` holds on every edge that leads to them.
    fn pending(
        &self,
        progress: &impl Fn(&ItemId) -> Progress,
        pass: impl Fn(Progress, DependencyType) -> bool,
    ) -> Vec<ItemId> {
        let nodes = self.graph.node_indices().filter(|n| {
            progress(&self.graph[*n].id) == Progress::Pending
                && self
                    .graph
                    .edges_directed(*n, Incoming)
                    .all(|edge| pass(progress(&self.graph[edge.source()].id), *edge.weight()))
        });
        self.in_order(nodes.collect())
    }

    fn in_order(&self, mut nodes: Vec<NodeIndex>) -> Vec<ItemId> {
        nodes.sort_by_key(|n| (Reverse(self.graph[*n].priority), &self.graph[*n].id));
        nodes.into_iter().map(|n| self.graph[n].id.clone()).collect()
    }
}

/// Sets of nodes, one bit each: which of them come before each node.
pub(crate) struct Before<'g> {
    graph: &'g PlanGraph,
    at_all: Vec<Vec<u64>>,
    surely: Vec<Vec<u64>>,
}

impl Before<'_> {
    /// Whether `earlier` has run when `later` runs.
    pub(crate) fn has_run(&self, earlier: &ItemId, later: &ItemId) -> bool {
        self.holds(&self.at_all, earlier, later)
    }

    /// Whether `earlier` has succeeded when `later` runs.
    pub(crate) fn has_succeeded(&self, earlier: &ItemId, later: &ItemId) -> bool {
        self.holds(&self.surely, earlier, later)
    }

    fn holds(&self, sets: &[Vec<u64>], earlier: &ItemId, later: &ItemId) -> bool {
        let index = |id: &ItemId| self.graph.index.get(id).map(|node| node.index());
        index(earlier).zip(index(later)).is_some_and(|(a, b)| sets[b][a / 64] >> (a % 64) & 1 == 1)
    }
}
