//! What executions produce: sent by workers, made by programs, kept on disk or in a bucket.

use std::path::Path;
use std::time::Duration;

use assent_core::Digest;
use assent_plan::{DependencyType, Rollback};
use assent_proto::execution::v1::{Artifact, ExecutionState};
use assent_proto::executor::v1::*;
use assent_testkit::{Storage, both_storages};
use futures_util::stream;
use serde_json::json;
use tokio::process::Command;
use tonic::Status;

use crate::rig::{Rig, assert_state, item, object, plan, run};
use crate::server::Server;
use crate::workers::{Worker, reason};

both_storages!(
    a_worker_sends_files_with_its_work,
    files_of_a_lost_lease_are_forgotten,
    a_program_names_what_it_makes,
    contents_rest_in_a_bucket,
);

/// A message for each piece, the first of which names the file.
fn pieces(work: &Work, path: &str, pieces: &[&[u8]]) -> Vec<UploadArtifactRequest> {
    let mut all: Vec<_> = pieces
        .iter()
        .map(|data| UploadArtifactRequest { data: data.to_vec(), ..Default::default() })
        .collect();
    all[0].lease.clone_from(&work.lease);
    path.clone_into(&mut all[0].path);
    all
}

async fn send(rig: &Rig, messages: Vec<UploadArtifactRequest>) -> Result<UploadArtifactResponse, Status> {
    Ok(rig.workers().upload_artifact(stream::iter(messages)).await?.into_inner())
}

async fn content(rig: &Rig, artifact: &Artifact) -> Vec<u8> {
    let request = DownloadArtifactRequest { artifact_id: artifact.id.clone() };
    let mut pieces = rig.client().download_artifact(request).await.unwrap().into_inner();
    let mut content = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        content.extend(piece.data);
    }
    content
}

async fn a_worker_sends_files_with_its_work(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    rig.stop().await;
    rig.config.artifact_max_bytes = 100;
    rig.start().await;
    let session = rig.approve(&plan(vec![item("a", "worker", json!({ "task": "report" }))], &[])).await;
    let mut worker = Worker::new(&rig, "w1", |_| {}).await;
    let work = worker.lease().await;

    let sent = send(&rig, pieces(&work, "./out//report.csv", &[b"a;b\n", b"1;2\n"])).await.unwrap();
    assert_eq!((sent.digest, sent.size), (Digest::of(&[b"a;b\n1;2\n"]).to_string(), 8));
    // The later one takes its place.
    send(&rig, pieces(&work, "out/report.csv", &[b"a;b\n", b"3;4\n"])).await.unwrap();
    let mut typed = pieces(&work, "page", &[b"<p>"]);
    typed[0].media_type = "text/html".to_owned();
    send(&rig, typed.clone()).await.unwrap();

    let large = send(&rig, pieces(&work, "large", &[&[0; 60], &[0; 60]])).await;
    assert_eq!(reason(large), "ARTIFACT_TOO_LARGE");
    for path in ["", "/etc/passwd", "../out", "a/"] {
        assert_eq!(reason(send(&rig, pieces(&work, path, &[b"x"])).await), "REQUEST_INVALID", "{path}");
    }
    typed[0].media_type = "no type".to_owned();
    assert_eq!(reason(send(&rig, typed).await), "REQUEST_INVALID");
    assert_eq!(reason(send(&rig, Vec::new()).await), "LEASE_LOST");

    worker.complete(&work, json!({})).await.unwrap();
    assert_eq!(reason(send(&rig, pieces(&work, "late", &[b"x"])).await), "LEASE_LOST");
    let (ended, artifacts) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Completed);
    let told: Vec<_> = artifacts.iter().map(|a| (a.path.as_str(), a.media_type.as_str(), a.size)).collect();
    assert_eq!(told, [("out/report.csv", "text/csv", 8), ("page", "text/html", 3)]);
    assert_eq!(content(&rig, &artifacts[0]).await, b"a;b\n3;4\n");
    rig.stop().await;
}

async fn files_of_a_lost_lease_are_forgotten(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let session = rig.approve(&plan(vec![item("a", "worker", json!({ "task": "report" }))], &[])).await;
    let mut first = Worker::new(&rig, "w1", |_| {}).await;
    let work = first.lease().await;
    send(&rig, pieces(&work, "half", &[b"x"])).await.unwrap();
    first.vanish();
    rig.source.clock().advance(Duration::from_secs(11));
    let mut second = Worker::new(&rig, "w2", |_| {}).await;
    let again = second.lease().await;
    assert_eq!(again.idempotency_key, work.idempotency_key);
    assert_eq!(reason(send(&rig, pieces(&work, "half", &[b"x"])).await), "LEASE_LOST");
    send(&rig, pieces(&again, "whole", &[b"y"])).await.unwrap();
    second.complete(&again, json!({})).await.unwrap();
    let (_, artifacts) = rig.ended(session).await;
    assert_eq!(artifacts.iter().map(|a| a.path.as_str()).collect::<Vec<_>>(), ["whole"]);
    rig.stop().await;
}

