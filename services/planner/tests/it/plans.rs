//! The plans that goals become.

use assent_core::{Code, Fault as _};
use assent_plan::RiskLevel::{High, Low, Medium};
use assent_plan::references::{self, Reference};
use assent_plan::{Catalog, Plan, PlanConstraints, RiskAssessment, validate};
use assent_planner::CreatePlan;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{APP, EXPORT, SEARCH, at_once, created, map, planned};

fn assessed(plan: &Plan) -> RiskAssessment {
    let policy = assent_risk::Policy::builtin().unwrap_or_else(|error| panic!("{error}"));
    assent_risk::assess(plan, &Catalog::builtin().unwrap(), &policy)
}

/// What the executor makes of the plan's `code_gen` items and of the content of its last item.
fn written(plan: &Plan) -> String {
    let environment = minijinja::Environment::new();
    let generated = |item: &assent_plan::ItemId| {
        let arguments = &plan.item(item).unwrap().arguments;
        let values = arguments.get("values").and_then(Value::as_object).cloned().unwrap_or_default();
        let values = values.into_iter().map(|(k, v)| (k, minijinja::Value::from(v.as_str().unwrap())));
        let template = arguments["template"].as_str().unwrap();
        environment.render_str(template, minijinja::Value::from_pairs(values)).unwrap()
    };
    let resolved = references::resolve(&plan.items.last().unwrap().arguments, |reference| match reference {
        Reference::Output { item, path } if path == &["text"] => Some(generated(item).into()),
        _ => None,
    });
    resolved.unwrap()["content"].as_str().unwrap().to_owned()
}

#[test]
fn the_database_export_becomes_the_four_items_of_the_example() {
    let (plan, playbook) = created(EXPORT).unwrap();
    assert_eq!((playbook.as_str(), plan.origin.as_str()), ("database-export", "playbook:database-export"));
    assert_eq!((plan.goal.as_str(), plan.intent.as_str()), (EXPORT, "Generate database export script"));
    let items: Vec<_> = plan.items.iter().map(|item| (item.name.as_str(), item.tool.as_str())).collect();
    let expected = [
        ("Generate Python script structure", "code_gen"),
        ("Create PostgreSQL connection code", "code_gen"),
        ("Add CSV export logic", "code_gen"),
        ("Write file to ./exports/db_export.py", "file_write"),
    ];
    assert_eq!(items, expected);
    assert_eq!(plan.items[0].arguments["values"], json!({ "table": "users", "output": "exports/users.csv" }));
    assert_eq!(at_once(APP.estimate(&plan)).unwrap().estimated_cost, Some("0.05".parse().unwrap()));
    let found = validate(&plan, &Catalog::builtin().unwrap());
    assert_eq!((found.errors, found.warnings), (vec![], vec![]));
}

#[test]
fn the_database_export_is_as_risky_as_the_example_says() {
    let (plan, _) = created(EXPORT).unwrap();
    let risk = assessed(&plan);
    let levels: Vec<_> = plan.items.iter().map(|item| risk.items[&item.id]).collect();
    assert_eq!((risk.level, levels), (High, vec![Medium, High, Low, Medium]));
    let high = risk.factors.iter().filter(|factor| factor.severity == High);
    let high: Vec<_> = high.map(|factor| (factor.code.as_str(), factor.description.as_str())).collect();
    let expected = [
        ("DATABASE_CONNECTION", "Database connection (credentials exposure risk)"),
        ("PII_EXPORT", "User data export (PII handling required)"),
    ];
    assert_eq!(high, expected);
    assert!(!risk.requirement.auto_approvable && risk.requirement.separation_of_duties);
}

#[test]
fn a_search_is_one_item_that_needs_nobody() {
    let (plan, playbook) = created(SEARCH).unwrap();
    assert_eq!(playbook, "web-search");
    let [item] = plan.items.as_slice() else { panic!("{plan:?}") };
    assert_eq!(item.tool, "web_search");
    assert_eq!(item.arguments["query"], "the latest Python 3.13 features");
    let risk = assessed(&plan);
    assert_eq!((risk.level, risk.factors.len(), risk.requirement.auto_approvable), (Low, 0, true));
}

