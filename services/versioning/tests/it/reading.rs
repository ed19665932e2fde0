use assent_proto::plan::v1::{PlanVersion, RiskAssessment};
use assent_proto::versioning::v1::{CreateVersionRequest, ListVersionsRequest};
use assent_rpc::outbound;
use assent_store::{Db, Sql};
use assent_testkit::{Storage, both_storages};
use tonic::{Code, Request};

use crate::rig::{Rig, plan, refusal, version};

const TAMPER: Sql = Sql::split(
    "UPDATE plan_versions SET plan_json = jsonb_set(CAST(plan_json AS JSONB),
         '{items,0,arguments,content}', '\"evil\"')
     WHERE version_number = 1",
    "UPDATE plan_versions SET plan_json = json_set(plan_json, '$.items[0].arguments.content', 'evil')
     WHERE version_number = 1",
);

async fn a_plan_that_was_tampered_with_is_never_served(storage: Storage) {
    let db: Db = storage.open("versioning").await;
    let rig = Rig::start(storage).await;
    let session = rig.session();
    let first = rig.create(version(session, &plan("g", "a"), 0)).await.unwrap();
    assert_eq!(rig.get(session, None).await.unwrap().version.unwrap(), first);
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.query(TAMPER).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    let error = rig.get(session, Some(1)).await.unwrap_err();
    assert_eq!((error.code(), refusal(&error, "").0.as_str()), (Code::Internal, "DATA_CORRUPT"));
    assert!(
        rig.create(version(session, &plan("g", "b"), 1)).await.is_err(),
        "nothing is built upon it either"
    );
    db.close().await;
    rig.stop().await;
}

async fn lists_are_paged_newest_first_without_plans(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.session();
    for base in 0..5 {
        rig.create(version(session, &plan("g", &base.to_string()), base)).await.unwrap();
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let session_id = session.to_string();
        let request = ListVersionsRequest { session_id, page_size: 2, page_token, ..Default::default() };
        let request = outbound(&rig.on_behalf_of("bob"), request);
        let page = rig.client().list_versions(request).await.unwrap().into_inner();
        assert!(
            page.versions.len() <= 2 && page.versions.iter().all(|v| v.plan.is_none() && v.risk.is_some())
        );
        seen.extend(page.versions.iter().map(|v| v.version_number));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let list = async |brief| {
        let request = ListVersionsRequest { session_id: session.to_string(), brief, ..Default::default() };
        rig.client()
            .list_versions(outbound(&rig.on_behalf_of("bob"), request))
            .await
            .unwrap()
            .into_inner()
            .versions
    };
    for (whole, brief) in list(false).await.into_iter().zip(list(true).await) {
        assert!(whole.estimate.is_some() && (whole.version_number == 1 || !whole.changes.is_empty()));
        let level = whole.risk.as_ref().unwrap().level;
        let risk = Some(RiskAssessment { level, ..Default::default() });
        assert_eq!(brief, PlanVersion { changes: Vec::new(), estimate: None, risk, ..whole });
    }
    let request = ListVersionsRequest { session_id: rig.session().to_string(), ..Default::default() };
    let error = rig.client().list_versions(outbound(&rig.on_behalf_of("bob"), request)).await.unwrap_err();
    assert_eq!(refusal(&error, "").0, "VERSION_NOT_FOUND");
    rig.stop().await;
}

async fn a_malformed_request_is_refused_by_field(storage: Storage) {
    let rig = Rig::start(storage).await;
    let error = rig.client().create_version(Request::new(CreateVersionRequest::default())).await.unwrap_err();
    assert_eq!(refusal(&error, "").0, "REQUEST_INVALID");
    assert!(error.message().contains("session_id") && error.message().contains("plan"), "{error:?}");
    rig.stop().await;
}

both_storages!(
    a_plan_that_was_tampered_with_is_never_served,
    lists_are_paged_newest_first_without_plans,
    a_malformed_request_is_refused_by_field,
);
