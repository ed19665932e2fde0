//! What was approved runs, and what fails is undone.

use assent_plan::{DependencyType, Money, Rollback};
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{ExecutionState, WorkItemRunState as Run};
use assent_proto::executor::v1::*;
use assent_testkit::{Storage, both_storages};
use serde_json::json;

use crate::rig::{Rig, assert_state, item, object, plan, run, states};

both_storages!(
    outputs_flow_into_a_file_that_can_be_downloaded,
    a_failure_is_retried_then_everything_is_undone_in_reverse,
    what_cannot_be_undone_is_said,
    a_deleted_file_is_put_back_where_the_plan_says_so,
    limits_and_missing_means_fail_the_item_before_it_begins,
);

const DATA: DependencyType = DependencyType::Data;
const HARD: DependencyType = DependencyType::Dependency;

async fn outputs_flow_into_a_file_that_can_be_downloaded(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let plan = plan(
        vec![
            item("head", "code_gen", json!({ "template": "import {{ m }}\n", "values": { "m": "csv" } })),
            item("body", "code_gen", json!({ "template": "print(1)\n" })),
            item(
                "write",
                "file_write",
                json!({ "path": "./exports/x.py", "content": "${items.head.output.text}${items.body.output.text}" }),
            ),
        ],
        &[("head", "write", DATA), ("body", "write", DATA)],
    );
    let session = rig.approve(&plan).await;
    let (ended, artifacts) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Completed);
    assert!(
        ended
            .runs
            .iter()
            .all(|run| run.state() == Run::Succeeded && run.output.is_none() && run.attempt == 1)
    );
    assert_eq!(run(&ended, "write").summary, "wrote exports/x.py (20 B)");
    assert_eq!(ended.cost.as_ref().unwrap().micros, 35_000);

    let file = rig.workspace(&ended.id).join("exports/x.py");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "import csv\nprint(1)\n");
    assert_eq!((artifacts.len(), artifacts[0].path.as_str(), artifacts[0].size), (1, "exports/x.py", 20));
    let request = DownloadArtifactRequest { artifact_id: artifacts[0].id.clone() };
    let mut pieces = rig.client().download_artifact(request.clone()).await.unwrap().into_inner();
    assert_eq!(pieces.message().await.unwrap().unwrap().data, b"import csv\nprint(1)\n");
    assert_eq!(pieces.message().await.unwrap(), None);

    std::fs::write(
        rig.config.data_dir.join("artifacts").join(&artifacts[0].digest),
        "import os\nprint(1)\n!",
    )
    .unwrap();
    let mut pieces = rig.client().download_artifact(request).await.unwrap().into_inner();
    pieces.message().await.unwrap();
    assert_eq!(pieces.message().await.unwrap_err().code(), tonic::Code::Internal);

    // Heard again, it stays one execution.
    rig.gate.tell(&rig.source, session).await;
    let other = rig.execute(&plan).await.0;
    let listed = rig.client().list_executions(ListExecutionsRequest::default()).await.unwrap().into_inner();
    let ids: Vec<_> = listed.executions.iter().map(|execution| execution.id.clone()).collect();
    assert_eq!((ids.len(), ids.contains(&ended.id), ids.contains(&other.id)), (2, true, true));
    let running =
        ListExecutionsRequest { states: vec![ExecutionState::Running.into()], ..Default::default() };
    assert!(rig.client().list_executions(running).await.unwrap().into_inner().executions.is_empty());
    let first = ListExecutionsRequest { page_size: 1, ..Default::default() };
    let first = rig.client().list_executions(first).await.unwrap().into_inner();
    let next =
        ListExecutionsRequest { page_size: 1, page_token: first.next_page_token, ..Default::default() };
    let next = rig.client().list_executions(next).await.unwrap().into_inner();
    assert_eq!([&first.executions[0].id, &next.executions[0].id], [&ids[0], &ids[1]]);
    rig.stop().await;
}

