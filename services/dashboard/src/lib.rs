//! Serves the web UI, and gRPC-Web to the services with the caller's own credential. Keeps nothing, and may nothing: what
//! a person may see or do is decided by the door and the handlers of the service that is asked.

mod assets;
mod config;
mod oidc;
mod origin;
mod passages;
mod session;
mod sign_in;
mod web;

use std::sync::Arc;

use assent_rpc::Access;
use assent_runtime::{BuildError, Service, TaskSet, Wiring};
use tonic::service::RoutesBuilder;

use crate::assets::Assets;
pub use crate::config::Config;
use crate::oidc::Oidc;
pub use crate::oidc::{Config as OidcConfig, Credential};
use crate::origin::Origins;
use crate::passages::Passages;
use crate::web::Web;

/// The dashboard.
#[derive(Debug)]
pub struct Dashboard {
    web: Arc<Web>,
}

impl Service for Dashboard {
    const NAME: &'static str = "dashboard";
    const PORT: u16 = 7107;
    const ACCESS: &'static [(&'static str, Access)] = &[];
    type Config = Config;

    async fn build(config: Config, wiring: &Wiring) -> Result<Self, BuildError> {
        let origins = Origins::new(&config.public_url).map_err(BuildError::Config)?;
        let assets = Assets::new(&config.assets_dir)?;
        let oidc = Oidc::new(&config.oidc, wiring.source().clone())?;
        let passages = Passages::new(wiring)?;
        Ok(Self { web: Arc::new(Web { assets, origins, passages, oidc, trace_url: config.trace_url }) })
    }

    fn routes(&self, _: &mut RoutesBuilder) {}

    fn web(&self) -> Option<axum::Router> {
        Some(web::router(Arc::clone(&self.web)))
    }

    fn tasks(&self, _: &mut TaskSet) {}

    fn database(&self) -> Option<&assent_store::Db> {
        None
    }
}
