//! The executor: runs what was approved, and keeps what happened.
//!
//! It owns executions, their work item runs and artifacts. What always holds:
//! - Nothing runs without a grant whose signature, session, version, digest and expiry it has verified itself, and no
//!   item is dispatched whose leaf, recomputed from the stored row, is not the one in the grant.
//! - One execution per session and version, however often the decision is heard of.
//! - Every transition is committed before its effect and after it, under a lease with a fencing number, so that
//!   whoever finds the execution later goes on where it stands.
//! - Every attempt has one idempotency key, the same whoever makes it.

mod app;
mod blobs;
mod config;
mod convert;
mod domain;
mod drive;
mod error;
mod faults;
mod grpc;
mod jobs;
mod measure;
mod secrets;
mod store;
mod tools;
mod work;

use std::sync::{Arc, Mutex, PoisonError};

use assent_core::actor::{ADMIN, DEVELOPER, LEAD, WORKER};
use assent_events::{Consumer, Log, Pace, Watching};
use assent_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use assent_proto::event::v1::event_service_client::EventServiceClient;
use assent_proto::executor::v1::executor_service_server::ExecutorServiceServer;
use assent_proto::executor::v1::worker_service_server::WorkerServiceServer;
use assent_proto::versioning::v1::versioning_service_client::VersioningServiceClient;
use assent_rpc::{Access, MAX_MESSAGE_BYTES};
use assent_runtime::{BuildError, OnError, Peer, Service, TaskSet, Wiring};
use assent_store::Db;
use tokio::sync::{Notify, mpsc};
use tonic::service::RoutesBuilder;

use crate::app::App;
use crate::app::driven::{Driven, Handed};
use crate::app::keys::Keys;
use crate::app::standing::{Standing, keep_fresh};
use crate::blobs::Blobs;
use crate::grpc::{Grpc, WorkerGrpc};
use crate::jobs::Jobs;
use crate::measure::ExecutorMetrics;
use crate::secrets::Secrets;
use crate::tools::Toolbox;
use crate::work::Desk;

pub use config::{Config, McpServer, ShellSandbox};
pub use faults::Faults;
pub use store::{MIGRATIONS, STATEMENTS};

/// As in architecture, configuration and logs.
const NAME: &str = "executor";
/// Whose decisions are executed.
const GATE: &str = "approval-gate";
/// Who may hold, stop, repeat and undo. Of these, agents may only hold and stop.
const CONTROLLERS: &[&str] = &[DEVELOPER, LEAD, ADMIN];
/// Who may look at what the catalog could name.
const ADMINS: &[&str] = &[ADMIN];
/// Who may do approved work.
const WORKERS: &[&str] = &[WORKER];
/// Names the position in the approval gate's log; for ever the same.
const CONSUMER: &str = "executor/approvals";

/// Runs what was approved, and keeps what happened.
pub struct Executor {
    app: Arc<App>,
    events: EventServiceClient<assent_rpc::Transport>,
    doorbell: assent_events::Doorbell,
    /// Taken by the task that drives.
    handed: Mutex<Option<mpsc::UnboundedReceiver<Handed>>>,
}

