use assent_plan::complete::complete;
use assent_plan::*;
use proptest::prelude::*;
use serde_json::json;

use crate::generate::{any_plan, id};

fn catalog() -> Catalog {
    Catalog::builtin().unwrap()
}

/// A sound plan: `item-0` makes a text, `item-1` writes it.
fn sound() -> Plan {
    Plan::from_yaml(
        "
goal: write a file
items:
  - id: item-0
    name: Make
    tool: code_gen
    arguments: { template: hello }
  - id: item-1
    name: Write
    tool: file_write
    arguments: { path: out.txt, content: '${items.item-0.output.text}' }
dependencies:
  - { from: item-0, to: item-1, type: data }
",
    )
    .unwrap()
}

fn findings(edit: impl FnOnce(&mut Plan)) -> Validation {
    let mut plan = sound();
    edit(&mut plan);
    validate(&plan, &catalog())
}

fn brief(findings: &[Finding]) -> Vec<(&str, &str, &str)> {
    let item =
        |f: &Finding| f.item_id.as_ref().map(|id| if *id == crate::generate::id(0) { "0" } else { "1" });
    findings.iter().map(|f| (f.code, item(f).unwrap_or_default(), f.field.as_str())).collect()
}

#[track_caller]
fn error(edit: impl FnOnce(&mut Plan), code: &str, item: &str, field: &str) {
    assert_eq!(brief(&findings(edit).errors), [(code, item, field)]);
}

#[track_caller]
fn warning(edit: impl FnOnce(&mut Plan), code: &str, item: &str, field: &str) {
    let found = findings(edit);
    assert_eq!(brief(&found.errors), []);
    assert_eq!(brief(&found.warnings), [(code, item, field)]);
}

fn set(item: &mut WorkItem, name: &str, value: serde_json::Value) {
    item.arguments.insert(name.to_owned(), value);
}

#[test]
fn a_sound_plan_has_no_findings() {
    assert_eq!(findings(|_| ()), Validation::default());
    assert_eq!(findings(|plan| complete(plan, &catalog())), Validation::default());
}

#[test]
fn errors_name_code_item_and_field() {
    error(|p| p.goal = " ".into(), "GOAL_REQUIRED", "", "goal");
    error(|p| *p = Plan::new("g"), "ITEMS_REQUIRED", "", "items");
    error(|p| p.items[0].name.clear(), "NAME_REQUIRED", "0", "items[0].name");
    error(|p| p.goal = "x".repeat(9000), "TEXT_TOO_LONG", "", "goal");
    error(|p| p.items[1].description = "x".repeat(20_000), "TEXT_TOO_LONG", "1", "items[1].description");
    error(
        |p| p.items[0].required_capabilities = vec!["x".into(); 65],
        "TOO_MANY_ENTRIES",
        "0",
        "items[0].required_capabilities",
    );
    error(|p| p.items.push(p.items[0].clone()), "ITEM_ID_DUPLICATE", "0", "items[2].id");
    error(|p| p.items[0].tool.clear(), "TOOL_REQUIRED", "0", "items[0].tool");
    error(|p| p.items[0].tool = "nonesuch".into(), "TOOL_UNKNOWN", "0", "items[0].tool");
    error(|p| p.constraints.forbidden_tools.push("code_gen".into()), "TOOL_FORBIDDEN", "0", "items[0].tool");
    error(|p| p.constraints.allowed_tools.push("code_gen".into()), "TOOL_NOT_ALLOWED", "1", "items[1].tool");
    error(
        |p| set(&mut p.items[0], "template", json!(5)),
        "ARGUMENTS_INVALID",
        "0",
        "items[0].arguments.template",
    );
    error(|p| set(&mut p.items[0], "other", json!(5)), "ARGUMENTS_INVALID", "0", "items[0].arguments");
    let big = json!({ "n": 9_007_199_254_740_993_u64 });
    error(|p| set(&mut p.items[0], "values", big), "NUMBER_NOT_EXACT", "0", "items[0].arguments.values.n");
    let secret = json!("password = \"hunter2\"");
    error(|p| set(&mut p.items[0], "template", secret), "LITERAL_SECRET", "0", "items[0].arguments.template");
    error(
        |p| set(&mut p.items[0], "template", json!("${secret:X}")),
        "SECRET_NOT_ALLOWED",
        "0",
        "items[0].arguments.template",
    );
    error(
        |p| p.items[0].constraints.timeout = Some(Span::ZERO),
        "DURATION_OUT_OF_RANGE",
        "0",
        "items[0].constraints.timeout",
    );
    error(
        |p| p.items[0].constraints.max_retries = Some(21),
        "RETRIES_OUT_OF_RANGE",
        "0",
        "items[0].constraints.max_retries",
    );
    let bound = |text: &str| Bound { expression: text.to_owned(), description: String::new() };
    error(|p| p.items[0].bounds.push(bound("1 <")), "BOUND_INVALID", "0", "items[0].bounds[0].expression");
    error(|p| p.items[0].bounds.push(bound("true")), "BOUND_INVALID", "0", "items[0].bounds[0].expression");
    let rollback = || Some(Rollback { tool: "nonesuch".into(), arguments: Map::new() });
    error(|p| p.items[1].rollback = rollback(), "TOOL_UNKNOWN", "1", "items[1].rollback.tool");
    let empty = || Some(Rollback { tool: "web_search".into(), arguments: Map::new() });
    error(|p| p.items[1].rollback = empty(), "ARGUMENTS_INVALID", "1", "items[1].rollback.arguments");
}

