//! Preferences, channels, and what an operator may set.

use assent_notification::{Config, Notification};
use assent_proto::approval::v1::ContactAddresses;
use assent_proto::notification::v1::{self as pb, DeliveryStatus, NotificationPreferences, QuietHours};
use assent_proto::plan::v1::NotificationChannel;
use assent_proto::review::v1::ApprovalPriority;
use assent_runtime::Service as _;
use assent_testkit::{Storage, both_storages};
use tonic::Code;

use crate::endpoint::{Answer, Endpoint};
use crate::facts::submitted;
use crate::rig::{Rig, Setup};

async fn preferences_are_ones_own_and_guarded_by_their_etag(storage: Storage) {
    let rig = Rig::start(storage, Setup::new()).await;
    let get = async |user: &str| {
        let request = rig.by(user, pb::GetPreferencesRequest {});
        rig.client().get_preferences(request).await.unwrap().into_inner().preferences.unwrap()
    };
    let set = async |wanted: NotificationPreferences| {
        let request = rig.by("bob", pb::SetPreferencesRequest { preferences: Some(wanted) });
        rig.client().set_preferences(request).await.map(|answer| answer.into_inner().preferences.unwrap())
    };
    let usual = get("bob").await;
    assert_eq!(
        (usual.digest, usual.min_priority(), usual.etag.as_str()),
        (Some(true), ApprovalPriority::Low, "0")
    );
    let wanted = NotificationPreferences {
        muted_channels: vec![NotificationChannel::Email.into()],
        muted_kinds: vec!["comment_added".to_owned()],
        min_priority: ApprovalPriority::Normal.into(),
        digest: Some(false),
        quiet_hours: Some(QuietHours {
            start: "22:00".to_owned(),
            end: "07:30".to_owned(),
            time_zone: "Asia/Kolkata".to_owned(),
            break_through: ApprovalPriority::High.into(),
        }),
        etag: usual.etag.clone(),
    };
    let kept = set(wanted.clone()).await.unwrap();
    assert_eq!(kept, NotificationPreferences { etag: "1".to_owned(), ..wanted.clone() });
    assert_eq!(get("bob").await, kept);
    assert_eq!(get("cem").await, usual);
    assert_eq!(set(wanted.clone()).await.unwrap_err().code(), Code::Aborted);
    assert_eq!(set(NotificationPreferences { etag: String::new(), ..wanted }).await.unwrap().etag, "2");

    let bad = NotificationPreferences {
        muted_channels: vec![0],
        muted_kinds: vec!["nothing".to_owned()],
        quiet_hours: Some(QuietHours {
            start: "25:00".to_owned(),
            end: "7".to_owned(),
            time_zone: "Mars/Olympus".to_owned(),
            ..Default::default()
        }),
        etag: "x".to_owned(),
        ..Default::default()
    };
    let error = set(bad).await.unwrap_err();
    for field in ["muted_channels[0]", "muted_kinds[0]", "quiet_hours.start", "quiet_hours.time_zone", "etag"]
    {
        let named = format!("preferences.{field}");
        assert!(String::from_utf8_lossy(error.details()).contains(&named), "{named} in {error:?}");
    }
    rig.stop().await;
}

