//! The tools that this executor has: each does one thing with arguments that were approved, and says what came
//! of it.

mod code_gen;
mod file;
mod hosts;
mod http_request;
pub(crate) mod mcp;
pub(crate) mod media_type;
mod program;
#[cfg_attr(not(target_os = "linux"), path = "sandbox_unavailable.rs")]
mod sandbox;
mod shell;
mod sql_query;
mod web_search;
mod words;
pub(crate) mod workspace;

use std::sync::Arc;
use std::time::Duration;

use assent_core::Digest;
use assent_core::id::SessionId;
use assent_plan::{Catalog, ItemId, Map, McpTool};
use assent_runtime::BuildError;
use serde_json::Value;

use self::program::Programs;
pub(crate) use self::shell::ended;
use self::workspace::Workspace;
use crate::blobs::Blobs;
use crate::config::Config;
use crate::jobs::{self, Jobs};
use crate::secrets::Secrets;
use crate::store::runs::Kept;

/// One attempt: what to do, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Name of the tool.
    pub(crate) tool: String,
    /// Arguments with every reference resolved.
    pub(crate) arguments: Map,
    /// The session.
    pub(crate) session: SessionId,
    /// The item.
    pub(crate) item: ItemId,
    /// The same for the same attempt, whoever makes it.
    pub(crate) key: String,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// Where files are.
    pub(crate) workspace: Workspace,
}

/// What came of an attempt that ended well.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Outcome {
    /// For later items.
    pub(crate) output: Map,
    /// One line for people.
    pub(crate) summary: String,
    /// Files that were written.
    pub(crate) files: Vec<Written>,
}

/// A file in the workspace whose content is also kept by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Path in the workspace.
    pub(crate) path: String,
    /// Media type.
    pub(crate) media_type: String,
    /// Bytes.
    pub(crate) size: u64,
    /// SHA-256 of the content.
    pub(crate) digest: Digest,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ToolError {
    /// Stable name.
    pub(crate) reason: &'static str,
    /// For people.
    pub(crate) message: String,
    /// Whether another attempt may succeed.
    pub(crate) retryable: bool,
}

impl ToolError {
    /// Another attempt may succeed.
    pub(crate) fn passing(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), retryable: true }
    }

    /// Another attempt would fail as well.
    pub(crate) fn lasting(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), retryable: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool<'c> {
    CodeGen,
    FileWrite,
    FileDelete,
    Shell,
    HttpRequest,
    SqlQuery,
    WebSearch,
    Mcp(&'c McpTool),
}

impl Tool<'_> {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "code_gen" => Self::CodeGen,
            "file_write" => Self::FileWrite,
            "file_delete" => Self::FileDelete,
            "shell" => Self::Shell,
            "http_request" => Self::HttpRequest,
            "sql_query" => Self::SqlQuery,
            "web_search" => Self::WebSearch,
            _ => return None,
        })
    }
}

/// Whether a call of `tool` with these arguments only looks, as far as its protocol promises. A program may do anything.
pub(crate) fn only_reads(tool: &str, arguments: &Map) -> bool {
    match Tool::named(tool) {
        Some(Tool::HttpRequest) => http_request::only_reads(arguments),
        Some(Tool::SqlQuery) => !sql_query::writes(arguments),
        _ => false,
    }
}

/// The tools, ready to be called. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Toolbox {
    catalog: Catalog,
    templates: Arc<code_gen::Templates>,
    blobs: Blobs,
    jobs: Jobs,
    shell: Arc<shell::Shell>,
    http: http_request::Http,
    search: Arc<web_search::Search>,
    databases: sql_query::Databases,
    servers: Arc<mcp::Servers>,
}

impl Toolbox {
    /// The tools as `config` has them.
    pub(crate) fn new(
        config: &Config,
        catalog: Catalog,
        blobs: Blobs,
        jobs: Jobs,
        secrets: Arc<Secrets>,
    ) -> Result<Self, BuildError> {
        let client = |e: reqwest::Error| BuildError::Config(format!("the HTTP client cannot be made: {e}"));
        let programs = Arc::new(Programs::new(config));
        let search = web_search::Search::new(&config.web_search_url, config.max_output_bytes);
        Ok(Self {
            catalog,
            templates: Arc::new(code_gen::Templates::load(&config.templates_dir)?),
            http: http_request::Http::new(&config.http_allowed_hosts, config.max_output_bytes)
                .map_err(client)?,
            search: Arc::new(search.map_err(client)?),
            databases: sql_query::Databases::new(&config.sql_databases, Arc::clone(&secrets)),
            servers: Arc::new(mcp::Servers::new(config, Arc::clone(&programs), secrets, blobs.clone())?),
            shell: Arc::new(shell::Shell::new(
                programs,
                blobs.clone(),
                jobs.clone(),
                config.max_output_bytes,
            )),
            jobs,
            blobs,
        })
    }

