//! Playbooks that run programs: confined as they always are, with the network only where the item asks for it.

use std::path::Path;
use std::process::Command;

use assent_proto::execution::v1::{Execution, ExecutionState};
use axum::Router;
use axum::routing::get;
use serde_json::json;

use super::kubernetes::{BROKEN, Kubernetes};
use super::nothing;
use super::site::{Site, Wanted, folder_of, serve, told};
use crate::examples::path;

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_triaged() {
    let log =
        "10:01 ok\n10:02 ERROR disk 7 is full\n10:03 ERROR disk 12 is full\n10:04 FATAL `out` of $(memory)\n";
    let files = vec![("app.log", log.repeat(3))];
    let site = Site::start(Wanted { files, ..Wanted::default() }).await;
    let goal = format!("Triage the log {}", site.file("app.log").display());
    let execution = site.completed(&goal, nothing()).await;
    let report = site.artifact(&execution, "reports/log-triage.md").await;
    for expected in
        ["6\tN:N ERROR disk N is full", "3\tN:N FATAL `out` of $(memory)", "10:03 ERROR disk 12 is full"]
    {
        assert!(report.contains(expected), "{expected} is missing in\n{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_counted() {
    let rows = "id,region,total\r\n1,north,10\r\n2,south,5\r\n3,north,7\r\n".to_owned();
    let site = Site::start(Wanted { files: vec![("sales.csv", rows)], ..Wanted::default() }).await;
    let file = site.file("sales.csv").display().to_string();
    let execution = site.completed(&format!("Write a report on {file} by region"), nothing()).await;
    let report = site.artifact(&execution, "reports/report.md").await;
    assert!(report.contains("| north | 2 |") && report.contains("| south | 1 |"), "{report}");
    let told = site.error(&format!("Write a report on {file} by colour"), nothing()).await;
    assert!(told.contains("exit status: 3"), "{told}");
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(arguments);
    let output = command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", folder).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A repository with these files; its path.
fn repository(site: &Site, files: &[(&str, &str)]) -> String {
    let folder = site.file("shop");
    std::fs::create_dir_all(folder.join("src")).unwrap();
    git(&folder, &["init", "--quiet"]);
    for (name, content) in files {
        std::fs::write(folder.join(name), content).unwrap();
    }
    git(&folder, &["add", "--all"]);
    git(&folder, &["commit", "--quiet", "--message", "first"]);
    folder.display().to_string()
}

/// The patch of an execution fits the repository that it was made for.
async fn patch(site: &Site, execution: &Execution, repository: &str) -> String {
    let text = site.artifact(execution, "patches/upgrade.patch").await;
    let file = site.file("upgrade.patch");
    std::fs::write(&file, &text).unwrap();
    git(Path::new(repository), &["apply", "--check", file.to_str().unwrap()]);
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_dependency_is_upgraded() {
    let site = Site::start(Wanted::default()).await;
    let repository = repository(&site, &[("requirements.txt", "flask==3.0.0\nrequests==2.31.0\n")]);
    let goal = format!("Upgrade the pip package requests to 2.32.3 in {repository}");
    let execution = site.completed(&goal, nothing()).await;
    let patch = patch(&site, &execution, &repository).await;
    assert!(patch.contains("-requests==2.31.0\n+requests==2.32.3"), "{patch}");
    // What is not there is not upgraded, and the execution does not pretend.
    let goal = format!("Upgrade the pip package django to 5.0 in {repository}");
    assert_ne!(site.executed(&goal, nothing()).await.state(), ExecutionState::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crate_is_upgraded_with_a_registry() {
    // A registry as cargo asks for it over HTTP: its own configuration, and a file for each crate.
    let version = |number: &str| {
        let digest = "0".repeat(64);
        json!({ "name": "greeting", "vers": number, "deps": [], "cksum": digest, "features": {}, "yanked": false })
    };
    let index = format!("{}\n{}\n", version("1.0.0"), version("1.0.4"));
    let config = json!({ "dl": "http://127.0.0.1:9/nowhere" }).to_string();
    let router = Router::new()
        .route("/config.json", get(move || std::future::ready(config)))
        .route("/gr/ee/greeting", get(move || std::future::ready(index)));
    let server = serve(router).await;

    let cargo = std::env::var("CARGO").expect("cargo runs the tests");
    let toolchain = folder_of(&folder_of(Path::new(&cargo)));
    let home = tempfile::tempdir().unwrap();
    let settings = format!(
        "[source.crates-io]\nreplace-with = \"mirror\"\n[source.mirror]\nregistry = \"sparse+{server}/\"\n"
    );
    std::fs::write(home.path().join("config.toml"), settings).unwrap();
    let names = json!(["PATH", "CARGO_HOME"]).to_string();
    let writable = json!([home.path()]).to_string();
    let site = Site::start(Wanted {
        executor: [("shell_environment", names), ("shell_writable_paths", writable)].into(),
        variables: vec![
            ("PATH", format!("{}:{}", toolchain.join("bin").display(), std::env::var("PATH").unwrap())),
            ("CARGO_HOME", home.path().display().to_string()),
        ],
        readable: vec![toolchain.clone()],
        ..Wanted::default()
    })
    .await;
    let manifest = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\n[dependencies]\ngreeting = \"1\"\n";
    let lock = "version = 4\n\n[[package]]\nname = \"greeting\"\nversion = \"1.0.0\"\n\
        source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
        checksum = \"0000000000000000000000000000000000000000000000000000000000000000\"\n\n\
        [[package]]\nname = \"shop\"\nversion = \"0.1.0\"\ndependencies = [\n \"greeting\",\n]\n";
    let repository = repository(&site, &[("Cargo.toml", manifest), ("Cargo.lock", lock), ("src/lib.rs", "")]);
    let goal = format!("Bump the crate greeting to 1.0.4 in {repository}");
    let execution = site.completed(&goal, nothing()).await;
    let patch = patch(&site, &execution, &repository).await;
    assert!(patch.contains("-version = \"1.0.0\"\n+version = \"1.0.4\""), "{patch}");
}

/// A stack with `kubectl` and its way to a cluster.
async fn with_cluster(cluster: &Kubernetes) -> Site {
    let server = serve(cluster.router()).await;
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "test", "cluster": { "server": server } }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        "users": [{ "name": "test", "user": {} }],
        "current-context": "test",
    });
    let folder = tempfile::tempdir().unwrap();
    let tools = std::env::var("ASSENT_TOOLS").expect("ASSENT_TOOLS is not set: run through `make test`");
    let wanted = Wanted {
        executor: [("shell_environment", json!(["PATH", "KUBECONFIG"]).to_string())].into(),
        variables: vec![
            ("PATH", path()),
            ("KUBECONFIG", folder.path().join("kubeconfig").display().to_string()),
        ],
        files: vec![("kubeconfig", config.to_string())],
        readable: vec![tools.into()],
        ..Wanted::default()
    };
    Site::start_in(folder, wanted).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_deployed_and_taken_back_when_it_does_not_serve() {
    let cluster = Kubernetes::with(&[("staging", "checkout", "checkout:1.4.1")]);
    let site = with_cluster(&cluster).await;
    let execution = site.completed("Deploy version 1.4.2 of checkout to staging", nothing()).await;
    assert_eq!(cluster.image("staging/checkout"), "checkout:1.4.2");
    let note = site.artifact(&execution, "deployments/checkout.md").await;
    for expected in ["Before: checkout:1.4.1", "Now: checkout:1.4.2", "successfully rolled out"] {
        assert!(note.contains(expected), "{note}");
    }

    let goal = format!("Deploy version 1.5.0-{BROKEN} of checkout to staging");
    let failed = site.executed(&goal, nothing()).await;
    assert_eq!(failed.state(), ExecutionState::RolledBack, "{}", told(&failed));
    let wait = failed.runs.iter().find(|run| run.item_id == "wait").unwrap();
    assert!(wait.error.contains("exceeded its progress deadline"), "{}", wait.error);
    assert_eq!(cluster.image("staging/checkout"), "checkout:1.4.2");

    let told = site.error("Deploy version 2.0.0 of billing to staging", nothing()).await;
    assert!(told.contains("Error from server (NotFound)"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_rolled_back() {
    let cluster = Kubernetes::with(&[("production", "billing", "billing:1")]);
    for image in ["billing:2", "billing:3", "billing:4"] {
        cluster.deploy("production/billing", image);
    }
    let site = with_cluster(&cluster).await;
    let execution = site.completed("Roll back billing in production", nothing()).await;
    assert_eq!(cluster.image("production/billing"), "billing:3");
    let note = site.artifact(&execution, "incidents/billing.md").await;
    for expected in
        ["# billing rolled back in production", "REVISION", "rolled back", "successfully rolled out"]
    {
        assert!(note.contains(expected), "{note}");
    }
    site.completed("Roll the billing service back to revision 1 in production", nothing()).await;
    assert_eq!(cluster.image("production/billing"), "billing:1");
}
