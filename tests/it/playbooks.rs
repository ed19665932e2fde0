//! The playbooks that Assent ships, from the goal to what it changed: made into plans, approved and executed by `assent
//! dev`, with the real programs and databases. Services that others run (a payment service, a search service, a cluster)
//! are played by servers of this test.

mod kubernetes;
mod programs;
mod services;
mod site;

use std::collections::BTreeSet;

use assent_proto::planner::v1::{CreatePlanRequest, ListPlaybooksRequest};
use serde_json::{Value, json};

use self::site::{Site, Wanted};
use crate::support::{cast_of_dev, root};

/// A playbook, a goal for it, and what its execution says on a stack where nothing is configured; nothing where nothing
/// has to be. Every one of them is also run to its end in the modules of this file.
const BARE: &[(&str, &str, &str)] = &[
    (
        "bulk-email",
        "Send the e-mail \"Hello\" to the list customers through https://mail.example.com/v1/send",
        "SECRET_MISSING: there is no secret `MAIL_TOKEN` here",
    ),
    (
        "data-deletion",
        "Delete all data of user ada@example.com",
        "TOOL_NOT_CONFIGURED: service.sql_databases names no database `main`",
    ),
    ("database-export", assent_tests::scenario::EXPORT_GOAL, ""),
    (
        "dependency-upgrade",
        "Upgrade the pip package requests to 2.32.3 in https://git.example.com/acme/shop.git",
        "SHELL_FAILED: `git` ended with exit status: 127",
    ),
    (
        "deployment",
        "Deploy version 1.4.2 of checkout to staging",
        "SHELL_FAILED: `kubectl` ended with exit status: 127",
    ),
    (
        "incident-rollback",
        "Roll back checkout in production",
        "SHELL_FAILED: `kubectl` ended with exit status: 127",
    ),
    ("log-triage", "Triage the log {folder}/app.log", "cannot open {folder}/app.log: Permission denied"),
    (
        "refund-payment",
        "Refund payment pi_3MtwBwLkdIwHu7ix28a3tqPa of $49.90",
        "SECRET_MISSING: there is no secret `PAYMENT_KEY` here",
    ),
    (
        "report",
        "Write a report on {folder}/sales.csv by region",
        "cannot open {folder}/sales.csv: Permission denied",
    ),
    (
        "schema-migration",
        "Add a column status of type text to the orders table",
        "TOOL_NOT_CONFIGURED: service.sql_databases names no database `main`",
    ),
    (
        "web-research",
        "Research vector databases and summarize what you find",
        "TOOL_NOT_CONFIGURED: service.web_search_url is not set",
    ),
    (
        "web-search",
        "Search for the latest Python 3.13 features",
        "TOOL_NOT_CONFIGURED: service.web_search_url is not set",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_configured_is_named_by_the_plan_and_by_its_execution() {
    // No program is found, and no folder beside the defaults can be read.
    let empty = tempfile::tempdir().unwrap();
    let hidden = tempfile::tempdir().unwrap();
    let folder = hidden.path().display().to_string();
    for name in ["app.log", "sales.csv"] {
        std::fs::write(hidden.path().join(name), "region\n").unwrap();
    }
    let programs = empty.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    for program in ["awk", "sort", "head", "tail"] {
        std::os::unix::fs::symlink(format!("/usr/bin/{program}"), programs.join(program)).unwrap();
    }
    let path = programs.display().to_string();
    let variables = vec![("PATH", path)];
    let site = Site::start_in(empty, Wanted { variables, ..Wanted::default() }).await;

    let cast = cast_of_dev(&site.dev);
    let listed = cast.dev.planner.clone().list_playbooks(ListPlaybooksRequest {}).await.unwrap().into_inner();
    let known: BTreeSet<_> = listed.playbooks.iter().map(|playbook| playbook.name.as_str()).collect();
    assert_eq!(known, BARE.iter().map(|(name, ..)| *name).collect(), "every playbook is run here");

    for (playbook, goal, expected) in BARE {
        let (goal, expected) = (goal.replace("{folder}", &folder), expected.replace("{folder}", &folder));
        let request = CreatePlanRequest { goal: goal.clone(), ..CreatePlanRequest::default() };
        let made = cast.dev.planner.clone().create_plan(request).await.unwrap().into_inner();
        assert_eq!(made.playbook, *playbook, "{goal}");
        // Whoever makes the plan is told before anything is approved.
        let requires = &listed.playbooks.iter().find(|listed| listed.name == *playbook).unwrap().requires;
        for required in requires {
            assert!(made.warnings.iter().any(|warning| warning.contains(required)), "{:?}", made.warnings);
        }
        assert_eq!(requires.is_empty(), expected.is_empty(), "{playbook}");
        if expected.is_empty() {
            site.completed(&goal, json!({})).await;
        } else {
            let told = site.error(&goal, json!({})).await;
            assert!(told.contains(&expected), "{playbook}: {told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_allowed_is_named() {
    let secret = |name| (name, "top-secret-value".to_owned());
    let variables = vec![secret("ASSENT_SECRET_PAYMENT_KEY"), secret("ASSENT_SECRET_MAIL_TOKEN")];
    let site = Site::start(Wanted { variables, ..Wanted::default() }).await;
    for goal in [
        "Refund payment pi_123 of $1 through http://127.0.0.1:9/v1",
        "Send the e-mail \"Hello\" to the list customers through http://127.0.0.1:9/send",
    ] {
        let told = site.error(goal, json!({})).await;
        assert!(told.contains("HOST_NOT_ALLOWED") && told.contains("service.http_allowed_hosts"), "{told}");
    }
}

/// The playbook that the documentation shows, beside one with a mistake.
#[tokio::test(flavor = "multi_thread")]
async fn ones_own_playbook_is_served_and_a_bad_one_is_named() {
    let text = std::fs::read_to_string(root().join("docs/playbooks.md")).unwrap();
    let shown = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("greeting.yaml"), shown).unwrap();
    std::fs::write(own.join("bad.yaml"), shown.replace("description:", "describtion:")).unwrap();
    let planner = [("playbooks_dir", json!(own).to_string())].into();
    let site = Site::start_in(folder, Wanted { planner, ..Wanted::default() }).await;

    let mut planner = site.dev.client("dev").planner.clone();
    let listed = planner.list_playbooks(ListPlaybooksRequest {}).await.unwrap().into_inner();
    let [bad] = listed.unusable.as_slice() else { panic!("{:?}", listed.unusable) };
    assert!(bad.file.ends_with("bad.yaml") && bad.line == 2, "{bad:?}");
    assert!(bad.reason.contains("describtion"), "{bad:?}");
    assert_eq!(listed.playbooks.len(), BARE.len() + 1);

    let execution = site.completed("Greet ada", json!({ "full_name": "Ada Lovelace" })).await;
    assert_eq!(site.artifact(&execution, "greeting.txt").await, "Dear Ada Lovelace\n");
}

fn nothing() -> Value {
    json!({})
}
