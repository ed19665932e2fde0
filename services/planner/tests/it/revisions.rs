//! What becomes of a plan when people want it otherwise.

use assent_core::{Code, Fault as _};
use assent_plan::diff;
use assent_plan::{Plan, PlanChangeType, PlanConstraints, Span};
use assent_planner::{PlannerError, Remark, RevisePlan, Revision};

use super::{APP, EXPORT, at_once, created};

const STEPS: &str = "
goal: g
items:
  - { id: find, name: Find, tool: web_search, arguments: { query: x } }
  - { id: make, name: Make, tool: code_gen, arguments: { template: 'x ${items.find.output.results}' } }
  - { id: keep, name: Keep, tool: file_write, arguments: { path: a.txt, content: '${items.make.output.text}' } }
  - { id: tell, name: Tell, tool: http_request, arguments: { method: POST, url: 'https://x.dev/' } }
dependencies:
  - { from: find, to: make, type: data }
  - { from: make, to: keep, type: data }
  - { from: keep, to: tell }
";

fn asked(
    plan: &Plan,
    feedback: &str,
    comments: &[(&str, Option<&str>, &str)],
) -> Result<Revision, PlannerError> {
    let remark = |(id, item, text): &(&str, Option<&str>, &str)| Remark {
        id: (*id).to_owned(),
        text: (*text).to_owned(),
        item: item.map(|item| item.parse().unwrap()),
        ..Remark::default()
    };
    at_once(APP.revise(RevisePlan {
        plan: plan.clone(),
        feedback: feedback.to_owned(),
        comments: comments.iter().map(remark).collect(),
        constraints: PlanConstraints::default(),
    }))
}

fn steps() -> Plan {
    // As a client holds it: completed by the planner.
    asked(&Plan::from_yaml(STEPS).unwrap(), "cap cost at $5", &[]).unwrap().plan
}

fn changes(before: &Plan, after: &Plan) -> Vec<PlanChangeType> {
    diff(before, after).into_iter().map(|change| change.kind).collect()
}

#[test]
fn an_item_goes_and_everything_else_stays() {
    let plan = steps();
    let revised = asked(&plan, "drop item keep", &[]).unwrap();
    let ids: Vec<_> = revised.plan.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["find", "make", "tell"]);
    assert!(plan.items.iter().filter(|i| i.id.as_str() != "keep").all(|i| revised.plan.items.contains(i)));
    assert_eq!(revised.explanation, "Dropped `keep` (Keep).");
    // `tell` waits for what `keep` waited for.
    assert!(revised.plan.dependencies.iter().any(|d| d.from.as_str() == "make" && d.to.as_str() == "tell"));
    let changed = changes(&plan, &revised.plan);
    assert!(changed.contains(&PlanChangeType::WorkItemRemoved), "{changed:?}");
    assert!(!changed.contains(&PlanChangeType::WorkItemModified), "{changed:?}");
}

#[test]
fn what_another_item_needs_goes_only_with_it() {
    let plan = steps();
    let error = asked(&plan, "drop item make", &[]).unwrap_err();
    assert_eq!((error.code(), error.reason().0.as_ref()), (Code::FailedPrecondition, "REVISION_IMPOSSIBLE"));
    assert!(error.to_string().contains("`keep` uses the output of `make`"), "{error}");
    let revised = asked(&plan, "1. drop item make\n2. drop item keep", &[]).unwrap();
    assert_eq!(revised.plan.items.len(), 2);
    let all = "drop find\ndrop make\ndrop keep\ndrop tell";
    assert!(asked(&plan, all, &[]).unwrap_err().to_string().contains("no item would be left"));
}

#[test]
fn a_tool_that_is_forbidden_takes_its_items_and_rollbacks_with_it() {
    let plan = steps();
    let revised = asked(&plan, "forbid tool http_request\nforbid tool file_delete", &[]).unwrap();
    assert_eq!(revised.plan.constraints.forbidden_tools, ["http_request", "file_delete"]);
    let keep = revised.plan.items.iter().find(|item| item.id.as_str() == "keep").unwrap();
    assert_eq!((keep.rollback.as_ref(), keep.rollback_possible), (None, Some(false)));
    assert!(
        revised.explanation.contains("`keep` can therefore no longer be undone"),
        "{}",
        revised.explanation
    );
    assert!(revised.plan.items.iter().all(|item| item.tool != "http_request"));
}

