//! A backup is one when it was restored: dump, restore into another database, start again, verify.

use std::path::Path;
use std::process::Command;

use assent_proto::review::v1::SubmissionMode;
use assent_testkit::Storage;
use assent_tests::process::{SERVICES, program};
use assent_tests::{Cluster, people, scenario};
use sqlx::{Connection as _, Executor as _};

use crate::support::cast_of_cluster;

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{errors}");
}

fn dump(url: &str, file: &Path) {
    succeed(Command::new("pg_dump").args(["--format=custom", "--file"]).arg(file).arg(url));
}

fn restore(url: &str, file: &Path) {
    succeed(Command::new("pg_restore").args(["--no-owner", "--exit-on-error", "--dbname", url]).arg(file));
}

/// The command line against a cluster, as its operator uses it after a restore.
fn assent(cluster: &Cluster, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("assent"));
    command.env_clear().args(arguments).env("ASSENT_TOKEN", people::token(people::LEAD));
    for service in SERVICES {
        let name = format!("ASSENT_{}_ADDRESS", service.to_uppercase().replace('-', "_"));
        command.env(name, cluster.address(service));
    }
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_dump_goes_on_and_its_audit_chain_holds() {
    let cluster = Cluster::start().await;
    let cast = cast_of_cluster(&cluster);
    // One that was executed before the dump, and one that waits for a decision.
    let done = scenario::export(&cast).await;
    let waiting = scenario::submit(&cast, scenario::EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
    let before = scenario::audited(&cast.lead, &done).await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("assent.dump");
    dump(cluster.storage().url(), &file);
    drop(cluster);
    let storage = Storage::postgres().await;
    restore(storage.url(), &file);
    let cluster = Cluster::start_on(storage).await;

    let cast = cast_of_cluster(&cluster);
    assert_eq!(scenario::audited(&cast.lead, &done).await, before, "the audit is another one");
    succeed(&mut assent(&cluster, &["doctor"]));
    for session in [&done, &waiting.id] {
        succeed(&mut assent(&cluster, &["audit", "verify", session]));
    }
    // What waited is decided and executed as if nothing had been: keys, facts and positions came along.
    let session = scenario::session(&cast.lead, &waiting.id).await.unwrap();
    assert_eq!(scenario::approve(&cast.lead, &session).await.unwrap(), 0);
    scenario::finish(&cast, &waiting.id).await;

    // A chain that was changed does not hold, so the words above mean something.
    let mut database = sqlx::PgConnection::connect(cluster.storage().url()).await.unwrap();
    let change = "UPDATE approval_gate.audit_entries SET action = 'vote.reject' WHERE sequence = 2";
    database.execute(change).await.unwrap();
    let output = assent(&cluster, &["audit", "verify", &done]).output().unwrap();
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
