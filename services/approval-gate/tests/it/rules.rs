//! Who may, who did, and what is missing: stages, delegation, new versions, emergencies, explanations.

use std::time::Duration;

use assent_proto::approval::v1 as pb;
use assent_proto::plan::v1::{self as plan, RiskLevel};
use assent_proto::review::v1::{self as review, DecisionOutcome, PlanReviewState as State};
use assent_testkit::{Storage, both_storages};
use tonic::{Code, Status};

use crate::directory::delegate;
use crate::rig::{Rig, by, reason};

both_storages!(
    stages_are_met_in_order_by_those_whom_they_name,
    a_delegate_votes_once_and_both_names_stay,
    a_vote_lives_on_only_where_nothing_that_it_covers_changed,
    what_has_become_enough_is_decided_by_whoever_looks_next,
    several_rejections_or_one_veto_end_a_review,
    breaking_the_glass_is_loud_and_signed_afterwards,
    a_policy_that_changed_is_asked_before_anybody_decides,
    everybody_sees_what_they_can_act_on,
);

fn at_least(count: i32, of: plan::Voters) -> plan::ApprovalRule {
    let rule = plan::approval_rule::Rule::AtLeast(plan::ApprovalThreshold { count, of: Some(of) });
    plan::ApprovalRule { rule: Some(rule) }
}

fn group(name: &str) -> plan::Voters {
    plan::Voters { groups: vec![name.to_owned()], ..Default::default() }
}

fn stage(name: &str, rule: plan::ApprovalRule, above: Option<i64>) -> plan::ApprovalStage {
    let above = above.map(|micros| assent_proto::types::v1::Money { micros, ..Default::default() });
    plan::ApprovalStage { name: name.to_owned(), rule: Some(rule), above }
}

fn leads(quorum: i32) -> plan::ApprovalRequirement {
    plan::ApprovalRequirement {
        roles: vec!["lead".to_owned()],
        quorum,
        separation_of_duties: true,
        ..Default::default()
    }
}

async fn put_in(rig: &Rig, id: &str, name: &str) {
    let user = pb::User { id: id.to_owned(), groups: vec![name.to_owned()], ..Default::default() };
    let request = pb::UpsertUserRequest { user: Some(user), ..Default::default() };
    rig.directory().upsert_user(by("ada", request)).await.unwrap();
}

fn why(status: &Status) -> String {
    reason(status, "why").1
}

async fn stages_are_met_in_order_by_those_whom_they_name(storage: Storage) {
    let rig = Rig::start(storage).await;
    put_in(&rig, "dev", "security").await;
    let stages = vec![
        stage("security", at_least(1, group("security")), None),
        stage("money", at_least(1, group("finance")), Some(1_000_000)),
    ];
    rig.play.require(plan::ApprovalRequirement { stages, ..leads(1) });
    rig.play.cost(1_000_000);
    let session = rig.submit(RiskLevel::High).await;
    assert_eq!(rig.approve("ada", &session).await.unwrap().approvals_missing, 1);
    let explained = rig.explain(&session.id).await;
    let expected =
        ["stage security needs 1 more of group security", "rob is excluded: asked for this approval"];
    assert_eq!(explained.summary, expected);
    let states: Vec<_> = explained.stages.iter().map(pb::StageProgress::state).collect();
    assert_eq!(states, [pb::StageState::Open, pb::StageState::NotApplicable]);
    assert_eq!(
        (explained.satisfied, explained.votes[0].counts_for.clone()),
        (false, vec!["quorum".to_owned()])
    );
    assert_eq!(explained.eligible.iter().map(|e| e.user_id.as_str()).collect::<Vec<_>>(), ["ben", "dev"]);
    // One of the stage alone is not one of the quorum.
    assert_eq!(rig.approve("dev", &session).await.unwrap().approvals_missing, 0);
    let decided = rig.get(&session.id).await;
    assert_eq!(decided.decision.unwrap().approvers, ["ada", "dev"]);

    // A plan that may cost more has one stage more.
    rig.play.cost(1_000_001);
    let session = rig.submit(RiskLevel::High).await;
    rig.approve("ada", &session).await.unwrap();
    assert_eq!(rig.approve("dev", &session).await.unwrap().approvals_missing, 1);
    let explained = rig.explain(&session.id).await;
    assert_eq!(explained.summary[0], "stage money needs 1 more of group finance");
    put_in(&rig, "ben", "finance").await;
    assert_eq!(rig.approve("ben", &session).await.unwrap().approvals_missing, 0);
    rig.stop().await;
}