#[test]
fn dependencies_must_form_a_graph() {
    let edge = |from, to| Dependency { from: id(from), to: id(to), kind: DependencyType::Dependency };
    error(|p| p.dependencies.push(edge(1, 0)), "DEPENDENCY_CYCLE", "0", "dependencies");
    error(|p| p.dependencies.push(edge(1, 1)), "DEPENDENCY_ON_ITSELF", "1", "dependencies[1]");
    error(|p| p.dependencies.push(edge(0, 1)), "DEPENDENCY_DUPLICATE", "1", "dependencies[1]");
    error(|p| p.dependencies.push(edge(0, 7)), "DEPENDENCY_UNKNOWN_ITEM", "", "dependencies[1].to");
    let cycle = findings(|p| p.dependencies.push(edge(1, 0)));
    assert_eq!(cycle.errors[0].message, "items wait for each other: item-0 -> item-1 -> item-0");
}

#[test]
fn references_must_be_sound_and_upstream() {
    let field = "items[1].arguments.content";
    let content = |text: &str| {
        let text = json!(text);
        move |p: &mut Plan| {
            set(&mut p.items[1], "content", text);
            p.dependencies[0].kind = DependencyType::Dependency;
        }
    };
    error(content("${items.item-7.output}"), "REFERENCE_UNKNOWN_ITEM", "1", field);
    error(content("${items.item-1.output}"), "REFERENCE_NOT_UPSTREAM", "1", field);
    error(content("${items.item-0.outputs}"), "REFERENCE_MALFORMED", "1", field);
    error(content("${items.item-0.output.txt}"), "REFERENCE_UNKNOWN_OUTPUT", "1", field);
    error(|p| p.dependencies.clear(), "REFERENCE_NOT_UPSTREAM", "1", field);
    warning(|p| p.dependencies[0].kind = DependencyType::Soft, "REFERENCE_MAY_BE_MISSING", "1", field);
    warning(content("${item.item-0.output}"), "REFERENCE_SUSPECT", "1", field);
    assert_eq!(findings(content("echo ${HOME}")), Validation::default());
}

#[test]
fn a_rollback_may_use_the_items_own_output() {
    let arguments = |path: &str| Map::from_iter([("path".to_owned(), json!(path))]);
    let rollback = |path: &str| Some(Rollback { tool: "file_delete".into(), arguments: arguments(path) });
    let own = findings(|p| p.items[1].rollback = rollback("${items.item-1.output.path}"));
    assert_eq!(brief(&own.errors), []);
    error(
        |p| p.items[0].rollback = rollback("${items.item-1.output.path}"),
        "REFERENCE_NOT_UPSTREAM",
        "0",
        "items[0].rollback.arguments.path",
    );
}

