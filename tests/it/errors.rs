//! Every reason has a page, and every page a reason.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::{methods, reasons_of_comments, root};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Reasons as the code makes them: `Reason::new("…")`, also in the arms of a `match` inside it.
fn reasons_of_code() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["shared", "services"] {
        sources(&root().join(folder), &mut files);
    }
    let arm = regex::Regex::new(r#"=>\s*"([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)""#).unwrap();
    let direct = regex::Regex::new(r#"Reason::new\(\s*"([A-Z][A-Z0-9_]+)""#).unwrap();
    let mut reasons = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        reasons.extend(direct.captures_iter(&text).map(|c| c[1].to_owned()));
        for (start, _) in text.match_indices("Reason::new(match") {
            let block = &text[start..text[start..].find("})").map_or(text.len(), |end| start + end)];
            reasons.extend(arm.captures_iter(block).map(|c| c[1].to_owned()));
        }
    }
    reasons
}

fn pages() -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join("docs/errors")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".md").map(str::to_owned)).collect()
}

#[test]
fn every_reason_has_a_page() {
    let mut reasons = reasons_of_code();
    assert!(reasons.len() > 20, "the search finds too little: {reasons:?}");
    for method in methods() {
        reasons.extend(reasons_of_comments(&method.comment));
    }
    let pages = pages();
    let missing: Vec<_> = reasons.difference(&pages).collect();
    assert!(missing.is_empty(), "docs/errors lacks {missing:?}");
    for page in &pages {
        let text = std::fs::read_to_string(root().join(format!("docs/errors/{page}.md"))).unwrap();
        assert!(text.starts_with(&format!("# {page}\n")), "{page}.md has another title");
    }
}
