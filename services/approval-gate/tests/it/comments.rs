//! What people say about a plan.

use std::time::Duration;

use assent_proto::approval::v1 as pb;
use assent_proto::approval::v1::watch_session_response::Message;
use assent_proto::plan::v1::{Dependency, Plan, RiskLevel};
use assent_proto::review::v1 as review;
use assent_proto::review::v1::{CommentScope as Scope, CommentType as Type, PlanReviewState as State};
use assent_testkit::{Storage, both_storages};
use futures_util::StreamExt as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::rig::{Rig, by, reason, submission};

both_storages!(
    threads_are_begun_answered_edited_settled_and_taken_back,
    anchors_must_be_there,
    a_comment_that_is_sent_twice_is_one,
    open_concerns_hold_up_the_approval_where_the_policy_says_so,
    who_writes_too_fast_is_told_when_to_go_on,
    administrators_hide_and_others_do_not,
    lists_are_filtered_and_paged,
    every_act_is_a_fact_and_an_entry,
);

const KEY: &str = "0190163d-8694-739a-aea5-966c26f8ad91";

fn remark(session: &review::PlanReviewSession, content: &str, kind: Type) -> pb::AddCommentRequest {
    pb::AddCommentRequest {
        session_id: session.id.clone(),
        content: content.to_owned(),
        r#type: kind.into(),
        ..Default::default()
    }
}

async fn add(rig: &Rig, who: &str, request: pb::AddCommentRequest) -> Result<review::PlanComment, Status> {
    let answer = rig.comments().add_comment(by(who, request)).await?;
    Ok(answer.into_inner().comment.unwrap())
}

async fn reply(rig: &Rig, who: &str, to: &str, content: &str) -> Result<review::PlanComment, Status> {
    let request = pb::ReplyToCommentRequest {
        comment_id: to.to_owned(),
        content: content.to_owned(),
        ..Default::default()
    };
    Ok(rig.comments().reply_to_comment(by(who, request)).await?.into_inner().comment.unwrap())
}

async fn resolve(rig: &Rig, who: &str, id: &str) -> Result<review::PlanComment, Status> {
    let request = pb::ResolveCommentRequest {
        comment_id: id.to_owned(),
        resolution: "checked".to_owned(),
        ..Default::default()
    };
    Ok(rig.comments().resolve_comment(by(who, request)).await?.into_inner().comment.unwrap())
}

async fn edit(rig: &Rig, who: &str, id: &str, content: &str) -> Result<review::PlanComment, Status> {
    let request = pb::EditCommentRequest {
        comment_id: id.to_owned(),
        content: content.to_owned(),
        ..Default::default()
    };
    Ok(rig.comments().edit_comment(by(who, request)).await?.into_inner().comment.unwrap())
}

async fn delete(rig: &Rig, who: &str, id: &str) -> Result<review::PlanComment, Status> {
    let request = pb::DeleteCommentRequest { comment_id: id.to_owned(), ..Default::default() };
    Ok(rig.comments().delete_comment(by(who, request)).await?.into_inner().comment.unwrap())
}

async fn reopen(rig: &Rig, who: &str, id: &str) -> Result<review::PlanComment, Status> {
    let request = pb::ReopenCommentRequest { comment_id: id.to_owned(), ..Default::default() };
    Ok(rig.comments().reopen_comment(by(who, request)).await?.into_inner().comment.unwrap())
}

async fn hide(rig: &Rig, who: &str, id: &str) -> Result<review::PlanComment, Status> {
    let request = pb::HideCommentRequest {
        comment_id: id.to_owned(),
        reason: "off topic".to_owned(),
        ..Default::default()
    };
    Ok(rig.comments().hide_comment(by(who, request)).await?.into_inner().comment.unwrap())
}

fn told(status: Status, key: &str) -> (Code, String, String) {
    let (name, value) = reason(&status, key);
    (status.code(), name, value)
}

fn is(code: Code, name: &str, value: &str) -> (Code, String, String) {
    (code, name.to_owned(), value.to_owned())
}

