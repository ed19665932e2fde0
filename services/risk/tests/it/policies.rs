//! Policies of one's own: what is refused when it is read, and how failures of rules are taken.

use assent_plan::Catalog;
use assent_plan::RiskLevel::{Critical, High, Low, Medium};
use assent_risk::{Policy, PolicyError, Reloaded, Rulebook, Summary, replay};

use super::{assessed, builtin, level_of, plan};

const REQUIREMENTS: &str = "
requirements:
  low: { roles: [a], quorum: 1, separation_of_duties: false, auto_approvable: true }
  medium: { roles: [a], quorum: 1, separation_of_duties: false }
  high: { roles: [a], quorum: 1, separation_of_duties: true, timeout: 4h }
  critical: { roles: [a], quorum: 2, separation_of_duties: true }
";

fn rule(when: &str, level: &str) -> String {
    format!("- {{ name: r, when: [{when:?}], level: {level}, factor: R, description: d }}")
}

fn policy(rules: &str) -> Result<Policy, PolicyError> {
    Policy::from_yaml(&format!("patterns: {{ p: x }}\nrules:\n{rules}\n{REQUIREMENTS}"))
}

fn refusal(text: &str) -> PolicyError {
    Policy::from_yaml(text).map(|_| ()).unwrap_err()
}

const SEARCH: &str = "- { id: a, name: A, tool: web_search, arguments: { query: x } }";

