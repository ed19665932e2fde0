//! The playbooks that Assent ships: which goals they take, and what they make of them.

use assent_plan::RiskLevel::{self, Critical, High, Low, Medium};
use assent_plan::references;
use assent_plan::{Catalog, Plan, validate};
use assent_planner::CreatePlan;
use serde_json::json;

use super::{APP, created, map, planned};

/// Goals as people put them, the playbook that must make the plan, how many items it has, and its risk at least.
const GOALS: &[(&str, &str, usize, RiskLevel)] = &[
    // The examples of the requirements.
    (super::EXPORT, "database-export", 4, High),
    (super::SEARCH, "web-search", 1, Low),
    ("search for AI news", "web-search", 1, Low),
    ("modify database schema", "schema-migration", 2, Low),
    // The ten queries.
    ("Add a column loyalty_level of type integer to the customers table", "schema-migration", 7, Medium),
    ("Please deploy version 2.3.1 of billing to production", "deployment", 4, High),
    ("Triage the log logs/api.log", "log-triage", 3, Medium),
    (
        "Send the e-mail \"We moved\" to all customers through https://mail.example.com/v1/send",
        "bulk-email",
        4,
        High,
    ),
    ("Refund payment pi_1234567890 of $20", "refund-payment", 3, High),
    (
        "Upgrade the npm package express to 4.21.2 in https://git.example.com/acme/web",
        "dependency-upgrade",
        4,
        Medium,
    ),
    ("Roll the checkout service back to revision 7 in production", "incident-rollback", 4, High),
    ("Data deletion request: delete all data of user grace@example.com", "data-deletion", 5, Critical),
    ("Write a report on data/sales.csv by region", "report", 3, Medium),
    ("Research the state of WebAssembly and summarize it", "web-research", 4, Low),
];

fn risk(plan: &Plan) -> RiskLevel {
    let policy = assent_risk::Policy::builtin().unwrap_or_else(|error| panic!("{error}"));
    assent_risk::assess(plan, &Catalog::builtin().unwrap(), &policy).level
}

#[test]
fn every_goal_gets_the_plan_that_is_meant_for_it() {
    let catalog = Catalog::builtin().unwrap();
    for (goal, playbook, items, level) in GOALS {
        let (plan, made_by) = created(goal).unwrap_or_else(|error| panic!("{goal}: {error}"));
        assert_eq!((made_by.as_str(), plan.items.len()), (*playbook, *items), "{goal}");
        let found = validate(&plan, &catalog);
        assert_eq!(found.errors, vec![], "{goal}");
        assert!(risk(&plan) >= *level, "{goal} is {:?}", risk(&plan));
        for item in &plan.items {
            assert!(!item.objective.goal.is_empty(), "{goal}: {} says nothing of its objective", item.id);
        }
    }
}

#[test]
fn what_must_be_configured_is_said() {
    for playbook in APP.library().playbooks() {
        let example = &playbook.examples()[0];
        let (plan, _) = created(example).unwrap();
        let uses = |tool: &str| plan.items.iter().any(|item| item.tool == tool);
        let secrets: Vec<_> = plan
            .items
            .iter()
            .flat_map(|item| references::find(&item.arguments))
            .filter_map(|found| match found.reference {
                Ok(references::Reference::Secret(name)) => Some(name),
                _ => None,
            })
            .collect();
        let said = playbook.requires().join("; ");
        for name in secrets {
            assert!(said.contains(&name), "{}: {said}", playbook.name());
        }
        for (tool, word) in [
            ("web_search", "web_search_url"),
            ("http_request", "http_allowed_hosts"),
            ("sql_query", "sql_databases"),
        ] {
            assert!(!uses(tool) || said.contains(word), "{}: {said}", playbook.name());
        }
        for program in ["kubectl", "git"] {
            let called = |item: &assent_plan::WorkItem| {
                let command = &item.arguments["command"];
                command[0] == program
                    || command.as_str().is_some_and(|text| text.split(' ').next() == Some(program))
            };
            let calls = plan.items.iter().any(|item| item.tool == "shell" && called(item));
            assert!(!calls || said.contains(program), "{}: {said}", playbook.name());
        }
    }
}

#[test]
fn facts_complete_a_goal() {
    let context = map(json!({ "statement": "ALTER TABLE a ADD b int;", "undo": "ALTER TABLE a DROP b;" }));
    let command = CreatePlan { goal: "modify database schema".to_owned(), context, ..CreatePlan::default() };
    let (plan, _) = planned(command.clone()).unwrap();
    assert_eq!(plan.items.len(), 7);
    assert_eq!(
        plan.item(&"write-up".parse().unwrap()).unwrap().arguments["content"],
        "ALTER TABLE a ADD b int;\n"
    );
    // A change without a way back is not made from a playbook.
    let context = map(json!({ "statement": "DROP TABLE a;" }));
    assert!(planned(CreatePlan { context, ..command }).is_err());
}

/// What would leave the words that a playbook understands makes it unfit, so that nothing else than was asked for runs.
#[test]
fn values_cannot_leave_their_place() {
    for goal in [
        "Add a column x; DROP TABLE users of type text to the orders table",
        "Deploy version 1.0;reboot of checkout to staging",
        "Deploy version $(reboot) of checkout to staging",
        "Triage the log /var/log/a.log;reboot",
        "Triage the log $(reboot)",
        "Find the errors in `reboot`.log",
        "Refund payment pi_1 of $0",
        "Refund payment pi_1&amount=999999 of $1",
        "Roll back checkout --all in production",
        "Delete all data of user x'OR'1'='1",
        "Write a report on a.csv;reboot.csv by region",
        "Write a report on a.csv by region\"; reboot",
        "Upgrade the npm package lodash to 4.17.21 in https://x.dev/$(reboot)",
        "Upgrade the npm package --global to 1.0.0 in https://x.dev/y",
    ] {
        if let Ok((plan, playbook)) = created(goal) {
            let arguments: String = plan.items.iter().map(|item| json!(item.arguments).to_string()).collect();
            for bad in ["reboot", "DROP TABLE users", "OR'1", "--all", "--global", "999999"] {
                assert!(!arguments.contains(bad), "{goal} by {playbook}: {arguments}");
            }
            assert!(!goal.contains("$0"), "{goal}");
        }
    }
}
