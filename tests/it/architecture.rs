//! The direction of dependencies, read from cargo itself.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::support::root;

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec().unwrap();
    let normal = |package: &cargo_metadata::Package| {
        let normal = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
        normal.map(|d| d.name.clone()).collect()
    };
    metadata.packages.iter().map(|package| (package.name.to_string(), normal(package))).collect()
}

/// What each shared crate may know of the workspace. A crate that is not listed here does not exist.
const SHARED: &[(&str, &[&str])] = &[
    ("assent-core", &[]),
    ("assent-plan", &["assent-core"]),
    ("assent-evidence", &["assent-core", "assent-plan"]),
    ("assent-proto", &[]),
    ("assent-store", &["assent-core"]),
    ("assent-metrics", &[]),
    ("assent-rpc", &["assent-core", "assent-metrics", "assent-plan", "assent-proto", "assent-store"]),
    ("assent-events", &["assent-core", "assent-metrics", "assent-proto", "assent-rpc", "assent-store"]),
    (
        "assent-runtime",
        &[
            "assent-core",
            "assent-events",
            "assent-metrics",
            "assent-plan",
            "assent-proto",
            "assent-rpc",
            "assent-store",
        ],
    ),
    ("assent-testkit", &["assent-store"]),
];

const SERVICES: &[&str] = &[
    "assent-planner",
    "assent-risk",
    "assent-versioning",
    "assent-approval-gate",
    "assent-executor",
    "assent-notification",
    "assent-dashboard",
];

fn own(all: &BTreeSet<String>) -> BTreeSet<&str> {
    all.iter().map(String::as_str).filter(|name| name.starts_with("assent-")).collect()
}

#[test]
fn shared_crates_know_only_those_below_them() {
    let all = dependencies();
    for (name, allowed) in SHARED {
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        let extra: Vec<_> = own(&all[*name]).difference(&allowed).copied().collect();
        assert!(extra.is_empty(), "{name} must not depend on {extra:?}");
    }
    let known: BTreeSet<&str> = SHARED
        .iter()
        .map(|(name, _)| *name)
        .chain(SERVICES.iter().copied())
        .chain(["assent-cli", "assent-fuzz", "assent-tests"])
        .collect();
    let all: BTreeSet<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(all, known);
}

#[test]
fn services_know_no_other_service() {
    let all = dependencies();
    for service in SERVICES {
        let others: Vec<_> = own(&all[*service]).into_iter().filter(|name| SERVICES.contains(name)).collect();
        assert!(others.is_empty(), "{service} must not depend on {others:?}");
    }
}

#[test]
fn pure_crates_do_no_input_or_output() {
    let all = dependencies();
    for name in ["assent-core", "assent-plan", "assent-evidence"] {
        for outside in ["tokio", "tonic", "prost", "reqwest", "redis", "axum"] {
            assert!(!all[name].contains(outside), "{name} must not depend on {outside}");
        }
    }
    assert!(!all["assent-plan"].contains("sqlx"));
}

/// `domain` folders hold rules: no database, no wire, no waiting.
#[test]
fn domains_are_pure() {
    let forbidden =
        ["sqlx", "tonic", "tokio", "assent_store", "assent_rpc", "assent_proto", "assent_events", "async fn"];
    let mut checked = 0;
    for service in SERVICES {
        let folder = root().join("services").join(service.trim_start_matches("assent-")).join("src/domain");
        for file in walk(&folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            for word in forbidden {
                let used =
                    text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word));
                assert!(!used, "{} uses {word}", file.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 8, "only {checked} files of domains were found");
}

#[test]
fn no_source_file_is_too_long() {
    for folder in ["shared", "services", "tests", "fuzz", "proto"] {
        for file in walk(&root().join(folder)) {
            let lines = std::fs::read_to_string(&file).map_or(0, |text| text.lines().count());
            assert!(lines <= 600, "{} has {lines} lines", file.display());
        }
    }
}

/// Nobody reads or writes these: what tools install, build, generate or lock.
const WRITTEN_BY_TOOLS: [&str; 6] =
    ["target", "__pycache__", "node_modules", "web/dist", "web/src/gen", "package-lock.json"];

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let kept = paths.filter(|path| WRITTEN_BY_TOOLS.iter().all(|name| !path.ends_with(name)));
    kept.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
