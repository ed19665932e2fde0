//! Stacks of real processes: `assent dev`, and six services on Postgres and Redis.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use assent_testkit::{FaultProxy, Storage, free_port};
use tempfile::TempDir;

use crate::client::{Addresses, Client};
use crate::eventually::eventually;
use crate::graph::CALLS;
use crate::people;
use crate::secured::Secured;

/// The services, in the order in which they may call each other.
pub const SERVICES: [&str; 6] =
    ["planner", "risk", "versioning", "approval-gate", "executor", "notification"];

/// Path of a program of this workspace, built beside the tests; or in the folder that `ASSENT_TEST_PROGRAMS` names.
///
/// # Panics
/// When it has not been built: `cargo build --workspace --bins`.
pub fn program(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("ASSENT_TEST_PROGRAMS") {
        return Path::new(&folder).join(name);
    }
    let test = std::env::current_exe().expect("the test's own path");
    let mut folder = test.parent().expect("a folder");
    if folder.ends_with("deps") {
        folder = folder.parent().expect("a folder");
    }
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing: cargo build --workspace --bins", path.display());
    path
}

/// Waits until a port says that it is serving.
pub async fn ready(address: &str) {
    let what = format!("{address} to serve");
    eventually(&what, || async {
        let channel =
            tonic::transport::Endpoint::from_shared(address.to_owned()).ok()?.connect().await.ok()?;
        let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
        let answer = health.check(tonic_health::pb::HealthCheckRequest::default()).await.ok()?.into_inner();
        (answer.status() == tonic_health::pb::health_check_response::ServingStatus::Serving).then_some(())
    })
    .await;
}

