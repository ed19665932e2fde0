//! What fuzzers try on everything that reads a plan: nothing panics, and whatever is read keeps its meaning on every
//! way that a plan takes. Each target says whether the input was a plan.

#![warn(missing_docs)]
#![expect(clippy::panic, clippy::expect_used, reason = "a panic is how a fuzzer hears of a defect")]

mod seeds;

use std::sync::LazyLock;

use assent_plan::canonical::canonical;
use assent_plan::digest::{item_leaf, leaf_texts};
use assent_plan::{Catalog, Plan, PlanDigest, complete, diff, merkle, redact, validate};
use assent_proto::plan::v1 as pb;
use assent_rpc::convert::Wire as _;
use prost::Message as _;

pub use seeds::{Seed, seeds};

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().expect("the catalog is sound"));

/// A plan as people write it: YAML or JSON.
pub fn plan_text(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let read = [Plan::from_yaml(text).ok(), serde_json::from_str(text).ok()];
    read.iter().flatten().map(keeps_its_meaning).count() > 0
}

/// A plan as programs send it: protobuf.
pub fn plan_message(data: &[u8]) -> bool {
    let Some(plan) = pb::Plan::decode(data).ok().and_then(|message| Plan::from_pb(message, "plan").ok())
    else {
        return false;
    };
    let again = Plan::from_pb(plan.to_pb(), "plan");
    assert_eq!(again.as_ref(), Ok(&plan), "what was read from a message can be sent on");
    keeps_its_meaning(&plan);
    true
}

/// The digest of a plan in JSON.
pub fn digest(data: &[u8]) -> bool {
    let Ok(plan) = serde_json::from_slice::<Plan>(data) else { return false };
    let mut turned = plan.clone();
    turned.items.reverse();
    turned.dependencies.reverse();
    match (PlanDigest::of(&plan), PlanDigest::of(&turned)) {
        (Ok(tree), Ok(other)) => {
            assert_eq!(tree, other, "the order of items and dependencies does not count");
            leaves_fit(&plan, &tree);
            true
        }
        (Err(_), Err(_)) => true,
        mixed => panic!("only one order has a digest: {mixed:?}"),
    }
}

fn leaves_fit(plan: &Plan, tree: &PlanDigest) {
    let texts = leaf_texts(plan).expect("a plan that has a digest has leaves");
    assert!(texts.keys().eq(tree.leaves.keys()));
    for (key, text) in &texts {
        assert_eq!(merkle::leaf(text.as_bytes()), tree.leaves[key]);
        let value: serde_json::Value = serde_json::from_str(text).expect("a leaf is JSON");
        assert_eq!(canonical(&value).as_deref(), Ok(text.as_bytes()), "a leaf is in canonical form");
    }
    for item in plan.items.iter().take(3) {
        assert_eq!(item_leaf(item).as_ref(), Ok(&tree.leaves[&assent_plan::LeafKey::Item(item.id.clone())]));
    }
    for key in tree.leaves.keys().take(3) {
        let proof = tree.prove(key).expect("every leaf can be proved");
        assert!(merkle::verify(&tree.root, &tree.leaves[key], &proof));
    }
}

fn keeps_its_meaning(plan: &Plan) {
    let tree = PlanDigest::of(plan);
    let written = serde_json::to_string(plan).expect("a plan can be written");
    let again: Plan = serde_json::from_str(&written).expect("what was written can be read");
    assert_eq!(PlanDigest::of(&again), tree, "{written}");
    assert_eq!(diff(plan, &again), vec![], "{written}");
    let sound = validate(plan, &CATALOG).is_valid();
    if sound {
        assert!(tree.is_ok(), "a sound plan has a digest: {written}");
        let sent = Plan::from_pb(plan.to_pb(), "plan").expect("a sound plan can be sent");
        assert_eq!(PlanDigest::of(&sent), tree, "{written}");
    }
    let mut completed = plan.clone();
    complete::complete(&mut completed, &CATALOG);
    redact::redact_plan(&mut completed);
    // What is sound stays so, and what is complete gains nothing.
    let mut twice = completed.clone();
    complete::complete(&mut twice, &CATALOG);
    redact::redact_plan(&mut twice);
    assert_eq!(twice, completed, "{written}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_a_plan() {
        let seeds = seeds();
        for Seed { target, name, bytes } in &seeds {
            let read = match *target {
                "plan-text" => plan_text(bytes),
                "plan-message" => plan_message(bytes),
                "digest" => digest(bytes),
                other => panic!("{other} is no target"),
            };
            assert!(read, "{target}/{name}");
        }
        assert!(seeds.len() > 10, "{}", seeds.len());
    }
}