    /// What a name of the catalog means here: the tool of a server, or one of those that are built in.
    fn tool(&self, name: &str) -> Option<Tool<'_>> {
        match self.catalog.get(name).and_then(|tool| tool.mcp.as_ref()) {
            Some(mcp) => Some(Tool::Mcp(mcp)),
            None => Tool::named(name),
        }
    }

    /// What must be configured before `tool` can be used here; none when it is ready.
    pub(crate) fn problem(&self, tool: &str) -> Option<&'static str> {
        match self.tool(tool) {
            None => Some("this executor has no such tool"),
            Some(Tool::WebSearch) => self.search.problem(),
            Some(Tool::HttpRequest) => self.http.problem(),
            Some(Tool::Shell) => self.shell.problem(),
            Some(Tool::SqlQuery) => self.databases.problem(),
            Some(Tool::Mcp(mcp)) => self.servers.problem(mcp),
            Some(_) => None,
        }
    }

    /// Whether a call of `tool` with `arguments` could begin, as far as others say so.
    ///
    /// # Errors
    /// [`mcp::TOOL_CHANGED`] when the tool is not what was pinned, or what is missing.
    pub(crate) async fn check(
        &self,
        tool: &str,
        arguments: &Map,
        workspace: &Workspace,
    ) -> Result<(), ToolError> {
        match self.tool(tool) {
            Some(Tool::Mcp(mcp)) => self.servers.check(mcp, workspace).await,
            Some(Tool::Shell) => match jobs::image(arguments) {
                Some(image) => self.jobs.problem(image).map_or(Ok(()), Err),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Whether the call is made by a Job of Kubernetes.
    pub(crate) fn is_job(&self, tool: &str, arguments: &Map) -> bool {
        matches!(self.tool(tool), Some(Tool::Shell)) && jobs::image(arguments).is_some()
    }

    /// The tools of an MCP server as it describes them, started in `workspace`; none when there is no such server.
    pub(crate) async fn describe(
        &self,
        server: &str,
        workspace: &Workspace,
    ) -> Option<Result<Vec<mcp::Described>, ToolError>> {
        self.servers.describe(server, workspace).await
    }

    /// Whether the attempt may be made again with the same key when nobody knows how it ended.
    pub(crate) fn is_repeatable(&self, tool: &str, arguments: &Map, idempotent: bool) -> bool {
        match self.tool(tool) {
            Some(Tool::HttpRequest) => http_request::is_repeatable(arguments),
            Some(Tool::SqlQuery) => sql_query::is_repeatable(arguments),
            // Its Job is found again, not made again.
            Some(Tool::Shell) => jobs::image(arguments).is_some() || idempotent,
            _ => idempotent,
        }
    }

    /// What the call is about to overwrite or, where it is to be put back, to delete.
    pub(crate) async fn keep(&self, call: &Call, put_back: bool) -> Result<Vec<Kept>, ToolError> {
        match self.tool(&call.tool) {
            Some(Tool::FileDelete) if !put_back => Ok(Vec::new()),
            Some(Tool::FileWrite | Tool::FileDelete) => {
                file::keep(call, &self.blobs).await.map(|kept| vec![kept])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Makes the call. It has no time limit of its own: drop the future to end it.
    pub(crate) async fn call(&self, call: &Call) -> Result<Outcome, ToolError> {
        let missing =
            || ToolError::lasting("TOOL_UNKNOWN", format!("this executor has no tool `{}`", call.tool));
        match self.tool(&call.tool).ok_or_else(missing)? {
            Tool::CodeGen => self.templates.render(call).await,
            Tool::FileWrite => file::write(call, &self.blobs).await,
            Tool::FileDelete => file::delete(call).await,
            // Large, because an HTTP client is inside.
            Tool::Shell => Box::pin(self.shell.run(call)).await,
            Tool::HttpRequest => self.http.send(call).await,
            // Large, because a database driver is inside.
            Tool::SqlQuery => Box::pin(self.databases.run(call)).await,
            Tool::WebSearch => self.search.find(call).await,
            Tool::Mcp(mcp) => Box::pin(self.servers.call(mcp, call)).await,
        }
    }

    /// Puts back what a call has overwritten.
    pub(crate) async fn restore(&self, workspace: &Workspace, kept: &[Kept]) -> Result<(), ToolError> {
        file::restore(workspace, kept, &self.blobs).await
    }
}

/// A text among the arguments. The schema has been checked; what is missing all the same is a defect of the
/// catalog.
fn text<'a>(arguments: &'a Map, name: &'static str) -> Result<&'a str, ToolError> {
    let missing = || ToolError::lasting("ARGUMENTS_INVALID", format!("the argument `{name}` is missing"));
    arguments.get(name).and_then(Value::as_str).ok_or_else(missing)
}

/// Bytes for people: `1.2 kB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
