use assent_core::{Code, Digest, Fault as _, Timestamp};
use assent_store::idempotency::{self, IdempotencyError};
use assent_store::{Db, StoreError};
use tokio::task::JoinSet;

use assent_testkit::{Storage, both_storages};

const METHOD: &str = "assent.approval.v1.ApprovalService/Approve";

async fn open(test: &Storage) -> Db {
    let db = test.open("test").await;
    db.migrate(&idempotency::MIGRATIONS).await.unwrap();
    db
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000).unwrap()
}

/// Answers a request as a service would: from memory, or by doing it.
async fn answer(db: &Db, actor: &str, id: &str, request: &str) -> Result<Vec<u8>, IdempotencyError> {
    let hash = Digest::of(&[request.as_bytes()]);
    let mut tx = db.begin().await?;
    if let Some(response) = idempotency::recall(&mut tx, actor, METHOD, id, hash).await? {
        return Ok(response);
    }
    let response = format!("answer to {request}").into_bytes();
    idempotency::remember(&mut tx, actor, METHOD, id, hash, &response, at(10)).await?;
    tx.commit().await?;
    Ok(response)
}

async fn a_repeated_request_gets_its_first_answer(test: Storage) {
    let db = open(&test).await;
    let first = answer(&db, "ada", "r1", "yes").await.unwrap();
    assert_eq!(answer(&db, "ada", "r1", "yes").await.unwrap(), first);
    // The id belongs to its actor: nobody else's answer is found by guessing it.
    assert_eq!(answer(&db, "bob", "r1", "no").await.unwrap(), b"answer to no");
}

async fn an_id_used_for_another_request_is_refused(test: Storage) {
    let db = open(&test).await;
    answer(&db, "ada", "r1", "yes").await.unwrap();
    let error = answer(&db, "ada", "r1", "no").await.unwrap_err();
    assert_eq!((error.code(), error.reason().0.as_ref()), (Code::InvalidArgument, "REQUEST_ID_REUSED"));
    assert_eq!(error.violations()[0].field, "request_id");
}

async fn of_requests_at_the_same_time_one_is_carried_out(test: Storage) {
    let db = open(&test).await;
    let mut callers = JoinSet::new();
    for n in 0..8 {
        let db = db.clone();
        callers.spawn(async move {
            let hash = Digest::of(&[b"same"]);
            let mut tx = db.begin().await?;
            if idempotency::recall(&mut tx, "ada", METHOD, "r1", hash).await?.is_some() {
                return Ok(false);
            }
            idempotency::remember(&mut tx, "ada", METHOD, "r1", hash, &[n], at(10)).await?;
            tx.commit().await?;
            Ok::<_, IdempotencyError>(true)
        });
    }
    let mut done = 0;
    while let Some(outcome) = callers.join_next().await {
        match outcome.unwrap() {
            Ok(true) => done += 1,
            Ok(false) | Err(IdempotencyError::Store(StoreError::Conflict)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(done, 1);
}

async fn old_answers_are_forgotten(test: Storage) {
    let db = open(&test).await;
    answer(&db, "ada", "r1", "yes").await.unwrap();
    assert_eq!(idempotency::forget_before(&db, at(10)).await.unwrap(), 0);
    assert_eq!(idempotency::forget_before(&db, at(11)).await.unwrap(), 1);
    assert_eq!(answer(&db, "ada", "r1", "no").await.unwrap(), b"answer to no");
}

async fn every_statement_can_be_prepared(test: Storage) {
    let db = open(&test).await;
    for sql in idempotency::STATEMENTS {
        db.prepare(*sql).await.unwrap();
    }
}

both_storages!(
    a_repeated_request_gets_its_first_answer,
    an_id_used_for_another_request_is_refused,
    of_requests_at_the_same_time_one_is_carried_out,
    old_answers_are_forgotten,
    every_statement_can_be_prepared,
);
