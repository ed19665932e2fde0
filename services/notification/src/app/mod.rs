//! Use cases.

mod deliver;
mod inbox;
mod tell;

pub(crate) use tell::{Fact, Recipients};

use std::sync::Arc;

use assent_core::{Actor, ContextSource, OpContext};
use assent_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use assent_proto::approval::v1::directory_service_client::DirectoryServiceClient;
use assent_rpc::Transport;
use assent_store::Db;

use crate::webhook::Webhook;

/// What the use cases work with.
pub(crate) struct App {
    pub(crate) db: Db,
    pub(crate) approvals: ApprovalServiceClient<Transport>,
    pub(crate) directory: DirectoryServiceClient<Transport>,
    /// None where no endpoint is configured.
    pub(crate) webhook: Option<Arc<Webhook>>,
    pub(crate) source: ContextSource,
}

impl App {
    /// The context of what this service does by itself.
    pub(crate) fn operation(&self) -> OpContext {
        self.source.operation(Actor::system(crate::NAME))
    }
}
