//! The log over all chains: a Merkle tree in the shape of RFC 9162 whose leaves are the digests of audit entries, in the
//! order in which the log took them in. Only roots of perfect subtrees are kept; each is final as soon as it is there, so
//! that a log of any size grows, and is proved, at the cost of its depth.

use assent_core::Digest;
use assent_plan::merkle;

/// The root of a perfect subtree: of `2^level` leaves, from leaf `index * 2^level` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// 0 for leaves.
    pub level: u32,
    /// From 0 within its level.
    pub index: u64,
}

/// Where nodes come from; none for one that is not known.
pub trait Nodes: FnMut(Node) -> Option<Digest> {}
impl<F: FnMut(Node) -> Option<Digest>> Nodes for F {}

/// A proof that the log of one size is the beginning of the log of another (RFC 9162, 2.1.4).
pub type ConsistencyProof = Vec<Digest>;

/// The nodes that become known when the leaf of an entry with `digest` is appended to a log of `size` leaves, lowest
/// first.
pub fn append(size: u64, digest: &Digest, nodes: &mut impl Nodes) -> Option<Vec<(Node, Digest)>> {
    let mut node = Node { level: 0, index: size };
    let mut root = merkle::leaf(digest.as_bytes());
    let mut added = vec![(node, root)];
    // Each right child completes its parent.
    while node.index % 2 == 1 {
        let left = nodes(Node { index: node.index - 1, ..node })?;
        root = merkle::node(&left, &root);
        node = Node { level: node.level + 1, index: node.index / 2 };
        added.push((node, root));
    }
    Some(added)
}

/// The perfect subtrees that a log of `size` leaves consists of, smallest first: all that its root and further leaves
/// depend on.
pub fn frontier(size: u64) -> Vec<Node> {
    let perfect = (0..u64::BITS).filter(|level| (size >> level) & 1 == 1);
    perfect.map(|level| Node { level, index: (size >> level) - 1 }).collect()
}

/// Root of the first `size` leaves.
pub fn root(size: u64, nodes: &mut impl Nodes) -> Option<Digest> {
    if size == 0 { Some(merkle::root(&[])) } else { range(0, size, nodes) }
}

/// The way from the leaf at `index` to the root of the first `size` leaves.
pub fn inclusion(index: u64, size: u64, nodes: &mut impl Nodes) -> Option<merkle::InclusionProof> {
    let (mut low, mut high, mut path) = (0, size, Vec::new());
    if index >= size {
        return None;
    }
    while high - low > 1 {
        let half = low + left_half(high - low);
        if index < half {
            path.push(range(half, high, nodes)?);
            high = half;
        } else {
            path.push(range(low, half, nodes)?);
            low = half;
        }
    }
    path.reverse();
    Some(merkle::InclusionProof { index, size, path })
}

/// The proof that the first `known` leaves are the beginning of the first `size`.
pub fn consistency(known: u64, size: u64, nodes: &mut impl Nodes) -> Option<ConsistencyProof> {
    if known == 0 || known >= size {
        return (known <= size).then(Vec::new);
    }
    let (mut low, mut high, mut whole, mut path) = (0, size, true, Vec::new());
    while known != high {
        let half = low + left_half(high - low);
        if known <= half {
            path.push(range(half, high, nodes)?);
            high = half;
        } else {
            path.push(range(low, half, nodes)?);
            low = half;
            whole = false;
        }
    }
    if !whole {
        path.push(range(low, high, nodes)?);
    }
    path.reverse();
    Some(path)
}

