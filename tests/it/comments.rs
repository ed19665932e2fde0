//! Comments follow the plan through its versions.

use assent_proto::approval::v1::{AddCommentRequest, ListCommentsRequest};
use assent_proto::review::v1::{CommentScope as Scope, PlanComment};
use assent_testkit::{Storage, both_storages};
use assent_tests::{Client, Embedded, eventually, people, scenario};
use serde_json::json;

use crate::writers::{apply, rename, submitted, three_steps};

both_storages!(threads_are_stale_while_what_they_are_about_is_another);

async fn comment(
    client: &Client,
    session: &str,
    scope: Scope,
    item: &str,
    to: &str,
    version: i32,
) -> PlanComment {
    let request = AddCommentRequest {
        session_id: session.to_owned(),
        content: format!("{scope:?} {item}"),
        scope: scope.into(),
        target_item_id: item.to_owned(),
        target_edge_to: to.to_owned(),
        version,
        ..Default::default()
    };
    client.comments.clone().add_comment(request).await.unwrap().into_inner().comment.unwrap()
}

/// Contents of the threads that are stale, once the session is at `version`.
async fn stale(client: &Client, session: &str, version: i32) -> Vec<String> {
    eventually(&format!("version {version} to be reviewed"), || async {
        let session = scenario::session(client, session).await.ok()?;
        (session.current_version == version).then_some(())
    })
    .await;
    let list = ListCommentsRequest { session_id: session.to_owned(), ..Default::default() };
    let comments = client.comments.clone().list_comments(list).await.unwrap().into_inner().comments;
    comments.into_iter().filter(|comment| comment.is_stale).map(|comment| comment.content).collect()
}

async fn threads_are_stale_while_what_they_are_about_is_another(storage: Storage) {
    let stack = Embedded::start(storage).await;
    let dev = stack.client(people::DEV);
    let id = submitted(&stack, three_steps()).await.id;
    comment(&dev, &id, Scope::WorkItem, "a", "", 0).await;
    comment(&dev, &id, Scope::WorkItem, "b", "", 0).await;
    comment(&dev, &id, Scope::Edge, "a", "b", 0).await;
    comment(&dev, &id, Scope::Plan, "", "", 0).await;

    // A name has no effect, so nothing is about something else by it.
    apply(&dev, &id, 1, json!([rename("a", "another name")])).await.unwrap();
    assert!(stale(&dev, &id, 2).await.is_empty());
    let change = |command: &str| {
        json!([{"update_work_item": {
            "item": {"id": "a", "arguments": {"command": [command]}}, "update_mask": "arguments",
        }}])
    };
    apply(&dev, &id, 2, change("false")).await.unwrap();
    // Written at one moment, they have no order.
    let sorted = async |version| {
        let mut all = stale(&dev, &id, version).await;
        all.sort();
        all
    };
    assert_eq!(sorted(3).await, ["Plan ", "WorkItem a"]);
    // Written on an older version, and stale from the start.
    assert!(comment(&dev, &id, Scope::WorkItem, "a", "", 1).await.is_stale);
    assert!(!comment(&dev, &id, Scope::WorkItem, "b", "", 1).await.is_stale);

    apply(&dev, &id, 3, json!([{"remove_dependency": {"from": "a", "to": "b"}}])).await.unwrap();
    assert_eq!(sorted(4).await, ["Edge a", "Plan ", "WorkItem a", "WorkItem a"]);
    apply(&dev, &id, 4, change("true")).await.unwrap();
    assert_eq!(sorted(5).await, ["Edge a", "Plan "]);
    stack.stop().await;
}
