//! All services in this process, on a port, with a clock that stands still until a test moves it.

use std::time::Duration;

use assent_core::{Clock, ContextSource, Timestamp};
use assent_events::Bus;
use assent_rpc::Credentials;
use assent_runtime::{Host, Running, Wiring, config};
use assent_testkit::Storage;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::client::{Addresses, Client};
use crate::people;

/// 2026-01-05T09:00:00Z, a Monday.
const START_MICROS: i64 = 1_767_603_600_000_000;

/// A running embedded stack; stops when dropped by [`Embedded::stop`], or with the test's runtime.
pub struct Embedded {
    running: Running,
    addresses: Addresses,
    clock: Clock,
    bus: Bus,
    storage: Storage,
    folder: TempDir,
}

/// What a test may want otherwise than usual.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Of the versioning service.
    pub versioning: assent_versioning::Config,
    /// Of the executor.
    pub executor: assent_executor::Config,
    /// Of the notification service.
    pub notification: assent_notification::Config,
    /// Of the approval gate.
    pub approval_gate: assent_approval_gate::Config,
    /// The machine's clock in the place of one that stands still: for benchmarks.
    pub real_time: bool,
    /// Neither executor nor notification service, so that nothing follows a decision: for benchmarks of the review.
    pub review_only: bool,
}

impl Embedded {
    /// Starts a stack on `storage`.
    pub async fn start(storage: Storage) -> Self {
        Self::start_with(storage, Wishes::default()).await
    }

    /// Starts a stack that differs.
    pub async fn start_with(storage: Storage, wishes: Wishes) -> Self {
        // Boxed, for it is as large as all services together.
        Box::pin(Self::build(storage, wishes)).await
    }

    async fn build(storage: Storage, mut wishes: Wishes) -> Self {
        // Only refuses when another test of this process was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let start = Timestamp::from_micros(START_MICROS).expect("a time");
        let clock = if wishes.real_time { Clock::System } else { Clock::manual(start) };
        let source = ContextSource::seeded(clock.clone(), rand_seed(&folder));
        let database = config::Database { url: storage.url().to_owned(), max_connections: 16 };
        let credentials = Credentials::new(&people::identities(), "static_token").expect("credentials");
        let bus = Bus::local();
        let wiring = Wiring::local(database, bus.clone(), credentials, source);
        wishes.executor.data_dir = folder.path().join("executor");
        let mut host = Host::new(wiring);
        host.add::<assent_planner::Planner>(Default::default()).await.expect("planner");
        host.add::<assent_risk::Risk>(Default::default()).await.expect("risk");
        host.add::<assent_versioning::Versioning>(wishes.versioning).await.expect("versioning");
        host.add::<assent_approval_gate::ApprovalGate>(wishes.approval_gate).await.expect("approval-gate");
        if !wishes.review_only {
            host.add::<assent_executor::Executor>(wishes.executor).await.expect("executor");
            host.add::<assent_notification::Notification>(wishes.notification).await.expect("notification");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let running = host.start(listener).await.expect("the stack");
        let addresses = Addresses::one(&format!("http://{}", running.address()));
        Self { running, addresses, clock, bus, storage, folder }
    }

    /// Calls as one of [`people`].
    pub fn client(&self, id: &str) -> Client {
        Client::new(&self.addresses, &people::token(id))
    }

    /// Calls with any token.
    pub fn client_with_token(&self, token: &str) -> Client {
        Client::new(&self.addresses, token)
    }

    /// The one address of the stack.
    pub fn address(&self) -> &str {
        &self.addresses.approval_gate
    }

    /// The name of everything that it measures.
    pub fn metric_names(&self) -> std::collections::BTreeSet<String> {
        self.running.metrics().names()
    }

    /// Moves the clock.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// What rings when a service has published something.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The databases.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Where the executor keeps workspaces and artifacts.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("executor")
    }

    /// Stops in order and gives the storage back.
    pub async fn stop(self) -> Storage {
        self.running.shutdown(Duration::from_secs(10)).await.expect("an orderly end");
        self.storage
    }
}

/// Different ids in every stack, so that tests on one database server do not meet.
fn rand_seed(folder: &TempDir) -> u64 {
    let name = folder.path().display().to_string();
    let digest = assent_core::Digest::of(&[name.as_bytes()]);
    u64::from_le_bytes(digest.as_bytes()[..8].try_into().unwrap_or_default())
}
