//! A running service, what it follows, and people who read.

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
use tonic::Status;

use crate::endpoint::Endpoint;
use crate::peers::{Executor, Gate};

/// Longer than anything here takes, so that a test that hangs says where.
pub(crate) const LONG: Duration = Duration::from_secs(30);
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Between two looks at something that is on its way.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

pub(crate) struct Rig {
    running: Running,
    client: NotificationServiceClient<Transport>,
    gate: Db,
    executor: Db,
    source: ContextSource,
    storage: Storage,
}

impl Rig {
    pub(crate) async fn start(storage: Storage, endpoint: Option<&Endpoint>) -> Self {
        let start = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        Self::start_at(storage, endpoint, ContextSource::seeded(Clock::manual(start), 7)).await
    }

    async fn start_at(storage: Storage, endpoint: Option<&Endpoint>, source: ContextSource) -> Self {
        // Only refuses when it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let database = Database { url: storage.url().to_owned(), max_connections: 4 };
        let wiring = Wiring::local(database, Bus::local(), Credentials::default(), source.clone());
        let mut host = Host::new(wiring.clone());
        host.add::<Gate>(()).await.unwrap();
        host.add::<Executor>(()).await.unwrap();
        let secret = tempfile::NamedTempFile::new().unwrap();
        let mut config = Config::default();
        if let Some(endpoint) = endpoint {
            std::fs::write(&secret, SECRET).unwrap();
            config.webhook_url.clone_from(&endpoint.url);
            config.webhook_secret_file = secret.path().display().to_string();
            config.max_attempts = 3;
        }
        host.add::<Notification>(config).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = host.start(listener).await.unwrap();
        let client = NotificationServiceClient::new(wiring.peer("dashboard", Peer::Notification).unwrap());
        let (gate, executor) = (storage.open("approval_gate").await, storage.open("executor").await);
        Self { running, client, gate, executor, source, storage }
    }

    pub(crate) async fn stop(self) -> Storage {
        self.gate.close().await;
        self.executor.close().await;
        self.running.shutdown(Duration::from_secs(20)).await.unwrap();
        self.storage
    }

    /// Stops and starts anew on what was stored.
    pub(crate) async fn restart(self, endpoint: Option<&Endpoint>) -> Self {
        let source = self.source.clone();
        Self::start_at(self.stop().await, endpoint, source).await
    }

    pub(crate) fn session(&self) -> SessionId {
        self.source.new_id()
    }

    pub(crate) fn wait(&self, time: Duration) {
        assert!(self.source.clock().advance(time));
    }

    fn context(&self, user: &str, role: &str) -> OpContext {
        self.source.operation(Actor {
            id: user.to_owned(),
            kind: ActorKind::User,
            name: String::new(),
            roles: vec![role.to_owned()],
            groups: Vec::new(),
            credential: "static_token".to_owned(),
        })
    }

    pub(crate) async fn gate_says(&self, session: SessionId, payload: Payload) {
        self.publish(&self.gate, session, payload).await;
    }

    pub(crate) async fn executor_says(&self, session: SessionId, payload: Payload) {
        self.publish(&self.executor, session, payload).await;
    }

    async fn publish(&self, db: &Db, session: SessionId, payload: Payload) {
        let mut tx = db.begin().await.unwrap();
        let ctx = self.source.operation(Actor::system("played"));
        append(&mut tx, &ctx, Some(session), payload).await.unwrap();
        tx.commit().await.unwrap();
        // So that what is told of it is younger than what was told before.
        self.wait(Duration::from_millis(1));
    }

    pub(crate) async fn inbox(&self, user: &str, request: pb::ListInboxRequest) -> pb::ListInboxResponse {
        let request = outbound(&self.context(user, "developer"), request);
        self.client.clone().list_inbox(request).await.unwrap().into_inner()
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

    pub(crate) async fn mark_read(&self, user: &str, ids: &[&str]) -> i32 {
        let notification_ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let request = outbound(&self.context(user, "developer"), pb::MarkReadRequest { notification_ids });
        self.client.clone().mark_read(request).await.unwrap().into_inner().marked
    }

    pub(crate) async fn deliveries(
        &self,
        role: &str,
        request: pb::ListDeliveriesRequest,
    ) -> Result<Vec<pb::Delivery>, Status> {
        let request = outbound(&self.context("root", role), request);
        Ok(self.client.clone().list_deliveries(request).await?.into_inner().deliveries)
    }
}
