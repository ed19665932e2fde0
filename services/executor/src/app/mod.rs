//! What the executor works with, and its use cases.

mod accept;
mod amend;
pub(crate) mod control;
pub(crate) mod driven;
pub(crate) mod keys;
mod query;
pub(crate) mod standing;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use assent_core::id::ExecutionId;
use assent_core::{Actor, ContextSource, OpContext, Timestamp};
use assent_events::{Log, Watching};
use assent_plan::{Catalog, Map};
use assent_proto::versioning::v1::versioning_service_client::VersioningServiceClient;
use assent_rpc::Transport;
use assent_store::Db;
use tokio::sync::Notify;

use self::driven::Driven;
use self::keys::Keys;
use self::standing::Standing;
use crate::blobs::Blobs;
use crate::config::Config;
use crate::domain::work::WORKER;
use crate::jobs::Jobs;
use crate::measure::ExecutorMetrics;
use crate::secrets::Secrets;
use crate::tools::Toolbox;
use crate::tools::workspace::Workspace;
use crate::work::Desk;

/// What the executor works with.
pub(crate) struct App {
    /// Its configuration.
    pub(crate) config: Config,
    /// Its state.
    pub(crate) db: Db,
    /// Time, ids and randomness.
    pub(crate) source: ContextSource,
    /// The tools as they are described.
    pub(crate) catalog: Catalog,
    /// The tools as they are called.
    pub(crate) toolbox: Toolbox,
    /// Contents by their digest.
    pub(crate) blobs: Blobs,
    /// Programs that run elsewhere.
    pub(crate) jobs: Jobs,
    /// Secrets by their name.
    pub(crate) secrets: Arc<Secrets>,
    /// Grants and the keys that verify them.
    pub(crate) keys: Keys,
    /// The grants that hold.
    pub(crate) standing: Standing,
    /// Plans by session and version.
    pub(crate) versions: VersioningServiceClient<Transport>,
    /// Wakes who looks for executions: there is one that nobody drives.
    pub(crate) wake: Notify,
    /// What this process drives.
    pub(crate) driven: Driven,
    /// Where work goes to workers.
    pub(crate) desk: Desk,
    /// The facts of this service.
    pub(crate) log: Log,
    /// For those who follow them.
    pub(crate) watching: Watching,
    /// What is measured.
    pub(crate) metrics: ExecutorMetrics,
}

impl App {
    /// The context of something that the executor does by itself, within the trace of what caused it.
    pub(crate) fn context(&self, traceparent: Option<&str>) -> OpContext {
        let actor = Actor::system(crate::NAME);
        OpContext::new(actor, self.source.new_id(), traceparent, self.source.clone())
    }

    /// Whether an attempt may be made again under the same key when nobody knows how it ended. One that workers make is
    /// found again, not made again.
    pub(crate) fn is_repeatable(&self, tool: &str, arguments: &Map) -> bool {
        let idempotent = self.catalog.get(tool).is_some_and(|tool| tool.idempotent);
        tool == WORKER || self.toolbox.is_repeatable(tool, arguments, idempotent)
    }

    /// Where the files of an execution are.
    pub(crate) fn workspace(&self, execution: ExecutionId) -> Workspace {
        Workspace::new(workspaces(&self.config).join(execution.to_string()))
    }

    /// Where the program of an MCP server is started when it is asked outside an execution.
    pub(crate) fn waiting_room(&self) -> Workspace {
        Workspace::new(workspaces(&self.config).join("mcp"))
    }

    /// Until when a lease that is taken or prolonged now holds.
    pub(crate) fn lease_until(&self) -> Timestamp {
        self.source.now().after(self.lease())
    }

    /// How often a lease is prolonged.
    pub(crate) fn renewal(&self) -> Duration {
        self.lease() / 3
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(self.config.lease_seconds.max(1))
    }
}

/// Where artifacts are kept.
pub(crate) fn artifacts(config: &Config) -> PathBuf {
    config.data_dir.join("artifacts")
}

fn workspaces(config: &Config) -> PathBuf {
    config.data_dir.join("workspaces")
}
