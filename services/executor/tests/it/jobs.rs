//! Items that name an image run as Jobs of Kubernetes.

use assent_plan::{DependencyType, Rollback, WorkItem};
use assent_proto::execution::v1::{ExecutionState, WorkItemRunState as Run};
use assent_proto::executor::v1::CancelRequest;
use assent_testkit::{Storage, both_storages};
use serde_json::json;
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::rig::{Rig, assert_state, item, object, plan, run, states};

both_storages!(
    an_item_with_an_image_runs_as_a_job_that_is_removed,
    a_job_is_found_again_by_whoever_makes_the_attempt_again,
    each_attempt_is_a_job_of_its_own,
    a_cancelled_job_is_removed,
    a_job_can_undo,
    only_images_that_are_allowed_are_run,
);

async fn with_cluster(storage: Storage) -> (Rig, Cluster, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (cluster, path) = Cluster::start(folder.path()).await;
    let mut rig = Rig::new(storage).await;
    rig.stop().await;
    rig.config.kubernetes_namespace = "work".to_owned();
    rig.config.kubernetes_kubeconfig = path.to_str().unwrap().to_owned();
    rig.config.kubernetes_images = vec!["registry.example.com/*".to_owned(), "python:3.13".to_owned()];
    rig.secret("API_KEY", "swordfish");
    rig.start().await;
    (rig, cluster, folder)
}

fn job(id: &str) -> WorkItem {
    item(id, "shell", json!({ "command": ["report", "--all"], "image": "registry.example.com/tools:1" }))
}

async fn an_item_with_an_image_runs_as_a_job_that_is_removed(storage: Storage) {
    let (mut rig, cluster, _folder) = with_cluster(storage).await;
    let mut report = job("report");
    let own = json!({ "env": { "KEY": "${secret:API_KEY}", "MODE": "full" }, "network": true });
    report.arguments.extend(object(own));
    cluster.overload(2);
    let session = rig.approve(&plan(vec![report], &[])).await;
    let made = cluster.running().await;
    let (about, pod) = (&made["metadata"], &made["spec"]["template"]["spec"]);
    let name = about["name"].as_str().unwrap();
    assert_eq!(about["annotations"]["assent.dev/idempotency-key"], format!("{session}.1.report.1"));
    assert_eq!(about["labels"]["assent.dev/network"], "true");
    assert_eq!(
        (&made["spec"]["backoffLimit"], &made["spec"]["activeDeadlineSeconds"]),
        (&json!(0), &json!(300))
    );
    let program = &pod["containers"][0];
    assert_eq!(program["image"], "registry.example.com/tools:1");
    assert_eq!(program["command"], json!(["report", "--all"]));
    assert_eq!(program["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(program["resources"]["limits"], json!({ "cpu": "1", "memory": "1Gi" }));
    assert_eq!(
        (&pod["restartPolicy"], &pod["automountServiceAccountToken"]),
        (&json!("Never"), &json!(false))
    );
    // What is secret is no part of the Job.
    assert!(!made.to_string().contains("swordfish"));
    assert_eq!(program["envFrom"][0]["secretRef"]["name"], name);
    let secret = cluster.secret(name).await;
    assert_eq!(secret["stringData"], json!({ "KEY": "swordfish", "MODE": "full" }));
    assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], about["uid"]);

    cluster.end(&made, 0, "all is well\nwith swordfish\n");
    rig.ended(session).await;
    let ended = rig.execution(session).await;
    assert_state(&ended, ExecutionState::Completed);
    let report = run(&ended, "report");
    assert_eq!((report.summary.as_str(), report.attempt), ("ran report: all is well", 1));
    assert!(!format!("{report:?}").contains("swordfish"));
    cluster.emptied().await;
    assert_eq!(cluster.made(), 1);
    rig.stop().await;
}

async fn a_job_is_found_again_by_whoever_makes_the_attempt_again(storage: Storage) {
    let (mut rig, cluster, _folder) = with_cluster(storage).await;
    let session = rig.approve(&plan(vec![job("report")], &[])).await;
    let made = cluster.running().await;
    rig.crash().await;
    cluster.end(&made, 0, "done meanwhile");
    rig.source.clock().advance(std::time::Duration::from_secs(60));
    rig.start().await;
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Completed);
    assert_eq!(run(&ended, "report").summary, "ran report: done meanwhile");
    cluster.emptied().await;
    assert_eq!(cluster.made(), 1);
    rig.stop().await;
}

async fn each_attempt_is_a_job_of_its_own(storage: Storage) {
    let (mut rig, cluster, _folder) = with_cluster(storage).await;
    let mut report = job("report");
    report.constraints.max_retries = Some(1);
    let session = rig.approve(&plan(vec![report], &[])).await;
    let first = cluster.running().await;
    cluster.end(&first, 3, "no luck");
    let second = cluster.running().await;
    assert_ne!(first["metadata"]["name"], second["metadata"]["name"]);
    cluster.end(&second, 127, "no such program");
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Failed);
    let error = &run(&ended, "report").error;
    assert_eq!(error, "SHELL_FAILED: `report` ended with exit status: 127: no such program");
    cluster.emptied().await;
    rig.stop().await;
}

async fn a_cancelled_job_is_removed(storage: Storage) {
    let (mut rig, cluster, _folder) = with_cluster(storage).await;
    let session = rig.approve(&plan(vec![job("report")], &[])).await;
    cluster.running().await;
    let cancel = CancelRequest { session_id: session.to_string(), ..Default::default() };
    rig.client().cancel(cancel).await.unwrap();
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Cancelled);
    cluster.emptied().await;
    rig.stop().await;
}

async fn a_job_can_undo(storage: Storage) {
    let (mut rig, cluster, _folder) = with_cluster(storage).await;
    let mut marked = item("mark", "shell", json!({ "command": ["true"] }));
    let undo = json!({ "command": ["undo"], "image": "python:3.13" });
    marked.rollback = Some(Rollback { tool: "shell".to_owned(), arguments: object(undo) });
    let broken = item("broken", "shell", json!({ "command": ["false"] }));
    let both = plan(vec![marked, broken], &[("mark", "broken", DependencyType::Dependency)]);
    let session = rig.approve(&both).await;
    // Tried again, it is another Job.
    let first = cluster.running().await;
    cluster.end(&first, 1, "not now");
    let second = cluster.running().await;
    cluster.end(&second, 0, "undone");
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::RolledBack);
    assert_eq!(states(&ended), [("broken", Run::Failed), ("mark", Run::RolledBack)]);
    cluster.emptied().await;
    assert_eq!(cluster.made(), 2);
    rig.stop().await;
}

async fn only_images_that_are_allowed_are_run(storage: Storage) {
    let (mut rig, cluster, _folder) = with_cluster(storage).await;
    for image in ["registry.example.org/tools:1", "python:3.13-slim"] {
        let other = item("other", "shell", json!({ "command": ["true"], "image": image }));
        let (ended, _) = rig.execute(&plan(vec![other], &[])).await;
        assert!(run(&ended, "other").error.starts_with("IMAGE_NOT_ALLOWED"), "{ended:#?}");
    }
    rig.stop().await;
    rig.config.kubernetes_namespace = String::new();
    rig.start().await;
    let (ended, _) = rig.execute(&plan(vec![job("report")], &[])).await;
    assert!(run(&ended, "report").error.starts_with("TOOL_NOT_CONFIGURED"), "{ended:#?}");
    assert_eq!(cluster.made(), 0);
    rig.stop().await;
}
