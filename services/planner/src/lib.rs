//! The planner owns the making, revising and estimating of plans. It keeps what runs have taken and what models took to
//! make plans; plans themselves are kept elsewhere.
//!
//! Invariants: a plan that leaves here is sound; goal, context and feedback are data and reach a plan only where a playbook
//! puts them, never as a reference or a template; secrets in them are redacted before anything is made of them, stored or
//! sent; a model is never asked for more than a request may cost; a run counts once.

mod app;
mod config;
mod domain;
mod error;
mod files;
mod follow;
mod grpc;
mod llm;
mod store;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use assent_core::ContextSource;
use assent_events::{Bus, Consumer, Pace};
use assent_proto::event::v1::event_service_client::EventServiceClient;
use assent_proto::planner::v1::planner_service_server::PlannerServiceServer;
use assent_rpc::{Access, Transport};
use assent_runtime::{BuildError, OnError, Peer, Service, TaskSet, Wiring};
use assent_store::Db;
use tonic::service::RoutesBuilder;

pub use crate::app::{App, Backend, CreatePlan, Made, RevisePlan, Revision};
pub use crate::config::{Api, Config};
pub use crate::domain::{Fit, Library, Playbook, PlaybookError, Remark, Unusable, playbook_schema};
pub use crate::error::PlannerError;
pub use crate::llm::{ModelError, Usage};
pub use crate::store::{MIGRATIONS, STATEMENTS};

/// Whose runs are followed.
const EXECUTOR: &str = "executor";
/// Most events of the executor that are taken in at once.
const RUNS_AT_ONCE: usize = 100;
/// How often what is too old is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);

/// Makes plans from playbooks, or has a language model make them, and tells what they will take.
pub struct Planner {
    app: Arc<App>,
    db: Db,
    events: EventServiceClient<Transport>,
    bus: Bus,
    source: ContextSource,
}

impl Service for Planner {
    const NAME: &'static str = "planner";
    const PORT: u16 = 7101;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.planner.v1.PlannerService/CreatePlan", Access::Authenticated),
        ("/assent.planner.v1.PlannerService/RevisePlan", Access::Authenticated),
        ("/assent.planner.v1.PlannerService/EstimatePlan", Access::Authenticated),
        ("/assent.planner.v1.PlannerService/ListPlaybooks", Access::Authenticated),
    ];
    type Config = Config;

    async fn build(config: Config, wiring: &Wiring) -> Result<Self, BuildError> {
        let db = wiring.database(Self::NAME, &MIGRATIONS).await?;
        let app = Arc::new(App::build(&config, wiring)?.with_database(db.clone()));
        let events = EventServiceClient::new(wiring.peer(Self::NAME, Peer::Executor)?);
        Ok(Self { app, db, events, bus: wiring.bus().clone(), source: wiring.source().clone() })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let service = PlannerServiceServer::new(grpc::Grpc(self.app.clone()))
            .max_decoding_message_size(assent_rpc::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(assent_rpc::MAX_MESSAGE_BYTES);
        routes.add_service(service);
    }

    fn tasks(&self, tasks: &mut TaskSet) {
        let app = self.app.clone();
        tasks.every("forget_makings", FORGET_EVERY, move || {
            let app = app.clone();
            async move { app.forget().await }
        });
        let consumer = Consumer {
            name: "planner/runs".to_owned(),
            db: self.db.clone(),
            service: EXECUTOR,
            source: self.events.clone(),
            doorbell: self.bus.subscribe(EXECUTOR),
            pace: Pace::Leisurely,
            context: self.source.clone(),
            metrics: tasks.event_metrics(),
        };
        let (db, source, stop) = (self.db.clone(), self.source.clone(), tasks.stop());
        tasks.spawn("follow_runs", OnError::Shutdown, async move {
            let handler = move |events: Vec<Arc<_>>, cursor| {
                let (db, now) = (db.clone(), source.now());
                async move { follow::handle(&db, &events, &cursor, now).await }
            };
            consumer.run_batches(RUNS_AT_ONCE, handler, stop).await;
            Ok::<(), Infallible>(())
        });
    }

    fn database(&self) -> Option<&Db> {
        Some(&self.db)
    }
}