#[test]
fn warnings_do_not_refuse() {
    let shell = |p: &mut Plan| {
        p.items[0] = WorkItem::new(id(0), "Run", "shell");
        set(&mut p.items[0], "command", json!("ls"));
        set(&mut p.items[1], "content", json!("${items.item-0.output.stdout}"));
    };
    warning(shell, "IRREVERSIBLE_ITEM", "0", "items[0].rollback");
    warning(|p| p.items[1].rollback_possible = Some(false), "IRREVERSIBLE_ITEM", "1", "items[1].rollback");
    warning(
        |p| {
            complete(p, &catalog());
            set(&mut p.items[1], "path", json!("elsewhere.txt"));
        },
        "ROLLBACK_MISMATCH",
        "1",
        "items[1].rollback.arguments",
    );
    warning(
        |p| p.items[0].declared_risk = Some(RiskLevel::High),
        "NO_SUCCESS_CRITERIA",
        "0",
        "items[0].objective.success_criteria",
    );
    warning(|p| set(&mut p.items[1], "content", json!("x")), "OUTPUT_UNUSED", "1", "items[1].arguments");
    warning(
        |p| p.constraints.forbidden_tools.push("nonesuch".into()),
        "TOOL_LIST_UNKNOWN",
        "",
        "constraints.forbidden_tools",
    );
    warning(
        |p| {
            p.items[0].constraints.max_cost = Some(Money::from_micros(2));
            p.constraints.max_cost = Some(Money::from_micros(1));
        },
        "LIMIT_BEYOND_PLAN",
        "0",
        "items[0].constraints.max_cost",
    );
    let retried = findings(|p| {
        shell(p);
        p.items[0].constraints.max_retries = Some(1);
    });
    assert_eq!(retried.warnings[1].code, "RETRY_NOT_IDEMPOTENT");
}

#[test]
fn secrets_may_stand_where_the_tool_takes_them() {
    let found = findings(|p| {
        p.items[0] = WorkItem::new(id(0), "Call", "http_request");
        set(&mut p.items[0], "method", json!("GET"));
        set(&mut p.items[0], "url", json!("https://example.com/${secret:IN_URL}"));
        set(&mut p.items[0], "headers", json!({ "authorization": "Bearer ${secret:TOKEN}" }));
        set(&mut p.items[1], "content", json!("${items.item-0.output.body}"));
    });
    assert_eq!(brief(&found.errors), [("SECRET_NOT_ALLOWED", "0", "items[0].arguments.url")]);
}

#[test]
fn everything_is_reported_at_once() {
    let found = findings(|p| {
        p.goal.clear();
        p.items[0].tool = "nonesuch".into();
        p.items[1].name.clear();
        p.dependencies.clear();
    });
    assert_eq!(found.errors.len(), 4);
    let violations = found.violations();
    assert!(violations.iter().any(|v| v.field == "plan.items[0].tool" && v.code == "TOOL_UNKNOWN"));
}

#[test]
fn oversized_plans_are_refused_without_a_closer_look() {
    let found = findings(|p| {
        p.items = (0..2001).map(|n| WorkItem::new(id(n), "", "")).collect();
        p.dependencies = vec![Dependency { from: id(0), to: id(0), kind: DependencyType::Soft }; 10_001];
    });
    let codes: Vec<&str> = found.errors.iter().map(|f| f.code).collect();
    assert_eq!(codes, ["TOO_MANY_ITEMS", "TOO_MANY_DEPENDENCIES"]);
}

#[test]
fn the_largest_plan_is_sound() {
    let mut plan = Plan::new("g");
    for n in 0..2000 {
        let mut item = WorkItem::new(id(n), "n", "code_gen");
        let text = if n == 0 { "x".to_owned() } else { format!("${{items.item-{}.output.text}}", n - 1) };
        set(&mut item, "template", json!(text));
        plan.items.push(item);
    }
    for n in 1..2000_usize {
        for m in n.saturating_sub(5)..n {
            if plan.dependencies.len() < 10_000 {
                plan.dependencies.push(Dependency {
                    from: id(m),
                    to: id(n),
                    kind: DependencyType::Dependency,
                });
            }
        }
    }
    assert_eq!(validate(&plan, &catalog()), Validation::default());
    assert_eq!(PlanDigest::of(&plan).unwrap().leaves.len(), 1 + 2000 + plan.dependencies.len());
}

proptest! {
    #[test]
    fn arbitrary_plans_never_panic(mut plan in any_plan()) {
        let catalog = catalog();
        let found = validate(&plan, &catalog);
        if found.is_valid() {
            prop_assert!(PlanGraph::new(&plan).is_ok());
            prop_assert!(PlanDigest::of(&plan).is_ok());
        }
        complete(&mut plan, &catalog);
        redact::redact_plan(&mut plan);
        let _ = validate(&plan, &catalog);
    }
}
