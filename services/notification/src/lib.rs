//! Owns who was *told*: an inbox for everybody and, beside it, mail, Slack, Teams and signed webhooks.
//!
//! Invariants: a fact is told once to each person over each channel, however often its event is seen; a message is
//! repeated with the same id until the channel takes it or it is given up, and neither is forgotten by a crash; no
//! channel, slow or broken, holds up another, nor an approval; a vote from a button counts only as the person whom
//! the directory knows behind it.

mod app;
mod channels;
mod config;
mod contacts;
mod domain;
mod error;
mod follow;
mod grpc;
mod measure;
mod slack_endpoint;
mod store;
mod templates;
mod wire_up;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_events::{Bus, Consumer, Log, Pace};
use assent_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use assent_proto::approval::v1::directory_service_client::DirectoryServiceClient;
use assent_proto::event::v1::event_service_client::EventServiceClient;
use assent_proto::notification::v1::notification_service_server::NotificationServiceServer;
use assent_rpc::{Access, MAX_MESSAGE_BYTES, Transport};
use assent_runtime::{BuildError, OnError, Peer, Service, TaskSet, Wiring};
use assent_store::Db;
use tokio::sync::watch;
use tonic::service::RoutesBuilder;

pub use config::{Config, SmtpTls};
pub use store::{MIGRATIONS, STATEMENTS};

use crate::app::{App, Rules};
use crate::contacts::Contacts;
use crate::domain::{Breaker, Policy, Retry};
use crate::grpc::Grpc;
use crate::measure::DeliveryMetrics;
use crate::slack_endpoint::SlackEndpoint;
use crate::templates::Templates;

