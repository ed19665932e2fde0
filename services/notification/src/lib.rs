//! Owns who was *told*: an inbox for everybody, and one signed webhook beside it.
//!
//! Invariants: a fact is told once to each person over each channel, however often its event is seen; a post is
//! repeated with the same id until the endpoint takes it or it is given up, and neither is forgotten by a crash; no
//! endpoint, slow or broken, holds up anybody but its own posts.

mod app;
mod config;
mod domain;
mod error;
mod follow;
mod grpc;
mod store;
mod webhook;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use assent_events::{Bus, Consumer};
use assent_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use assent_proto::approval::v1::directory_service_client::DirectoryServiceClient;
use assent_proto::event::v1::event_service_client::EventServiceClient;
use assent_proto::notification::v1::notification_service_server::NotificationServiceServer;
use assent_rpc::{Access, MAX_MESSAGE_BYTES, Transport};
use assent_runtime::{BuildError, OnError, Peer, Service, TaskSet, Wiring};
use assent_store::Db;
use tonic::service::RoutesBuilder;

pub use config::Config;
pub use store::{MIGRATIONS, STATEMENTS};

use crate::app::App;
use crate::domain::Retry;
use crate::grpc::Grpc;
use crate::webhook::Webhook;

const NAME: &str = "notification";
const APPROVAL_GATE: &str = "approval-gate";
const EXECUTOR: &str = "executor";
/// How often to look for posts that are due.
const DELIVER_EVERY: Duration = Duration::from_secs(1);

/// The service.
pub struct Notification {
    app: Arc<App>,
    approval_events: EventServiceClient<Transport>,
    execution_events: EventServiceClient<Transport>,
    bus: Bus,
}

impl Service for Notification {
    const NAME: &'static str = NAME;
    const PORT: u16 = 7106;
    const ACCESS: &'static [(&'static str, Access)] = grpc::ACCESS;
    type Config = Config;

    async fn build(config: Config, wiring: &Wiring) -> Result<Self, BuildError> {
        let webhook = open_webhook(&config)?.map(Arc::new);
        let db = wiring.database(NAME, &MIGRATIONS).await?;
        let gate = wiring.peer(NAME, Peer::ApprovalGate)?;
        let executor = wiring.peer(NAME, Peer::Executor)?;
        // A session holds its plan, and an answer may be larger than the largest request.
        let approvals =
            ApprovalServiceClient::new(gate.clone()).max_decoding_message_size(2 * MAX_MESSAGE_BYTES);
        let directory = DirectoryServiceClient::new(gate.clone());
        let app = Arc::new(App { db, approvals, directory, webhook, source: wiring.source().clone() });
        Ok(Self {
            app,
            approval_events: EventServiceClient::new(gate),
            execution_events: EventServiceClient::new(executor),
            bus: wiring.bus().clone(),
        })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let server = NotificationServiceServer::new(Grpc(Arc::clone(&self.app)));
        routes.add_service(server.max_decoding_message_size(MAX_MESSAGE_BYTES));
    }

    fn tasks(&self, tasks: &mut TaskSet) {
        self.follow(
            tasks,
            "follow_approvals",
            "notification/approvals",
            APPROVAL_GATE,
            &self.approval_events,
        );
        self.follow(tasks, "follow_executions", "notification/executions", EXECUTOR, &self.execution_events);
        if let Some(webhook) = &self.app.webhook {
            let (app, webhook, stop) = (Arc::clone(&self.app), Arc::clone(webhook), tasks.stop());
            tasks.every("post_webhooks", DELIVER_EVERY, move || {
                let (app, webhook, stop) = (Arc::clone(&app), Arc::clone(&webhook), stop.clone());
                async move { app.deliver_due(&webhook, &stop).await }
            });
        }
    }

    fn database(&self) -> Option<&Db> {
        Some(&self.app.db)
    }
}

impl Notification {
    fn follow(
        &self,
        tasks: &mut TaskSet,
        task: &'static str,
        consumer: &str,
        service: &'static str,
        source: &EventServiceClient<Transport>,
    ) {
        let consumer = Consumer {
            name: consumer.to_owned(),
            db: self.app.db.clone(),
            service,
            source: source.clone(),
            doorbell: self.bus.subscribe(service),
            context: self.app.source.clone(),
        };
        let (app, stop) = (Arc::clone(&self.app), tasks.stop());
        tasks.spawn(task, OnError::Shutdown, async move {
            let handler = move |event: Arc<_>, cursor| {
                let app = Arc::clone(&app);
                async move { follow::handle(&app, &event, &cursor).await }
            };
            consumer.run(handler, stop).await;
            Ok::<(), Infallible>(())
        });
    }
}

fn open_webhook(config: &Config) -> Result<Option<Webhook>, BuildError> {
    if config.webhook_url.is_empty() {
        return Ok(None);
    }
    let path = &config.webhook_secret_file;
    let secret =
        std::fs::read_to_string(path).map_err(|source| BuildError::File { path: path.clone(), source })?;
    let retry = Retry {
        max_attempts: config.max_attempts,
        first_delay: Duration::from_secs(config.first_retry_seconds),
    };
    let webhook = Webhook::new(&config.webhook_url, &secret, retry);
    webhook.map(Some).map_err(|error| BuildError::Config(error.to_string()))
}
