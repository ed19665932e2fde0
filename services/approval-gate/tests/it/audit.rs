//! The audit chain through its door.

use assent_proto::approval::v1 as pb;
use assent_proto::plan::v1::RiskLevel;
use assent_store::Sql;
use assent_testkit::{Storage, both_storages};

use crate::rig::{Rig, by};

both_storages!(the_chain_is_intact_until_somebody_changes_it);

async fn the_chain_is_intact_until_somebody_changes_it(storage: Storage) {
    let db = storage.open("approval_gate").await;
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    rig.approve("ada", &session).await.unwrap();
    let verify = async || {
        let request = pb::VerifyRequest { session_id: session.id.clone() };
        rig.audits().verify(by("dev", request)).await.unwrap().into_inner()
    };
    let verdict = verify().await;
    assert!(verdict.intact, "{verdict:?}");
    let expected = ["session.submitted", "vote.approve", "session.approved", "grant.issued"];
    assert_eq!(rig.actions(&session.id).await, expected);
    let list = pb::ListEntriesRequest { session_id: session.id.clone(), page_size: 3, ..Default::default() };
    let page = rig.audits().list_entries(by("dev", list)).await.unwrap().into_inner();
    assert_eq!((page.entries.len(), page.next_page_token.is_empty()), (3, false));
    assert_eq!(page.entries[1].actor.as_ref().unwrap().id, "ada");
    assert_eq!(page.entries[1].credential, "static_token");

    let change = async |sql: Sql| {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(tx.query(sql).execute().await.unwrap(), 1);
        tx.commit().await.unwrap();
    };
    change(Sql::new("UPDATE audit_entries SET action = 'vote.reject' WHERE sequence = 2")).await;
    assert_eq!(verify().await.broken_at, 2);
    change(Sql::new("UPDATE audit_entries SET action = 'vote.approve' WHERE sequence = 2")).await;
    assert!(verify().await.intact);
    change(Sql::new("DELETE FROM audit_entries WHERE sequence = 4")).await;
    let cut = verify().await;
    assert_eq!((cut.intact, cut.entries, cut.broken_at), (false, 3, 4));
    db.close().await;
    rig.stop().await;
}