async fn a_failure_is_retried_then_everything_is_undone_in_reverse(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let mut marked = item("mark", "shell", json!({ "command": "echo done >> log", "use_shell": true }));
    marked.rollback = Some(Rollback {
        tool: "shell".to_owned(),
        arguments: object(
            json!({ "command": "echo undone ${items.mark.output.exit_code} >> log", "use_shell": true }),
        ),
    });
    let mut broken = item(
        "broken",
        "shell",
        json!({ "command": ["sh", "-c", "echo $ASSENT_IDEMPOTENCY_KEY >> keys; exit 3"] }),
    );
    broken.constraints.max_retries = Some(2);
    let plan = plan(
        vec![
            item("one", "file_write", json!({ "path": "a.txt", "content": "one" })),
            item("two", "file_write", json!({ "path": "a.txt", "content": "two" })),
            marked,
            broken,
            item("after", "code_gen", json!({ "template": "x" })),
        ],
        &[("one", "two", HARD), ("two", "mark", HARD), ("mark", "broken", HARD), ("broken", "after", HARD)],
    );
    let session = rig.approve(&plan).await;
    let (ended, artifacts) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::RolledBack);
    assert_eq!(
        states(&ended),
        [
            ("after", Run::Skipped),
            ("broken", Run::Failed),
            ("mark", Run::RolledBack),
            ("one", Run::RolledBack),
            ("two", Run::RolledBack),
        ]
    );
    assert_eq!(run(&ended, "broken").attempt, 3);
    assert!(ended.error.starts_with("`broken` failed: SHELL_FAILED"), "{}", ended.error);
    assert!(artifacts.is_empty());
    let workspace = rig.workspace(&ended.id);
    assert!(!workspace.join("a.txt").exists());
    assert_eq!(std::fs::read_to_string(workspace.join("log")).unwrap(), "done\nundone 0\n");
    let keys = std::fs::read_to_string(workspace.join("keys")).unwrap();
    let expected: String = (1..=3).map(|attempt| format!("{session}.1.broken.{attempt}\n")).collect();
    assert_eq!(keys, expected);

    let facts = rig.facts(session, |fact| matches!(fact, Payload::ExecutionEnded(_))).await;
    let undone = facts.iter().filter_map(|event| match event.payload.as_ref() {
        Some(Payload::WorkItemRunChanged(changed)) => changed.run.as_ref(),
        _ => None,
    });
    let undone = undone.filter(|run| run.state() == Run::RolledBack).map(|run| run.item_id.as_str());
    assert_eq!(undone.collect::<Vec<_>>(), ["mark", "two", "one"]);
    rig.stop().await;
}

async fn what_cannot_be_undone_is_said(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let plan = plan(
        vec![
            item("done", "shell", json!({ "command": "true" })),
            item("broken", "shell", json!({ "command": "false" })),
        ],
        &[("done", "broken", HARD)],
    );
    let (ended, _) = rig.execute(&plan).await;
    assert_state(&ended, ExecutionState::RollbackFailed);
    assert_eq!(states(&ended), [("broken", Run::Failed), ("done", Run::RollbackFailed)]);
    assert!(run(&ended, "done").error.starts_with("NOT_REVERSIBLE"));
    rig.stop().await;
}

async fn a_deleted_file_is_put_back_where_the_plan_says_so(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    for (possible, end, content) in
        [(Some(true), ExecutionState::RolledBack, Some("old")), (None, ExecutionState::RollbackFailed, None)]
    {
        let mut delete = item("delete", "file_delete", json!({ "path": "a/old.txt" }));
        delete.rollback_possible = possible;
        let make = json!({ "command": "mkdir a; printf old > a/old.txt", "use_shell": true });
        let mut make = item("make", "shell", make);
        // Nothing to undo about it.
        make.rollback =
            Some(Rollback { tool: "shell".to_owned(), arguments: object(json!({ "command": "true" })) });
        let items = vec![make, delete, item("fails", "shell", json!({ "command": "test -e a/old.txt" }))];
        let plan = plan(items, &[("make", "delete", HARD), ("delete", "fails", HARD)]);
        let (ended, _) = rig.execute(&plan).await;
        assert_state(&ended, end);
        let found = std::fs::read_to_string(rig.workspace(&ended.id).join("a/old.txt")).ok();
        assert_eq!(found.as_deref(), content, "{ended:#?}");
    }
    rig.stop().await;
}

async fn limits_and_missing_means_fail_the_item_before_it_begins(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let mut costly = item("x", "shell", json!({ "command": "true" }));
    costly.constraints.max_cost = Some(Money::from_micros(1));
    let header =
        json!({ "method": "GET", "url": "https://example.com", "headers": { "a": "${secret:NONE}" } });
    for (given, reason) in [
        (costly, "COST_LIMIT_EXCEEDED"),
        (item("x", "web_search", json!({ "query": "q" })), "TOOL_NOT_CONFIGURED"),
        (
            item("x", "http_request", json!({ "method": "GET", "url": "http://127.0.0.1:1/" })),
            "HOST_NOT_ALLOWED",
        ),
        (item("x", "http_request", header), "SECRET_MISSING"),
        (item("x", "shell", json!({ "command": ["echo", "${secret:NONE}"] })), "SECRET_NOT_ALLOWED"),
        (item("x", "file_write", json!({ "path": "../x", "content": "" })), "ARGUMENTS_INVALID"),
        (item("x", "teleport", json!({})), "TOOL_UNKNOWN"),
    ] {
        let (ended, _) = rig.execute(&plan(vec![given], &[])).await;
        assert_state(&ended, ExecutionState::Failed);
        assert!(run(&ended, "x").error.starts_with(reason), "{reason}: {}", run(&ended, "x").error);
    }
    let tools = rig.client().list_tools(ListToolsRequest {}).await.unwrap().into_inner().tools;
    let ready = |name: &str| tools.iter().find(|tool| tool.name == name).unwrap().ready;
    assert_eq!((ready("shell"), ready("web_search")), (true, false));
    rig.stop().await;
}
