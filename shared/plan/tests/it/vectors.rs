//! The published test vectors, whose expected values an independent program computed
//! (`tests/independent/digest_check.py`).

use std::collections::BTreeMap;

use assent_core::Digest;
use assent_plan::digest::leaf_texts;
use assent_plan::merkle::{self, InclusionProof};
use assent_plan::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    plan: Plan,
    leaves: Vec<Leaf>,
    root: Digest,
    proof: Proof,
}

#[derive(Deserialize)]
struct Leaf {
    key: LeafKey,
    text: String,
    digest: Digest,
}

#[derive(Deserialize)]
struct Proof {
    key: LeafKey,
    #[serde(flatten)]
    proof: InclusionProof,
}

#[derive(Deserialize)]
struct Refused {
    name: String,
    plan: Plan,
}

fn file() -> File {
    serde_json::from_str(include_str!("../../vectors/digest.json")).unwrap()
}

#[test]
fn leaves_roots_and_proofs_are_those_of_the_vectors() {
    let file = file();
    assert!(file.vectors.len() >= 5);
    for vector in file.vectors {
        let texts: BTreeMap<LeafKey, String> =
            vector.leaves.iter().map(|leaf| (leaf.key.clone(), leaf.text.clone())).collect();
        assert_eq!(leaf_texts(&vector.plan).unwrap(), texts, "{}", vector.name);

        let digest = PlanDigest::of(&vector.plan).unwrap();
        for leaf in &vector.leaves {
            assert_eq!(digest.leaves[&leaf.key], leaf.digest, "{} {}", vector.name, leaf.key);
        }
        assert_eq!(digest.root, vector.root, "{}", vector.name);

        let Proof { key, proof } = vector.proof;
        assert_eq!(digest.prove(&key).as_ref(), Some(&proof), "{}", vector.name);
        assert!(merkle::verify(&vector.root, &digest.leaves[&key], &proof));
    }
}

#[test]
fn what_the_vectors_refuse_has_no_digest() {
    for refused in file().refused {
        assert!(PlanDigest::of(&refused.plan).is_err(), "{}", refused.name);
    }
}