async fn a_delegate_votes_once_and_both_names_stay(storage: Storage) {
    let rig = Rig::start(storage).await;
    rig.play.require(leads(2));
    let session = rig.submit(RiskLevel::High).await;
    let none = rig.approve_for("dev", "ben", &session).await.unwrap_err();
    assert_eq!(why(&none), "NO_DELEGATION");
    delegate(&rig, "ben", ("", "dev"), (1, 2)).await.unwrap();
    delegate(&rig, "ada", ("", "dev"), (1, 2)).await.unwrap();
    delegate(&rig, "ada", ("", "rob"), (1, 2)).await.unwrap();
    assert_eq!(why(&rig.approve_for("dev", "ben", &session).await.unwrap_err()), "NO_DELEGATION");
    rig.clock.advance(Duration::from_secs(3600));
    // Neither hand nor voice may stand behind the plan.
    assert_eq!(why(&rig.approve_for("rob", "ada", &session).await.unwrap_err()), "REQUESTER");
    let eligible = pb::ListEligibleApproversRequest { session_id: session.id.clone() };
    let eligible = rig.directory().list_eligible_approvers(by("rob", eligible)).await.unwrap().into_inner();
    let pairs: Vec<_> =
        eligible.eligible.iter().map(|e| (e.user_id.as_str(), e.delegator.as_str())).collect();
    assert_eq!(pairs, [("ada", ""), ("ben", ""), ("dev", "ada"), ("dev", "ben")]);
    assert_eq!(eligible.approvers.len(), 3);

    assert_eq!(rig.approve_for("dev", "BEN", &session).await.unwrap().approvals_missing, 1);
    assert_eq!(rig.approve_for("dev", "ben", &session).await.unwrap().approvals_missing, 1, "again");
    // The same hand for another, and the one who delegated: both would count a person twice.
    assert_eq!(why(&rig.approve_for("dev", "ada", &session).await.unwrap_err()), "ALREADY_VOTED");
    assert_eq!(why(&rig.approve("ben", &session).await.unwrap_err()), "ALREADY_VOTED");
    let vote = rig.get(&session.id).await.votes.remove(0);
    assert_eq!((vote.voter.unwrap().id.as_str(), vote.delegator.as_str()), ("dev", "ben"));
    let list = pb::ListEntriesRequest { session_id: session.id.clone(), ..Default::default() };
    let entries = rig.audits().list_entries(by("dev", list)).await.unwrap().into_inner().entries;
    // What was refused before stands in between.
    let cast = entries.iter().find(|entry| entry.action == "vote.approve").unwrap();
    let entry = assent_proto::json::to_json(cast).unwrap();
    assert_eq!((&entry["actor"]["id"], &entry["details"]["delegator"]), (&"dev".into(), &"ben".into()));
    // Whoever delegated may still say no.
    assert_eq!(rig.reject("ben", &session).await.unwrap().session.unwrap().state(), State::Rejected);

    let session = rig.submit(RiskLevel::High).await;
    rig.approve_for("dev", "ben", &session).await.unwrap();
    rig.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        rig.approve("ada", &session).await.unwrap().approvals_missing,
        0,
        "the vote outlives the window"
    );
    rig.stop().await;
}