async fn a_program_names_what_it_makes(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let line = "mkdir out; head -c 200000 /dev/zero > out/zeros.bin; echo '# Hi' > README.md; ln -s /etc/passwd link";
    let shell = |artifacts: &[&str]| {
        item("make", "shell", json!({ "command": line, "use_shell": true, "artifacts": artifacts }))
    };
    let (ended, artifacts) = rig.execute(&plan(vec![shell(&["out/zeros.bin", "./README.md"])], &[])).await;
    assert_state(&ended, ExecutionState::Completed);
    let told: Vec<_> = artifacts.iter().map(|a| (a.path.as_str(), a.media_type.as_str(), a.size)).collect();
    assert_eq!(told, [("README.md", "text/markdown", 5), ("out/zeros.bin", "text/plain", 200_000)]);
    assert_eq!(content(&rig, &artifacts[1]).await, vec![0; 200_000]);
    for (path, reason) in [("nothing", "ARTIFACT_MISSING"), ("link", "PATH_REFUSED"), ("out", "PATH_REFUSED")]
    {
        let (ended, _) = rig.execute(&plan(vec![shell(&[path])], &[])).await;
        assert!(run(&ended, "make").error.starts_with(reason), "{ended:#?}");
    }
    rig.stop().await;
}

/// A stand-in for S3 on a port of loopback, with a bucket.
async fn bucket() -> (Server, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let installed = std::process::Command::new(root.join("tests/s3.sh")).output().unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let program = String::from_utf8(installed.stdout).unwrap();
    let mut command = Command::new(program.trim());
    command.args(["-H", "127.0.0.1", "-p", "0"]).env("PYTHONUNBUFFERED", "1");
    let (server, address) =
        Server::start(command, |line| Some(line.split_once("Running on ")?.1.trim().to_owned())).await;
    put(&format!("{address}/assent"), "").await;
    (server, address)
}

/// Makes a bucket or a content, as somebody else.
async fn put(url: &str, content: &'static str) {
    let who = "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request";
    let request = reqwest::Client::new().put(url).header("authorization", who).body(content);
    assert!(request.send().await.unwrap().status().is_success());
}

async fn contents_rest_in_a_bucket(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    rig.stop().await;
    let (_stand_in, address) = bucket().await;
    rig.config.s3_bucket = "assent".to_owned();
    rig.config.s3_endpoint = address.clone();
    rig.config.s3_region = "us-east-1".to_owned();
    rig.config.s3_prefix = "some/where".to_owned();
    rig.secret("S3_ID", "id");
    rig.secret("S3_KEY", "key");
    (rig.config.s3_key_id_secret, rig.config.s3_key_secret) = ("S3_ID".to_owned(), "S3_KEY".to_owned());
    rig.start().await;

    // Larger than one part, so that it goes up in several.
    let large: Vec<u8> = (0..20_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    let work = item("send", "worker", json!({ "task": "report" }));
    let write = item("write", "file_write", json!({ "path": "small.txt", "content": "small" }));
    let session = rig.approve(&plan(vec![work, write], &[])).await;
    let mut worker = Worker::new(&rig, "w1", |_| {}).await;
    let work = worker.lease().await;
    let parts: Vec<&[u8]> = large.chunks(1 << 20).collect();
    send(&rig, pieces(&work, "large.bin", &parts)).await.unwrap();
    worker.complete(&work, json!({})).await.unwrap();
    let (ended, artifacts) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Completed);
    let [big, small] = artifacts.as_slice() else { panic!("{artifacts:#?}") };
    assert!(content(&rig, big).await == large && content(&rig, small).await == b"small");
    assert_eq!(big.digest, Digest::of(&[&large]).to_string());
    let kept = std::fs::read_dir(rig.config.data_dir.join("artifacts")).unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, ["drafts"]);

    // What stood in a file comes back out of the bucket.
    let write = |id: &str, text: &str| item(id, "file_write", json!({ "path": "a.txt", "content": text }));
    let mut mark = item("mark", "shell", json!({ "command": ["true"] }));
    mark.rollback = Some(Rollback {
        tool: "shell".to_owned(),
        arguments: object(json!({ "command": "cp a.txt seen", "use_shell": true })),
    });
    let broken = item("broken", "shell", json!({ "command": ["false"] }));
    let hard = DependencyType::Dependency;
    let items = vec![write("one", "one"), mark, write("two", "two"), broken];
    let edges = [("one", "mark", hard), ("mark", "two", hard), ("two", "broken", hard)];
    let (ended, _) = rig.execute(&plan(items, &edges)).await;
    assert_state(&ended, ExecutionState::RolledBack);
    let seen = std::fs::read_to_string(rig.workspace(&ended.id).join("seen")).unwrap();
    assert_eq!(seen, "one");

    // A content that is not what it was is not handed out.
    let url = format!("{address}/assent/some/where/{}", small.digest);
    put(&url, "other").await;
    let request = DownloadArtifactRequest { artifact_id: small.id.clone() };
    let mut pieces = rig.client().download_artifact(request).await.unwrap().into_inner();
    pieces.message().await.unwrap();
    assert_eq!(reason(pieces.message().await), "DATA_CORRUPT");
    rig.stop().await;
}
