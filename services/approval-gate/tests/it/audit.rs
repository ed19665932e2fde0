//! The audit through its door: complete, chained, logged and signed.

use assent_core::Digest;
use assent_evidence::{HeadClaims, PublicKeys, log};
use assent_proto::approval::v1 as pb;
use assent_proto::plan::v1::RiskLevel;
use assent_store::{Db, Sql};
use assent_testkit::{Storage, both_storages};
use futures_util::StreamExt as _;
use tonic::Code;

use crate::rig::{Rig, by, reason};

both_storages!(
    the_chain_is_intact_until_somebody_changes_it,
    every_way_to_tamper_is_found,
    what_is_refused_is_audited_and_not_without_end,
    heads_are_signed_and_prove_that_the_log_only_grew,
    the_export_tells_what_became_of_each_session,
);

async fn verify(rig: &Rig, id: &str) -> pb::VerifyResponse {
    let request = pb::VerifyRequest { session_id: id.to_owned() };
    rig.audits().verify(by("dev", request)).await.unwrap().into_inner()
}

async fn change(db: &Db, sql: Sql) {
    let mut tx = db.begin().await.unwrap();
    assert_ne!(tx.query(sql).execute().await.unwrap(), 0);
    tx.commit().await.unwrap();
}

async fn the_chain_is_intact_until_somebody_changes_it(storage: Storage) {
    let db = storage.open("approval_gate").await;
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    rig.approve("ada", &session).await.unwrap();
    let verdict = verify(&rig, &session.id).await;
    assert!(verdict.intact, "{verdict:?}");
    let expected = ["session.submitted", "vote.approve", "session.approved", "grant.issued"];
    assert_eq!(rig.actions(&session.id).await, expected);
    let list = pb::ListEntriesRequest { session_id: session.id.clone(), page_size: 3, ..Default::default() };
    let page = rig.audits().list_entries(by("dev", list)).await.unwrap().into_inner();
    assert_eq!((page.entries.len(), page.next_page_token.is_empty()), (3, false));
    assert_eq!(page.entries[1].actor.as_ref().unwrap().id, "ada");
    assert_eq!(page.entries[1].credential, "static_token");

    change(&db, Sql::new("UPDATE audit_entries SET action = 'vote.reject' WHERE sequence = 2")).await;
    assert_eq!(verify(&rig, &session.id).await.broken_at, 2);
    change(&db, Sql::new("UPDATE audit_entries SET action = 'vote.approve' WHERE sequence = 2")).await;
    assert!(verify(&rig, &session.id).await.intact);
    change(&db, Sql::new("DELETE FROM audit_entries WHERE sequence = 4")).await;
    let cut = verify(&rig, &session.id).await;
    assert_eq!((cut.intact, cut.entries, cut.broken_at), (false, 3, 4));
    db.close().await;
    rig.stop().await;
}

