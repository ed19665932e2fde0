use std::time::Duration;

use assent_proto::approval::v1::ContactAddresses;
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{
    ApprovalReminderSent, ApprovalTimeout, BreakGlassUsed, DelegationCreated, ExecutionChanged,
    ExecutionEnded, ExecutionRefused, ExecutionStarted, GrantRevoked, PlanCancelled, PlanCommentResolved,
    PlanCorrupted, PlanModificationRequested, PlanPartiallyApproved, PlanRejected, PlanVersionCreated,
    PlanVotesReviewed,
};
use assent_proto::execution::v1::{Artifact, Execution, ExecutionState};
use assent_proto::notification::v1::{self as pb, DeliveryStatus};
use assent_proto::plan::v1::{NotificationChannel, PlanVersion, TimeoutAction};
use assent_proto::review::v1::{
    DecisionOutcome, DismissedVote, PlanComment, PlanModificationRequest, PlanReviewState, Vote,
};
use assent_rpc::convert::Wire as _;
use assent_testkit::{Storage, both_storages};
use tonic::Code;

use crate::endpoint::{Answer, Endpoint};
use crate::facts::{approved, comment, decision, submitted};
use crate::peers::actor;
use crate::rig::{Rig, Setup};

async fn those_who_may_decide_are_asked_once(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    let session = rig.session();
    rig.gate_says(session, submitted()).await;
    for user in ["bob", "cem"] {
        let [told] = rig.inbox_of(user, 1).await.try_into().unwrap();
        assert_eq!((told.kind.as_str(), told.session_id), ("approval_requested", session.to_string()));
        assert_eq!(told.title, "Approval requested (HIGH): Export all users");
    }
    // A second fact behind the first: when it is there, a repetition of the first would be, too.
    let rig = rig.restart().await;
    rig.gate_says(session, submitted()).await;
    rig.inbox_of("bob", 2).await;
    assert!(rig.inbox("ada", pb::ListInboxRequest::default()).await.notifications.is_empty());
    rig.stop().await;
}

async fn those_who_asked_are_told_the_outcome_and_the_end(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    let session = rig.session();
    let timeout =
        ApprovalTimeout { decision: decision(DecisionOutcome::TimedOut), ..ApprovalTimeout::default() };
    let decided = [
        approved(),
        Payload::PlanPartiallyApproved(PlanPartiallyApproved {
            decision: decision(DecisionOutcome::PartiallyApproved),
            ..Default::default()
        }),
        Payload::PlanRejected(PlanRejected { decision: decision(DecisionOutcome::Rejected) }),
        Payload::ApprovalTimeout(ApprovalTimeout::default()),
        Payload::ApprovalTimeout(timeout),
        Payload::PlanCancelled(PlanCancelled { decision: decision(DecisionOutcome::Cancelled) }),
    ];
    // Each is told before the next happens, so that their order is known; the fourth only prolongs.
    for (payload, told) in decided.into_iter().zip([1, 2, 3, 3, 4, 5]) {
        rig.gate_says(session, payload).await;
        rig.inbox_of("ada", told).await;
    }
    rig.executor_says(session, Payload::ExecutionStarted(ExecutionStarted::default())).await;
    rig.inbox_of("ada", 6).await;
    for (action, told) in [("pause", 6), ("waiting", 7)] {
        let (action, reason) = (action.to_owned(), "amount is 600, not at most 500".to_owned());
        let changed = ExecutionChanged { action, reason, ..ExecutionChanged::default() };
        rig.executor_says(session, Payload::ExecutionChanged(changed)).await;
        rig.inbox_of("ada", told).await;
    }
    let states = [
        ExecutionState::Running,
        ExecutionState::Completed,
        ExecutionState::Failed,
        ExecutionState::RolledBack,
        ExecutionState::RollbackFailed,
        ExecutionState::Cancelled,
    ];
    for (state, told) in states.into_iter().zip(7..) {
        let execution =
            Execution { state: state.into(), error: "exit code 1".to_owned(), ..Execution::default() };
        let ended = ExecutionEnded { execution: Some(execution), artifacts: vec![Artifact::default()] };
        rig.executor_says(session, Payload::ExecutionEnded(ended)).await;
        rig.inbox_of("ada", told).await;
    }
    let told = rig.inbox_of("ada", 12).await;
    let kinds: Vec<_> = told.iter().rev().map(|n| n.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "approved",
            "partially_approved",
            "rejected",
            "timed_out",
            "cancelled",
            "execution_started",
            "execution_waiting",
            "execution_completed",
            "execution_failed",
            "execution_rolled_back",
            "execution_rollback_failed",
            "execution_cancelled",
        ]
    );
    assert!(told.iter().all(|n| n.title.ends_with(": Export all users")), "{told:#?}");
    assert!(told[11].body.contains("Reason: because password=[REDACTED]"), "{}", told[11].body);
    assert!(told[5].body.contains("Why: amount is 600"), "{}", told[5].body);
    assert!(told[2].body.contains("Error: exit code 1\nIt produced 1 artifact."), "{}", told[2].body);
    rig.inbox_of("agent", 12).await;
    assert!(rig.inbox("bob", Default::default()).await.notifications.is_empty(), "he decided");
    rig.stop().await;
}

