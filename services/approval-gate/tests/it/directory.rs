//! Users and delegations through their door.

use std::time::Duration;

use assent_approval_gate::Config;
use assent_proto::approval::v1 as pb;
use assent_proto::plan::v1::RiskLevel;
use assent_testkit::{Storage, both_storages};
use tonic::{Code, Status};

use crate::rig::{Rig, by, reason};

both_storages!(
    what_the_directory_gives_counts_and_only_admins_write_it,
    delegations_are_made_by_those_they_are_from,
    services_learn_how_to_reach_people_and_who_acts_for_them,
    the_file_begins_the_directory_and_admins_go_on,
    what_admins_do_to_the_directory_is_audited,
);

fn user(id: &str, roles: &[&str]) -> pb::User {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    pb::User { id: id.to_owned(), roles, ..Default::default() }
}

async fn upsert(rig: &Rig, who: &str, user: pb::User) -> Result<pb::User, Status> {
    let request = pb::UpsertUserRequest { user: Some(user), ..Default::default() };
    Ok(rig.directory().upsert_user(by(who, request)).await?.into_inner().user.unwrap())
}

async fn get(rig: &Rig, who: &str, id: &str) -> Result<pb::User, Status> {
    let request = pb::GetUserRequest { user_id: id.to_owned() };
    Ok(rig.directory().get_user(by(who, request)).await?.into_inner().user.unwrap())
}

pub(crate) async fn delegate(
    rig: &Rig,
    who: &str,
    (delegator, delegate): (&str, &str),
    (start, end): (i64, i64),
) -> Result<pb::Delegation, Status> {
    let now = rig.clock.now().micros() / 1_000_000;
    let at = |hours: i64| Some(prost_types::Timestamp { seconds: now + hours * 3600, nanos: 0 });
    let request = pb::CreateDelegationRequest {
        delegator: delegator.to_owned(),
        delegate: delegate.to_owned(),
        start_time: at(start),
        end_time: at(end),
        reason: "holidays".to_owned(),
        ..Default::default()
    };
    Ok(rig.directory().create_delegation(by(who, request)).await?.into_inner().delegation.unwrap())
}

async fn what_the_directory_gives_counts_and_only_admins_write_it(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    let low = rig.approve("dev", &session).await.unwrap_err();
    assert_eq!(reason(&low, "why").1, "ROLE_TOO_LOW");
    for who in ["dev", "bot"] {
        let refused = upsert(&rig, who, user("dev", &["lead"])).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused, "roles")),
            (Code::PermissionDenied, ("ROLE_REQUIRED".to_owned(), "admin".to_owned()))
        );
    }
    let written = upsert(&rig, "ada", user("Dev", &["lead"])).await.unwrap();
    assert_eq!(
        (written.roles, written.credential_roles),
        (vec!["lead".to_owned()], vec!["developer".to_owned()])
    );
    let eligible = pb::ListEligibleApproversRequest { session_id: session.id.clone() };
    let eligible = rig.directory().list_eligible_approvers(by("rob", eligible)).await.unwrap().into_inner();
    assert_eq!(eligible.approvers.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["ada", "ben", "dev"]);
    rig.approve("dev", &session).await.unwrap();

    let caller = rig.directory().get_caller(by("dev", pb::GetCallerRequest {})).await.unwrap().into_inner();
    assert_eq!(caller.caller.unwrap().roles, ["developer", "lead"]);

    // An entry makes no person of an agent, and no admin of whoever may not be one.
    upsert(&rig, "ada", user("bot", &["lead"])).await.unwrap();
    let session = rig.submit(RiskLevel::High).await;
    assert_eq!(reason(&rig.approve("bot", &session).await.unwrap_err(), "why").1, "NOT_A_PERSON");
    for wrong in [user("x", &["service"]), user(" x", &[]), user("system:x", &[])] {
        assert_eq!(reason(&upsert(&rig, "ada", wrong).await.unwrap_err(), "").0, "REQUEST_INVALID");
    }
    let delete = pb::DeleteUserRequest { user_id: "dev".to_owned(), ..Default::default() };
    rig.directory().delete_user(by("ada", delete.clone())).await.unwrap();
    assert_eq!(reason(&rig.approve("dev", &session).await.unwrap_err(), "why").1, "ROLE_TOO_LOW");
    let gone = rig.directory().delete_user(by("ada", delete)).await.unwrap_err();
    assert_eq!(
        (gone.code(), reason(&gone, "user_id")),
        (Code::NotFound, ("USER_NOT_FOUND".to_owned(), "dev".to_owned()))
    );
    // The credential still knows the user; nobody knows a stranger.
    assert_eq!(get(&rig, "dev", "").await.unwrap().credential_roles, ["developer"]);
    assert_eq!(get(&rig, "dev", "stranger").await.unwrap_err().code(), Code::NotFound);

    let list = async |page_size, page_token| {
        let request = pb::ListUsersRequest { page_size, page_token };
        rig.directory().list_users(by("dev", request)).await.unwrap().into_inner()
    };
    upsert(&rig, "ada", user("carl", &["lead"])).await.unwrap();
    let first = list(4, String::new()).await;
    let second = list(4, first.next_page_token).await;
    let ids: Vec<_> = first.users.iter().chain(&second.users).map(|user| user.id.as_str()).collect();
    assert_eq!(ids, ["ada", "ben", "bot", "carl", "dev", "gears", "rob"]);
    assert_eq!(second.next_page_token, "");
    rig.stop().await;
}

