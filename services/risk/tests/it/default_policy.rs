//! Every rule of the shipped policy, both ways.

use assent_plan::Catalog;
use assent_plan::RiskLevel::{Critical, High, Low, Medium};
use assent_risk::Trials;

use super::{assessed, builtin, level_of, plan};

const WRITE: &str = "- { id: a, name: A, tool: file_write, arguments: { path: x, content: text } }";
const SEARCH: &str = "- { id: a, name: A, tool: web_search, arguments: { query: text } }";
const POST: &str =
    "- { id: a, name: A, tool: http_request, arguments: { method: POST, url: 'https://x.dev' } }";
const SECRET_POST: &str = "- { id: a, name: A, tool: http_request, arguments: { method: POST, url: 'https://x.dev', body: '${secret:S}' } }";
const UNKNOWN: &str = "- { id: a, name: A, tool: teleport, arguments: { to: mars } }";

#[test]
fn every_rule_matches_what_it_is_for_and_not_its_neighbour() {
    let mut trials = Trials::default();
    trials.add_shipped().unwrap();
    let report = trials.run(&builtin(), &Catalog::builtin().unwrap()).unwrap();
    assert!(report.is_passed(), "{:#?}\n{:#?}", report.failures, report.dangerous);
    assert!(report.rule_samples > 200, "{}", report.rule_samples);
    assert!(report.cases() >= 300 && report.free * 10 >= report.harmless() * 9, "{report}");
    assert!(builtin().rule_names().count() >= 40);
}

#[test]
fn no_rule_of_the_policy_fails_on_its_own_tests() {
    // A rule that gives no answer counts as HIGH, which would hide that it is broken.
    let policy = builtin();
    for arguments in ["{}", "{ path: 5, url: 5, content: 5, command: 5, method: 5, to: 5, amount: x }"] {
        for tool in
            ["code_gen", "file_write", "file_delete", "shell", "http_request", "sql_query", "web_search", "x"]
        {
            let items = format!("- {{ id: a, name: A, tool: {tool}, arguments: {arguments} }}");
            let risk = assessed(&plan("g", &items), &policy);
            let failed: Vec<_> = risk.factors.iter().filter(|factor| factor.code == "RULE_FAILED").collect();
            assert!(failed.is_empty(), "{items}: {failed:?}");
        }
    }
}

#[test]
fn levels_decide_who_approves() {
    let policy = builtin();
    let requirement = |items| {
        let risk = assessed(&plan("g", items), &policy);
        let r = risk.requirement;
        (risk.level, r.roles.join(" "), r.quorum, r.separation_of_duties, r.auto_approvable)
    };
    let all = "developer lead admin".to_owned();
    assert_eq!(requirement(SEARCH), (Low, all.clone(), 1, false, true));
    assert_eq!(requirement(WRITE), (Medium, all, 1, false, false));
    assert_eq!(requirement(UNKNOWN), (High, "lead admin".to_owned(), 1, true, false));
    assert_eq!(requirement(SECRET_POST), (Critical, "admin".to_owned(), 2, true, false));
}

#[test]
fn what_cannot_be_judged_is_high() {
    let policy = builtin();
    for (items, code) in [
        (UNKNOWN, "TOOL_UNKNOWN"),
        ("- { id: a, name: A, tool: web_search, arguments: { query: 5 } }", "ARGUMENTS_UNREADABLE"),
        (
            "- { id: a, name: A, tool: web_search, arguments: { query: '${items.b}' } }",
            "ARGUMENTS_UNREADABLE",
        ),
        (
            "- { id: a, name: A, tool: web_search, arguments: { query: x }, rollback: { tool: teleport } }",
            "TOOL_UNKNOWN",
        ),
    ] {
        let risk = assessed(&plan("g", items), &policy);
        assert_eq!((risk.level, level_of(&risk, "a")), (High, High), "{items}");
        let factor = risk.factors.iter().find(|f| f.code == code);
        assert!(factor.is_some_and(|f| !f.explanation.is_empty() && !f.rule.is_empty()), "{items}: {risk:?}");
    }
}

#[test]
fn a_rollback_that_the_author_chose_is_judged_like_any_call() {
    let rolls_back_by = |rollback: &str| {
        let call = "id: a, name: A, tool: file_write, arguments: { path: x, content: text }";
        let risk = assessed(&plan("g", &format!("- {{ {call}, rollback: {rollback} }}")), &builtin());
        level_of(&risk, "a")
    };
    assert_eq!(rolls_back_by("{ tool: file_delete, arguments: { path: x } }"), Medium);
    assert_eq!(rolls_back_by("{ tool: file_delete, arguments: { path: other } }"), High);
    assert_eq!(rolls_back_by("{ tool: shell, arguments: { command: 'mkfs /dev/sda' } }"), Critical);
}

#[test]
fn explanations_name_the_field_and_keep_values_to_themselves() {
    let items = "- { id: a, name: A, tool: code_gen, arguments: { values: { x: 'import psycopg; hunter2' }, template: t } }";
    let risk = assessed(&plan("g", items), &builtin());
    let factor = &risk.factors[0];
    let expected = "rule `database-connection` matched on item `a`: `database` in arguments.values.x, \
                    item.tool is code_gen";
    assert_eq!(factor.explanation, expected);
    let risk = assessed(&plan("g", POST), &builtin());
    let factor = risk.factors.iter().find(|f| f.rule == "http-write").unwrap();
    let expected = "rule `http-write` matched on item `a`: item.arguments.method, item.tool is http_request";
    assert_eq!(factor.explanation, expected);
    assert!(!format!("{risk:?}").contains("hunter2"));
}