#[test]
fn rules_that_could_not_work_are_refused() {
    for (when, why) in [
        ("item.tool ==", "Syntax error"),
        ("item.tol == 'shell'", "there is no `item.tol` to look at"),
        ("itm.tool == 'shell'", "there is no `itm.tool` to look at"),
        ("size(plan) > 1", "there is no `plan` to look at"),
        ("1 < 2", "it looks at no field"),
        ("'q' in item.found", "there is no pattern `q`"),
    ] {
        let error = policy(&rule(when, "low")).map(|_| ()).unwrap_err();
        let first = error.first().unwrap();
        assert!(first.rule == "r" && first.message.contains(why), "{error}");
    }
    for when in ["'p' in item.found", "plan.items > 3", "item.hosts.all(h, h != 'x') && tool.known"] {
        assert!(policy(&rule(when, "low")).is_ok(), "{when}");
    }
    let over_plan =
        "- { name: r, over: plan, when: [item.bounds == 1], level: low, factor: R, description: d }";
    assert!(policy(over_plan).is_err());
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place() {
    let text = r#"patterns:
  broken: '('
  unused: x
rules:
  - name: quoted
    when: ["tool.known && item.tol == \"a\""]
    level: low
    factor: A
    description: d
  - name: folded
    when:
      - >-
        tool.known
        && item.nothing
    level: low
    factor: lower
    description: d
  - { name: quoted, when: ["tool.known && itm.x"], level: high, factor: B, description: d }
  - { name: empty, when: [], level: high, factor: C, description: d }
escalations:
  - { name: e, all: [A, D], level: high, factor: E, description: d }
requirements:
  low: { roles: [a], quorum: 1, separation_of_duties: false }
  medium: { roles: [a], quorum: 1, separation_of_duties: false, auto_approvable: true }
  high: { roles: [a], quorum: 0, separation_of_duties: true }
"#;
    let found: Vec<(usize, usize, String, String)> = refusal(text)
        .diagnostics
        .into_iter()
        .map(|found| (found.line, found.column, found.rule, found.message))
        .collect();
    let expected = [
        (0, 0, "", "does not say who approves critical"),
        (2, 11, "broken", "unclosed group"),
        (2, 11, "broken", "no rule asks"),
        (3, 11, "unused", "no rule asks"),
        (6, 31, "quoted", "no `item.tol`"),
        (14, 16, "folded", "no `item.nothing`"),
        (16, 13, "folded", "`lower` is no code"),
        (18, 13, "quoted", "twice"),
        (18, 46, "quoted", "no `itm.x`"),
        (19, 13, "empty", "no condition"),
        (21, 25, "e", "waits for `D`"),
        (24, 11, "", "without a person"),
        (25, 9, "", "quorum of 0"),
    ];
    let is_as = |found: &(usize, usize, String, String), expected: &(usize, usize, &str, &str)| {
        (found.0, found.1, found.2.as_str()) == (expected.0, expected.1, expected.2)
            && found.3.contains(expected.3)
    };
    let is_right = found.len() == expected.len() && found.iter().zip(&expected).all(|(f, e)| is_as(f, e));
    assert!(is_right, "{found:#?}");
}

#[test]
fn texts_that_are_no_policy_are_refused() {
    let error = refusal("rules: [\n  {");
    let [found] = error.diagnostics.as_slice() else { panic!("{error}") };
    assert!(found.line >= 1 && !found.message.contains('\n'), "{error}");
    let unknown = refusal("rules: []\nrulez: []");
    assert!(unknown.to_string().contains("rulez"), "{unknown}");
    assert_eq!(unknown.diagnostics[0].line, 2, "{unknown}");
    assert!(refusal("rules: []\nrequirements: {}").diagnostics.len() == 4);
    let policy = Policy::builtin().unwrap();
    assert_eq!(policy.warnings(), []);
}

#[test]
fn nothing_above_low_passes_without_a_person() {
    let with = |level: &str, more: &str| {
        let mut lines: Vec<String> = REQUIREMENTS.lines().map(str::to_owned).collect();
        for line in lines.iter_mut().filter(|line| line.contains(&format!("{level}:"))) {
            *line = line.replace(" }", &format!(", {more} }}"));
        }
        Policy::from_yaml(&format!("rules: []\n{}", lines.join("\n"))).map(|_| ())
    };
    for level in ["medium", "high", "critical"] {
        for more in ["auto_approvable: true", "timeout_action: proceed"] {
            assert!(with(level, more).is_err(), "{level} {more}");
        }
    }
    assert!(with("low", "timeout_action: proceed, direct: true").is_ok());
    assert!(with("medium", "direct: true").is_ok());
    assert!(with("high", "direct: true").is_err());
    let stage = "stages: [{ name: security, rule: { at_least: { count: 1, of: { roles: [security] } } } }]";
    assert!(with("high", stage).is_ok());
    let nobody = "stages: [{ name: security, rule: { at_least: { count: 1, of: {} } } }]";
    assert!(with("high", nobody).is_err());
}

#[test]
fn a_rule_without_an_answer_is_high_at_least() {
    for (when, level, expected) in [
        ("item.arguments.missing == 1", "low", High),
        ("item.arguments.query > 5", "low", High),
        ("item.arguments.query", "critical", Critical),
        ("tool.known", "low", Low),
        ("item.bounds > 0", "critical", Low),
    ] {
        let risk = assessed(&plan("g", SEARCH), &policy(&rule(when, level)).unwrap());
        assert_eq!((risk.level, level_of(&risk, "a")), (expected, expected), "{when}");
    }
}

#[test]
fn one_condition_of_several_is_enough_and_says_which() {
    let rules =
        "- { name: r, when: [item.bounds == 9, plan.items == 1], level: high, factor: R, description: d }";
    let risk = assessed(&plan("g", SEARCH), &policy(rules).unwrap());
    assert_eq!(risk.factors[0].explanation, "rule `r` matched on item `a`: plan.items is 1");
    assert_eq!(risk.requirement.timeout, Some("4h".parse().unwrap()));
}

#[test]
fn the_digest_is_that_of_the_text() {
    let policy = builtin();
    assert_eq!(policy.digest(), assent_core::Digest::of(&[policy.text().as_bytes()]));
    let other = Policy::from_yaml(&format!("{} ", policy.text())).map(|p| p.digest());
    assert_ne!(other.unwrap(), policy.digest());
}

#[test]
fn a_policy_file_that_changes_is_adopted_and_a_bad_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    let with = |level: &str| format!("rules:\n{}\n{REQUIREMENTS}", rule("tool.known", level));
    write(&with("medium"));
    let rulebook = Rulebook::open(Catalog::builtin().unwrap(), Some(file.clone())).unwrap();
    let level = || rulebook.assess(&plan("g", SEARCH)).level;
    assert_eq!((rulebook.reload().unwrap(), level()), (Reloaded::Unchanged, Medium));

    write(&with("critical"));
    let adopted = rulebook.reload().unwrap();
    assert!(matches!(adopted, Reloaded::Adopted(digest) if digest == rulebook.policy().digest()));
    assert_eq!(level(), Critical);
    assert_eq!(rulebook.assess(&plan("g", SEARCH)).policy_digest, rulebook.policy().digest());

    write("rules: nonsense");
    let Reloaded::Refused(found) = rulebook.reload().unwrap() else { panic!("adopted") };
    assert_eq!((rulebook.refused().as_slice(), level()), (found.as_slice(), Critical));
    // It is told once, until the file changes again.
    assert_eq!(rulebook.reload().unwrap(), Reloaded::Unchanged);
    assert_eq!(rulebook.refused().as_slice(), found);

    std::fs::remove_file(&file).unwrap();
    assert!(rulebook.reload().is_err());
    assert_eq!(level(), Critical);

    write(&with("medium"));
    assert!(matches!(rulebook.reload().unwrap(), Reloaded::Adopted(_)));
    assert!(rulebook.refused().is_empty());
    assert_eq!(level(), Medium);
    write(&with("high"));
    write(&with("medium"));
    assert_eq!(rulebook.reload().unwrap(), Reloaded::Unchanged);
    assert!(Rulebook::open(Catalog::builtin().unwrap(), Some(folder.path().join("none.yaml"))).is_err());
}

