//! The handbook of operators fits what is deployed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::root;

fn alerts() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("deploy/metrics/alerts.yaml")).unwrap();
    let rules: Value = serde_saphyr::from_str(&text).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules.filter_map(|rule| Some(rule["alert"].as_str()?.to_owned())).collect()
}

/// Whoever is woken by an alert finds what to do; and no section is about an alert that is gone.
#[test]
fn every_alert_has_its_runbook() {
    let text = std::fs::read_to_string(root().join("docs/operations/runbooks.md")).unwrap();
    let mut sections: BTreeSet<String> = BTreeSet::new();
    for section in text.split("\n## ").skip(1) {
        let (name, body) = section.split_once('\n').unwrap();
        assert!(body.trim().len() > 100, "the section {name} says nothing");
        sections.insert(name.to_owned());
    }
    assert!(!sections.is_empty());
    assert_eq!(sections, alerts());
}

/// As GitHub makes them: lower case, hyphens for blanks, without other signs.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).collect::<String>().replace(' ', "-")
}

fn anchors(file: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix('#').map(|h| anchor(h.trim_start_matches('#'))))
        .collect()
}

/// Every document in a folder and below it.
pub(crate) fn documents(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { documents(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// What a document refers to is there.
#[test]
fn links_between_documents_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut files = documents(&root().join("docs"));
    files.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root().join(name)));
    let (mut checked, mut broken) = (0, Vec::new());
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, part) = target.split_once('#').unwrap_or((&target, ""));
            let path = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            let there = path.exists() && (part.is_empty() || anchors(&path).contains(part));
            if !there {
                broken.push(format!("{}: {target}", file.display()));
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} links were found");
    assert!(broken.is_empty(), "{broken:#?}");
}
