//! The evidence bundle as a person gets it.

use assent_evidence::{PublicKeys, verify};
use assent_proto::approval::v1 as pb;
use assent_proto::plan::v1::RiskLevel;
use assent_proto::review::v1::CommentType;
use assent_testkit::{Storage, both_storages};
use futures_util::TryStreamExt as _;
use tonic::Code;

use crate::rig::{Rig, by};

both_storages!(a_bundle_is_sound_at_every_stage_and_only_as_it_was_written);

async fn bundle(rig: &Rig, id: &str) -> Result<Vec<u8>, tonic::Status> {
    let request = pb::ExportEvidenceRequest { session_id: id.to_owned() };
    let stream = rig.audits().export_evidence(by("dev", request)).await?.into_inner();
    stream.map_ok(|chunk| chunk.data).try_concat().await
}

async fn a_bundle_is_sound_at_every_stage_and_only_as_it_was_written(storage: Storage) {
    let rig = Rig::start(storage).await;
    let keys = rig.gate().get_keys(by("dev", pb::GetKeysRequest {})).await.unwrap().into_inner().keys;
    let keys = keys.into_iter().map(|k| (k.key_id.parse().unwrap(), k.public_key.try_into().unwrap()));
    let keys = PublicKeys(keys.collect());
    let session = rig.submit(RiskLevel::Critical).await;
    let check = async || {
        let bytes = bundle(&rig, &session.id).await.unwrap();
        verify(&bytes, Some(&keys)).unwrap_or_else(|problems| panic!("{problems:?}"))
    };
    assert_eq!(check().await.outcome, None);

    let add = async |content: &str| {
        let request = pb::AddCommentRequest {
            session_id: session.id.clone(),
            content: content.to_owned(),
            r#type: CommentType::Concern.into(),
            ..Default::default()
        };
        rig.comments().add_comment(by("dev", request)).await.unwrap().into_inner().comment.unwrap().id
    };
    let (kept, gone, hidden) = (add("one").await, add("two").await, add("three").await);
    let edit = pb::EditCommentRequest { comment_id: kept, content: "uno".to_owned(), ..Default::default() };
    rig.comments().edit_comment(by("dev", edit)).await.unwrap();
    let delete = pb::DeleteCommentRequest { comment_id: gone, ..Default::default() };
    rig.comments().delete_comment(by("dev", delete)).await.unwrap();
    let hide =
        pb::HideCommentRequest { comment_id: hidden, reason: "off topic".to_owned(), ..Default::default() };
    rig.comments().hide_comment(by("ada", hide)).await.unwrap();
    rig.approve("rob", &session).await.unwrap_err();
    rig.approve("ada", &session).await.unwrap();
    assert_eq!(check().await.outcome, None);
    rig.app.sign_tree_head().await.unwrap();
    rig.approve("ben", &session).await.unwrap();

    let proof = check().await;
    assert_eq!(
        (proof.outcome.as_deref(), proof.approvers),
        (Some("approved"), vec!["ada".to_owned(), "ben".to_owned()])
    );
    assert_eq!((proof.entries - proof.logged, proof.logged > 5), (3, true));
    assert_eq!(proof.session.to_string(), session.id);

    let bytes = bundle(&rig, &session.id).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    for (from, to) in [("looks right", "looks wrong"), ("\"uno\"", "\"dos\""), ("\"shell\"", "\"shelf\"")] {
        assert!(text.contains(from) && verify(text.replacen(from, to, 1).as_bytes(), Some(&keys)).is_err());
    }
    let unknown = bundle(&rig, &format!("ses_{}", "0".repeat(31) + "1")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    rig.stop().await;
}