async fn reviewers_are_told_of_what_changes_under_them(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    let session = rig.session();
    rig.world(|world| {
        world.approvers = vec![actor("cem")];
        world.review.votes = vec![Vote { version: 1, voter: Some(actor("bob")), ..Vote::default() }];
    });
    let version = |number| {
        let version = PlanVersion { version_number: number, ..PlanVersion::default() };
        Payload::PlanVersionCreated(PlanVersionCreated { version: Some(version) })
    };
    rig.versioning_says(session, "ada", version(1)).await;
    rig.versioning_says(session, "cem", version(2)).await;
    let [told] = rig.inbox_of("bob", 1).await.try_into().unwrap();
    assert_eq!((told.kind.as_str(), told.title.as_str()), ("new_version", "New version 2: Export all users"));
    assert!(told.body.contains("Votes that no longer count: bob."), "{}", told.body);
    assert!(rig.inbox("cem", Default::default()).await.notifications.is_empty(), "he made it");

    let dismissed = DismissedVote {
        vote: Some(Vote { voter: Some(actor("bob")), ..Vote::default() }),
        message: "an item was added".to_owned(),
        ..DismissedVote::default()
    };
    let reviewed =
        PlanVotesReviewed { version: 2, dismissed: vec![dismissed], ..PlanVotesReviewed::default() };
    rig.gate_says(session, Payload::PlanVotesReviewed(reviewed)).await;
    let told = rig.inbox_of("bob", 2).await.remove(0);
    assert!(told.kind == "vote_lapsed" && told.body.contains("Why: an item was added"), "{told:?}");

    let request =
        PlanModificationRequest { feedback: "too broad".to_owned(), version: 2, ..Default::default() };
    let asked = PlanModificationRequested { request: Some(request), requested_by: "bob".to_owned() };
    rig.gate_says(session, Payload::PlanModificationRequested(asked)).await;
    let [told] = rig.inbox_of("ada", 1).await.try_into().unwrap();
    assert!(told.kind == "modification_requested" && told.body.contains("Feedback: too broad"), "{told:?}");
    rig.stop().await;
}

