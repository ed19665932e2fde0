//! Holds the human side of a plan: who must agree, who did, until when they can, and what follows from it.
//!
//! What never breaks here: a vote counts only for the version and digest that its voter saw; a decision, its grant,
//! its audit entries and its fact are written in one transaction or not at all; nothing above LOW is approved without
//! a person; a decided session never changes; and each audit entry is bound to the one before.

mod app;
mod config;
pub mod domain;
mod error;
mod grpc;
mod peers;
mod signer;
mod store;
mod vault;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use assent_core::Timestamp;
use assent_events::{Consumer, Log, Pace, Watching};
use assent_proto::event::v1::event_service_client::EventServiceClient;
use assent_rpc::{Access, Transport};
use assent_runtime::{BuildError, OnError, Peer, Service, TaskSet, Wiring};
use assent_store::{Db, Migrations, Sql, StoreError, idempotency};
use tonic::service::RoutesBuilder;

pub use app::{App, Removed};
pub use config::Config;
pub use error::GateError;

/// The tables of this service.
pub static MIGRATIONS: Migrations = Migrations {
    name: "approval_gate",
    postgres: sqlx::migrate!("migrations/postgres"),
    sqlite: sqlx::migrate!("migrations/sqlite"),
};

/// Every statement of this service, by module.
pub const STATEMENTS: &[&[Sql]] = store::STATEMENTS;

/// How often it is looked for what is old enough to go.
const REMOVE_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often answers to old requests are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often a replica looks for the key that another one made.
const TEND_KEYS_EVERY: Duration = Duration::from_secs(60);

/// The approval gate.
pub struct ApprovalGate {
    app: Arc<App>,
    executor: EventServiceClient<Transport>,
    versioning: EventServiceClient<Transport>,
}

impl ApprovalGate {
    /// Its use cases, for those who run it in their own process.
    pub fn app(&self) -> Arc<App> {
        self.app.clone()
    }
}

impl Service for ApprovalGate {
    const NAME: &'static str = "approval-gate";
    const PORT: u16 = 7104;
    const ACCESS: &'static [(&'static str, Access)] = grpc::ACCESS;
    type Config = Config;

    async fn build(config: Config, wiring: &Wiring) -> Result<Self, BuildError> {
        config.validate()?;
        let db = wiring.database("approval_gate", &MIGRATIONS).await?;
        db.migrate(&idempotency::MIGRATIONS).await?;
        let source = wiring.source().clone();
        if !config.directory.is_empty() {
            app::seed(&db, &source, &config.directory).await?;
        }
        let planner = wiring.peer(Self::NAME, Peer::Planner)?;
        let risk = wiring.peer(Self::NAME, Peer::Risk)?;
        let versioning = wiring.peer(Self::NAME, Peer::Versioning)?;
        let vault = config.vault()?;
        let signer = signer::Signer::open(&db, &source, vault).await;
        let signer = signer.map_err(|error| BuildError::Config(error.to_string()))?;
        let app = App {
            config,
            log: Log::new(db.clone(), Self::NAME),
            watching: Watching {
                bus: wiring.bus().clone(),
                source: source.clone(),
                shutdown: wiring.stop().clone(),
            },
            peers: peers::Peers::new(planner, risk, versioning),
            signer,
            credentials: wiring.credentials().clone(),
            waits: Default::default(),
            meetings: Default::default(),
            metrics: app::GateMetrics::new(wiring.metrics()),
            source,
            db,
        };
        let executor = EventServiceClient::new(wiring.peer(Self::NAME, Peer::Executor)?);
        let versioning = EventServiceClient::new(wiring.peer(Self::NAME, Peer::Versioning)?);
        let app = Arc::new(app);
        let measured = Arc::clone(&app);
        wiring.metrics().sample(move || {
            let app = Arc::clone(&measured);
            async move { app.measure().await }
        });
        Ok(Self { app, executor, versioning })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        grpc::add(&self.app, routes);
    }

    fn tasks(&self, tasks: &mut TaskSet) {
        let app = self.app.clone();
        tasks.every("expire_sessions", app.config.sweep(), {
            let app = app.clone();
            move || {
                let app = app.clone();
                async move { app.sweep_expired().await.map(drop) }
            }
        });
        tasks.every("sign_tree_heads", app.config.tree_head(), {
            let app = app.clone();
            move || {
                let app = app.clone();
                async move { app.sign_tree_head().await.map(drop) }
            }
        });
        tasks.every("revise_plans", app.config.sweep(), {
            let app = app.clone();
            move || {
                let app = app.clone();
                async move { app.revise_plans().await.map(drop) }
            }
        });
        tasks.every("tend_keys", TEND_KEYS_EVERY, {
            let app = app.clone();
            move || {
                let app = app.clone();
                async move { app.tend_keys().await }
            }
        });
        let doorbell = app.watching.bus.subscribe(Self::NAME);
        tasks.spawn::<Infallible>("tell_waits", OnError::Shutdown, {
            let app = app.clone();
            async move {
                app.tell_waits(doorbell).await;
                Ok(())
            }
        });
        tasks.every("remove_old", REMOVE_EVERY, {
            let app = app.clone();
            move || {
                let app = app.clone();
                async move { app.remove_old().await.map(drop) }
            }
        });
        tasks.every("forget_requests", FORGET_EVERY, {
            let app = app.clone();
            move || {
                let app = app.clone();
                async move { forget_requests(&app).await }
            }
        });
        let versions = Consumer {
            name: "approval-gate/versions".to_owned(),
            db: app.db.clone(),
            service: "versioning",
            source: self.versioning.clone(),
            doorbell: app.watching.bus.subscribe("versioning"),
            pace: Pace::Prompt,
            context: app.source.clone(),
            metrics: tasks.event_metrics(),
        };
        let stop = tasks.stop();
        tasks.spawn::<Infallible>("follow_versions", OnError::Shutdown, {
            let app = app.clone();
            async move {
                let handler = move |event: Arc<assent_proto::event::v1::Event>, cursor| {
                    let app = app.clone();
                    async move { app.adopt_version(&event, &cursor).await }
                };
                versions.run(handler, stop).await;
                Ok(())
            }
        });
        let consumer = Consumer {
            name: "approval-gate/executions".to_owned(),
            db: app.db.clone(),
            service: "executor",
            source: self.executor.clone(),
            doorbell: app.watching.bus.subscribe("executor"),
            pace: Pace::Leisurely,
            context: app.source.clone(),
            metrics: tasks.event_metrics(),
        };
        let stop = tasks.stop();
        tasks.spawn::<Infallible>("follow_executions", OnError::Shutdown, async move {
            let handler = move |event: Arc<assent_proto::event::v1::Event>, cursor| {
                let app = app.clone();
                async move { app.record_execution(&event, &cursor).await }
            };
            consumer.run(handler, stop).await;
            Ok(())
        });
    }

    fn database(&self) -> Option<&Db> {
        Some(&self.app.db)
    }
}

async fn forget_requests(app: &App) -> Result<(), StoreError> {
    let kept = i64::try_from(idempotency::KEPT.as_micros()).unwrap_or(i64::MAX);
    match Timestamp::from_micros(app.source.now().micros().saturating_sub(kept)) {
        Some(time) => idempotency::forget_before(&app.db, time).await.map(drop),
        None => Ok(()),
    }
}
