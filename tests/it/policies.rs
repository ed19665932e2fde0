//! Risk policies from outside: their diagnostics, what another would change, and the commands for both.

use std::process::{Command, Output};

use assent_proto::plan::v1::RiskLevel;
use assent_proto::review::v1::SubmissionMode;
use assent_proto::risk::v1::{
    CheckPolicyRequest, GetPolicyRequest, PolicyDiagnosticSeverity, ReplayPolicyRequest,
};
use assent_testkit::Storage;
use assent_tests::process::program;
use assent_tests::scenario::{EXPORT_GOAL, submit};
use assent_tests::{Embedded, Refusal, people};
use serde_json::json;

use crate::support::{cast, root};
use crate::writers::message;

fn assent(arguments: &[&str], server: &str) -> Output {
    let mut command = Command::new(program("assent"));
    command.args(arguments).env("ASSENT_SERVER", server).env("ASSENT_TOKEN", people::token(people::DEV));
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_checked_and_tried_without_effect() {
    let stack = Embedded::start(Storage::sqlite().await).await;
    let mut risk = stack.client(people::DEV).risk;
    let shipped = risk.get_policy(GetPolicyRequest::default()).await.unwrap().into_inner();
    let brief = risk.get_policy(GetPolicyRequest { digest_only: true }).await.unwrap().into_inner();
    assert_eq!((brief.digest, brief.text.as_str()), (shipped.digest.clone(), ""));
    assert!(shipped.rules.len() >= 40 && shipped.refused.is_empty());

    let checked =
        risk.check_policy(CheckPolicyRequest { text: shipped.text.clone() }).await.unwrap().into_inner();
    assert!(checked.usable && checked.diagnostics.is_empty() && checked.digest == shipped.digest);
    let broken = shipped.text.replacen("item.tool == 'shell'", "item.tol == 'shell'", 1);
    let checked = risk.check_policy(CheckPolicyRequest { text: broken.clone() }).await.unwrap().into_inner();
    let line = broken.lines().position(|line| line.contains("item.tol == 'shell'")).unwrap() + 1;
    let [found] = checked.diagnostics.as_slice() else { panic!("{checked:?}") };
    assert!(!checked.usable && found.severity() == PolicyDiagnosticSeverity::Error, "{found:?}");
    assert_eq!(usize::try_from(found.line).unwrap(), line, "{found:?}");
    assert!(found.column > 1 && found.message.contains("item.tol"), "{found:?}");

    let plan = |tool: &str, arguments| {
        message(
            json!({ "goal": tool, "items": [{ "id": "a", "name": "A", "tool": tool, "arguments": arguments }] }),
        )
    };
    let plans =
        vec![plan("web_search", json!({ "query": "x" })), plan("shell", json!({ "command": ["ls"] }))];
    let strict = shipped.text.replacen(
        "rules:\n",
        "rules:\n  - { name: new, when: [\"tool.side_effects == 'read'\"], level: medium, factor: NEW, description: d }\n",
        1,
    );
    let request = ReplayPolicyRequest { text: strict.clone(), plans };
    let replayed = risk.replay_policy(request.clone()).await.unwrap().into_inner();
    let [change] = replayed.changes.as_slice() else { panic!("{replayed:?}") };
    assert_eq!((change.plan, change.from_level(), change.to_level()), (0, RiskLevel::Low, RiskLevel::Medium));
    assert_eq!((change.factors_added[0].rule.as_str(), change.items.len()), ("new", 1));
    assert!(change.from_auto_approvable && !change.to_auto_approvable && change.requirement_changed);
    let summary = replayed.summary.unwrap();
    assert_eq!((summary.plans, summary.raised, summary.no_longer_auto_approvable), (2, 1, 1));
    assert_eq!(
        risk.get_policy(GetPolicyRequest::default()).await.unwrap().into_inner().digest,
        shipped.digest
    );

    let refusal =
        risk.replay_policy(ReplayPolicyRequest { text: broken.clone(), ..request }).await.unwrap_err();
    let refusal = Refusal::from(refusal);
    assert_eq!(
        (refusal.reason.as_str(), refusal.fields.as_slice()),
        ("REQUEST_INVALID", ["text".to_owned()].as_slice())
    );

    commands(&stack, &strict, &broken);
}

fn commands(stack: &Embedded, strict: &str, broken: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (strict, broken) = (file("strict.yaml", strict), file("broken.yaml", broken));
    let plan = file(
        "plan.yaml",
        "goal: g\nitems: [{ id: a, name: A, tool: shell, arguments: { command: [rm, -rf, /] } }]",
    );
    let run = |arguments: &[&str]| {
        let output = assent(arguments, stack.address());
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = run(&["policy", "check", &strict]);
    assert!(code == Some(0) && text.contains("rules, digest"), "{text}");
    let (code, text) = run(&["policy", "check", &broken]);
    assert!(code == Some(1) && text.contains("item.tol") && text.contains(&format!("{broken}:")), "{text}");
    let (code, text) = run(&["policy", "test"]);
    assert!(code == Some(0) && text.contains("low cases run without a person"), "{text}");
    let (code, text) = run(&["policy", "replay", &strict, &plan]);
    assert!(code == Some(0) && text.contains("1 plans: 0 raised"), "{text}");
    let (code, text) = run(&["risk", "explain", &plan]);
    assert!(code == Some(0), "{text}");
    for part in ["CRITICAL", "destroying-command", "item.commands", "Needs 2 of admin"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// The rule that the documentation shows does what the tests say that it shows beside it.
#[tokio::test(flavor = "multi_thread")]
async fn the_rule_of_the_documentation_works() {
    let stack = Embedded::start(Storage::sqlite().await).await;
    let text = std::fs::read_to_string(root().join("docs/policies.md")).unwrap();
    let block = |with: &str| {
        let mut blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        blocks.find(|block| block.contains(with)).unwrap().to_owned()
    };
    let shipped =
        stack.client(people::DEV).risk.get_policy(GetPolicyRequest::default()).await.unwrap().into_inner();
    let own = shipped.text.replacen("rules:\n", &block("name: file-sharing"), 1);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let policy = file("policy.yaml", &own);
    // Rules that Assent ships have their tests in the repository.
    let folder_of_policy = root().join("services/risk/policy");
    let shipped_tests = folder_of_policy.join("default.test.yaml").display().to_string();
    let (tests, cases) =
        (file("tests.yaml", &block("match: {")), file("cases.yaml", &block("label: medium")));
    let said = |arguments: &[&str]| {
        let output = assent(arguments, stack.address());
        let all = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {all}");
        all
    };
    assert!(said(&["policy", "check", &policy]).contains("rules, digest"));
    let told = said(&["policy", "test", "--policy", &policy, &shipped_tests, &tests, &cases]);
    assert!(told.contains("0 failures"), "{told}");
    let plan = file(
        "plan.yaml",
        "goal: g\nitems: [{ id: a, name: A, tool: http_request, arguments: { method: POST, url: \"https://acme.sharefile.com/\" } }]",
    );
    assert!(said(&["policy", "replay", &policy, &plan]).contains("1 raised"));
    // Without plans, on those of the newest sessions.
    submit(&cast(&stack), EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    assert!(said(&["policy", "replay", &policy]).contains("1 plans: 0 raised"));
}
