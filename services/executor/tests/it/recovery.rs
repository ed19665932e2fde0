//! What a process leaves behind, the next one finishes.

use assent_plan::DependencyType;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{ExecutionState, WorkItemRunState as Run};
use assent_testkit::{Storage, both_storages};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::rig::{Rig, assert_state, item, plan, run, states};

both_storages!(
    an_attempt_that_must_not_be_repeated_is_given_up_and_the_rest_undone,
    an_attempt_that_may_be_repeated_is_repeated_under_the_same_key,
);

async fn an_attempt_that_must_not_be_repeated_is_given_up_and_the_rest_undone(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let items = vec![
        item("write", "file_write", json!({ "path": "a.txt", "content": "a" })),
        item("hang", "shell", json!({ "command": "touch begun; sleep 600", "use_shell": true })),
    ];
    let session = rig.approve(&plan(items, &[("write", "hang", DependencyType::Dependency)])).await;
    let hangs = |fact: &Payload| match fact {
        Payload::WorkItemRunChanged(changed) => changed.run.as_ref().is_some_and(|run| run.item_id == "hang"),
        _ => false,
    };
    rig.facts(session, hangs).await;
    rig.stop().await;
    rig.start().await;
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::RolledBack);
    assert_eq!(states(&ended), [("hang", Run::Failed), ("write", Run::RolledBack)]);
    assert!(run(&ended, "hang").error.starts_with("INTERRUPTED"));
    assert!(!rig.workspace(&ended.id).join("a.txt").exists());
    rig.stop().await;
}

async fn an_attempt_that_may_be_repeated_is_repeated_under_the_same_key(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", server.local_addr().unwrap());
    rig.stop().await;
    rig.config.http_allowed_hosts = vec!["127.0.0.1".to_owned()];
    rig.start().await;
    let session = rig
        .approve(&plan(vec![item("get", "http_request", json!({ "method": "GET", "url": url }))], &[]))
        .await;
    let (mut first, _) = server.accept().await.unwrap();
    let before = request(&mut first).await;
    rig.stop().await;
    rig.start().await;
    let (mut second, _) = server.accept().await.unwrap();
    let after = request(&mut second).await;
    let answer =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{\"a\":\"b\"}";
    second.write_all(answer.as_bytes()).await.unwrap();
    let (ended, _) = rig.ended(session).await;
    assert_state(&ended, ExecutionState::Completed);
    assert_eq!(run(&ended, "get").attempt, 1);
    let key =
        |request: &str| request.lines().find(|line| line.starts_with("idempotency-key")).map(str::to_owned);
    assert_eq!(key(&before), Some(format!("idempotency-key: {session}.1.get.1")));
    assert_eq!(key(&after), key(&before));
    rig.stop().await;
}

/// Reads the head of a request.
async fn request(stream: &mut tokio::net::TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}
