//! What each license lets people do.

use assent_approval_gate::Config;
use assent_approval_gate::domain::license::Tier;
use assent_proto::approval::v1 as pb;
use assent_proto::plan::v1::{NotificationChannel, RiskLevel};
use assent_proto::review::v1::ApprovalRequestOptions as Options;
use assent_testkit::{Storage, both_storages};
use tonic::{Code, Status};

use crate::rig::{Rig, by, reason, submission};

both_storages!(each_feature_is_there_from_its_license_on);

/// The feature that was missing; none when the call was carried out.
fn missing<T>(answer: Result<T, Status>) -> Option<String> {
    let status = answer.err()?;
    let (name, feature) = reason(&status, "feature");
    assert_eq!(
        (status.code(), name.as_str()),
        (Code::PermissionDenied, "FEATURE_NOT_LICENSED"),
        "{status:?}"
    );
    Some(feature)
}

async fn each_feature_is_there_from_its_license_on(storage: Storage) {
    for (tier, expected) in [
        (
            Tier::Core,
            &["comments", "three_approvers", "notifications", "custom_workflows", "slas", "audit_log", "api"]
                [..],
        ),
        (Tier::WriterPro, &["notifications", "custom_workflows", "slas", "audit_log", "api"]),
        (Tier::Teams, &["custom_workflows", "slas", "audit_log", "api"]),
        (Tier::Enterprise, &[]),
    ] {
        let storage = if storage.is_sqlite() { Storage::sqlite().await } else { Storage::postgres().await };
        let config = Config { license_tier: tier, ..Config::default() };
        let rig = Rig::start_with(storage, config).await;
        // One approver, no comments, no audit: what every license has.
        let session = rig.submit(RiskLevel::High).await;
        rig.approve("ada", &session).await.unwrap();

        let with = |options: Options| pb::SubmitForApprovalRequest {
            options: Some(options),
            ..submission(RiskLevel::High)
        };
        let comment = pb::AddCommentRequest {
            session_id: session.id.clone(),
            content: "hm".to_owned(),
            ..Default::default()
        };
        let channels = Options { notify_on: vec![NotificationChannel::Email.into()], ..Default::default() };
        let named = Options { authorized_approvers: vec!["ada".to_owned()], ..Default::default() };
        let timeout = Some(prost_types::Duration { seconds: 60, nanos: 0 });
        let soon = Options { approval_timeout: timeout, ..Default::default() };
        let verify = pb::VerifyRequest { session_id: session.id.clone() };
        let export = pb::ExportRequest::default();
        let list = pb::ListEntriesRequest { session_id: session.id.clone(), ..Default::default() };
        let found = [
            missing(rig.comments().add_comment(by("dev", comment)).await),
            missing(rig.submit_as("rob", submission(RiskLevel::Critical)).await),
            missing(rig.submit_as("rob", with(channels)).await),
            missing(rig.submit_as("rob", with(named)).await),
            missing(rig.submit_as("rob", with(soon)).await),
            missing(rig.audits().verify(by("dev", verify)).await),
            missing(rig.submit_as("bot", submission(RiskLevel::High)).await),
        ];
        assert_eq!(found.into_iter().flatten().collect::<Vec<_>>(), expected, "{tier}");
        let audit = (tier < Tier::Enterprise).then(|| "audit_log".to_owned());
        assert_eq!(missing(rig.audits().export(by("dev", export)).await), audit);
        assert_eq!(missing(rig.audits().list_entries(by("dev", list)).await), audit);
        rig.stop().await;
    }
}
