//! The risk service owns the judgement of what can go wrong with a plan, and of who must therefore agree. It keeps
//! no state: the same plan under the same policy always gets the same assessment.
//!
//! Invariants: rules and declarations only ever raise a level; what cannot be judged (an unknown tool, arguments
//! that do not fit, a rule that fails) is HIGH at least; nothing above LOW may be approved without a person.

mod config;
mod domain;
mod grpc;

use std::sync::Arc;

use assent_plan::Catalog;
use assent_proto::risk::v1::risk_service_server::RiskServiceServer;
use assent_rpc::Access;
use assent_runtime::{BuildError, Service, TaskSet, Wiring};
use assent_store::Db;
use tonic::service::RoutesBuilder;

pub use crate::config::Config;
pub use crate::domain::{Policy, PolicyError, TrialError, TrialReport, Trials, assess};

/// Judges plans under one policy.
pub struct Risk(Arc<Rulebook>);

/// What every assessment is made from.
pub(crate) struct Rulebook {
    pub(crate) catalog: Catalog,
    pub(crate) policy: Policy,
}

impl Service for Risk {
    const NAME: &'static str = "risk";
    const PORT: u16 = 7102;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.risk.v1.RiskService/AssessPlan", Access::Authenticated),
        ("/assent.risk.v1.RiskService/GetPolicy", Access::Authenticated),
    ];
    type Config = Config;

    async fn build(config: Config, wiring: &Wiring) -> Result<Self, BuildError> {
        let catalog = wiring.catalog()?;
        let policy = match config.policy_file.as_str() {
            "" => Policy::builtin(),
            path => Policy::from_yaml(&read(path)?),
        };
        let policy = policy.map_err(|error| BuildError::Config(error.to_string()))?;
        Ok(Self(Arc::new(Rulebook { catalog, policy })))
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let service = RiskServiceServer::new(grpc::Grpc(self.0.clone()))
            .max_decoding_message_size(assent_rpc::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(assent_rpc::MAX_MESSAGE_BYTES);
        routes.add_service(service);
    }

    fn tasks(&self, _tasks: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        None
    }
}

fn read(path: &str) -> Result<String, BuildError> {
    std::fs::read_to_string(path).map_err(|source| BuildError::File { path: path.to_owned(), source })
}