async fn channels_are_listed_and_tested(storage: Storage) {
    let mut teams = Endpoint::answering(&[Answer::Status(202), Answer::Status(500)]).await;
    let hook = Endpoint::answering(&[]).await;
    let rig = Rig::start(storage, Setup::new().webhook(&hook.hook())).await;
    rig.world(|world| world.reach("bob", ContactAddresses { teams: teams.hook(), ..Default::default() }));
    let request = rig.by("bob", pb::ListChannelsRequest {});
    let channels = rig.client().list_channels(request).await.unwrap().into_inner().channels;
    let seen: Vec<_> = channels.iter().map(|c| (c.channel(), c.configured, c.reaches_caller)).collect();
    assert_eq!(
        seen,
        [
            (NotificationChannel::InApp, true, true),
            (NotificationChannel::Email, false, false),
            (NotificationChannel::Slack, false, false),
            (NotificationChannel::Teams, true, true),
            (NotificationChannel::Webhook, true, true),
        ]
    );
    let test = async |user: &str, channel: NotificationChannel, other: &str| {
        let request = pb::TestChannelRequest { channel: channel.into(), user_id: other.to_owned() };
        let request = if user == "root" { rig.by_admin(request) } else { rig.by(user, request) };
        rig.client().test_channel(request).await.map(|answer| answer.into_inner().delivery.unwrap())
    };
    let sent = test("bob", NotificationChannel::Teams, "").await.unwrap();
    assert_eq!((sent.status(), sent.attempts, sent.kind.as_str()), (DeliveryStatus::Delivered, 1, "test"));
    teams.next().await;
    let failed = test("bob", NotificationChannel::Teams, "").await.unwrap();
    assert_eq!((failed.status(), failed.history.len()), (DeliveryStatus::Failed, 1));
    assert!(failed.error.contains("500"), "{}", failed.error);
    let inbox = test("bob", NotificationChannel::InApp, "").await.unwrap();
    assert_eq!(rig.inbox_of("bob", 1).await[0].id, inbox.id);
    test("root", NotificationChannel::Teams, "bob").await.unwrap();
    test("root", NotificationChannel::Webhook, "").await.unwrap();
    let code = |answer: Result<pb::Delivery, tonic::Status>| answer.unwrap_err().code();
    assert_eq!(code(test("bob", NotificationChannel::Email, "").await), Code::FailedPrecondition);
    assert_eq!(code(test("cem", NotificationChannel::Teams, "").await), Code::FailedPrecondition);
    assert_eq!(code(test("cem", NotificationChannel::Teams, "bob").await), Code::PermissionDenied);
    assert_eq!(code(test("bob", NotificationChannel::Webhook, "").await), Code::PermissionDenied);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_replaces_templates() {
    let setup = Setup::new();
    setup.file(
        "approval_requested.j2",
        "Bitte prüfen: {{ goal | upper }}\nVon {{ by }}, Risiko {{ risk }}.\n",
    );
    let folder = setup.file("ignored.txt", "").parent().unwrap().display().to_string();
    let rig = Rig::start(Storage::sqlite().await, setup.with(|config| config.templates_dir = folder)).await;
    rig.gate_says(rig.session(), submitted()).await;
    let [told] = rig.inbox_of("bob", 1).await.try_into().unwrap();
    assert_eq!(
        (told.title.as_str(), told.body.as_str()),
        ("Bitte prüfen: EXPORT ALL USERS", "Von agent, Risiko HIGH.")
    );
    rig.stop().await;
}

/// What cannot work is said at the start, not when somebody should be told.
#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_work_are_refused_at_the_start() {
    let refused = async |setup: Setup, said: &str| {
        let storage = Storage::sqlite().await;
        let database = assent_runtime::config::Database { url: storage.url().to_owned(), max_connections: 2 };
        let source = assent_core::ContextSource::system();
        let wiring = assent_runtime::Wiring::local(
            database,
            assent_events::Bus::local(),
            assent_rpc::Credentials::default(),
            source,
        );
        let _ = rustls::crypto::ring::default_provider().install_default();
        let error = Notification::build(setup.config.clone(), &wiring).await.err().unwrap().to_string();
        assert!(error.contains(said), "{said} in {error}");
    };
    let template = |name: &str, text: &str| {
        let setup = Setup::new();
        let folder = setup.file(name, text).parent().unwrap().display().to_string();
        setup.with(|config: &mut Config| config.templates_dir = folder)
    };
    refused(template("approved.j2", "{{ nothing }}"), "template approved").await;
    refused(template("approved.j2", "{% if %}"), "template approved").await;
    refused(template("aproved.j2", "x"), "aproved").await;
    refused(Setup::new().with(|c| c.keep_days = 0), "keep_days").await;
    refused(Setup::new().with(|c| c.session_url = "https://x/".to_owned()), "session_url").await;
    refused(Setup::new().with(|c| c.webhook_url = "https://x/".to_owned()), "webhook_secret_file").await;
    refused(Setup::new().webhook("mailto:x"), "webhook_url").await;
    refused(Setup::new().with(|c| c.slack_listen = "127.0.0.1:0".to_owned()), "slack_signing_secret").await;
    let mail =
        |change: fn(&mut Config)| Setup::new().with(|c| c.smtp_host = "localhost".to_owned()).with(change);
    refused(mail(|c| c.smtp_user = "assent".to_owned()), "smtp_password").await;
    refused(mail(|c| c.email_from = "nobody".to_owned()), "email_from").await;
    refused(
        mail(|c| (c.smtp_tls, c.smtp_user) = (assent_notification::SmtpTls::None, "a".to_owned())),
        "without TLS",
    )
    .await;
}

both_storages!(preferences_are_ones_own_and_guarded_by_their_etag, channels_are_listed_and_tested);
