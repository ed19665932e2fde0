//! Texts that are almost plans, by a seeded generator and within a fixed number of rounds: whatever is
//! read never panics, and what can be read keeps its digest when it is written and read again.

use assent_plan::*;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const SEED: u64 = 0x5EED;
const ROUNDS: usize = 3_000;

const EXPORT: &str = include_str!("../../vectors/export.yaml");

/// What breaks parsers: structure, escapes, anchors, tags, numbers at their limits, odd characters.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    ",",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "\"",
    "'",
    "|\n",
    ">-\n",
    "#",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "!!int ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "null",
    "~",
    "true",
    "1e999",
    "-0",
    "0x1F",
    ".nan",
    "9007199254740993",
    "-9223372036854775809",
    "99999999999999999999",
    "\\u0000",
    "\u{0}",
    "\u{feff}",
    "é",
    "\u{1F600}",
    "${items.",
];

fn mutate(rng: &mut StdRng, text: &str, other: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..=chars.len());
        let end = (at + rng.random_range(0..20)).min(chars.len());
        let insert: Vec<char> = match rng.random_range(0..5) {
            0 => Vec::new(),
            1 => PIECES[rng.random_range(0..PIECES.len())].chars().collect(),
            2 => chars[at..end].to_vec().repeat(rng.random_range(2..6)),
            3 => {
                let donor: Vec<char> = other.chars().collect();
                let from = rng.random_range(0..donor.len());
                donor[from..(from + rng.random_range(1..80)).min(donor.len())].to_vec()
            }
            _ => vec![char::from(rng.random_range(0..128_u8))],
        };
        let kept = if rng.random_bool(0.5) { end } else { at };
        chars.splice(at..kept, insert);
    }
    chars.into_iter().collect()
}

/// How many of the mutated texts were still plans.
fn read_all(seed: u64, start: &str, read: impl Fn(&str) -> Option<Plan>) -> usize {
    let mut rng = StdRng::seed_from_u64(seed);
    let catalog = Catalog::builtin().unwrap();
    let mut corpus = vec![start.to_owned()];
    let mut plans = 0;
    for _ in 0..ROUNDS {
        let parent = &corpus[rng.random_range(0..corpus.len())];
        let text = mutate(&mut rng, parent, start);
        let Some(plan) = read(&text) else { continue };
        plans += 1;
        check(&plan, &catalog);
        if corpus.len() < 64 {
            corpus.push(text);
        }
    }
    plans
}

fn check(plan: &Plan, catalog: &Catalog) {
    let _ = validate(plan, catalog);
    let written = serde_json::to_string(plan).unwrap();
    let again: Plan = serde_json::from_str(&written).unwrap();
    assert_eq!(PlanDigest::of(plan), PlanDigest::of(&again), "{written}");
    assert_eq!(diff(plan, &again), vec![], "{written}");
}

#[test]
fn mutated_yaml_never_panics_and_keeps_its_digest() {
    let plans = read_all(SEED, EXPORT, |text| Plan::from_yaml(text).ok());
    assert!(plans > ROUNDS / 50, "only {plans} texts could be read: the search finds nothing");
}

#[test]
fn mutated_json_never_panics_and_keeps_its_digest() {
    let start = serde_json::to_string_pretty(&Plan::from_yaml(EXPORT).unwrap()).unwrap();
    let plans = read_all(SEED + 1, &start, |text| serde_json::from_str(text).ok());
    assert!(plans > ROUNDS / 50, "only {plans} texts could be read: the search finds nothing");
    let plans = read_all(SEED + 2, &start, |text| Plan::from_yaml(text).ok());
    assert!(plans > ROUNDS / 50, "only {plans} texts could be read: the search finds nothing");
}

#[test]
fn hostile_texts_are_refused_in_time() {
    let deep =
        |open: &str, close: &str| format!("goal: g\nitems: {}{}", open.repeat(50_000), close.repeat(50_000));
    let laughs = |levels: usize| {
        let lists: Vec<String> = (1..levels)
            .map(|n| format!("  - &l{n} [{}]\n", vec![format!("*l{}", n - 1); 10].join(", ")))
            .collect();
        format!("goal: g\nitems: []\ncontext:\n  lists:\n  - &l0 [x]\n{}", lists.concat())
    };
    for text in
        [deep("[", "]"), deep("{a: ", "}"), deep("- ", ""), laughs(12), "a".repeat(1 << 20), "&a *a".into()]
    {
        assert!(Plan::from_yaml(&text).is_err());
    }
    let nested = format!(
        r#"{{"goal":"g","items":[],"context":{{"a":{}1{}}}}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    assert!(serde_json::from_str::<Plan>(&nested).is_err());
}
