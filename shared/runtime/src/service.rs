//! What a service is to the runtime.

use assent_rpc::{Access, IdentityError, TransportError};
use assent_store::{Db, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::service::RoutesBuilder;

use crate::tasks::TaskSet;
use crate::wiring::Wiring;

/// One of Assent's services: built from its configuration, then served and kept busy by the runtime.
pub trait Service: Sized + Send + Sync + 'static {
    /// As in architecture, configuration and logs, e.g. `approval-gate`.
    const NAME: &'static str;
    /// Port when none is configured.
    const PORT: u16;
    /// Who may call which of its methods. What is not listed is denied.
    const ACCESS: &'static [(&'static str, Access)];
    /// Its own configuration.
    type Config: Serialize + DeserializeOwned + Default + Clone + Send + Sync;

    /// Opens what it needs. Binds nothing and calls nobody.
    fn build(config: Self::Config, wiring: &Wiring) -> impl Future<Output = Result<Self, BuildError>> + Send;

    /// Adds its gRPC services.
    fn routes(&self, routes: &mut RoutesBuilder);

    /// What it serves to browsers on the same port; nothing for most.
    fn web(&self) -> Option<axum::Router> {
        None
    }

    /// Starts what runs beside the calls.
    fn tasks(&self, tasks: &mut TaskSet);

    /// Where it keeps its state and its facts; none for a service without state.
    fn database(&self) -> Option<&Db>;
}

/// Why a service could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database cannot be opened or migrated.
    #[error("the database cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The bus cannot be used.
    #[error(transparent)]
    Bus(#[from] assent_events::BusError),
    /// A peer that it needs is not configured.
    #[error("peers.{0} is not configured")]
    NoPeer(&'static str),
    /// A peer's address cannot be used.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The identities cannot be used.
    #[error(transparent)]
    Identities(#[from] IdentityError),
    /// A file that it needs cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its own configuration does not make sense.
    #[error("{0}")]
    Config(String),
}