/// A process that ends with its owner.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts `command` with its output in `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a log");
        let errors = file.try_clone().expect("a log");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
        Self(child.expect("a process"))
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// SIGTERM; then it has to end by itself, and well.
    pub async fn terminate(mut self) {
        let id = self.0.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().expect("kill");
        assert!(told.success(), "no process {id}");
        let process = tokio::sync::Mutex::new(&mut self.0);
        let status =
            eventually("an orderly end", || async { process.lock().await.try_wait().expect("a process") })
                .await;
        assert!(status.success(), "it ended with {status}");
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `assent dev` as a process, with its own people (`dev`, `lead`, `admin`, `admin2`, `agent`).
pub struct Dev {
    process: Process,
    folder: TempDir,
    port: u16,
    variables: Vec<(String, String)>,
}

impl Dev {
    /// Starts it on a free port with fresh data.
    pub async fn start() -> Self {
        Self::start_with("", &[]).await
    }

    /// Starts it with the text of a configuration file, and with these variables beside those of the test.
    pub async fn start_with(config: &str, variables: &[(&str, String)]) -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        std::fs::write(folder.path().join("assent.toml"), config).expect("a file");
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let process = Self::spawn(&folder, port, &variables);
        let dev = Self { process, folder, port, variables };
        ready(&dev.address()).await;
        dev
    }

    fn spawn(folder: &TempDir, port: u16, variables: &[(String, String)]) -> Process {
        let mut command = Command::new(program("assent"));
        command
            .args(["dev", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(folder.path().join("data"))
            .arg("--config")
            .arg(folder.path().join("assent.toml"))
            .envs(variables.iter().map(|(name, value)| (name, value)));
        Process::start(&mut command, &folder.path().join("log"))
    }

    /// Kills it without warning and starts it again on the same data and port.
    pub async fn kill_and_restart(&mut self) {
        self.process.kill();
        self.process = Self::spawn(&self.folder, self.port, &self.variables);
        ready(&self.address()).await;
    }

    /// Its one address.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Id of the process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Its data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The token of `name`.
    pub fn token(&self, name: &str) -> String {
        let path = self.data().join("tokens").join(name);
        std::fs::read_to_string(path).expect("a token").trim().to_owned()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Calls as `name`.
    pub fn client(&self, name: &str) -> Client {
        Client::new(&Addresses::one(&self.address()), &self.token(name))
    }
}

/// Six processes on a Postgres database of their own and Redis.
pub struct Cluster {
    processes: BTreeMap<&'static str, Process>,
    ports: BTreeMap<&'static str, u16>,
    /// Where each is asked for its metrics.
    metrics: BTreeMap<&'static str, u16>,
    variables: Vec<(String, String)>,
    /// Between a caller and whom it calls.
    wires: BTreeMap<(&'static str, &'static str), FaultProxy>,
    secured: Option<Secured>,
    /// Where programs are that are not those of this build.
    programs: BTreeMap<&'static str, PathBuf>,
    folder: TempDir,
    storage: Storage,
}

impl Cluster {
    /// Starts all six.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts all six on what others left.
    pub async fn start_on(storage: Storage) -> Self {
        Self::planned(storage, &[]).run().await
    }

    /// Starts all six with these variables beside those of the test.
    pub async fn start_with(variables: &[(&str, String)]) -> Self {
        Self::planned(Storage::postgres().await, variables).run().await
    }

    /// Starts all six with a wire that can break on each edge of the call graph, that of the dashboard among them.
    pub async fn start_wired() -> Self {
        let mut cluster = Self::planned(Storage::postgres().await, &[]);
        for (caller, called) in CALLS.iter().flat_map(|(from, to)| to.iter().map(|to| (*from, *to))) {
            let wire = FaultProxy::start(&format!("127.0.0.1:{}", cluster.ports[called])).await;
            cluster.wires.insert((caller, called), wire);
        }
        cluster.run().await
    }

    /// Starts all six with TLS everywhere, and nobody known but services by their certificates and people by tokens of
    /// an identity provider.
    pub async fn start_secured(secured: Secured) -> Self {
        let mut cluster = Self::planned(Storage::postgres().await, &[]);
        cluster.secured = Some(secured);
        cluster.run().await
    }

    /// Starts all six from the programs in a folder.
    pub async fn start_of(programs: PathBuf) -> Self {
        let mut cluster = Self::planned(Storage::postgres().await, &[]);
        cluster.programs = SERVICES.map(|service| (service, programs.clone())).into();
        cluster.run().await
    }

    fn planned(storage: Storage, variables: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let identities = serde_saphyr::to_string(&people::identities()).expect("YAML");
        std::fs::write(folder.path().join("identities.yaml"), identities).expect("a file");
        std::fs::write(folder.path().join("service-token"), people::token(people::SERVICE)).expect("a file");
        let ports = SERVICES.map(|service| (service, free_port())).into();
        let metrics = SERVICES.map(|service| (service, free_port())).into();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let processes = BTreeMap::new();
        Self {
            processes,
            ports,
            metrics,
            variables,
            wires: BTreeMap::new(),
            secured: None,
            programs: BTreeMap::new(),
            folder,
            storage,
        }
    }

    async fn run(mut self) -> Self {
        for service in SERVICES {
            self.spawn(service);
        }
        for service in SERVICES {
            let plain = self.secured.as_ref().map(|secured| secured.health_address(service));
            ready(&plain.unwrap_or_else(|| self.address(service))).await;
        }
        self
    }

    fn spawn(&mut self, service: &'static str) {
        let file = |name: &str| self.folder.path().join(name);
        let name = format!("assent-{service}");
        let path = self.programs.get(service).map_or_else(|| program(&name), |folder| folder.join(&name));
        let mut command = Command::new(path);
        command
            .env("ASSENT_SERVER__LISTEN", format!("127.0.0.1:{}", self.ports[service]))
            .env("ASSENT_DATABASE__URL", self.storage.url())
            .env("ASSENT_DATABASE__MAX_CONNECTIONS", "8")
            .env("ASSENT_BUS__URL", assent_testkit::redis_url())
            .env("ASSENT_AUTH__IDENTITIES", file("identities.yaml"))
            .env("ASSENT_AUTH__SERVICE_TOKEN_FILE", file("service-token"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(secured) = &self.secured {
            // Its certificate is all that it shows.
            command.env_remove("ASSENT_AUTH__SERVICE_TOKEN_FILE").envs(secured.variables(service));
        }
        if let Some(port) = self.metrics.get(service) {
            command.env("ASSENT_METRICS__LISTEN", format!("127.0.0.1:{port}"));
        }
        for peer in SERVICES {
            let key = format!("ASSENT_PEERS__{}", peer.to_uppercase().replace('-', "_"));
            let address = match self.wires.get(&(service, peer)) {
                Some(wire) => format!("http://{}", wire.address()),
                None => self.address(peer),
            };
            command.env(key, address);
        }
        if service == "executor" {
            command.env("ASSENT_SERVICE__DATA_DIR", file("executor"));
            // What tests serve themselves.
            command.env("ASSENT_SERVICE__HTTP_ALLOWED_HOSTS", r#"["127.0.0.1"]"#);
        }
        self.processes.insert(service, Process::start(&mut command, &file(&format!("{service}.log"))));
    }

    /// Starts the dashboard in front of the six, with no credential of its own, and says where it is.
    pub async fn start_dashboard(&mut self) -> String {
        self.ports.insert("dashboard", free_port());
        self.spawn("dashboard");
        let address = self.address("dashboard");
        ready(&address).await;
        address
    }

    /// What is between callers and those whom they call, when it was started so.
    pub fn wires(&self) -> &BTreeMap<(&'static str, &'static str), FaultProxy> {
        &self.wires
    }

    /// Where they keep their state.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Tells a service to stop, and waits until it has, in order.
    pub async fn terminate(&mut self, service: &'static str) {
        self.processes.remove(service).expect("a running service").terminate().await;
    }

    /// Kills a service without warning.
    pub fn kill(&mut self, service: &'static str) {
        self.processes.remove(service);
    }

    /// Starts a service that was stopped from the programs in a folder, or from those of this build.
    pub async fn replace(&mut self, service: &'static str, programs: Option<PathBuf>) {
        match programs {
            Some(folder) => self.programs.insert(service, folder),
            None => self.programs.remove(service),
        };
        self.restart(service).await;
    }

    /// Starts a service that was killed, on the same port.
    pub async fn restart(&mut self, service: &'static str) {
        self.spawn(service);
        ready(&self.address(service)).await;
    }

    /// Where a service listens.
    pub fn address(&self, service: &str) -> String {
        let scheme = if self.secured.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.ports[service])
    }

    /// What makes it a secret one, when it was started so.
    ///
    /// # Panics
    /// When it was not.
    pub fn secured(&self) -> &Secured {
        self.secured.as_ref().expect("a cluster that was started as a secret one")
    }

    /// Id of a service's process.
    pub fn process_id(&self, service: &str) -> u32 {
        self.processes[service].id()
    }

    /// Where a service is asked for its metrics.
    pub fn metrics_address(&self, service: &str) -> String {
        format!("http://127.0.0.1:{}/metrics", self.metrics[service])
    }

    /// What a service logged.
    pub fn log(&self, service: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{service}.log"))).unwrap_or_default()
    }

    /// Calls as one of [`people`].
    pub fn client(&self, id: &str) -> Client {
        let addresses = Addresses {
            planner: self.address("planner"),
            risk: self.address("risk"),
            versioning: self.address("versioning"),
            approval_gate: self.address("approval-gate"),
            executor: self.address("executor"),
            notification: self.address("notification"),
        };
        Client::new(&addresses, &people::token(id))
    }
}