#[test]
fn the_script_is_whole_and_holds_what_the_goal_asked_for() {
    let (plan, _) =
        created("A Python script for Postgres that exports the Orders_2024 table to CSV").unwrap();
    let script = written(&plan);
    assert!(script.starts_with("#!/usr/bin/env python3\n"));
    assert!(script.ends_with("\n\n\nif __name__ == \"__main__\":\n    sys.exit(main())\n"));
    assert!(
        script.contains("DEFAULT_TABLE = \"orders_2024\"\nDEFAULT_OUTPUT = \"exports/orders_2024.csv\"\n")
    );
    for leftover in ["{{", "{%", "${items"] {
        assert!(!script.contains(leftover), "{leftover}");
    }
    for part in ["def main(", "def connect(", "def read_table(", "def write_csv("] {
        assert_eq!(script.matches(part).count(), 1, "{part}");
    }
}

#[test]
fn a_goal_without_a_playbook_is_told_which_there_are() {
    for goal in ["Paint the shed", "Export the invoices", "Drop the users table of PostgreSQL", " "] {
        let error = created(goal).unwrap_err();
        assert_eq!((error.code(), error.reason().0.as_ref()), (Code::InvalidArgument, "GOAL_UNMATCHED"));
        let metadata = error.metadata();
        assert_eq!((metadata.len(), metadata[0].0.as_str()), (1, "playbooks"));
        assert_eq!(metadata[0].1.split(',').count(), 12);
        assert!(
            error.to_string().contains("there are bulk-email, data-deletion, database-export"),
            "{error}"
        );
    }
}

#[test]
fn secrets_in_goal_and_context_go_no_further() {
    let goal = format!("Search for postgres://app:hunter2@db.x.dev/users password=\"{}\"", "s3cr3tvalue");
    let context = map(json!({ "note": ["token=abcdefgh"] }));
    let (plan, _) = planned(CreatePlan { goal, context, ..CreatePlan::default() }).unwrap();
    let text = format!("{plan:?}");
    for secret in ["hunter2", "s3cr3tvalue", "abcdefgh"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn limits_that_cannot_be_kept_are_refused() {
    let with = |constraints: PlanConstraints| {
        let command = CreatePlan { goal: EXPORT.to_owned(), constraints, ..CreatePlan::default() };
        planned(command).map(|(plan, _)| plan.constraints)
    };
    let codes = |constraints| {
        let error = with(constraints).unwrap_err();
        assert_eq!(error.reason().0, "PLAN_INVALID");
        error.violations().into_iter().map(|v| (v.field, v.code.into_owned())).collect::<Vec<_>>()
    };
    let cheap = PlanConstraints { max_cost: Some("0.049999".parse().unwrap()), ..PlanConstraints::default() };
    assert_eq!(codes(cheap), [("plan.constraints.max_cost".to_owned(), "COST_BEYOND_LIMIT".to_owned())]);
    let quick = PlanConstraints { max_duration: Some("1s".parse().unwrap()), ..PlanConstraints::default() };
    assert_eq!(codes(quick)[0].1, "DURATION_BEYOND_LIMIT");
    let tools =
        PlanConstraints { forbidden_tools: vec!["file_write".to_owned()], ..PlanConstraints::default() };
    assert_eq!(codes(tools), [("plan.items[3].tool".to_owned(), "TOOL_FORBIDDEN".to_owned())]);
    let enough = PlanConstraints { max_cost: Some("0.05".parse().unwrap()), ..PlanConstraints::default() };
    assert_eq!(with(enough.clone()).unwrap(), enough);
}

proptest! {
    #[test]
    fn no_goal_reaches_a_reference_or_a_template(
        parts in prop::collection::vec(prop::sample::select(vec![
            "${secret:DB}", "${items.search.output.results}", "$", "$$", "{", "${", "{{ templates }}", "{% raw %}",
            "{# #}", "{{ 7 * 7 }}", "\n", "\"", "'", "word", " ", "é",
        ]), 1..12),
    ) {
        let goal = format!("Search for {}", parts.concat());
        match created(&goal) {
            Ok((plan, _)) => {
                let found = references::find(&plan.items[0].arguments);
                prop_assert!(found.is_empty(), "{found:?}");
                prop_assert!(!plan.items[0].arguments["query"].as_str().unwrap().contains("49"));
                let resolved = references::resolve(&plan.items[0].arguments, |_| None).unwrap();
                let query = resolved["query"].as_str().unwrap().to_owned();
                prop_assert!(goal.contains(&query), "{query:?}");
            }
            Err(error) => prop_assert!(error.reason().0 == "GOAL_UNMATCHED", "{error}"),
        }
    }

    #[test]
    fn arbitrary_goals_never_panic(goal in "(?s).{0,80}") {
        let _ = created(&goal);
        let _ = created(&format!("search {goal}"));
        let _ = created(&format!("script postgres exports {goal} table csv"));
    }
}
