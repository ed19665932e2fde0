//! Keys that sign grants: another takes the place of one, and what it signed stays good.

use std::time::Duration;

use assent_approval_gate::Config;
use assent_proto::approval::v1 as pb;
use assent_proto::plan::v1::RiskLevel;
use assent_store::Sql;
use assent_testkit::{Storage, both_storages};

use crate::rig::{Rig, by, reason};

both_storages!(a_new_key_takes_over_and_the_old_one_stays_while_needed, seeds_rest_encrypted);

async fn keys(rig: &Rig) -> Vec<pb::VerifyingKey> {
    rig.gate().get_keys(by("dev", pb::GetKeysRequest {})).await.unwrap().into_inner().keys
}

async fn signed_by(rig: &Rig) -> String {
    let session = rig.submit(RiskLevel::High).await;
    rig.approve("ada", &session).await.unwrap();
    let grant = pb::GetGrantRequest { session_id: session.id };
    let token = rig.gate().get_grant(by("dev", grant)).await.unwrap().into_inner().grant;
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn a_new_key_takes_over_and_the_old_one_stays_while_needed(storage: Storage) {
    let rig = Rig::start(storage).await;
    let first = signed_by(&rig).await;
    let rotate = pb::RotateKeysRequest { request_id: "6f3f7d0e-5c8e-4c9e-9d55-0c5a1f6b7a15".to_owned() };
    let denied = rig.gate().rotate_keys(by("dev", rotate.clone())).await.unwrap_err();
    assert_eq!(reason(&denied, "").0, "ROLE_REQUIRED");
    rig.clock.advance(Duration::from_secs(60));
    let mut made = Vec::new();
    for _ in 0..2 {
        made.push(rig.gate().rotate_keys(by("ada", rotate.clone())).await.unwrap().into_inner().key.unwrap());
    }
    assert_eq!(made[0], made[1]);
    assert_ne!(made[0].key_id, first);
    assert_eq!(signed_by(&rig).await, made[0].key_id);
    let both = keys(&rig).await;
    assert_eq!(
        both.iter().map(|key| key.key_id.clone()).collect::<Vec<_>>(),
        [first, made[0].key_id.clone()]
    );
    assert_eq!((both[0].retire_time.is_some(), both[1].retire_time), (true, None));
    // Nothing that the old key signed may be used any more.
    rig.clock.advance(Duration::from_secs(7 * 24 * 60 * 60));
    assert_eq!(
        keys(&rig).await.iter().map(|key| key.key_id.as_str()).collect::<Vec<_>>(),
        [made[0].key_id.as_str()]
    );
    rig.stop().await;
}

async fn seeds_rest_encrypted(storage: Storage) {
    const OPEN: Sql = Sql::new(
        "SELECT count(*) FROM signing_keys WHERE sealed_key IS NULL AND active OR private_key <> $1",
    );
    let db = storage.open("approval_gate").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "a secret of thirty-two bytes or more\n").unwrap();
    let config = Config { key_encryption_secret_file: file.display().to_string(), ..Config::default() };
    let rig = Rig::start_with(storage, config).await;
    let open = async || db.query(OPEN).bind([0_u8; 32].as_slice()).scalar::<i64>().await.unwrap();
    let first = signed_by(&rig).await;
    assert_eq!(open().await, 0);
    rig.gate().rotate_keys(by("ada", pb::RotateKeysRequest::default())).await.unwrap();
    assert_ne!(signed_by(&rig).await, first);
    assert_eq!(open().await, 0);
    db.close().await;
    rig.stop().await;
}
