//! Tools of MCP servers, called through the official SDK. A server is a program that is started for each call, confined
//! like any other, or an address. Before each call the server says what the tool is: when that is not what the catalog
//! has pinned, the tool is not called.

mod answer;
mod connection;

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_plan::{Map, McpTool};
use assent_runtime::BuildError;
use reqwest::Client;

use self::answer::Binary;
use self::connection::Connection;
use super::program::Programs;
use super::workspace::Workspace;
use super::{Call, Outcome, ToolError, Written, file, http_request};
use crate::blobs::Blobs;
use crate::config::{Config, McpServer};
use crate::secrets::Secrets;

/// What every tool error of a tool that changed is called, so that the execution stops.
pub(crate) const TOOL_CHANGED: &str = "TOOL_CHANGED";

/// The servers that the catalog may name.
pub(super) struct Servers {
    servers: BTreeMap<String, McpServer>,
    programs: Arc<Programs>,
    secrets: Arc<Secrets>,
    blobs: Blobs,
    http: Client,
    max_output: usize,
}

/// A tool as its server describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Described {
    /// What the catalog says when it means this tool.
    pub(crate) mcp: McpTool,
    /// For people.
    pub(crate) description: String,
    /// JSON Schema of its arguments.
    pub(crate) schema: Map,
    /// Whether the server says that it changes nothing.
    pub(crate) read_only: bool,
    /// Whether the server says that calling it twice is the same as calling it once.
    pub(crate) idempotent: bool,
}

impl Servers {
    /// The servers of `config`.
    ///
    /// # Errors
    /// When one has neither a program nor an address, or both.
    pub(super) fn new(
        config: &Config,
        programs: Arc<Programs>,
        secrets: Arc<Secrets>,
        blobs: Blobs,
    ) -> Result<Self, BuildError> {
        for (name, server) in &config.mcp_servers {
            if server.command.is_empty() == server.url.is_empty() {
                let text = format!("service.mcp_servers.{name} needs either command or url");
                return Err(BuildError::Config(text));
            }
        }
        let http = http_request::client(None)
            .map_err(|e| BuildError::Config(format!("the HTTP client cannot be made: {e}")))?;
        let (servers, max_output) = (config.mcp_servers.clone(), config.max_output_bytes);
        Ok(Self { servers, programs, secrets, blobs, http, max_output })
    }

    /// Why `tool` cannot be called here.
    pub(super) fn problem(&self, tool: &McpTool) -> Option<&'static str> {
        match self.servers.get(&tool.server) {
            None => Some("service.mcp_servers does not have its server"),
            Some(server) if server.url.is_empty() => self.programs.problem(),
            Some(_) => None,
        }
    }

    /// Calls `tool`, once its server has said that it is what was pinned.
    pub(super) async fn call(&self, tool: &McpTool, call: &Call) -> Result<Outcome, ToolError> {
        let mut connection = self.connect(&tool.server, &call.workspace).await?;
        let result = match connection.check(tool).await {
            Ok(()) => connection.call(&tool.tool, call, self.max_output).await,
            Err(error) => Err(error),
        };
        let (mut outcome, binaries) = connection.close(result).await?;
        for Binary { path, media_type, content } in binaries {
            let digest = self.blobs.put(&content).await.map_err(|e| file::storage(&e))?;
            outcome.files.push(Written { path, media_type, size: content.len() as u64, digest });
        }
        Ok(outcome)
    }

    /// Whether the server has `tool` as it was pinned.
    pub(super) async fn check(&self, tool: &McpTool, workspace: &Workspace) -> Result<(), ToolError> {
        let mut connection = self.connect(&tool.server, workspace).await?;
        let result = connection.check(tool).await;
        connection.close(result).await
    }

    /// Everything that a server has; none when there is no such server.
    pub(super) async fn describe(
        &self,
        server: &str,
        workspace: &Workspace,
    ) -> Option<Result<Vec<Described>, ToolError>> {
        self.servers.contains_key(server).then_some(())?;
        let described = async {
            let mut connection = self.connect(server, workspace).await?;
            let tools = connection.tools().await;
            connection.close(tools).await
        };
        Some(described.await)
    }

    async fn connect(&self, name: &str, workspace: &Workspace) -> Result<Connection, ToolError> {
        let missing = || {
            let text = format!("service.mcp_servers does not have `{name}`");
            ToolError::lasting("TOOL_NOT_CONFIGURED", text)
        };
        let server = self.servers.get(name).ok_or_else(missing)?;
        if server.url.is_empty() {
            Connection::start(name, server, &self.programs, &self.secrets, workspace).await
        } else {
            Connection::reach(name, server, self.http.clone(), &self.secrets).await
        }
    }
}
