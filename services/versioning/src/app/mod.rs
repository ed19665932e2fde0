//! Use cases.

mod close;
mod compare;
mod create;
mod edit;
mod lanes;
mod pin;
mod prune;
mod read;
mod rebuild;
mod seal;

pub(crate) use close::{Outcome, Said};
pub(crate) use compare::{Comparison, Subject};
pub(crate) use create::{CreateVersion, RequestKey};
pub(crate) use edit::{EditPlan, Wish};
pub(crate) use lanes::Lanes;
pub(crate) use seal::{LONGEST_LEASE, ReleaseSeal, SealVersion, Seals, seals};

use assent_core::ContextSource;
use assent_core::id::SessionId;
use assent_plan::Catalog;
use assent_proto::planner::v1::planner_service_client::PlannerServiceClient;
use assent_proto::risk::v1::risk_service_client::RiskServiceClient;
use assent_rpc::Transport;
use assent_store::Db;

use crate::config::Config;
use crate::domain::Head;
use crate::error::VersioningError;
use crate::store::heads;

/// What the use cases work with.
pub(crate) struct App {
    pub(crate) db: Db,
    pub(crate) catalog: Catalog,
    pub(crate) planner: PlannerServiceClient<Transport>,
    pub(crate) risk: RiskServiceClient<Transport>,
    pub(crate) config: Config,
    pub(crate) source: ContextSource,
    pub(crate) lanes: Lanes,
    pub(crate) seals: Seals,
}

impl App {
    async fn head(&self, session: SessionId) -> Result<Head, VersioningError> {
        heads::load(&self.db, session).await?.ok_or(VersioningError::NotFound { session, number: None })
    }
}