async fn a_vote_lives_on_only_where_nothing_that_it_covers_changed(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::Critical).await;
    rig.approve("ada", &session).await.unwrap();
    // A description has no effect: the digest is the same.
    let second =
        rig.edit("dev", &session, |plan| plan.items[0].description = "reads better".to_owned()).await;
    assert_eq!((second.current_version, second.votes.len()), (2, 1));
    assert_eq!((second.votes[0].given_on_version, second.dismissed_votes.len()), (1, 0));
    let third = rig.edit("dev", &second, |plan| plan.items[1].tool = "file_write".to_owned()).await;
    assert_eq!((third.votes.len(), third.dismissed_votes.len()), (0, 1));
    let dismissed = &third.dismissed_votes[0];
    assert_eq!(
        (dismissed.reason.as_str(), dismissed.message.as_str(), dismissed.version),
        ("ITEM_CHANGED", "item b changed after the vote", 3)
    );
    assert_eq!(dismissed.vote.as_ref().unwrap().voter.as_ref().unwrap().id, "ada");
    assert_eq!(rig.approve("ada", &second).await.unwrap_err().code(), Code::Aborted);
    rig.approve("ada", &third).await.unwrap();
    let fourth = rig
        .edit("ben", &third, |plan| {
            plan.items.remove(1);
        })
        .await;
    assert_eq!(fourth.dismissed_votes.last().unwrap().reason, "ITEM_REMOVED");
    // Whoever changed the plan is out, and everybody is told which version it was.
    assert_eq!(why(&rig.approve("ben", &fourth).await.unwrap_err()), "AUTHOR");
    let excluded = rig.explain(&session.id).await.excluded;
    let ben = excluded.iter().find(|one| one.user_id == "ben").unwrap();
    assert_eq!((ben.reason.as_str(), ben.message.as_str()), ("AUTHOR", "ben made version 4 of this plan"));
    let actions = rig.actions(&session.id).await;
    let about: Vec<_> = actions.iter().filter(|action| action.starts_with("vote.")).collect();
    assert_eq!(about, ["vote.approve", "vote.kept", "vote.dismissed", "vote.approve", "vote.dismissed"]);
    rig.stop().await;
}

async fn what_has_become_enough_is_decided_by_whoever_looks_next(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::Critical).await;
    rig.approve("ada", &session).await.unwrap();
    rig.play.require(leads(1));
    let second =
        rig.edit("dev", &session, |plan| plan.items[0].description = "reads better".to_owned()).await;
    assert_eq!(
        (second.state(), second.votes.len()),
        (State::Pending, 1),
        "nobody has decided on this version"
    );
    assert!(rig.explain(&session.id).await.satisfied);
    assert_eq!(rig.pending("ben").await.len(), 1);
    let answer = rig.approve("ada", &second).await.unwrap();
    assert_eq!((answer.approvals_missing, answer.session.unwrap().state()), (0, State::Approved));
    let decided = rig.get(&session.id).await;
    assert_eq!((decided.votes.len(), decided.decision.unwrap().approvers), (1, vec!["ada".to_owned()]));
    rig.stop().await;
}

async fn several_rejections_or_one_veto_end_a_review(storage: Storage) {
    let rig = Rig::start(storage).await;
    let veto_roles = vec!["admin".to_owned()];
    let roles = vec!["developer".to_owned()];
    rig.play.require(plan::ApprovalRequirement { roles, veto_roles, rejections: 2, ..leads(2) });
    let session = rig.submit(RiskLevel::High).await;
    let open = rig.reject("dev", &session).await.unwrap().session.unwrap();
    assert_eq!((open.state(), open.votes.len()), (State::Pending, 1));
    assert_eq!(rig.explain(&session.id).await.rejections.unwrap().given, 1);
    assert_eq!(
        why(&rig.approve("ada", &session).await.unwrap_err()),
        "ROLE_TOO_LOW",
        "a veto is no approval"
    );
    assert_eq!(rig.reject("ada", &session).await.unwrap().session.unwrap().state(), State::Rejected);

    rig.play.require(plan::ApprovalRequirement { rejections: 2, ..leads(2) });
    let session = rig.submit(RiskLevel::High).await;
    assert_eq!(rig.reject("ada", &session).await.unwrap().session.unwrap().state(), State::Pending);
    assert_eq!(rig.reject("ben", &session).await.unwrap().session.unwrap().state(), State::Rejected);
    rig.stop().await;
}