#[test]
fn comments_that_are_instructions_are_answered_and_the_others_are_not() {
    let plan = steps();
    let comments = [
        ("cmt_1", Some("tell"), "drop this"),
        ("cmt_2", None, "who wrote that?"),
        ("cmt_3", Some("keep"), "add check that file a.txt exists"),
    ];
    let revised = asked(&plan, "", &comments).unwrap();
    assert_eq!(revised.answered, ["cmt_1", "cmt_3"]);
    assert!(revised.explanation.ends_with("Not answered: cmt_2."), "{}", revised.explanation);
    let check = revised.plan.items.last().unwrap();
    assert_eq!((check.id.as_str(), check.tool.as_str()), ("check", "shell"));
    assert_eq!(check.arguments["command"], "test -f a.txt");
    assert!(revised.plan.dependencies.iter().any(|d| d.from.as_str() == "keep" && d.to.as_str() == "check"));
    let error = asked(&plan, "", &comments[1..2]).unwrap_err();
    assert_eq!((error.code(), error.reason().0.as_ref()), (Code::InvalidArgument, "FEEDBACK_NOT_UNDERSTOOD"));
    assert_eq!(error.metadata()[0], ("part".to_owned(), "who wrote that?".to_owned()));
}

#[test]
fn half_understood_feedback_changes_nothing() {
    let error = asked(&steps(), "drop item keep\nand make it nicer", &[]).unwrap_err();
    assert_eq!(error.reason().0, "FEEDBACK_NOT_UNDERSTOOD");
    assert_eq!(error.metadata()[0].1, "and make it nicer");
    assert_eq!(asked(&steps(), "", &[]).unwrap_err().reason().0, "FEEDBACK_NOT_UNDERSTOOD");
}

#[test]
fn limits_are_set_and_kept() {
    let (plan, _) = created(EXPORT).unwrap();
    let revised =
        asked(&plan, "cap cost at $0.05\ncap duration at 1h\ncap cost of item write at $0.01", &[]).unwrap();
    assert_eq!(revised.plan.constraints.max_cost, Some("0.05".parse().unwrap()));
    assert_eq!(revised.plan.constraints.max_duration, Some(Span::from_secs(3600)));
    let write = revised.plan.items.iter().find(|item| item.id.as_str() == "write").unwrap();
    assert_eq!(write.constraints.max_cost, Some("0.01".parse().unwrap()));
    assert_eq!(revised.plan.origin, "playbook:database-export");
    let error = asked(&plan, "cap cost at $0.01", &[]).unwrap_err();
    assert_eq!(
        (error.reason().0.as_ref(), error.violations()[0].code.as_ref()),
        ("PLAN_INVALID", "COST_BEYOND_LIMIT")
    );
    // A looser limit does not loosen.
    let again = asked(&revised.plan, "cap cost at $3", &[]).unwrap();
    assert_eq!(again.plan.constraints.max_cost, Some("0.05".parse().unwrap()));
}

#[test]
fn a_check_is_text_and_never_a_reference_or_a_secret() {
    let revised =
        asked(&steps(), "add check `echo ${secret:DB} ${items.find.output.results}` after find", &[])
            .unwrap();
    let check = revised.plan.items.last().unwrap();
    assert!(assent_plan::references::find(&check.arguments).is_empty());
    let error = asked(&steps(), "add check `psql postgres://a:hunter2@h/d`", &[]).unwrap_err();
    assert_eq!(error.reason().0, "REVISION_IMPOSSIBLE");
    let twice = asked(&steps(), "add check `true`\nadd check `false`", &[]).unwrap();
    let ids: Vec<_> = twice.plan.items.iter().skip(4).map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["check", "check-2"]);
}

#[test]
fn constraints_beside_the_plans_own_only_restrict() {
    let with = |plan: Plan, constraints: PlanConstraints| {
        let feedback = "cap duration at 2h".to_owned();
        at_once(APP.revise(RevisePlan { plan, feedback, comments: vec![], constraints }))
    };
    let tools = |allowed: &[&str]| PlanConstraints {
        allowed_tools: allowed.iter().map(|tool| (*tool).to_owned()).collect(),
        ..PlanConstraints::default()
    };
    let every = ["web_search", "code_gen", "file_write", "file_delete", "http_request"];
    let revised = with(steps(), tools(&every)).unwrap().plan;
    assert_eq!(revised.constraints.max_cost, Some("5".parse().unwrap()));
    assert_eq!(revised.constraints.allowed_tools, every);
    // Two lists without a tool in common allow nothing.
    let error = with(revised, tools(&["shell"])).unwrap_err();
    assert_eq!(error.reason().0, "PLAN_INVALID");
    assert!(error.violations().iter().any(|v| v.field == "plan.items[0].tool"), "{error:?}");
}
