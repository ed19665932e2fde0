//! A running service, what it follows, and people who read.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_core::id::SessionId;
use assent_core::{Actor, ActorKind, Clock, ContextSource, OpContext, Timestamp};
use assent_events::{Bus, append};
use assent_notification::{Config, Notification};
use assent_proto::event::v1::event::Payload;
use assent_proto::notification::v1 as pb;
use assent_proto::notification::v1::notification_service_client::NotificationServiceClient;
use assent_rpc::{Credentials, Transport, outbound};
use assent_runtime::config::Database;
use assent_runtime::{Host, Peer, Running, Wiring};
use assent_store::Db;
use assent_testkit::Storage;
use tempfile::TempDir;
use tonic::{Request, Status};

use crate::peers::{self, Executor, Gate, Shared, Versioning, World};

/// Longer than anything here takes, so that a test that hangs says where.
pub(crate) const LONG: Duration = Duration::from_secs(60);
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Between two looks at something that is on its way.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

/// What the service is configured with, and the files that belong to it.
pub(crate) struct Setup {
    pub(crate) config: Config,
    folder: TempDir,
}

impl Setup {
    /// No channel, and nothing waits to be sent with others.
    pub(crate) fn new() -> Self {
        let config = Config {
            allowed_private_hosts: vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
            session_url: "https://assent.example.com/sessions/{session}".to_owned(),
            max_attempts: 3,
            digest_seconds: 0,
            aggregation_seconds: 0,
            attempt_timeout_seconds: 5,
            ..Config::default()
        };
        Self { config, folder: tempfile::tempdir().unwrap() }
    }

    /// Also posts, signed, to `url`.
    pub(crate) fn webhook(mut self, url: &str) -> Self {
        url.clone_into(&mut self.config.webhook_url);
        self.config.webhook_secret_file = self.file("webhook", SECRET).display().to_string();
        self
    }

    /// With a secret of `secrets_dir`.
    pub(crate) fn secret(mut self, name: &str, text: &str) -> Self {
        self.file(name, text);
        self.config.secrets_dir = self.folder.path().display().to_string();
        self
    }

    /// With other settings.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// 2023-11-14T22:13:20Z, until a test moves it.
fn source() -> ContextSource {
    let start = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
    ContextSource::seeded(Clock::manual(start), 7)
}

pub(crate) struct Rig {
    running: Running,
    client: NotificationServiceClient<Transport>,
    gate: Db,
    executor: Db,
    versioning: Db,
    pub(crate) world: Shared,
    source: ContextSource,
    setup: Setup,
    storage: Storage,
}

impl Rig {
    pub(crate) async fn start(storage: Storage, setup: Setup) -> Self {
        Self::start_at(storage, setup, source(), Arc::new(Mutex::new(World::new())), None).await
    }

    /// With doorbells over Redis.
    pub(crate) async fn start_over_redis(storage: Storage, setup: Setup, redis: &str) -> Self {
        Self::start_at(storage, setup, source(), Arc::new(Mutex::new(World::new())), Some(redis)).await
    }