async fn delegations_are_made_by_those_they_are_from(storage: Storage) {
    let rig = Rig::start(storage).await;
    let made = delegate(&rig, "ben", ("", "dev"), (0, 2)).await.unwrap();
    assert_eq!(
        (made.delegator.as_str(), made.delegate.as_str(), made.created_by.as_str()),
        ("ben", "dev", "ben")
    );
    delegate(&rig, "ada", ("BEN", "ada"), (1, 2)).await.unwrap();
    let denied = delegate(&rig, "dev", ("ben", "dev"), (0, 2)).await.unwrap_err();
    assert_eq!(reason(&denied, "").0, "ROLE_REQUIRED");
    assert_eq!(delegate(&rig, "bot", ("", "dev"), (0, 2)).await.unwrap_err().code(), Code::PermissionDenied);
    for (who, window) in [("stranger", (0, 2)), ("bot", (0, 2))] {
        assert_eq!(reason(&delegate(&rig, "ben", ("", who), window).await.unwrap_err(), "user_id").1, who);
    }
    for (who, window) in [("dev", (2, 1)), ("dev", (0, 10_000)), ("Ben", (0, 2)), ("dev", (-3, -1))] {
        assert_eq!(
            reason(&delegate(&rig, "ben", ("", who), window).await.unwrap_err(), "").0,
            "REQUEST_INVALID"
        );
    }

    let list = async |user: &str, active| {
        let request = pb::ListDelegationsRequest { user_id: user.to_owned(), active, ..Default::default() };
        let found = rig.directory().list_delegations(by("dev", request)).await.unwrap().into_inner();
        found.delegations.into_iter().map(|d| format!("{}>{}", d.delegator, d.delegate)).collect::<Vec<_>>()
    };
    assert_eq!(list("ben", true).await, ["ben>dev"]);
    rig.clock.advance(Duration::from_secs(3600));
    assert_eq!(list("ben", true).await.len(), 2);
    assert_eq!(list("dev", false).await, ["ben>dev"]);

    let revoke = pb::RevokeDelegationRequest { delegation_id: made.id.clone(), ..Default::default() };
    let stranger = rig.directory().revoke_delegation(by("rob", revoke.clone())).await;
    assert_eq!(stranger.unwrap().into_inner().delegation.unwrap().revoked_by, "rob", "rob is an admin");
    let again = rig.directory().revoke_delegation(by("dev", revoke)).await.unwrap().into_inner();
    assert_eq!(again.delegation.unwrap().revoked_by, "rob");
    assert_eq!(list("dev", true).await, Vec::<String>::new());
    let unknown = pb::RevokeDelegationRequest {
        delegation_id: format!("dlg_{}", "0".repeat(32)),
        ..Default::default()
    };
    let unknown = rig.directory().revoke_delegation(by("dev", unknown)).await.unwrap_err();
    assert_eq!(reason(&unknown, "").0, "DELEGATION_NOT_FOUND");
    rig.stop().await;
}

