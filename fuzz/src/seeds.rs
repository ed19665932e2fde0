//! What the fuzzers start from: the plans of the playbooks and of the digest's test vectors, as they are in the tree.

use std::path::{Path, PathBuf};

use assent_plan::Plan;
use assent_rpc::convert::Wire as _;
use prost::Message as _;
use serde_json::Value;

/// One input of one target.
#[derive(Debug, Clone)]
pub struct Seed {
    /// `plan-text`, `plan-message` or `digest`.
    pub target: &'static str,
    /// Of the file; unique in its target.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

/// Every seed.
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let texts = files(&root.join("shared/plan/vectors"), "yaml");
    for (name, text) in texts {
        seeds.push(Seed { target: "plan-text", name: format!("{name}.yaml"), bytes: text.clone().into() });
        let plan = Plan::from_yaml(&text).ok();
        seeds.extend(plan.iter().flat_map(|plan| forms(&name, plan)));
    }
    for (name, text) in files(&root.join("services/planner/playbooks"), "yaml") {
        let plan = plan_of(&text);
        seeds.extend(plan.iter().flat_map(|plan| forms(&name, plan)));
    }
    seeds
}

/// The plan of a playbook with its blanks left open; none where a blank stands for more than a text.
fn plan_of(playbook: &str) -> Option<Plan> {
    let mut playbook: Value = serde_saphyr::from_str(playbook).ok()?;
    let goal = playbook.pointer("/examples/0")?.clone();
    let mut plan = playbook.get_mut("plan")?.take();
    plan.as_object_mut()?.insert("goal".to_owned(), goal);
    serde_json::from_value(plan).ok()
}

fn forms(name: &str, plan: &Plan) -> Vec<Seed> {
    let json = serde_json::to_vec(plan).unwrap_or_default();
    let seed = |target, end: &str, bytes| Seed { target, name: format!("{name}.{end}"), bytes };
    vec![
        seed("plan-text", "json", json.clone()),
        seed("plan-message", "pb", plan.to_pb().encode_to_vec()),
        seed("digest", "json", json),
    ]
}

/// Name and text of the files in `folder` that end so.
fn files(folder: &Path, end: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let named = paths.iter().filter(|path| path.extension().is_some_and(|found| found == end));
    let read = named.filter_map(|path| {
        let name = path.file_stem()?.to_string_lossy().into_owned();
        Some((name, std::fs::read_to_string(path).ok()?))
    });
    read.collect()
}
