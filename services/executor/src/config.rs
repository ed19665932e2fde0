//! What only the executor reads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::faults::Faults;

/// Whether the programs of the tool `shell` are confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShellSandbox {
    /// Files outside the workspace and the network are out of reach; where the kernel cannot do that, `shell` is
    /// refused.
    Required,
    /// Programs may do whatever the executor's user may.
    Off,
}

/// An MCP server: a program that is started for each call, or an address.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct McpServer {
    /// Program that speaks MCP over its standard input and output, confined like those of `shell`; empty when there is
    /// an address.
    pub command: String,
    /// Its arguments; `{workspace}` in them is the directory of the execution.
    pub args: Vec<String>,
    /// Names of environment variables that it may see, besides `shell_environment`.
    pub environment: Vec<String>,
    /// Environment variables that are secrets, with the names of these.
    pub secrets: BTreeMap<String, String>,
    /// Whether it may use the network.
    pub network: bool,
    /// What it may read and run, besides `shell_readable_paths`.
    pub readable_paths: Vec<String>,
    /// What it may change, besides the workspace and `shell_writable_paths`.
    pub writable_paths: Vec<String>,
    /// Address that speaks MCP over streamable HTTP; empty when there is a program.
    pub url: String,
    /// Name of the secret that is sent to the address as bearer token; empty for none.
    pub token_secret: String,
}

/// Section `service` of the executor's configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Directory of workspaces and artifacts. Replicas must share it.
    pub data_dir: PathBuf,
    /// Directory with one file per secret, named as the secret; empty for none. A variable
    /// `ASSENT_SECRET_<NAME>` goes before a file.
    pub secrets_dir: String,
    /// Directory with templates for `code_gen`, as `<name>.j2`, read at start; empty for none.
    pub templates_dir: String,
    /// Seconds after which another replica may take up what this one drives and no longer tends.
    pub lease_seconds: u64,
    /// Executions that one process drives at once.
    pub max_executions: usize,
    /// Items of one execution that run at once.
    pub max_parallel_items: usize,
    /// Milliseconds before the first retry of an item; doubled for each further one.
    pub retry_first_milliseconds: u64,
    /// Seconds before a retry, at most.
    pub retry_longest_seconds: u64,
    /// How often undoing one item is tried.
    pub rollback_attempts: u32,
    /// Seconds that running items have to end when the process stops; what runs longer is cut off and taken up
    /// again after the restart.
    pub drain_seconds: u64,
    /// Seconds by which the clock of the approval gate may go before this one.
    pub clock_skew_seconds: u64,
    /// Bytes of a program's output, or of a response's body, that are kept.
    pub max_output_bytes: usize,
    /// Names of environment variables that programs may see.
    pub shell_environment: Vec<String>,
    /// Whether programs are confined by the kernel.
    pub shell_sandbox: ShellSandbox,
    /// What programs may read and run, besides their workspace.
    pub shell_readable_paths: Vec<String>,
    /// What programs may change, besides their workspace.
    pub shell_writable_paths: Vec<String>,
    /// Seconds of processor time that each process of a program may take; 0 for no limit.
    pub shell_cpu_seconds: u64,
    /// Megabytes of memory that each process of a program may take; 0 for no limit.
    pub shell_memory_megabytes: u64,
    /// Megabytes that a file written by a program may have; 0 for no limit.
    pub shell_file_megabytes: u64,
    /// Hosts that `http_request` may call: names, `*.example.com`, or `*` for every public address. A host named
    /// here may have a private address.
    pub http_allowed_hosts: Vec<String>,
    /// Databases that `sql_query` may use: the name that plans say, and the name of the secret that holds the address,
    /// e.g. `postgres://user:password@host/database` or `sqlite:///srv/orders.db`.
    pub sql_databases: BTreeMap<String, String>,
    /// MCP servers whose tools the catalog may name, by the names that it says.
    pub mcp_servers: BTreeMap<String, McpServer>,
    /// For tests: when the process dies.
    #[serde(skip)]
    pub faults: Faults,
    /// Bytes that an artifact, or a file that is kept for the rollback, may have.
    pub artifact_max_bytes: u64,
    /// Bucket of an S3-compatible store that holds artifacts; empty for `data_dir`.
    pub s3_bucket: String,
    /// What the names of artifacts in the bucket begin with.
    pub s3_prefix: String,
    /// Address of the store; that of AWS when empty.
    pub s3_endpoint: String,
    /// Region of the bucket; that of the environment when empty.
    pub s3_region: String,
    /// Name of the secret that holds the id of the access key; the credentials of the environment, as AWS's own tools
    /// find them, when empty.
    pub s3_key_id_secret: String,
    /// Name of the secret that holds the access key itself.
    pub s3_key_secret: String,
    /// Namespace of Kubernetes in which items that name an image run as Jobs; empty when there is no cluster.
    pub kubernetes_namespace: String,
    /// File that says how to reach the cluster; that of this pod when empty.
    pub kubernetes_kubeconfig: String,
    /// Images that items may name; `*` at an end stands for anything.
    pub kubernetes_images: Vec<String>,
    /// Service account of their pods, which get no token of it; that of the namespace when empty.
    pub kubernetes_service_account: String,
    /// Secrets of the namespace by which images are pulled.
    pub kubernetes_pull_secrets: Vec<String>,
    /// Processors that a Job may take, as Kubernetes writes it (`500m`); empty for no limit.
    pub kubernetes_cpu: String,
    /// Memory that a Job may take (`1Gi`); empty for no limit.
    pub kubernetes_memory: String,
    /// Address of a search service that answers with JSON; `{query}` and `{max_results}` are filled in. Empty when
    /// there is none.
    pub web_search_url: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from(".assent/executor"),
            secrets_dir: String::new(),
            templates_dir: String::new(),
            lease_seconds: 15,
            max_executions: 64,
            max_parallel_items: 8,
            retry_first_milliseconds: 500,
            retry_longest_seconds: 30,
            rollback_attempts: 3,
            drain_seconds: 10,
            clock_skew_seconds: 30,
            max_output_bytes: 262_144,
            shell_environment: ["PATH", "LANG", "LC_ALL", "TZ"].map(str::to_owned).to_vec(),
            shell_sandbox: ShellSandbox::Required,
            shell_readable_paths: READABLE.map(str::to_owned).to_vec(),
            shell_writable_paths: Vec::new(),
            shell_cpu_seconds: 600,
            shell_memory_megabytes: 4096,
            shell_file_megabytes: 1024,
            http_allowed_hosts: Vec::new(),
            sql_databases: BTreeMap::new(),
            mcp_servers: BTreeMap::new(),
            artifact_max_bytes: 256 << 20,
            s3_bucket: String::new(),
            s3_prefix: "artifacts".to_owned(),
            s3_endpoint: String::new(),
            s3_region: String::new(),
            s3_key_id_secret: String::new(),
            s3_key_secret: String::new(),
            kubernetes_namespace: String::new(),
            kubernetes_kubeconfig: String::new(),
            kubernetes_images: Vec::new(),
            kubernetes_service_account: String::new(),
            kubernetes_pull_secrets: Vec::new(),
            kubernetes_cpu: "1".to_owned(),
            kubernetes_memory: "1Gi".to_owned(),
            web_search_url: String::new(),
            faults: Faults::default(),
        }
    }
}

/// Programs, libraries and what these look up. Not the whole of `/etc`, where secrets may be.
const READABLE: [&str; 24] = [
    "/bin",
    "/sbin",
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/nix/store",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/group",
    "/etc/gitconfig",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
];