/// What somebody with the database in hand could do, one by one, each on a session of its own.
async fn every_way_to_tamper_is_found(storage: Storage) {
    let db = storage.open("approval_gate").await;
    let sqlite = storage.is_sqlite();
    let rig = Rig::start(storage).await;
    let details = if sqlite {
        Sql::new("UPDATE audit_entries SET details = json_set(details, '$.version', 2) WHERE sequence = 3")
    } else {
        Sql::new("UPDATE audit_entries SET details = details || '{\"version\": 2}' WHERE sequence = 3")
    };
    let actor = if sqlite {
        Sql::new(
            "UPDATE audit_entries SET actor = json_set(actor, '$.credential', 'dev_token') WHERE sequence = 2",
        )
    } else {
        Sql::new(
            "UPDATE audit_entries SET actor = actor || '{\"credential\": \"dev_token\"}' WHERE sequence = 2",
        )
    };
    let digest = if sqlite {
        Sql::new("UPDATE audit_entries SET digest = zeroblob(32) WHERE sequence = 3")
    } else {
        Sql::new("UPDATE audit_entries SET digest = decode(repeat('00', 32), 'hex') WHERE sequence = 3")
    };
    let moved = Sql::new("UPDATE audit_entries SET sequence = sequence + 10 WHERE sequence = 2");
    let swap_away = Sql::new("UPDATE audit_entries SET sequence = 100 WHERE sequence = 2");
    let swap_down = Sql::new("UPDATE audit_entries SET sequence = 2 WHERE sequence = 3");
    let swap_back = Sql::new("UPDATE audit_entries SET sequence = 3 WHERE sequence = 100");
    let cut = Sql::new("DELETE FROM audit_entries WHERE sequence = 4");
    // The end of the chain is made to fit, as whoever cuts a chain would do.
    let hide_cut = Sql::new(
        "UPDATE plan_review_sessions SET audit_sequence = 3,
             audit_head = (SELECT digest FROM audit_entries WHERE sequence = 3)",
    );
    let shift_log = Sql::new(
        "UPDATE audit_log_nodes SET digest = (SELECT digest FROM audit_log_nodes WHERE level = 0 AND number = 3)
         WHERE level = 0 AND number = 2",
    );
    let upper_log = Sql::new(
        "UPDATE audit_log_nodes SET digest = (SELECT digest FROM audit_log_nodes WHERE level = 0 AND number = 3)
         WHERE level = 1 AND number = 0",
    );
    let forged_head = Sql::new(
        "UPDATE audit_tree_heads SET root_digest = (SELECT digest FROM audit_log_nodes WHERE level = 0 AND number = 3)",
    );
    let time = if sqlite {
        Sql::new("UPDATE audit_entries SET created_at = '2020-01-01T00:00:00.000000Z' WHERE sequence = 1")
    } else {
        Sql::new("UPDATE audit_entries SET created_at = '2020-01-01T00:00:00Z' WHERE sequence = 1")
    };
    let ways: [(&str, &[Sql], i64); 13] = [
        ("a detail", &[details], 3),
        ("how the actor proved who it is", &[actor], 2),
        ("when", &[time], 1),
        ("the call", &[Sql::new("UPDATE audit_entries SET request_id = 'req' WHERE sequence = 2")], 2),
        ("the trace", &[Sql::new("UPDATE audit_entries SET trace_id = 'abc' WHERE sequence = 2")], 2),
        ("a digest", &[digest], 3),
        ("a gap", &[moved], 2),
        ("another order", &[swap_away, swap_down, swap_back], 2),
        ("the first one gone", &[Sql::new("DELETE FROM audit_entries WHERE sequence = 1")], 1),
        ("the last one gone, and the end made to fit", &[cut, hide_cut], 4),
        ("a leaf of the log", &[shift_log], 3),
        ("a node of the log", &[upper_log], 4),
        ("a head", &[forged_head], 4),
    ];
    let session = rig.submit(RiskLevel::High).await;
    rig.approve("ada", &session).await.unwrap();
    assert_eq!(verify(&rig, &session.id).await.logged_entries, 0);
    assert_eq!(rig.app.sign_tree_head().await.unwrap(), 4);
    let whole = verify(&rig, &session.id).await;
    assert!(whole.intact && whole.logged_entries == 4, "{whole:?}");
    for (what, statements, at) in ways {
        save(&db).await;
        for sql in statements {
            change(&db, *sql).await;
        }
        let verdict = verify(&rig, &session.id).await;
        assert_eq!((verdict.intact, verdict.broken_at), (false, at), "{what}: {}", verdict.problem);
        restore(&db).await;
        assert!(verify(&rig, &session.id).await.intact, "{what}: not as before");
    }
    db.close().await;
    rig.stop().await;
}

const TABLES: [(Sql, Sql, Sql); 4] = [
    (
        Sql::new("CREATE TABLE saved_entries AS SELECT * FROM audit_entries"),
        Sql::new("DELETE FROM audit_entries"),
        Sql::new("INSERT INTO audit_entries SELECT * FROM saved_entries"),
    ),
    (
        Sql::new("CREATE TABLE saved_nodes AS SELECT * FROM audit_log_nodes"),
        Sql::new("DELETE FROM audit_log_nodes"),
        Sql::new("INSERT INTO audit_log_nodes SELECT * FROM saved_nodes"),
    ),
    (
        Sql::new("CREATE TABLE saved_heads AS SELECT * FROM audit_tree_heads"),
        Sql::new("DELETE FROM audit_tree_heads"),
        Sql::new("INSERT INTO audit_tree_heads SELECT * FROM saved_heads"),
    ),
    (
        Sql::new("CREATE TABLE saved_ends AS SELECT audit_sequence, audit_head FROM plan_review_sessions"),
        Sql::new(
            "UPDATE plan_review_sessions SET audit_sequence = (SELECT audit_sequence FROM saved_ends),
                 audit_head = (SELECT audit_head FROM saved_ends)",
        ),
        Sql::new("SELECT 1"),
    ),
];
const DROP: [Sql; 4] = [
    Sql::new("DROP TABLE saved_entries"),
    Sql::new("DROP TABLE saved_nodes"),
    Sql::new("DROP TABLE saved_heads"),
    Sql::new("DROP TABLE saved_ends"),
];