#[test]
fn a_replay_says_what_would_change() {
    let rulebook = Rulebook::open(Catalog::builtin().unwrap(), None).unwrap();
    let text = Policy::BUILTIN
        .replacen("    factor: NETWORK_READ", "    factor: NETWORK_READ_ELSEWHERE", 1)
        .replacen("  - name: sql-write", "  - { name: new, when: [\"item.tool == 'web_search'\"], level: medium, factor: NEW, description: d }\n  - name: sql-write", 1);
    let other = Policy::from_yaml(&text).unwrap();
    let plans = [
        plan("search", SEARCH),
        plan(
            "read",
            "- { id: a, name: A, tool: http_request, arguments: { method: GET, url: 'https://x.dev' } }",
        ),
        plan("write", "- { id: a, name: A, tool: code_gen, arguments: { template: x } }"),
    ];
    let (changes, summary) = replay(&rulebook, &other, &plans);
    let expected = Summary {
        plans: 3,
        raised: 1,
        reasons_changed: 1,
        no_longer_auto_approvable: 1,
        requirement_changed: 1,
        ..Summary::default()
    };
    assert_eq!(summary, expected);
    let [search, read] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((search.plan, search.from.level, search.to.level), (0, Low, Medium));
    assert_eq!(
        search.items().map(|(id, from, to)| (id.as_str(), from, to)).collect::<Vec<_>>(),
        [("a", Low, Medium)]
    );
    assert_eq!(search.factors_added().map(|f| f.code.as_str()).collect::<Vec<_>>(), ["NEW"]);
    assert_eq!(read.factors_removed().map(|f| f.code.as_str()).collect::<Vec<_>>(), ["NETWORK_READ"]);
    let (none, same) = replay(&rulebook, &rulebook.policy(), &plans);
    assert_eq!((none, same), (vec![], Summary { plans: 3, ..Summary::default() }));
}
