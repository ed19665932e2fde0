use assent_plan::PlanDigest;
use assent_proto::plan::v1::PlanChangeType;
use assent_proto::versioning::v1::CreateVersionRequest;
use assent_rpc::convert::Wire as _;
use assent_testkit::{Storage, both_storages};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::peers::BREAKS_RISK;
use crate::rig::{Rig, plan, refusal, version};

async fn a_version_is_completed_assessed_and_numbered(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.session();
    let first = rig.create(version(session, &plan("g", "a"), 0)).await.unwrap();
    assert_eq!((first.version_number, first.changes.len()), (1, 0));
    let whole = assent_plan::Plan::from_pb(first.plan.clone().unwrap(), "").unwrap();
    assert!(whole.id.is_some() && whole.items[0].rollback.is_some(), "the plan is complete: {whole:?}");
    assert_eq!(first.digest, PlanDigest::of(&whole).unwrap().root.to_string());
    assert_eq!(first.item_digests.len(), 1);
    let (estimate, risk) = (first.estimate.unwrap(), first.risk.unwrap());
    assert_eq!((estimate.total_work_items, &estimate.risk_factors), (1, &risk.factors));
    assert_eq!(risk.factors[0].description, "asked for by ada");
    assert_eq!(first.modified_by.unwrap().id, "ada");

    let mut changed = plan("g", "b");
    changed.requester = "mallory".to_owned();
    let second = rig.create(version(session, &changed, 1)).await.unwrap();
    assert_eq!(second.version_number, 2);
    let kinds: Vec<_> = second.changes.iter().map(|change| change.r#type()).collect();
    assert_eq!(kinds, [PlanChangeType::WorkItemModified]);
    let second_plan = second.plan.unwrap();
    assert_eq!((second_plan.id, second_plan.requester), (first.plan.unwrap().id, String::new()));
    rig.stop().await;
}

async fn a_trial_tells_what_the_version_would_be_and_keeps_nothing(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.session();
    let trial = |content, base| CreateVersionRequest {
        validate_only: true,
        request_id: "6f3f7d0e-5c8e-4c9e-9d55-0c5a1f6b7a16".to_owned(),
        ..version(session, &plan("g", content), base)
    };
    let tried = rig.create(trial("a", 0)).await.unwrap();
    assert_eq!(refusal(&rig.get(session, None).await.unwrap_err(), "").0, "VERSION_NOT_FOUND");
    let first = rig.create(version(session, &plan("g", "a"), 0)).await.unwrap();
    assert_eq!((tried.version_number, &tried.estimate, &tried.risk), (1, &first.estimate, &first.risk));
    assert_eq!(tried.item_digests, first.item_digests);
    // Judged as the real one would be.
    assert_eq!(refusal(&rig.create(trial("b", 0)).await.unwrap_err(), "").0, "VERSION_CONFLICT");
    assert_eq!(rig.create(trial("b", 1)).await.unwrap().changes.len(), 1);
    assert_eq!(rig.get(session, None).await.unwrap().version.unwrap().version_number, 1);
    rig.stop().await;
}

async fn an_unsound_plan_is_refused_with_everything_wrong_with_it(storage: Storage) {
    let rig = Rig::start(storage).await;
    let mut bad = plan("g", "a");
    bad.items[0].tool = "no_such_tool".to_owned();
    bad.items.push(bad.items[0].clone());
    let error = rig.create(version(rig.session(), &bad, 0)).await.unwrap_err();
    assert_eq!((error.code(), refusal(&error, "").0.as_str()), (Code::InvalidArgument, "PLAN_INVALID"));
    let details = error.get_error_details();
    let found: Vec<_> = details.bad_request().unwrap().field_violations.iter().collect();
    for (field, code) in [("plan.items[0].tool", "TOOL_UNKNOWN"), ("plan.items[1].id", "ITEM_ID_DUPLICATE")] {
        assert!(found.iter().any(|v| v.field == field && v.description.starts_with(code)), "{found:?}");
    }
    let error = rig.create(version(rig.session(), &plan("g", "password = 'hunter2'"), 0)).await.unwrap_err();
    assert_eq!(refusal(&error, "").0, "PLAN_INVALID");
    rig.stop().await;
}

async fn a_peer_that_answers_nonsense_is_no_fault_of_the_caller(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.session();
    let error = rig.create(version(session, &plan(BREAKS_RISK, "a"), 0)).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Internal, "internal error"));
    assert_eq!(refusal(&rig.get(session, None).await.unwrap_err(), "").0, "VERSION_NOT_FOUND");
    rig.stop().await;
}

async fn an_outdated_author_is_told_the_head(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.session();
    let head = |error: &tonic::Status| refusal(error, "head_version");
    let expected = |version: &str| ("VERSION_CONFLICT".to_owned(), Some(version.to_owned()));
    let error = rig.create(version(session, &plan("g", "a"), 3)).await.unwrap_err();
    assert_eq!((error.code(), head(&error)), (Code::Aborted, expected("0")));
    rig.create(version(session, &plan("g", "a"), 0)).await.unwrap();
    let error = rig.create(version(session, &plan("g", "b"), 0)).await.unwrap_err();
    assert_eq!(head(&error), expected("1"));
    rig.stop().await;
}

async fn of_many_authors_at_once_one_wins(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.session();
    for base in 0..2 {
        let requests = ["a", "b", "c", "d"].map(|content| version(session, &plan("g", content), base));
        let results = rig.create_at_once(requests.into()).await;
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), won[0].as_ref().unwrap().version_number), (1, base + 1));
        for error in lost {
            assert_eq!(refusal(&error.unwrap_err(), "").0, "VERSION_CONFLICT");
        }
    }
    rig.stop().await;
}

async fn a_repeated_request_makes_one_version(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.session();
    let mut request = version(session, &plan("g", "a"), 0);
    request.request_id = "0190163d-8694-739a-aea5-966c26f8ad91".to_owned();
    let both = rig.create_at_once(vec![request.clone(), request.clone()]).await;
    let [first, twin] = both.try_into().unwrap();
    let first = first.unwrap();
    assert_eq!(twin.unwrap(), first);
    rig.create(version(session, &plan("g", "b"), 1)).await.unwrap();
    assert_eq!(rig.create(request.clone()).await.unwrap(), first);
    request.change_description = "another".to_owned();
    assert_eq!(refusal(&rig.create(request).await.unwrap_err(), "").0, "REQUEST_ID_REUSED");
    rig.stop().await;
}

both_storages!(
    a_version_is_completed_assessed_and_numbered,
    a_trial_tells_what_the_version_would_be_and_keeps_nothing,
    an_unsound_plan_is_refused_with_everything_wrong_with_it,
    a_peer_that_answers_nonsense_is_no_fault_of_the_caller,
    an_outdated_author_is_told_the_head,
    of_many_authors_at_once_one_wins,
    a_repeated_request_makes_one_version,
);