async fn comments_reach_those_around_and_those_who_are_named(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    let session = rig.session();
    rig.world(|world| {
        world.review.assigned_reviewer = "bob".to_owned();
        world.reach("eve@example.com", ContactAddresses::default());
        world.review.comments =
            vec![PlanComment { id: "cmt_1".to_owned(), author: Some(actor("fay")), ..Default::default() }];
    });
    rig.gate_says_by(
        session,
        "ada",
        comment("@cem, @eve@example.com and @stranger@example.com: see token=abc"),
    )
    .await;
    for (user, kind) in [
        ("cem", "mentioned"),
        ("eve@example.com", "mentioned"),
        ("bob", "comment_added"),
        ("agent", "comment_added"),
        ("fay", "comment_added"),
    ] {
        let [told] = rig.inbox_of(user, 1).await.try_into().unwrap();
        assert_eq!(told.kind, kind, "{user}");
        assert!(told.body.contains("see token=[REDACTED]"), "{}", told.body);
    }
    for user in ["ada", "stranger@example.com"] {
        assert!(rig.inbox(user, Default::default()).await.notifications.is_empty(), "{user}");
    }
    let resolved = PlanCommentResolved { comment_id: "cmt_1".to_owned(), resolved_by: "ada".to_owned() };
    rig.gate_says_by(session, "ada", Payload::PlanCommentResolved(resolved)).await;
    assert_eq!(rig.inbox_of("fay", 2).await[0].kind, "comment_resolved");
    rig.stop().await;
}

async fn alarms_reach_those_who_keep_the_system(storage: Storage) {
    let setup = Setup::new().with(|config| config.alarm_recipients = vec!["oncall".to_owned()]);
    let rig = Rig::start(storage, setup).await;
    let session = rig.session();
    let damage = PlanCorrupted { version: 3, problem: "digest differs".to_owned(), ..Default::default() };
    rig.versioning_says(session, "system:versioning", Payload::PlanCorrupted(damage)).await;
    for user in ["oncall", "ada", "bob"] {
        let [told] = rig.inbox_of(user, 1).await.try_into().unwrap();
        assert_eq!((told.kind.as_str(), told.priority), ("corruption_alarm", 4));
        assert!(told.body.contains("What is wrong: digest differs"), "{}", told.body);
    }
    let refused = ExecutionRefused { message: "the digest differs".to_owned(), ..Default::default() };
    rig.executor_says(session, Payload::ExecutionRefused(refused)).await;
    assert_eq!(rig.inbox_of("oncall", 2).await[0].kind, "execution_refused");
    let used = BreakGlassUsed { decision: decision(DecisionOutcome::Approved), ..Default::default() };
    rig.gate_says(session, Payload::BreakGlassUsed(used)).await;
    let told = rig.inbox_of("oncall", 3).await.remove(0);
    assert_eq!((told.kind.as_str(), told.priority), ("break_glass", 4));
    assert!(told.body.contains("bob approved a plan of HIGH risk alone"), "{}", told.body);
    rig.inbox_of("ada", 3).await;
    let revoked = GrantRevoked { reason: "too risky after all".to_owned(), version: 1, ..Default::default() };
    rig.gate_says(session, Payload::GrantRevoked(revoked)).await;
    let told = rig.inbox_of("ada", 4).await.remove(0);
    assert!(told.kind == "grant_revoked" && told.body.contains("Reason: too risky after all"), "{told:?}");
    rig.stop().await;
}

async fn while_nobody_decides_others_are_asked_and_reminded(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    let session = rig.session();
    let action = |action: TimeoutAction| {
        Payload::ApprovalTimeout(ApprovalTimeout { action_taken: action.into(), ..Default::default() })
    };
    rig.gate_says(session, action(TimeoutAction::Escalate)).await;
    rig.inbox_of("cem", 1).await;
    rig.gate_says(session, action(TimeoutAction::Remind)).await;
    rig.inbox_of("cem", 2).await;
    let reminded = ApprovalReminderSent { recipients: vec!["cem".to_owned()], ..Default::default() };
    rig.gate_says(session, Payload::ApprovalReminderSent(reminded)).await;
    let kinds = |told: Vec<pb::Notification>| told.into_iter().rev().map(|n| n.kind).collect::<Vec<_>>();
    assert_eq!(kinds(rig.inbox_of("cem", 3).await), ["escalated", "reminder", "reminder"]);
    assert_eq!(kinds(rig.inbox_of("bob", 2).await), ["escalated", "reminder"]);
    rig.stop().await;
}

