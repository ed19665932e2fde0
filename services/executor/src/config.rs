//! What only the executor reads.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
    /// Hosts that `http_request` may call: names, `*.example.com`, or `*` for every public address. A host named
    /// here may have a private address.
    pub http_allowed_hosts: Vec<String>,
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
            http_allowed_hosts: Vec::new(),
            web_search_url: String::new(),
        }
    }
}