impl Service for Executor {
    const NAME: &'static str = NAME;
    const PORT: u16 = 7105;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.executor.v1.ExecutorService/StartExecution", Access::AnyRole(CONTROLLERS)),
        ("/assent.executor.v1.ExecutorService/Pause", Access::AnyRole(CONTROLLERS)),
        ("/assent.executor.v1.ExecutorService/Resume", Access::AnyRole(CONTROLLERS)),
        ("/assent.executor.v1.ExecutorService/Cancel", Access::AnyRole(CONTROLLERS)),
        ("/assent.executor.v1.ExecutorService/RetryItem", Access::AnyRole(CONTROLLERS)),
        ("/assent.executor.v1.ExecutorService/Rollback", Access::AnyRole(CONTROLLERS)),
        ("/assent.executor.v1.WorkerService/LeaseWork", Access::AnyRole(WORKERS)),
        ("/assent.executor.v1.WorkerService/Heartbeat", Access::AnyRole(WORKERS)),
        ("/assent.executor.v1.WorkerService/UploadArtifact", Access::AnyRole(WORKERS)),
        ("/assent.executor.v1.WorkerService/CompleteWork", Access::AnyRole(WORKERS)),
        ("/assent.executor.v1.WorkerService/FailWork", Access::AnyRole(WORKERS)),
        ("/assent.executor.v1.ExecutorService/GetExecution", Access::Authenticated),
        ("/assent.executor.v1.ExecutorService/ListExecutions", Access::Authenticated),
        ("/assent.executor.v1.ExecutorService/WatchExecution", Access::Authenticated),
        ("/assent.executor.v1.ExecutorService/ListArtifacts", Access::Authenticated),
        ("/assent.executor.v1.ExecutorService/DownloadArtifact", Access::Authenticated),
        ("/assent.executor.v1.ExecutorService/ListTools", Access::Authenticated),
        ("/assent.executor.v1.ExecutorService/DescribeMcpServer", Access::AnyRole(ADMINS)),
    ];
    type Config = Config;

    async fn build(mut config: Config, wiring: &Wiring) -> Result<Self, BuildError> {
        // Programs run elsewhere and are told where their workspace is.
        config.data_dir = std::path::absolute(&config.data_dir)
            .map_err(|source| BuildError::File { path: config.data_dir.display().to_string(), source })?;
        let catalog = wiring.catalog()?;
        let db = wiring.database(NAME, &MIGRATIONS).await?;
        let gate = wiring.peer(NAME, Peer::ApprovalGate)?;
        let versions = VersioningServiceClient::new(wiring.peer(NAME, Peer::Versioning)?)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let signer = ApprovalServiceClient::new(gate.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let source = wiring.source().clone();
        let bus = wiring.bus().clone();
        let doorbell = bus.subscribe(GATE);
        let secrets = Arc::new(Secrets::new(&config.secrets_dir));
        let blobs = Blobs::new(&config, &app::artifacts(&config), &secrets).await?;
        let jobs = Jobs::new(&config).await?;
        let (driven, handed) = Driven::new(source.new_uuid().to_string(), config.max_executions);
        let app = App {
            toolbox: Toolbox::new(
                &config,
                catalog.clone(),
                blobs.clone(),
                jobs.clone(),
                Arc::clone(&secrets),
            )?,
            jobs,
            secrets,
            keys: Keys::new(signer),
            standing: Standing::default(),
            log: Log::new(db.clone(), NAME),
            watching: Watching { bus, source: source.clone(), shutdown: wiring.stop().clone() },
            metrics: ExecutorMetrics::new(wiring.metrics()),
            wake: Notify::new(),
            driven,
            desk: Desk::default(),
            blobs,
            catalog,
            versions,
            source,
            db,
            config,
        };
        let (app, handed) = (Arc::new(app), Mutex::new(Some(handed)));
        let measured = Arc::clone(&app);
        wiring.metrics().sample(move || {
            let app = Arc::clone(&measured);
            async move { app.measure().await }
        });
        Ok(Self { app, events: EventServiceClient::new(gate), doorbell, handed })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let service = ExecutorServiceServer::new(Grpc(Arc::clone(&self.app)));
        routes.add_service(service.max_decoding_message_size(MAX_MESSAGE_BYTES));
        let workers = WorkerServiceServer::new(WorkerGrpc(Arc::clone(&self.app)));
        routes.add_service(workers.max_decoding_message_size(MAX_MESSAGE_BYTES));
    }

    fn tasks(&self, tasks: &mut TaskSet) {
        let consumer = Consumer {
            name: CONSUMER.to_owned(),
            db: self.app.db.clone(),
            service: GATE,
            source: self.events.clone(),
            doorbell: self.doorbell.clone(),
            pace: Pace::Prompt,
            context: self.app.source.clone(),
            metrics: tasks.event_metrics(),
        };
        let (app, stop) = (Arc::clone(&self.app), tasks.stop());
        tasks.spawn::<std::convert::Infallible>("consume_approvals", OnError::Shutdown, async move {
            let handler = move |event: Arc<_>, cursor| {
                let app = Arc::clone(&app);
                async move { app.on_event(&event, cursor).await }
            };
            consumer.run(handler, stop).await;
            Ok(())
        });
        if let Some(handed) = self.handed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let drive = drive::run(Arc::clone(&self.app), handed, tasks.stop());
            tasks.spawn("drive_executions", OnError::Shutdown, drive);
        }
        let keep_fresh = keep_fresh(Arc::clone(&self.app), tasks.stop());
        tasks.spawn("keep_grants_fresh", OnError::Shutdown, keep_fresh);
        let attend = drive::attend(Arc::clone(&self.app), tasks.stop());
        tasks.spawn("attend_orders", OnError::Shutdown, attend);
        let attend = work::attend(Arc::clone(&self.app), tasks.stop());
        tasks.spawn("attend_workers", OnError::Shutdown, attend);
        tasks.spawn("sweep_jobs", OnError::Shutdown, jobs::sweep(Arc::clone(&self.app), tasks.stop()));
    }

    fn database(&self) -> Option<&Db> {
        Some(&self.app.db)
    }
}