async fn before_the_time_is_over_those_who_can_still_decide_are_told(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    let (first, second) = (rig.session(), rig.session());
    let until = rig.now().after(Duration::from_secs(7200)).to_pb();
    rig.world(|world| world.review.expire_time = Some(until));
    rig.gate_says(first, submitted()).await;
    rig.gate_says(second, submitted()).await;
    rig.inbox_of("bob", 2).await;
    rig.gate_says(second, approved()).await;
    rig.inbox_of("ada", 1).await;
    // A quarter of two hours before their end; Bob has voted meanwhile.
    rig.world(|world| world.approvers = vec![actor("cem")]);
    rig.wait(Duration::from_secs(5401));
    let told = rig.inbox_of("cem", 3).await;
    assert_eq!((told[0].kind.as_str(), &told[0].session_id), ("expiring_soon", &first.to_string()));
    assert_eq!(rig.inbox("bob", Default::default()).await.notifications.len(), 2);
    // Once only, and not when the session waits for nobody.
    rig.world(|world| world.review.state = PlanReviewState::Approved.into());
    let rig = rig.restart().await;
    rig.gate_says(first, comment("over")).await;
    rig.inbox_of("ada", 2).await;
    rig.inbox_of("cem", 3).await;
    rig.stop().await;
}

async fn delegates_are_asked_too_and_told_why(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    rig.world(|world| {
        world.approvers.push(actor("dan"));
        world.delegate("bob", "dan");
    });
    let created =
        DelegationCreated { delegator: "bob".to_owned(), delegate: "dan".to_owned(), ..Default::default() };
    rig.gate_says(rig.session(), Payload::DelegationCreated(created)).await;
    assert_eq!(rig.inbox_of("dan", 1).await[0].title, "bob delegates to you");
    rig.gate_says(rig.session(), submitted()).await;
    let told = rig.inbox_of("dan", 2).await.remove(0);
    assert!(told.body.contains("You are asked because bob delegates to you."), "{}", told.body);
    let [told] = rig.inbox_of("bob", 1).await.try_into().unwrap();
    assert!(!told.body.contains("delegates"), "{}", told.body);
    rig.stop().await;
}

async fn what_is_old_is_removed_and_what_waits_is_not(storage: Storage) {
    let endpoint = Endpoint::usually(Answer::Status(503), &[]).await;
    let setup = Setup::new().webhook(&endpoint.hook()).with(|config| {
        (config.keep_days, config.max_attempts, config.breaker_failures) = (30, 1000, 1000);
    });
    let rig = Rig::start(storage, setup).await;
    let old = rig.session();
    rig.gate_says(old, submitted()).await;
    rig.inbox_of("bob", 1).await;
    rig.settled(2, |d| d.attempts >= 1).await;
    rig.wait(Duration::from_secs(29 * 24 * 3600));
    let young = rig.session();
    rig.gate_says(young, submitted()).await;
    rig.inbox_of("bob", 2).await;
    rig.wait(Duration::from_secs(2 * 24 * 3600));
    // The job looks at the start.
    let rig = rig.restart().await;
    for user in ["bob", "cem"] {
        let [left] = rig.inbox_of_only(user, 1).await.try_into().unwrap();
        assert_eq!(left.session_id, young.to_string(), "unread, and gone all the same");
    }
    let waiting = rig.settled(4, |d| d.status() == DeliveryStatus::Pending).await;
    assert_eq!(waiting.iter().filter(|d| d.session_id == old.to_string()).count(), 2);
    rig.stop().await;
}