async fn save(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    for (save, ..) in TABLES {
        tx.query(save).execute().await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn restore(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    for ((_, clear, refill), drop) in TABLES.into_iter().zip(DROP) {
        for sql in [clear, refill, drop] {
            tx.query(sql).execute().await.unwrap();
        }
    }
    tx.commit().await.unwrap();
}

async fn what_is_refused_is_audited_and_not_without_end(storage: Storage) {
    let rig = Rig::start(storage).await;
    let session = rig.submit(RiskLevel::High).await;
    rig.approve("rob", &session).await.unwrap_err();
    let start = pb::StartReviewRequest { session_id: session.id.clone() };
    rig.gate().start_review(by("bot", start)).await.unwrap_err();
    let outdated = assent_proto::review::v1::PlanReviewSession { digest: "0".repeat(64), ..session.clone() };
    rig.approve("ada", &outdated).await.unwrap_err();
    rig.approve("ada", &session).await.unwrap();
    rig.reject("ben", &session).await.unwrap_err();

    let list =
        pb::ListEntriesRequest { session_id: session.id.clone(), page_size: 1000, ..Default::default() };
    let entries = rig.audits().list_entries(by("dev", list.clone())).await.unwrap().into_inner().entries;
    let refused: Vec<_> = entries
        .iter()
        .filter(|entry| entry.action == "call.refused")
        .map(|entry| {
            let json = assent_proto::json::to_json(entry).unwrap();
            let detail = |key: &str| json["details"][key].as_str().unwrap_or_default().to_owned();
            assert!(entry.request_id.starts_with("req_") && entry.credential == "static_token");
            (
                json["actor"]["id"].as_str().unwrap().to_owned(),
                detail("method"),
                detail("reason"),
                detail("why"),
            )
        })
        .collect();
    let expected = [
        ("rob", "Approve", "NOT_ELIGIBLE", "REQUESTER"),
        ("bot", "StartReview", "NOT_ELIGIBLE", "NOT_A_PERSON"),
        ("ada", "Approve", "VERSION_CONFLICT", ""),
        ("ben", "Reject", "SESSION_STATE", ""),
    ];
    assert_eq!(refused, expected.map(|(a, b, c, d)| [a, b, c, d].map(str::to_owned).into()));
    assert!(verify(&rig, &session.id).await.intact);

    for _ in 0..120 {
        rig.reject("ben", &session).await.unwrap_err();
    }
    let entries = rig.audits().list_entries(by("dev", list)).await.unwrap().into_inner().entries;
    let refused: Vec<_> = entries.iter().filter(|entry| entry.action == "call.refused").collect();
    assert_eq!(refused.len(), 100);
    let last = assent_proto::json::to_json(refused[99]).unwrap();
    assert!(last["details"]["further"].is_string(), "{last}");
    rig.stop().await;
}

async fn heads_are_signed_and_prove_that_the_log_only_grew(storage: Storage) {
    let rig = Rig::start(storage).await;
    let head = async |tree_size: i64, known_size: i64| {
        let request = pb::GetTreeHeadRequest { tree_size, known_size };
        rig.audits().get_tree_head(by("dev", request)).await.map(tonic::Response::into_inner)
    };
    let none = head(0, 0).await.unwrap_err();
    assert_eq!((none.code(), reason(&none, "").0.as_str()), (Code::NotFound, "TREE_HEAD_NOT_FOUND"));
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let session = rig.submit(RiskLevel::High).await;
        rig.approve("ada", &session).await.unwrap();
        sizes.push(rig.app.sign_tree_head().await.unwrap());
    }
    assert_eq!(sizes, [4, 8, 12]);
    // Nothing was added: the same head stands.
    assert_eq!(rig.app.sign_tree_head().await.unwrap(), 12);

    let keys = rig.gate().get_keys(by("dev", pb::GetKeysRequest {})).await.unwrap().into_inner().keys;
    let keys = keys.into_iter().map(|k| (k.key_id.parse().unwrap(), k.public_key.try_into().unwrap()));
    let keys = PublicKeys(keys.collect());
    let newest = head(0, 0).await.unwrap().head.unwrap();
    for size in [4, 8, 12] {
        let answer = head(size, 0).await.unwrap().head.unwrap();
        let claims: HeadClaims = keys.verify(&answer.token).unwrap();
        assert_eq!(
            (claims.tree_size, claims.root.to_string()),
            (size.unsigned_abs(), answer.root_digest.clone())
        );
        let grown = head(0, size).await.unwrap().consistency_proof;
        let proof: Vec<Digest> = grown.iter().map(|d| d.parse().unwrap()).collect();
        let (old, new): (Digest, Digest) =
            (answer.root_digest.parse().unwrap(), newest.root_digest.parse().unwrap());
        assert!(log::is_consistent(size.unsigned_abs(), &old, 12, &new, &proof), "{size}");
        assert!(size == 12 || !log::is_consistent(size.unsigned_abs(), &new, 12, &new, &proof), "{size}");
    }
    let other = PublicKeys(keys.0.keys().map(|id| (*id, [7; 32])).collect());
    assert!(other.verify::<HeadClaims>(&newest.token).is_err());
    assert_eq!(head(5, 0).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(head(0, 13).await.unwrap_err().code(), Code::InvalidArgument);
    rig.stop().await;
}

async fn the_export_tells_what_became_of_each_session(storage: Storage) {
    let rig = Rig::start(storage).await;
    let mut ids = Vec::new();
    for level in [RiskLevel::High, RiskLevel::Critical, RiskLevel::Medium] {
        ids.push(rig.submit(level).await);
        rig.clock.advance(std::time::Duration::from_secs(60));
    }
    rig.approve("ada", &ids[0]).await.unwrap();
    rig.reject("dev", &ids[2]).await.unwrap();
    let export = async |request: pb::ExportRequest| {
        let stream = rig.audits().export(by("dev", request)).await.unwrap().into_inner();
        let records: Vec<_> = stream.map(|told| told.unwrap().record.unwrap()).collect().await;
        records
    };
    let all = export(pb::ExportRequest::default()).await;
    let told: Vec<_> = all
        .iter()
        .map(|r| (r.workflow_id.as_str(), r.plan_risk.as_str(), r.status.as_str(), r.approved_by.as_str()))
        .collect();
    let expected = [
        (ids[0].id.as_str(), "HIGH", "APPROVED", "ada"),
        (ids[1].id.as_str(), "CRITICAL", "PENDING", ""),
        (ids[2].id.as_str(), "MEDIUM", "REJECTED", ""),
    ];
    assert_eq!(told, expected);
    assert_eq!((all[0].user_query.as_str(), all[0].requested_by.as_str()), ("export", "rob"));
    assert_eq!((all[0].digest.as_str(), all[0].version, all[0].entries), (ids[0].digest.as_str(), 1, 4));
    assert_eq!(all[2].reason, "no");

    let second = all[1].requested_at;
    let from = pb::ExportRequest { start_time: second, ..Default::default() };
    assert_eq!(export(from).await, all[1..]);
    let until = pb::ExportRequest { end_time: second, ..Default::default() };
    assert_eq!(export(until).await, all[..1]);
    let one = pb::ExportRequest { session_id: ids[2].id.clone(), ..Default::default() };
    assert_eq!(export(one).await, all[2..]);
    let unknown = pb::ExportRequest { session_id: format!("ses_{}", "0".repeat(32)), ..Default::default() };
    assert_eq!(rig.audits().export(by("dev", unknown)).await.unwrap_err().code(), Code::NotFound);
    rig.stop().await;
}