async fn breaking_the_glass_is_loud_and_signed_afterwards(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::Critical).await;
    let request = |session: &review::PlanReviewSession| pb::BreakGlassRequest {
        session_id: session.id.clone(),
        version: session.current_version,
        digest: session.digest.clone(),
        reason: "the site is down".to_owned(),
        request_id: "6a1c8f5e-8f4e-4c39-9a06-6b9f0a6a2f11".to_owned(),
    };
    let break_glass = async |who: &str, request: pb::BreakGlassRequest| {
        rig.gate().break_glass(by(who, request)).await.map(tonic::Response::into_inner)
    };
    for (who, expected) in [("dev", "ROLE_REQUIRED"), ("bot", "ROLE_REQUIRED"), ("rob", "NOT_ELIGIBLE")] {
        assert_eq!(reason(&break_glass(who, request(&session)).await.unwrap_err(), "").0, expected, "{who}");
    }
    let broken = break_glass("ada", request(&session)).await.unwrap();
    assert_eq!(break_glass("ada", request(&session)).await.unwrap(), broken, "the same request");
    let decided = rig.get(&session.id).await;
    let decision = decided.decision.clone().unwrap();
    assert_eq!((decided.state(), decision.outcome()), (State::Approved, DecisionOutcome::Approved));
    assert!(decision.break_glass && decision.approvers.is_empty());
    assert_eq!(decision.decided_by.unwrap().id, "ada");
    let grant = pb::GetGrantRequest { session_id: session.id.clone() };
    rig.gate().get_grant(by("dev", grant)).await.unwrap();
    assert_eq!(rig.actions(&session.id).await, ["session.submitted", "session.break_glass", "grant.issued"]);

    // The review afterwards: of the same version, without an end, by others than those behind the plan.
    let after = rig.get(&broken.after_review_session_id).await;
    assert_eq!((after.after_review_of.as_str(), after.expire_time), (session.id.as_str(), None));
    assert_eq!(
        (after.digest.as_str(), after.plan.as_ref().unwrap().items.len()),
        (session.digest.as_str(), 2)
    );
    rig.clock.advance(Duration::from_secs(3 * 24 * 60 * 60));
    rig.app.sweep_expired().await.unwrap();
    assert_eq!(why(&rig.approve("ada", &after).await.unwrap_err()), "REQUESTER");
    assert_eq!(why(&rig.approve("rob", &after).await.unwrap_err()), "AUTHOR");
    let again =
        break_glass("ben", pb::BreakGlassRequest { request_id: String::new(), ..request(&after) }).await;
    assert_eq!(why(&again.unwrap_err()), "AFTER_REVIEW");
    let user = pb::User { id: "carl".to_owned(), roles: vec!["admin".to_owned()], ..Default::default() };
    let upsert = pb::UpsertUserRequest { user: Some(user), ..Default::default() };
    rig.directory().upsert_user(by("ada", upsert)).await.unwrap();
    delegate(&rig, "ada", ("carl", "dev"), (0, 2)).await.unwrap();
    assert_eq!(rig.approve("ben", &after).await.unwrap().approvals_missing, 1);
    assert_eq!(rig.approve_for("dev", "carl", &after).await.unwrap().approvals_missing, 0);
    let signed = rig.get(&after.id).await;
    assert_eq!(signed.state(), State::Approved);
    let grant = pb::GetGrantRequest { session_id: after.id.clone() };
    assert!(rig.gate().get_grant(by("dev", grant)).await.is_err(), "nothing runs because of a signature");
    let types: Vec<_> = rig.facts(&after.id, 3).await.into_iter().map(|fact| fact.r#type).collect();
    assert_eq!(types, ["plan_submitted_for_approval", "plan_vote_cast", "after_review_signed"]);
    let types: Vec<_> = rig.facts(&session.id, 3).await.into_iter().map(|fact| fact.r#type).collect();
    assert_eq!(types, ["plan_submitted_for_approval", "plan_approved", "break_glass_used"]);
    rig.stop().await;
}

async fn a_policy_that_changed_is_asked_before_anybody_decides(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    rig.play.change_policy(RiskLevel::Critical);
    let changed = rig.approve("ada", &session).await.unwrap_err();
    assert_eq!(
        (changed.code(), reason(&changed, "risk_level")),
        (Code::Aborted, ("POLICY_CHANGED".to_owned(), "critical".to_owned()))
    );
    let critical = rig.get(&session.id).await;
    assert_eq!(critical.risk.as_ref().unwrap().level(), RiskLevel::Critical);
    assert_eq!(rig.approve("ada", &critical).await.unwrap().approvals_missing, 1);
    // A change that raises nothing leaves votes as they are.
    rig.play.change_policy(RiskLevel::Low);
    rig.play.require(plan::ApprovalRequirement { roles: vec!["admin".to_owned()], ..leads(2) });
    assert_eq!(reason(&rig.approve("ben", &critical).await.unwrap_err(), "").0, "POLICY_CHANGED");
    assert_eq!(rig.get(&session.id).await.votes.len(), 1);
    // One that raises the risk dismisses them, and they can be given again.
    rig.play.change_policy(RiskLevel::Critical);
    assert_eq!(reason(&rig.approve("ben", &critical).await.unwrap_err(), "").0, "POLICY_CHANGED");
    let raised = rig.get(&session.id).await;
    assert_eq!((raised.votes.len(), raised.dismissed_votes[0].reason.as_str()), (0, "RISK_ROSE"));
    assert_eq!(rig.approve("ben", &critical).await.unwrap().approvals_missing, 1);
    assert_eq!(rig.approve("ada", &critical).await.unwrap().approvals_missing, 0);
    rig.stop().await;
}

async fn everybody_sees_what_they_can_act_on(storage: Storage) {
    let rig = Rig::start(storage).await;
    let high = rig.submit(RiskLevel::High).await;
    rig.clock.advance(Duration::from_secs(1));
    let critical = rig.submit(RiskLevel::Critical).await;
    rig.clock.advance(Duration::from_secs(1));
    let medium = rig.submit_as("bot", crate::rig::submission(RiskLevel::Medium)).await.unwrap();
    let ids = async |who: &str| rig.pending(who).await.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids("ada").await, [critical.id.clone(), high.id.clone()]);
    assert_eq!(rig.pending("ada").await[0].1, "your approval counts for the approvals over all");
    assert_eq!(ids("rob").await, std::slice::from_ref(&medium.id), "duties are separate from HIGH on");
    assert_eq!(ids("dev").await, std::slice::from_ref(&medium.id));
    assert!(ids("bot").await.is_empty());
    rig.approve("ada", &critical).await.unwrap();
    assert_eq!(ids("ada").await, std::slice::from_ref(&high.id));
    delegate(&rig, "ben", ("", "dev"), (0, 48)).await.unwrap();
    assert_eq!(ids("dev").await, [medium.id.clone(), critical.id.clone(), high.id.clone()]);
    let page = pb::ListPendingSessionsRequest { page_size: 2, ..Default::default() };
    let first = rig.gate().list_pending_sessions(by("dev", page.clone())).await.unwrap().into_inner();
    assert_eq!((first.sessions.len(), first.sessions[1].delegator.as_str()), (2, "ben"));
    let next = pb::ListPendingSessionsRequest { page_token: first.next_page_token, ..page };
    let last = rig.gate().list_pending_sessions(by("dev", next)).await.unwrap().into_inner();
    assert_eq!(
        (last.sessions[0].session.as_ref().unwrap().id.clone(), last.next_page_token),
        (high.id.clone(), String::new())
    );
    // An author is out; what is decided, or over, waits for nobody.
    rig.edit("ben", &critical, |plan| plan.items[1].tool = "file_write".to_owned()).await;
    assert_eq!(ids("ben").await, std::slice::from_ref(&high.id));
    assert_eq!(ids("ada").await, [critical.id.clone(), high.id.clone()]);
    rig.reject("ada", &high).await.unwrap();
    assert_eq!(ids("ada").await, std::slice::from_ref(&critical.id));
    rig.clock.advance(Duration::from_secs(24 * 60 * 60));
    assert!(ids("ada").await.is_empty());
    rig.stop().await;
}
