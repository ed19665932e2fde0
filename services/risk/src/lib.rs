//! The risk service owns the judgement of what can go wrong with a plan, and of who must therefore agree. It keeps
//! no state: the same plan under the same policy always gets the same assessment.
//!
//! Invariants: rules and declarations only ever raise a level; what cannot be judged (an unknown tool, arguments
//! that do not fit, a rule that fails) is HIGH at least; nothing above LOW may be approved without a person.

mod config;
mod domain;
mod grpc;
mod replay;
mod rulebook;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use assent_proto::risk::v1::risk_service_server::RiskServiceServer;
use assent_rpc::Access;
use assent_runtime::{BuildError, Service, TaskSet, Wiring};
use assent_store::Db;
use tonic::service::RoutesBuilder;

pub use crate::config::Config;
pub use crate::domain::{Diagnostic, Policy, PolicyError, Severity, TrialError, TrialReport, Trials, assess};
pub use crate::replay::{Change, Summary, replay};
pub use crate::rulebook::{Reloaded, Rulebook, RulebookError};

/// Judges plans under one policy.
pub struct Risk {
    rulebook: Arc<Rulebook>,
    reload: Option<Duration>,
}

impl Service for Risk {
    const NAME: &'static str = "risk";
    const PORT: u16 = 7102;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.risk.v1.RiskService/AssessPlan", Access::Authenticated),
        ("/assent.risk.v1.RiskService/GetPolicy", Access::Authenticated),
        ("/assent.risk.v1.RiskService/CheckPolicy", Access::Authenticated),
        ("/assent.risk.v1.RiskService/ReplayPolicy", Access::Authenticated),
    ];
    type Config = Config;

    async fn build(config: Config, wiring: &Wiring) -> Result<Self, BuildError> {
        let file = Some(config.policy_file).filter(|path| !path.is_empty()).map(PathBuf::from);
        let seconds = config.policy_reload_seconds;
        let reload = (seconds > 0 && file.is_some()).then(|| Duration::from_secs(seconds));
        let rulebook = Rulebook::open(wiring.catalog()?, file).map_err(|error| match error {
            RulebookError::File { path, source } => BuildError::File { path, source },
            policy @ RulebookError::Policy { .. } => BuildError::Config(policy.to_string()),
        })?;
        Ok(Self { rulebook: Arc::new(rulebook), reload })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let service = RiskServiceServer::new(grpc::Grpc(self.rulebook.clone()))
            .max_decoding_message_size(assent_rpc::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(assent_rpc::MAX_MESSAGE_BYTES);
        routes.add_service(service);
    }

    fn tasks(&self, tasks: &mut TaskSet) {
        let Some(period) = self.reload else { return };
        let rulebook = Arc::clone(&self.rulebook);
        tasks.every("reload_policy", period, move || std::future::ready(reload(&rulebook)));
    }

    fn database(&self) -> Option<&Db> {
        None
    }
}

fn reload(rulebook: &Rulebook) -> Result<(), RulebookError> {
    match rulebook.reload()? {
        Reloaded::Unchanged => {}
        Reloaded::Adopted(digest) => tracing::info!(policy = %digest, "policy changed"),
        Reloaded::Refused(diagnostics) => {
            let first = diagnostics.first().map(ToString::to_string).unwrap_or_default();
            tracing::error!(problem = %first, "the changed policy file is refused; the policy before it stays");
        }
    }
    Ok(())
}
