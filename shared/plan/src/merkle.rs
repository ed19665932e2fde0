//! Merkle trees in the shape of RFC 6962: a leaf is SHA-256(0x00 || data), a node is
//! SHA-256(0x01 || left || right), and the left half is the largest power of two below the size.

use assent_core::Digest;
use serde::{Deserialize, Serialize};

/// Digest of a leaf's data.
pub fn leaf(data: &[u8]) -> Digest {
    Digest::of(&[&[0], data])
}

/// Digest of a node with these children.
pub fn node(left: &Digest, right: &Digest) -> Digest {
    Digest::of(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// Size of the left half of a tree of `size` leaves, where `size` is at least two.
fn left_half(size: usize) -> usize {
    size.next_power_of_two() / 2
}

/// Root over `leaves` in their order; SHA-256 of nothing when there are none.
pub fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(left_half(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// Proof that a leaf stands at an index of a tree with a known root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// Position of the leaf, from 0.
    pub index: u64,
    /// Number of leaves.
    pub size: u64,
    /// The siblings on the way from the leaf to the root.
    pub path: Vec<Digest>,
}

/// Proof for the leaf at `index`; none when there is no such leaf.
pub fn prove(leaves: &[Digest], index: usize) -> Option<InclusionProof> {
    fn siblings(leaves: &[Digest], index: usize, path: &mut Vec<Digest>) {
        if leaves.len() < 2 {
            return;
        }
        let half = left_half(leaves.len());
        let (left, right) = leaves.split_at(half);
        if index < half {
            siblings(left, index, path);
            path.push(root(right));
        } else {
            siblings(right, index - half, path);
            path.push(root(left));
        }
    }
    (index < leaves.len()).then(|| {
        let mut path = Vec::new();
        siblings(leaves, index, &mut path);
        InclusionProof { index: index as u64, size: leaves.len() as u64, path }
    })
}

/// Whether `proof` leads from `leaf` to `root` (RFC 9162, 2.1.3.2).
pub fn verify(root: &Digest, leaf: &Digest, proof: &InclusionProof) -> bool {
    if proof.index >= proof.size {
        return false;
    }
    let (mut at, mut last, mut reached) = (proof.index, proof.size - 1, *leaf);
    for sibling in &proof.path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            reached = node(sibling, &reached);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            reached = node(&reached, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && reached == *root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_is_proved_and_nothing_else() {
        let leaves: Vec<Digest> = (0..40_u8).map(|n| leaf(&[n])).collect();
        for size in 1..=leaves.len() {
            let leaves = &leaves[..size];
            let root = root(leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let proof = prove(leaves, index).unwrap();
                assert!(verify(&root, leaf, &proof));
                assert!(!verify(&root, &Digest::of(&[b"other"]), &proof));
                let moved = InclusionProof { index: (proof.index + 1) % proof.size, ..proof.clone() };
                assert!(size == 1 || !verify(&root, leaf, &moved));
                let longer = InclusionProof { path: [&proof.path[..], &[root]].concat(), ..proof };
                assert!(!verify(&root, leaf, &longer));
            }
            assert_eq!(prove(leaves, size), None);
        }
    }

    #[test]
    fn roots_are_those_of_rfc_6962() {
        // Certificate Transparency's reference inputs and roots, sizes 0, 1, 2 and 3.
        let inputs: [&[u8]; 3] = [b"", b"\x00", b"\x10"];
        let leaves: Vec<Digest> = inputs.iter().map(|data| leaf(data)).collect();
        for (size, text) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        ] {
            assert_eq!(root(&leaves[..size]).to_string(), text);
        }
    }
}