async fn services_learn_how_to_reach_people_and_who_acts_for_them(storage: Storage) {
    let rig = Rig::start(storage).await;
    let contacts = pb::ContactAddresses {
        email: "ben@example.com".to_owned(),
        slack: "U1".to_owned(),
        ..Default::default()
    };
    upsert(
        &rig,
        "ada",
        pb::User { contacts: Some(contacts.clone()), name: "Ben".to_owned(), ..user("ben", &[]) },
    )
    .await
    .unwrap();
    delegate(&rig, "ben", ("", "dev"), (0, 2)).await.unwrap();
    delegate(&rig, "ben", ("", "rob"), (1, 2)).await.unwrap();
    let ask = pb::GetContactsRequest { user_ids: ["Ben", "dev", "nobody"].map(str::to_owned).to_vec() };
    let answer = rig.directory().get_contacts(by("gears", ask.clone())).await.unwrap().into_inner().contacts;
    let ids: Vec<_> = answer.iter().map(|contact| contact.user_id.as_str()).collect();
    assert_eq!(ids, ["Ben", "dev", "nobody"]);
    assert_eq!((answer[0].name.as_str(), answer[0].addresses.as_ref()), ("Ben", Some(&contacts)));
    assert_eq!((answer[0].delegates.as_slice(), answer[1].delegates.len()), (&["dev".to_owned()][..], 0));
    assert_eq!((&answer[2].addresses, answer[2].name.as_str()), (&None, ""));
    let denied = rig.directory().get_contacts(by("ada", ask)).await.unwrap_err();
    assert_eq!(reason(&denied, "").0, "ROLE_REQUIRED");
    // Addresses are for their owner and for admins.
    assert_eq!(get(&rig, "dev", "ben").await.unwrap().contacts, None);
    assert_eq!(get(&rig, "ben", "").await.unwrap().contacts, Some(contacts.clone()));
    assert_eq!(get(&rig, "ada", "ben").await.unwrap().contacts, Some(contacts));
    rig.stop().await;
}

async fn the_file_begins_the_directory_and_admins_go_on(storage: Storage) {
    let path = std::env::temp_dir().join(format!(
        "directory-{}-{:?}.yaml",
        std::process::id(),
        std::thread::current().id()
    ));
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write(
        "users:\n  - {id: dev, roles: [lead], contacts: {email: dev@example.com}}\n  - {id: carl, tags: [oncall]}\n",
    );
    let config = Config { directory: path.display().to_string(), ..Config::default() };
    let rig = Rig::start_with(storage, config).await;
    assert_eq!(get(&rig, "dev", "").await.unwrap().roles, ["lead"]);
    assert_eq!(get(&rig, "dev", "carl").await.unwrap().tags, ["oncall"]);
    // What an admin changed or took out stays so when a replica starts.
    upsert(&rig, "ada", user("dev", &["admin"])).await.unwrap();
    let delete = pb::DeleteUserRequest { user_id: "carl".to_owned(), ..Default::default() };
    rig.directory().delete_user(by("ada", delete)).await.unwrap();
    rig.another_gate().await;
    assert_eq!(get(&rig, "dev", "").await.unwrap().roles, ["admin"]);
    assert!(get(&rig, "dev", "carl").await.is_err());
    // Until the file says something else.
    write("users:\n  - {id: carl, tags: [night]}\n");
    rig.another_gate().await;
    assert_eq!(get(&rig, "dev", "").await.unwrap().roles, Vec::<String>::new());
    assert_eq!(get(&rig, "dev", "carl").await.unwrap().tags, ["night"]);
    std::fs::remove_file(&path).unwrap();
    rig.stop().await;
}

async fn what_admins_do_to_the_directory_is_audited(storage: Storage) {
    let rig = Rig::start(storage).await;
    let request_id = "6a1c8f5e-8f4e-4c39-9a06-6b9f0a6a2f11".to_owned();
    let request = pb::UpsertUserRequest { user: Some(user("dev", &["lead"])), request_id };
    let first = rig.directory().upsert_user(by("ada", request.clone())).await.unwrap().into_inner();
    assert_eq!(rig.directory().upsert_user(by("ada", request.clone())).await.unwrap().into_inner(), first);
    let other = pb::UpsertUserRequest { user: Some(user("dev", &[])), ..request };
    assert_eq!(
        reason(&rig.directory().upsert_user(by("ada", other)).await.unwrap_err(), "").0,
        "REQUEST_ID_REUSED"
    );
    delegate(&rig, "ben", ("", "dev"), (0, 2)).await.unwrap();
    let chain = format!("ses_{}", "0".repeat(32));
    assert_eq!(rig.actions(&chain).await, ["user.written", "delegation.created"]);
    let verify = pb::VerifyRequest { session_id: chain };
    let verdict = rig.audits().verify(by("dev", verify)).await.unwrap().into_inner();
    assert!(verdict.intact, "{verdict:?}");
    rig.stop().await;
}