async fn an_inbox_is_paged_counted_marked_and_ones_own(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    for _ in 0..3 {
        rig.gate_says(rig.session(), submitted()).await;
    }
    let all = rig.inbox_of("bob", 3).await;
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListInboxRequest { page_size: 2, page_token, unread_only: false };
        let page = rig.inbox("bob", request).await;
        assert_eq!(page.unread, 3);
        seen.extend(page.notifications);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, all);
    assert_eq!(rig.mark_read("cem", &[&all[0].id]).await, 0, "not his");
    assert_eq!(rig.mark_read("bob", &[&all[0].id]).await, 1);
    assert_eq!(rig.mark_read("bob", &[&all[0].id]).await, 0);
    let unread = rig.inbox("bob", pb::ListInboxRequest { unread_only: true, ..Default::default() }).await;
    assert_eq!((unread.unread, unread.notifications), (2, all[1..].to_vec()));
    assert_eq!(rig.mark_read("bob", &[]).await, 2);
    let page = rig.inbox("bob", pb::ListInboxRequest::default()).await;
    assert!(page.unread == 0 && page.notifications.iter().all(|n| n.read_time.is_some()));
    rig.inbox_of("cem", 3).await;
    assert_eq!(rig.inbox("cem", pb::ListInboxRequest::default()).await.unread, 3);
    rig.stop().await;
}

async fn deliveries_are_for_administrators(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    let session = rig.session();
    rig.gate_says(session, submitted()).await;
    rig.gate_says(rig.session(), submitted()).await;
    rig.inbox_of("bob", 2).await;
    let of_session = pb::ListDeliveriesRequest { session_id: session.to_string(), ..Default::default() };
    let deliveries = rig.deliveries(of_session).await.unwrap();
    let mut users: Vec<_> = deliveries.iter().map(|d| d.user_id.as_str()).collect();
    users.sort_unstable();
    assert_eq!(users, ["bob", "cem"]);
    assert!(deliveries.iter().all(|d| d.channel() == NotificationChannel::InApp
        && d.status() == DeliveryStatus::Delivered
        && d.attempts == 1));
    assert_eq!(rig.deliveries(Default::default()).await.unwrap().len(), 4);
    let error = rig.client().list_deliveries(rig.by("bob", Default::default())).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    rig.stop().await;
}

async fn administrators_tell_people_what_no_event_says(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    let request = pb::NotifyRequest {
        user_ids: vec!["bob".to_owned(), "ada".to_owned()],
        title: "Maintenance tonight, password=\"x\"".to_owned(),
        body: "From 22:00.\n\n<b>Save</b> your work.".to_owned(),
        request_id: "0190163d-8694-739a-aea5-966c26f8ad91".to_owned(),
        ..Default::default()
    };
    for told in [2, 0] {
        let answer = rig.client().notify(rig.by_admin(request.clone())).await.unwrap().into_inner();
        assert_eq!(answer.told, told);
    }
    let [told] = rig.inbox_of("bob", 1).await.try_into().unwrap();
    assert_eq!(
        (told.kind.as_str(), told.title.as_str()),
        ("message", "Maintenance tonight, password=[REDACTED]")
    );
    assert_eq!(told.body, "From 22:00.\n<b>Save</b> your work.");
    let error = rig.client().notify(rig.by("bob", request)).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    rig.stop().await;
}

both_storages!(
    those_who_may_decide_are_asked_once,
    those_who_asked_are_told_the_outcome_and_the_end,
    reviewers_are_told_of_what_changes_under_them,
    comments_reach_those_around_and_those_who_are_named,
    alarms_reach_those_who_keep_the_system,
    while_nobody_decides_others_are_asked_and_reminded,
    before_the_time_is_over_those_who_can_still_decide_are_told,
    delegates_are_asked_too_and_told_why,
    an_inbox_is_paged_counted_marked_and_ones_own,
    what_is_old_is_removed_and_what_waits_is_not,
    deliveries_are_for_administrators,
    administrators_tell_people_what_no_event_says,
);
