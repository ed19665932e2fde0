//! Owns what the plan of a session *is*: every version with its estimate, risk, computed changes and digest.
//!
//! Invariants: versions are immutable and numbered 1, 2, 3, … without gaps; each is complete, valid and redacted;
//! a version holds all that the head held when its author did not see it, or does not come to be; none follows a head
//! that is sealed or closed; a plan that does not match its digests is rebuilt or not handed out.

mod app;
mod config;
mod domain;
mod error;
mod follow;
mod grpc;
mod store;

use std::convert::Infallible;
use std::sync::Arc;

use assent_core::ContextSource;
use assent_events::{Bus, Consumer, Pace};
use assent_proto::event::v1::event_service_client::EventServiceClient;
use assent_proto::planner::v1::planner_service_client::PlannerServiceClient;
use assent_proto::risk::v1::risk_service_client::RiskServiceClient;
use assent_proto::versioning::v1::plan_editor_service_server::PlanEditorServiceServer;
use assent_proto::versioning::v1::versioning_service_server::VersioningServiceServer;
use assent_rpc::{Access, MAX_MESSAGE_BYTES, Transport};
use assent_runtime::{BuildError, OnError, Peer, Service, TaskSet, Wiring};
use assent_store::Db;
use tonic::service::RoutesBuilder;

pub use config::Config;
pub use store::{MIGRATIONS, STATEMENTS};

use crate::app::{App, Lanes, seals};
use crate::error::VersioningError;
use crate::grpc::{Editor, Grpc};

/// Most events of the approval gate that are taken in at once.
const EVENTS_AT_ONCE: usize = 32;
const APPROVAL_GATE: &str = "approval-gate";

/// The service.
pub struct Versioning {
    app: Arc<App>,
    events: EventServiceClient<Transport>,
    bus: Bus,
    source: ContextSource,
}

impl Service for Versioning {
    const NAME: &'static str = "versioning";
    const PORT: u16 = 7103;
    const ACCESS: &'static [(&'static str, Access)] = grpc::ACCESS;
    type Config = Config;

    async fn build(config: Config, wiring: &Wiring) -> Result<Self, BuildError> {
        config.validate()?;
        let catalog = wiring.catalog()?;
        let db = wiring.database("versioning", &MIGRATIONS).await?;
        let planner = PlannerServiceClient::new(wiring.peer(Self::NAME, Peer::Planner)?)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let risk = RiskServiceClient::new(wiring.peer(Self::NAME, Peer::Risk)?)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let events = EventServiceClient::new(wiring.peer(Self::NAME, Peer::ApprovalGate)?);
        let source = wiring.source().clone();
        let lanes = Lanes::default();
        let app = Arc::new(App {
            db,
            catalog,
            planner,
            risk,
            config,
            source: source.clone(),
            lanes,
            seals: seals(),
        });
        Ok(Self { app, events, bus: wiring.bus().clone(), source })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let server = VersioningServiceServer::new(Grpc(Arc::clone(&self.app)));
        routes.add_service(server.max_decoding_message_size(MAX_MESSAGE_BYTES));
        let editor = PlanEditorServiceServer::new(Editor(Arc::clone(&self.app)));
        routes.add_service(editor.max_decoding_message_size(MAX_MESSAGE_BYTES));
    }

    fn tasks(&self, tasks: &mut TaskSet) {
        tasks.every("tidy_up", self.app.config.prune_every(), {
            let app = Arc::clone(&self.app);
            move || {
                let app = Arc::clone(&app);
                async move {
                    app.forget_requests().await?;
                    let removed = app.prune().await?;
                    if removed > 0 {
                        tracing::info!(removed, "old plan versions were removed");
                    }
                    Ok::<(), VersioningError>(())
                }
            }
        });
        let consumer = Consumer {
            name: "versioning/approvals".to_owned(),
            db: self.app.db.clone(),
            service: APPROVAL_GATE,
            source: self.events.clone(),
            doorbell: self.bus.subscribe(APPROVAL_GATE),
            pace: Pace::Leisurely,
            context: self.source.clone(),
            metrics: tasks.event_metrics(),
        };
        let (app, source, stop) = (Arc::clone(&self.app), self.source.clone(), tasks.stop());
        tasks.spawn("follow_approvals", OnError::Shutdown, async move {
            let handler = move |events: Vec<Arc<_>>, cursor| {
                let (app, now) = (Arc::clone(&app), source.now());
                async move { follow::handle(&app, &events, &cursor, now).await }
            };
            consumer.run_batches(EVENTS_AT_ONCE, handler, stop).await;
            Ok::<(), Infallible>(())
        });
    }

    fn database(&self) -> Option<&Db> {
        Some(&self.app.db)
    }
}