    async fn start_at(
        storage: Storage,
        setup: Setup,
        source: ContextSource,
        world: Shared,
        redis: Option<&str>,
    ) -> Self {
        // Only refuses when it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let database = Database { url: storage.url().to_owned(), max_connections: 4 };
        let (bus, driver) = match redis {
            Some(url) => Bus::redis(url, source.clone()).map(|(bus, driver)| (bus, Some(driver))).unwrap(),
            None => (Bus::local(), None),
        };
        let wiring = Wiring::local(database, bus, Credentials::default(), source.clone());
        let mut host = Host::new(wiring.clone());
        if let Some(driver) = driver {
            host.drive_bus(driver);
        }
        peers::publish(storage.url(), &world);
        host.add::<Gate>(storage.url().to_owned()).await.unwrap();
        host.add::<Executor>(()).await.unwrap();
        host.add::<Versioning>(()).await.unwrap();
        host.add::<Notification>(setup.config.clone()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = host.start(listener).await.unwrap();
        let client = NotificationServiceClient::new(wiring.peer("dashboard", Peer::Notification).unwrap());
        let gate = storage.open("approval_gate").await;
        let (executor, versioning) = (storage.open("executor").await, storage.open("versioning").await);
        Self { running, client, gate, executor, versioning, world, source, setup, storage }
    }

    pub(crate) async fn stop(self) -> Storage {
        self.halt().await.0
    }

    async fn halt(self) -> (Storage, Setup) {
        for db in [&self.gate, &self.executor, &self.versioning] {
            db.close().await;
        }
        self.running.shutdown(Duration::from_secs(20)).await.unwrap();
        (self.storage, self.setup)
    }

    /// Stops and starts anew on what was stored.
    pub(crate) async fn restart(self) -> Self {
        let (source, world) = (self.source.clone(), Arc::clone(&self.world));
        let (storage, setup) = self.halt().await;
        Self::start_at(storage, setup, source, world, None).await
    }

    /// Another process on the same database.
    pub(crate) async fn replica(&self) -> Running {
        let database = Database { url: self.storage.url().to_owned(), max_connections: 4 };
        let source = ContextSource::seeded(self.source.clock().clone(), 8);
        let wiring = Wiring::local(database, Bus::local(), Credentials::default(), source);
        let mut host = Host::new(wiring);
        host.add::<Gate>(self.storage.url().to_owned()).await.unwrap();
        host.add::<Executor>(()).await.unwrap();
        host.add::<Versioning>(()).await.unwrap();
        host.add::<Notification>(self.setup.config.clone()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        host.start(listener).await.unwrap()
    }

    pub(crate) fn session(&self) -> SessionId {
        self.source.new_id()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.source.now()
    }

    pub(crate) fn wait(&self, time: Duration) {
        assert!(self.source.clock().advance(time));
    }

    /// Changes what the gate knows.
    pub(crate) fn world(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
    }

    fn context(&self, user: &str, role: &str) -> OpContext {
        self.source.operation(Actor {
            id: user.to_owned(),
            kind: ActorKind::User,
            name: String::new(),
            roles: vec![role.to_owned()],
            groups: Vec::new(),
            credential: "static_token".to_owned(),
            on_behalf_of: String::new(),
        })
    }

    /// A request of a developer.
    pub(crate) fn by<M>(&self, user: &str, message: M) -> Request<M> {
        outbound(&self.context(user, "developer"), message)
    }

    /// A request of an administrator.
    pub(crate) fn by_admin<M>(&self, message: M) -> Request<M> {
        outbound(&self.context("root", "admin"), message)
    }

    pub(crate) fn client(&self) -> NotificationServiceClient<Transport> {
        self.client.clone()
    }

    pub(crate) async fn gate_says(&self, session: SessionId, payload: Payload) {
        self.gate_says_by(session, "bob", payload).await;
    }

    pub(crate) async fn gate_says_by(&self, session: SessionId, user: &str, payload: Payload) {
        self.publish(&self.gate, session, user, payload).await;
    }

    pub(crate) async fn executor_says(&self, session: SessionId, payload: Payload) {
        self.publish(&self.executor, session, "worker", payload).await;
    }

    pub(crate) async fn versioning_says(&self, session: SessionId, user: &str, payload: Payload) {
        self.publish(&self.versioning, session, user, payload).await;
    }

    /// Whether the database took it.
    pub(crate) async fn try_gate_says(&self, session: SessionId, payload: Payload) -> bool {
        self.try_publish(&self.gate, session, "bob", payload).await.is_ok()
    }

    async fn try_publish(
        &self,
        db: &Db,
        session: SessionId,
        user: &str,
        payload: Payload,
    ) -> Result<(), assent_store::StoreError> {
        let mut tx = db.begin().await?;
        append(&mut tx, &self.context(user, "developer"), Some(session), payload).await?;
        tx.commit().await
    }

    async fn publish(&self, db: &Db, session: SessionId, user: &str, payload: Payload) {
        self.try_publish(db, session, user, payload).await.unwrap();
        // So that what is told of it is younger than what was told before.
        self.wait(Duration::from_millis(1));
    }

    pub(crate) async fn inbox(&self, user: &str, request: pb::ListInboxRequest) -> pb::ListInboxResponse {
        self.client().list_inbox(self.by(user, request)).await.unwrap().into_inner()
    }

    /// The inbox of `user`, once it holds `count` notifications.
    pub(crate) async fn inbox_of(&self, user: &str, count: usize) -> Vec<pb::Notification> {
        let filled = async {
            loop {
                let inbox = self.inbox(user, pb::ListInboxRequest::default()).await;
                if inbox.notifications.len() >= count {
                    assert_eq!(inbox.notifications.len(), count);
                    return inbox.notifications;
                }
                pause().await;
            }
        };
        tokio::time::timeout(LONG, filled).await.expect("the inbox is not filled")
    }

    /// The inbox of `user`, once no more than `count` notifications are left of it.
    pub(crate) async fn inbox_of_only(&self, user: &str, count: usize) -> Vec<pb::Notification> {
        let emptied = async {
            while self.inbox(user, pb::ListInboxRequest::default()).await.notifications.len() > count {
                pause().await;
            }
        };
        tokio::time::timeout(LONG, emptied).await.expect("the inbox keeps everything");
        self.inbox_of(user, count).await
    }

    pub(crate) async fn mark_read(&self, user: &str, ids: &[&str]) -> i32 {
        let notification_ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let request = self.by(user, pb::MarkReadRequest { notification_ids });
        self.client().mark_read(request).await.unwrap().into_inner().marked
    }

    pub(crate) async fn deliveries(
        &self,
        request: pb::ListDeliveriesRequest,
    ) -> Result<Vec<pb::Delivery>, Status> {
        Ok(self.client().list_deliveries(self.by_admin(request)).await?.into_inner().deliveries)
    }

    /// What goes out beside the inboxes, oldest first, once there are `count` and all of them satisfy `done`.
    pub(crate) async fn settled(
        &self,
        count: usize,
        done: impl Fn(&pb::Delivery) -> bool,
    ) -> Vec<pb::Delivery> {
        use assent_proto::plan::v1::NotificationChannel;
        let mut last: Vec<pb::Delivery> = Vec::new();
        let all = async {
            loop {
                let request = pb::ListDeliveriesRequest { page_size: 1000, ..Default::default() };
                let all = self.deliveries(request).await.unwrap();
                last = all.into_iter().filter(|d| d.channel() != NotificationChannel::InApp).collect();
                last.reverse();
                if last.len() == count && last.iter().all(&done) {
                    return last.clone();
                }
                pause().await;
            }
        };
        match tokio::time::timeout(LONG, all).await {
            Ok(all) => all,
            Err(_) => panic!("the deliveries are not settled: {last:#?}"),
        }
    }

    pub(crate) async fn set_preferences(&self, user: &str, wanted: pb::NotificationPreferences) {
        let request = pb::SetPreferencesRequest { preferences: Some(wanted) };
        self.client().set_preferences(self.by(user, request)).await.unwrap();
    }
}