/// Whether `proof` shows that the log with `old` as root of `known` leaves is the beginning of the one with `new` as
/// root of `size` leaves.
pub fn is_consistent(known: u64, old: &Digest, size: u64, new: &Digest, proof: &[Digest]) -> bool {
    if known == 0 || known >= size {
        return proof.is_empty() && (known == 0 && size > 0 || known == size && old == new);
    }
    let mut path = proof.iter();
    let (mut at, mut last) = (known - 1, size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    // A known log that is a perfect tree is itself the first node.
    let first = if known.is_power_of_two() { Some(old) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut of_old, mut of_new) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            of_old = merkle::node(sibling, &of_old);
            of_new = merkle::node(sibling, &of_new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            of_new = merkle::node(&of_new, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && of_old == *old && of_new == *new
}

/// The nodes that `compute` asks for, so that they can be fetched at once before it is run in earnest.
pub fn wanted<T>(compute: impl FnOnce(&mut dyn FnMut(Node) -> Option<Digest>) -> T) -> Vec<Node> {
    let mut asked = Vec::new();
    compute(&mut |node| {
        asked.push(node);
        Some(Digest::from_bytes([0; 32]))
    });
    asked
}

/// Root of the leaves from `low` to just before `high`; `low` is a multiple of the next power of two of their number.
fn range(low: u64, high: u64, nodes: &mut impl Nodes) -> Option<Digest> {
    let size = high - low;
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        return nodes(Node { level, index: low >> level });
    }
    let half = low + left_half(size);
    let left = range(low, half, nodes)?;
    Some(merkle::node(&left, &range(half, high, nodes)?))
}

/// Size of the left half of a tree of `size` leaves, where `size` is at least two.
fn left_half(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn grown(size: u64) -> (Vec<Digest>, BTreeMap<Node, Digest>) {
        let (mut leaves, mut known) = (Vec::new(), BTreeMap::new());
        for n in 0..size {
            let digest = Digest::of(&[&n.to_be_bytes()]);
            let asked = frontier(n);
            let found = |node: Node| known.get(&node).copied().filter(|_| asked.contains(&node));
            let added = append(n, &digest, &mut { found }).unwrap();
            known.extend(added);
            leaves.push(merkle::leaf(digest.as_bytes()));
        }
        (leaves, known)
    }

    #[test]
    fn it_has_the_roots_and_proofs_of_a_plain_merkle_tree() {
        let (leaves, known) = grown(70);
        let mut nodes = |node: Node| known.get(&node).copied();
        for size in 0..=70_u64 {
            let plain = &leaves[..usize::try_from(size).unwrap()];
            assert_eq!(root(size, &mut nodes), Some(merkle::root(plain)));
            for index in 0..size {
                let proof = inclusion(index, size, &mut nodes).unwrap();
                assert_eq!(Some(&proof), merkle::prove(plain, usize::try_from(index).unwrap()).as_ref());
            }
            assert_eq!(inclusion(size, size, &mut nodes), None);
        }
    }

    #[test]
    fn a_log_that_only_grew_is_consistent_and_no_other_is() {
        let (leaves, known) = grown(40);
        let mut nodes = |node: Node| known.get(&node).copied();
        let root_of = |size: u64| merkle::root(&leaves[..usize::try_from(size).unwrap()]);
        for size in 1..=40_u64 {
            for old in 1..=size {
                let proof = consistency(old, size, &mut nodes).unwrap();
                assert!(is_consistent(old, &root_of(old), size, &root_of(size), &proof), "{old} {size}");
                let other = Digest::of(&[b"other"]);
                assert!(!is_consistent(old, &other, size, &root_of(size), &proof), "{old} {size}");
                assert!(!is_consistent(old, &root_of(old), size, &other, &proof), "{old} {size}");
                let longer = [&proof[..], &[other]].concat();
                assert!(!is_consistent(old, &root_of(old), size, &root_of(size), &longer), "{old} {size}");
            }
        }
        assert!(consistency(41, 40, &mut nodes).is_none());
    }

    #[test]
    fn what_is_fetched_before_is_all_that_is_asked_for() {
        let (_, known) = grown(40);
        for index in 0..37 {
            let asked = wanted(|nodes| inclusion(index, 37, &mut { nodes }));
            let mut only = |node: Node| known.get(&node).copied().filter(|_| asked.contains(&node));
            assert!(inclusion(index, 37, &mut only).is_some());
        }
    }
}