const NAME: &str = "notification";
/// How often to look for what was held and for reminders that are due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often to look for what is old enough to be removed.
const REMOVE_EVERY: Duration = Duration::from_secs(60 * 60);
/// Most events whose notices are written in one transaction.
const EVENTS_AT_ONCE: usize = 32;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A log that is followed: name of the task, of the position, and whose it is.
type Followed = (&'static str, &'static str, &'static str, EventServiceClient<Transport>);

/// The service.
pub struct Notification {
    app: Arc<App>,
    followed: Vec<Followed>,
    bus: Bus,
    buttons: Option<Arc<SlackEndpoint>>,
}

impl Service for Notification {
    const NAME: &'static str = NAME;
    const PORT: u16 = 7106;
    const ACCESS: &'static [(&'static str, Access)] = grpc::ACCESS;
    type Config = Config;

    async fn build(config: Config, wiring: &Wiring) -> Result<Self, BuildError> {
        let templates = Arc::new(Templates::load(&config.templates_dir, &config.session_url)?);
        let ways = wire_up::open(&config, &templates)?;
        let db = wiring.database(NAME, &MIGRATIONS).await?;
        let gate = wiring.peer(NAME, Peer::ApprovalGate)?;
        // A session holds its plan, and an answer may be larger than the largest request.
        let approvals =
            ApprovalServiceClient::new(gate.clone()).max_decoding_message_size(2 * MAX_MESSAGE_BYTES);
        let directory = DirectoryServiceClient::new(gate.clone());
        let breaker = || {
            let pause = Duration::from_secs(config.breaker_seconds);
            Mutex::new(Breaker::new(config.breaker_failures, pause))
        };
        let app = Arc::new(App {
            log: Log::new(db.clone(), NAME),
            db,
            approvals,
            contacts: Contacts::new(directory.clone()),
            directory,
            breakers: ways.couriers.all().map(|c| (c.channel(), breaker())).collect::<HashMap<_, _>>(),
            couriers: ways.couriers,
            templates,
            rules: rules(&config),
            source: wiring.source().clone(),
            watching: wiring.watching(),
            wake: watch::Sender::new(0),
            metrics: DeliveryMetrics::new(wiring.metrics()),
        });
        let measured = Arc::clone(&app);
        wiring.metrics().sample(move || {
            let app = Arc::clone(&measured);
            async move { app.measure().await }
        });
        let log = |peer| Ok::<_, BuildError>(EventServiceClient::new(wiring.peer(NAME, peer)?));
        let followed = vec![
            ("follow_approvals", "notification/approvals", "approval-gate", EventServiceClient::new(gate)),
            ("follow_executions", "notification/executions", "executor", log(Peer::Executor)?),
            ("follow_versions", "notification/versions", "versioning", log(Peer::Versioning)?),
        ];
        let buttons = ways.buttons.map(|buttons| {
            Arc::new(SlackEndpoint {
                address: buttons.address,
                app: Arc::clone(&app),
                signing: buttons.signing,
                guard: buttons.guard,
                client: buttons.client,
            })
        });
        Ok(Self { app, followed, bus: wiring.bus().clone(), buttons })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let server = NotificationServiceServer::new(Grpc(Arc::clone(&self.app)));
        routes.add_service(server.max_decoding_message_size(MAX_MESSAGE_BYTES));
    }

    fn tasks(&self, tasks: &mut TaskSet) {
        for followed in &self.followed {
            self.follow(tasks, followed);
        }
        for courier in self.app.couriers.all() {
            let (app, courier, stop) = (Arc::clone(&self.app), Arc::clone(courier), tasks.stop());
            tasks.spawn("send", OnError::Shutdown, app.run_channel(courier, stop));
        }
        let (app, stop) = (Arc::clone(&self.app), tasks.stop());
        tasks.every("release_held", LOOK_EVERY, move || {
            let (app, stop) = (Arc::clone(&app), stop.clone());
            async move { app.release_held(&stop).await }
        });
        let (app, stop) = (Arc::clone(&self.app), tasks.stop());
        tasks.every("remind", LOOK_EVERY, move || {
            let (app, stop) = (Arc::clone(&app), stop.clone());
            async move { app.remind_due(&stop).await }
        });
        let (app, stop) = (Arc::clone(&self.app), tasks.stop());
        tasks.every("remove_old", REMOVE_EVERY, move || {
            let (app, stop) = (Arc::clone(&app), stop.clone());
            async move { app.remove_old(&stop).await }
        });
        if let Some(buttons) = &self.buttons {
            let (buttons, stop) = (Arc::clone(buttons), tasks.stop());
            tasks.spawn("take_slack_actions", OnError::Shutdown, slack_endpoint::serve(buttons, stop));
        }
    }

    fn database(&self) -> Option<&Db> {
        Some(&self.app.db)
    }
}

impl Notification {
    fn follow(&self, tasks: &mut TaskSet, (task, name, service, source): &Followed) {
        let consumer = Consumer {
            name: (*name).to_owned(),
            db: self.app.db.clone(),
            service,
            source: source.clone(),
            doorbell: self.bus.subscribe(service),
            pace: Pace::Leisurely,
            context: self.app.source.clone(),
            metrics: tasks.event_metrics(),
        };
        let (app, stop) = (Arc::clone(&self.app), tasks.stop());
        tasks.spawn(task, OnError::Shutdown, async move {
            let handler = move |events: Vec<Arc<_>>, cursor| {
                let app = Arc::clone(&app);
                async move { follow::handle(&app, &events, &cursor).await }
            };
            consumer.run_batches(EVENTS_AT_ONCE, handler, stop).await;
            Ok::<(), Infallible>(())
        });
    }
}

fn rules(config: &Config) -> Rules {
    Rules {
        policy: Policy {
            window: Duration::from_secs(config.aggregation_seconds),
            digest_every: Duration::from_secs(config.digest_seconds),
            hourly_cap: config.hourly_cap.max(1),
        },
        retry: Retry {
            max_attempts: config.max_attempts,
            first_delay: Duration::from_secs(config.first_retry_seconds),
        },
        concurrency: config.channel_concurrency.max(1),
        attempt_timeout: Duration::from_secs(config.attempt_timeout_seconds.max(1)),
        expiring_soon: Duration::from_secs(config.expiring_soon_seconds),
        keep: DAY * config.keep_days,
        alarm_recipients: config.alarm_recipients.clone(),
    }
}