async fn threads_are_begun_answered_edited_settled_and_taken_back(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let about_a = pb::AddCommentRequest {
        scope: Scope::WorkItem.into(),
        target_item_id: "a".to_owned(),
        ..remark(&session, "Why **shell**, @ben? password=\"hunter22\"", Type::Question)
    };
    let question = add(&rig, "dev", about_a).await.unwrap();
    assert_eq!(question.content, "Why **shell**, @ben? password=[REDACTED]");
    assert_eq!((question.scope(), question.r#type()), (Scope::WorkItem, Type::Question));
    assert_eq!((question.target_item_id.as_str(), question.version), ("a", 1));
    assert_eq!(
        (question.author.as_ref().unwrap().id.as_str(), &question.mentions),
        ("dev", &vec!["ben".to_owned()])
    );

    rig.clock.advance(Duration::from_secs(1));
    let answer = reply(&rig, "ben", &question.id, "because").await.unwrap();
    rig.clock.advance(Duration::from_secs(1));
    let further = reply(&rig, "bot", &answer.id, "indeed").await.unwrap();
    assert_eq!([&answer.parent_comment_id, &further.parent_comment_id], [&question.id, &question.id]);

    let edited = edit(&rig, "ben", &answer.id, "because it is there").await.unwrap();
    let before: Vec<_> = edited.revisions.iter().map(|r| r.content.as_str()).collect();
    assert_eq!((edited.content.as_str(), before), ("because it is there", vec!["because"]));
    assert!(edited.modify_time.is_some());

    let settled = resolve(&rig, "dev", &question.id).await.unwrap();
    assert_eq!((settled.is_resolved, settled.resolution.as_str()), (true, "checked"));
    assert_eq!(settled.resolved_by.unwrap().id, "dev");
    assert!(!reopen(&rig, "ada", &question.id).await.unwrap().is_resolved);

    delete(&rig, "ben", &answer.id).await.unwrap();
    let comments = rig.get(&session.id).await.comments;
    assert_eq!((comments.len(), comments[0].id.as_str()), (1, question.id.as_str()));
    let replies: Vec<_> =
        comments[0].replies.iter().map(|r| (r.content.as_str(), r.is_deleted, r.revisions.len())).collect();
    assert_eq!(replies, [("", true, 0), ("indeed", false, 0)]);

    let state = is(Code::FailedPrecondition, "COMMENT_STATE", "deleted");
    assert_eq!(told(edit(&rig, "ben", &answer.id, "x").await.unwrap_err(), "state"), state);
    let answer = is(Code::FailedPrecondition, "COMMENT_STATE", "answer");
    assert_eq!(told(resolve(&rig, "ada", &further.id).await.unwrap_err(), "state"), answer);
    let mine = is(Code::PermissionDenied, "COMMENT_FORBIDDEN", "NOT_AUTHOR");
    assert_eq!(told(edit(&rig, "ada", &question.id, "x").await.unwrap_err(), "why"), mine);
    assert_eq!(told(delete(&rig, "ada", &question.id).await.unwrap_err(), "why"), mine);
    let unknown = format!("cmt_{}", "0".repeat(32));
    let nowhere = is(Code::NotFound, "COMMENT_NOT_FOUND", &unknown);
    assert_eq!(told(reply(&rig, "ada", &unknown, "x").await.unwrap_err(), "comment_id"), nowhere);
    let open = is(Code::FailedPrecondition, "COMMENT_STATE", "open");
    assert_eq!(told(reopen(&rig, "ada", &question.id).await.unwrap_err(), "state"), open);
    rig.stop().await;
}

async fn anchors_must_be_there(storage: Storage) {
    let rig = Rig::start(storage).await;
    let mut request = submission(RiskLevel::High);
    let edge = Dependency { from: "a".to_owned(), to: "b".to_owned(), ..Default::default() };
    request.plan = request.plan.map(|plan| Plan { dependencies: vec![edge], ..plan });
    let session = rig.submit_as("rob", request).await.unwrap();
    let about = |scope: Scope, item: &str, to: &str| pb::AddCommentRequest {
        scope: scope.into(),
        target_item_id: item.to_owned(),
        target_edge_to: to.to_owned(),
        ..remark(&session, "x", Type::General)
    };
    for (scope, item, to) in [
        (Scope::Plan, "", ""),
        (Scope::Estimate, "", ""),
        (Scope::WorkItem, "b", ""),
        (Scope::Edge, "a", "b"),
    ] {
        let comment = add(&rig, "dev", about(scope, item, to)).await.unwrap();
        assert_eq!((comment.scope(), comment.target_item_id.as_str()), (scope, item));
        assert!(!comment.is_stale);
    }
    for (scope, item, to, field) in [
        (Scope::WorkItem, "", "", "target_item_id"),
        (Scope::WorkItem, "z", "", "target_item_id"),
        (Scope::WorkItem, "a", "b", "target_edge_to"),
        (Scope::Edge, "a", "", "target_edge_to"),
        (Scope::Edge, "b", "a", "target_edge_to"),
        (Scope::Plan, "a", "", "target_item_id"),
        (Scope::Estimate, "", "b", "target_edge_to"),
    ] {
        let refused = add(&rig, "dev", about(scope, item, to)).await.unwrap_err();
        let details = refused.get_error_details();
        assert_eq!(refused.code(), Code::InvalidArgument, "{scope:?} {item} {to}");
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, field, "{scope:?} {item} {to}");
    }
    let later = pb::AddCommentRequest { version: 2, ..about(Scope::Plan, "", "") };
    assert_eq!(add(&rig, "dev", later).await.unwrap_err().code(), Code::InvalidArgument);
    let empty = remark(&session, "  \n", Type::General);
    assert_eq!(add(&rig, "dev", empty).await.unwrap_err().code(), Code::InvalidArgument);

    let options =
        review::ApprovalRequestOptions { allow_work_item_comments: Some(false), ..Default::default() };
    let request = pb::SubmitForApprovalRequest { options: Some(options), ..submission(RiskLevel::High) };
    let closed = rig.submit_as("rob", request).await.unwrap();
    let on_item = pb::AddCommentRequest { session_id: closed.id.clone(), ..about(Scope::WorkItem, "a", "") };
    let off = is(Code::FailedPrecondition, "ITEM_COMMENTS_OFF", &closed.id);
    assert_eq!(told(add(&rig, "dev", on_item).await.unwrap_err(), "session_id"), off);
    add(&rig, "dev", remark(&closed, "the plan as a whole", Type::General)).await.unwrap();
    rig.stop().await;
}

async fn a_comment_that_is_sent_twice_is_one(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let request =
        pb::AddCommentRequest { request_id: KEY.to_owned(), ..remark(&session, "once", Type::General) };
    let first = add(&rig, "dev", request.clone()).await.unwrap();
    assert_eq!(add(&rig, "dev", request.clone()).await.unwrap().id, first.id);
    let other = pb::AddCommentRequest { content: "twice".to_owned(), ..request.clone() };
    assert_eq!(reason(&add(&rig, "dev", other).await.unwrap_err(), "").0, "REQUEST_ID_REUSED");
    // Somebody else's request of that id is another one.
    assert_ne!(add(&rig, "ada", request).await.unwrap().id, first.id);
    let resolve = pb::ResolveCommentRequest {
        comment_id: first.id.clone(),
        request_id: KEY.to_owned(),
        ..Default::default()
    };
    for _ in 0..2 {
        let settled = rig.comments().resolve_comment(by("dev", resolve.clone())).await.unwrap().into_inner();
        assert!(settled.comment.unwrap().is_resolved);
    }
    let actions = rig.actions(&session.id).await;
    assert_eq!(actions, ["session.submitted", "comment.added", "comment.added", "comment.resolved"]);
    rig.stop().await;
}

async fn open_concerns_hold_up_the_approval_where_the_policy_says_so(storage: Storage) {
    let rig = Rig::start(storage).await;
    let mut request = submission(RiskLevel::High);
    request.plan = request.plan.map(|plan| Plan { intent: "settle every concern".to_owned(), ..plan });
    let session = rig.submit_as("rob", request).await.unwrap();
    let concern = add(&rig, "dev", remark(&session, "is this safe?", Type::Concern)).await.unwrap();
    let gone = add(&rig, "dev", remark(&session, "never mind", Type::Concern)).await.unwrap();
    delete(&rig, "dev", &gone.id).await.unwrap();
    add(&rig, "dev", remark(&session, "why?", Type::Question)).await.unwrap();

    let held = is(Code::FailedPrecondition, "OPEN_CONCERNS", &concern.id);
    assert_eq!(told(rig.approve("ada", &session).await.unwrap_err(), "comments"), held);
    assert_eq!(rig.get(&session.id).await.state(), State::Pending);
    let explained = rig.explain(&session.id).await;
    assert_eq!(explained.open_concerns, std::slice::from_ref(&concern.id));
    assert!(explained.summary.contains(&"concerns to resolve before it can be approved: 1".to_owned()));
    // Neither the requester nor somebody without a say talks it away, and hiding it does not help.
    let kept_out = is(Code::PermissionDenied, "COMMENT_FORBIDDEN", "NOT_REVIEWER");
    assert_eq!(told(resolve(&rig, "rob", &concern.id).await.unwrap_err(), "why"), kept_out);
    assert_eq!(told(resolve(&rig, "bot", &concern.id).await.unwrap_err(), "why"), kept_out);
    hide(&rig, "ada", &concern.id).await.unwrap();
    assert_eq!(told(rig.approve("ada", &session).await.unwrap_err(), "comments"), held);
    resolve(&rig, "ben", &concern.id).await.unwrap();
    rig.approve("ada", &session).await.unwrap();
    assert_eq!(rig.get(&session.id).await.state(), State::Approved);

    // Elsewhere a concern is a remark as any other, and a rejection never waits for one.
    let other = rig.submit(RiskLevel::High).await;
    add(&rig, "dev", remark(&other, "hm", Type::Concern)).await.unwrap();
    rig.approve("ada", &other).await.unwrap();
    rig.stop().await;
}

async fn who_writes_too_fast_is_told_when_to_go_on(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let first = add(&rig, "dev", remark(&session, "0", Type::General)).await.unwrap();
    rig.clock.advance(Duration::from_secs(10));
    for n in 1..29 {
        reply(&rig, "dev", &first.id, &n.to_string()).await.unwrap();
    }
    edit(&rig, "dev", &first.id, "zero").await.unwrap();
    for refused in [
        add(&rig, "dev", remark(&session, "30", Type::General)).await.unwrap_err(),
        reply(&rig, "dev", &first.id, "30").await.unwrap_err(),
        edit(&rig, "dev", &first.id, "null").await.unwrap_err(),
    ] {
        let limited = is(Code::ResourceExhausted, "COMMENT_RATE_LIMITED", "30");
        let delay = refused.get_error_details().retry_info().unwrap().retry_delay.unwrap();
        assert_eq!((told(refused, "comments_per_minute"), delay), (limited, Duration::from_secs(50)));
    }
    add(&rig, "ada", remark(&session, "others may", Type::General)).await.unwrap();
    rig.clock.advance(Duration::from_secs(50));
    reply(&rig, "dev", &first.id, "30").await.unwrap();
    rig.stop().await;
}

async fn administrators_hide_and_others_do_not(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let comment = add(&rig, "bot", remark(&session, "buy @now", Type::General)).await.unwrap();
    edit(&rig, "bot", &comment.id, "buy @today").await.unwrap();
    let not_admin = is(Code::PermissionDenied, "COMMENT_FORBIDDEN", "NOT_ADMIN");
    assert_eq!(told(hide(&rig, "dev", &comment.id).await.unwrap_err(), "why"), not_admin);
    let hidden = hide(&rig, "ada", &comment.id).await.unwrap();
    assert_eq!((hidden.is_hidden, hidden.content.as_str(), hidden.mentions.len()), (true, "", 0));
    assert_eq!((hidden.hide_reason.as_str(), hidden.hidden_by.unwrap().id.as_str()), ("off topic", "ada"));
    let state = is(Code::FailedPrecondition, "COMMENT_STATE", "hidden");
    assert_eq!(told(edit(&rig, "bot", &comment.id, "x").await.unwrap_err(), "state"), state);

    let list = pb::ListCommentsRequest {
        session_id: session.id.clone(),
        with_revisions: true,
        ..Default::default()
    };
    let seen = rig.comments().list_comments(by("bot", list.clone())).await.unwrap().into_inner().comments;
    assert_eq!((seen[0].content.as_str(), seen[0].revisions.len()), ("", 0));
    let unhide = pb::UnhideCommentRequest { comment_id: comment.id.clone(), ..Default::default() };
    rig.comments().unhide_comment(by("ada", unhide.clone())).await.unwrap();
    let seen = rig.comments().list_comments(by("bot", list)).await.unwrap().into_inner().comments;
    assert_eq!((seen[0].content.as_str(), seen[0].revisions.len()), ("buy @today", 1));
    let open = is(Code::FailedPrecondition, "COMMENT_STATE", "open");
    let again = rig.comments().unhide_comment(by("ada", unhide)).await.unwrap_err();
    assert_eq!(told(again, "state"), open);

    let list = pb::ListEntriesRequest { session_id: session.id.clone(), ..Default::default() };
    let entries = rig.audits().list_entries(by("dev", list)).await.unwrap().into_inner().entries;
    let hidden = entries.iter().find(|entry| entry.action == "comment.hidden").unwrap();
    let details = assent_proto::json::to_json(hidden).unwrap()["details"].clone();
    assert_eq!((details["reason"].as_str(), details["author"].as_str()), (Some("off topic"), Some("bot")));
    assert_eq!(hidden.actor.as_ref().unwrap().id, "ada");
    rig.stop().await;
}

async fn lists_are_filtered_and_paged(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let on_a = n % 2 == 0;
        let request = pb::AddCommentRequest {
            scope: if on_a { Scope::WorkItem } else { Scope::Plan }.into(),
            target_item_id: if on_a { "a".to_owned() } else { String::new() },
            ..remark(&session, &n.to_string(), if n < 3 { Type::Concern } else { Type::General })
        };
        ids.push(add(&rig, "dev", request).await.unwrap().id);
        rig.clock.advance(Duration::from_secs(1));
    }
    reply(&rig, "ada", &ids[1], "yes").await.unwrap();
    resolve(&rig, "ada", &ids[0]).await.unwrap();
    let list = async |request: pb::ListCommentsRequest| {
        let request = pb::ListCommentsRequest { session_id: session.id.clone(), ..request };
        let page = rig.comments().list_comments(by("dev", request)).await.unwrap().into_inner();
        (page.comments.into_iter().map(|c| c.id).collect::<Vec<_>>(), page.next_page_token)
    };
    let all = pb::ListCommentsRequest { page_size: 3, ..Default::default() };
    let (first, token) = list(all.clone()).await;
    let (second, end) = list(pb::ListCommentsRequest { page_token: token.clone(), ..all }).await;
    assert_eq!(([first, second].concat(), end), (ids.clone(), String::new()));
    let on_a = pb::ListCommentsRequest { item_id: "a".to_owned(), ..Default::default() };
    assert_eq!(list(on_a).await.0, [ids[0].clone(), ids[2].clone(), ids[4].clone()]);
    let open =
        pb::ListCommentsRequest { r#type: Type::Concern.into(), open_only: true, ..Default::default() };
    assert_eq!(list(open.clone()).await.0, ids[1..3]);
    let session_id = session.id.clone();
    let mixed = pb::ListCommentsRequest { session_id, page_token: token, ..open };
    assert_eq!(
        rig.comments().list_comments(by("dev", mixed)).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    rig.stop().await;
}

async fn every_act_is_a_fact_and_an_entry(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let comment = add(&rig, "dev", remark(&session, "one @ada", Type::Concern)).await.unwrap();
    reply(&rig, "ada", &comment.id, "two").await.unwrap();
    edit(&rig, "dev", &comment.id, "three").await.unwrap();
    resolve(&rig, "dev", &comment.id).await.unwrap();
    reopen(&rig, "dev", &comment.id).await.unwrap();
    hide(&rig, "ada", &comment.id).await.unwrap();
    delete(&rig, "dev", &comment.id).await.unwrap();
    hide(&rig, "dev", &comment.id).await.unwrap_err();

    let expected = [
        "session.submitted",
        "comment.added",
        "comment.replied",
        "comment.edited",
        "comment.resolved",
        "comment.reopened",
        "comment.hidden",
        "comment.deleted",
        "call.refused",
    ];
    assert_eq!(rig.actions(&session.id).await, expected);
    let watch = pb::WatchSessionRequest { session_id: session.id.clone(), after_position: 0 };
    let stream = rig.gate().watch_session(by("bot", watch)).await.unwrap().into_inner();
    let facts = stream.filter_map(async |told| match told.unwrap().message {
        Some(Message::Event(event)) => Some(event),
        _ => None,
    });
    let facts: Vec<_> = facts.take(8).collect().await;
    let types: Vec<_> = facts.iter().map(|event| event.r#type.as_str()).collect();
    let expected = [
        "plan_submitted_for_approval",
        "plan_comment_added",
        "plan_comment_added",
        "plan_comment_edited",
        "plan_comment_resolved",
        "plan_comment_reopened",
        "plan_comment_hidden",
        "plan_comment_deleted",
    ];
    assert_eq!(types, expected);
    let Some(assent_proto::event::v1::event::Payload::PlanCommentAdded(added)) = &facts[1].payload else {
        panic!("{:?}", facts[1]);
    };
    assert_eq!(added.comment.as_ref().unwrap().mentions, ["ada"]);
    rig.stop().await;
}
