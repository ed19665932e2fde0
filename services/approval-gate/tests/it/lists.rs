//! Lists of sessions by what people look for.

use std::time::Duration;

use assent_proto::approval::v1 as pb;
use assent_proto::plan::v1::{RiskLevel, TimeoutAction};
use assent_proto::review::v1::{ApprovalPriority, ApprovalRequestOptions};
use assent_testkit::{Storage, both_storages};

use crate::rig::{Rig, by, submission};

both_storages!(every_filter_and_order_does_what_it_says);

async fn every_filter_and_order_does_what_it_says(storage: Storage) {
    let rig = Rig::start(storage).await;
    let mut ids = Vec::new();
    let mut times = Vec::new();
    for (priority, seconds, person) in [
        (ApprovalPriority::Low, 900, "olga"),
        (ApprovalPriority::Urgent, 60, ""),
        (ApprovalPriority::Low, 600, ""),
    ] {
        let options = ApprovalRequestOptions {
            priority: priority.into(),
            approval_timeout: Some(prost_types::Duration { seconds, nanos: 0 }),
            timeout_action: TimeoutAction::Hold.into(),
            ..Default::default()
        };
        let request = pb::SubmitForApprovalRequest {
            options: Some(options),
            on_behalf_of: person.to_owned(),
            ..submission(RiskLevel::High)
        };
        let session = rig.submit_as("rob", request).await.unwrap();
        ids.push(session.id);
        times.push(session.create_time);
        rig.clock.advance(Duration::from_secs(1));
    }
    let list = async |request: pb::ListSessionsRequest| {
        let mut found = Vec::new();
        let mut request = pb::ListSessionsRequest { page_size: 1, ..request };
        loop {
            let page = rig.gate().list_sessions(by("dev", request.clone())).await.unwrap().into_inner();
            let place = |id: &String| ids.iter().position(|known| known == id).unwrap();
            found.extend(page.sessions.iter().map(|session| place(&session.id)));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return found;
            }
        }
    };
    let order =
        |order: pb::SessionOrder| pb::ListSessionsRequest { order: order.into(), ..Default::default() };
    assert_eq!(list(Default::default()).await, [2, 1, 0]);
    assert_eq!(list(order(pb::SessionOrder::Newest)).await, [2, 1, 0]);
    assert_eq!(list(order(pb::SessionOrder::Oldest)).await, [0, 1, 2]);
    assert_eq!(list(order(pb::SessionOrder::Deadline)).await, [1, 2, 0]);

    let low = pb::ListSessionsRequest { priority: ApprovalPriority::Low.into(), ..Default::default() };
    assert_eq!(list(low).await, [2, 0]);
    let olga = pb::ListSessionsRequest { on_behalf_of: "olga".to_owned(), ..Default::default() };
    assert_eq!(list(olga).await, [0]);
    let since = pb::ListSessionsRequest { created_from: times[1], ..Default::default() };
    assert_eq!(list(since).await, [2, 1]);
    let before = pb::ListSessionsRequest { created_before: times[1], ..Default::default() };
    assert_eq!(list(before).await, [0]);
    let mut soon = times[0].unwrap();
    soon.seconds += 700;
    let soon = pb::ListSessionsRequest { expires_before: Some(soon), ..Default::default() };
    assert_eq!(list(soon).await, [2, 1]);
    let start = pb::StartReviewRequest { session_id: ids[2].clone() };
    rig.gate().start_review(by("ada", start)).await.unwrap();
    let ada = pb::ListSessionsRequest { assigned_reviewer: "ada".to_owned(), ..Default::default() };
    assert_eq!(list(ada).await, [2]);

    let overdue = pb::ListSessionsRequest { overdue: true, ..Default::default() };
    assert!(list(overdue.clone()).await.is_empty());
    rig.clock.advance(Duration::from_secs(60));
    rig.app.sweep_expired().await.unwrap();
    rig.get_until(&ids[1], |session| session.overdue_since.is_some()).await;
    assert_eq!(list(overdue).await, [1]);
    // What has no deadline has no place in that order.
    assert_eq!(list(order(pb::SessionOrder::Deadline)).await, [2, 0]);
    rig.stop().await;
}
