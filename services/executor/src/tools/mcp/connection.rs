//! One session with one server.

use std::process::Stdio;
use std::time::Duration;

use assent_plan::McpTool;
use reqwest::Client;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ErrorCode, Implementation,
    PaginatedRequestParams, RequestMetaObject, Tool, ToolAnnotations,
};
use rmcp::service::{ClientInitializeError, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{RoleClient, ServiceError, ServiceExt as _};
use serde_json::Value;
use tokio::process::Child;
use tokio::task::JoinSet;

use super::answer::{self, Binary};
use super::{Described, TOOL_CHANGED};
use crate::config::McpServer;
use crate::secrets::{Mask, Secrets};
use crate::tools::program::{Captured, Group, Programs, Reach, inherited};
use crate::tools::sandbox::SandboxError;
use crate::tools::workspace::Workspace;
use crate::tools::{Call, Outcome, ToolError};

/// Bytes of what a server writes to its standard error that are kept.
const MAX_SAID: usize = 16_384;
/// Pages of a list of tools that are read.
const MAX_PAGES: usize = 100;
/// How long the end of a session may take.
const CLOSE: Duration = Duration::from_secs(2);
/// Where the idempotency key of the attempt stands among the metadata of a call.
const KEY: &str = "assent.dev/idempotency-key";
/// A server cannot be reached.
const MCP_UNAVAILABLE: &str = "MCP_UNAVAILABLE";
/// What an argument of a server's program says in the place of the directory of the execution.
const WORKSPACE: &str = "{workspace}";

/// A session. Dropped, it ends the program of its server with all that it has started.
pub(super) struct Connection {
    server: String,
    session: RunningService<RoleClient, ClientConfig>,
    /// Hides what the server itself was given.
    mask: Mask,
    program: Option<Program>,
}

/// The program of a server.
struct Program {
    // In this order: what it has started ends before it is forgotten.
    group: Group,
    _child: Child,
    said: JoinSet<String>,
}

impl Program {
    /// Ends it; what it wrote last to its standard error, as the end of a sentence.
    async fn end(self) -> String {
        drop(self.group);
        let mut said = self.said;
        let said = tokio::time::timeout(CLOSE, said.join_next()).await.ok().flatten();
        let said = said.and_then(Result::ok).unwrap_or_default();
        let last: Vec<&str> = said.trim_end().lines().rev().take(3).collect();
        if last.is_empty() {
            return String::new();
        }
        format!("; it says: {}", last.into_iter().rev().collect::<Vec<_>>().join(" | "))
    }
}

impl Connection {
    /// Starts the program of a server.
    pub(super) async fn start(
        name: &str,
        server: &McpServer,
        programs: &Programs,
        secrets: &Secrets,
        workspace: &Workspace,
    ) -> Result<Self, ToolError> {
        let away = |why: String| unavailable(name, &why);
        workspace.create().map_err(|e| away(e.to_string()))?;
        let root = workspace.root();
        let arguments: Vec<String> =
            server.args.iter().map(|text| text.replace(WORKSPACE, &root.to_string_lossy())).collect();
        let argv = [server.command.as_str()].into_iter().chain(arguments.iter().map(String::as_str));
        let mut command = programs.command(argv, root);
        command.envs(inherited(&server.environment));
        let mut known = Vec::new();
        for (variable, secret) in &server.secrets {
            let value = secret_of(secrets, name, secret).await?;
            command.env(variable, &value);
            known.push(value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let reach = Reach {
            network: server.network,
            readable: &server.readable_paths,
            writable: &server.writable_paths,
        };
        let mut child = programs.start(command, root, reach).await.map_err(|error| match error {
            SandboxError::Start(error) => away(error.to_string()),
            error => {
                let text = format!("the MCP server `{name}` cannot be confined: {error}");
                ToolError::lasting(MCP_UNAVAILABLE, text)
            }
        })?;
        let group = Group::of(&child);
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(away("its pipes are not there".to_owned()));
        };
        let mut pipe = Captured::new(child.stderr.take(), MAX_SAID);
        let mut said = JoinSet::new();
        said.spawn(async move {
            pipe.read().await;
            pipe.text()
        });
        let program = Program { group, _child: child, said };
        let mask = Mask::new(known);
        match Box::pin(client().serve((output, input))).await {
            Ok(session) => Ok(Self { server: name.to_owned(), session, mask, program: Some(program) }),
            Err(error) => {
                let mut error = unavailable(name, &refusal(&error));
                error.message.push_str(&program.end().await);
                Err(mask.error(error))
            }
        }
    }

    /// Reaches a server by its address.
    pub(super) async fn reach(
        name: &str,
        server: &McpServer,
        http: Client,
        secrets: &Secrets,
    ) -> Result<Self, ToolError> {
        let mut config = StreamableHttpClientTransportConfig::with_uri(server.url.as_str());
        let mut known = Vec::new();
        if !server.token_secret.is_empty() {
            let token = secret_of(secrets, name, &server.token_secret).await?;
            config = config.auth_header(token.clone());
            known.push(token);
        }
        let transport = StreamableHttpClientTransport::with_client(http, config);
        match Box::pin(client().serve(transport)).await {
            Ok(session) => {
                Ok(Self { server: name.to_owned(), session, mask: Mask::new(known), program: None })
            }
            // Its text may quote the request, and with it the token.
            Err(error) => Err(unavailable(name, &refusal(&error))),
        }
    }

    /// Everything that the server has.
    pub(super) async fn tools(&mut self) -> Result<Vec<Described>, ToolError> {
        let mut found = Vec::new();
        self.each(|tool| {
            found.push(tool);
            false
        })
        .await?;
        Ok(found.into_iter().map(|tool| described(&self.server, tool)).collect())
    }

    /// Whether the server has `pinned` as it was pinned.
    pub(super) async fn check(&mut self, pinned: &McpTool) -> Result<(), ToolError> {
        let mut found = None;
        self.each(|tool| {
            let is_it = tool.name == pinned.tool;
            if is_it {
                found = Some(tool);
            }
            is_it
        })
        .await?;
        let changed = |what: String| {
            ToolError::lasting(TOOL_CHANGED, format!("the MCP server `{}` {what}", self.server))
        };
        let tool = found.ok_or_else(|| changed(format!("has no tool `{}` any more", pinned.tool)))?;
        let digest = McpTool::digest_of(&tool.name, &tool.input_schema, tool.output_schema.as_deref());
        if digest == pinned.digest {
            return Ok(());
        }
        Err(changed(format!("has another tool `{}` than the catalog: its digest is {digest}", pinned.tool)))
    }

    /// Hands the server's tools to `stop_at` until that is true.
    async fn each(&mut self, mut stop_at: impl FnMut(Tool) -> bool) -> Result<(), ToolError> {
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let page = PaginatedRequestParams::default().with_cursor(cursor);
            let page = self.session.list_tools(Some(page)).await.map_err(|e| self.failed(&e))?;
            if page.tools.into_iter().any(&mut stop_at) {
                return Ok(());
            }
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Calls a tool.
    pub(super) async fn call(
        &mut self,
        tool: &str,
        call: &Call,
        max_output: usize,
    ) -> Result<(Outcome, Vec<Binary>), ToolError> {
        let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(call.arguments.clone());
        let mut meta = RequestMetaObject::new();
        meta.insert(KEY.to_owned(), Value::String(call.key.clone()));
        params.meta = Some(meta);
        let answer = Box::pin(self.session.call_tool(params)).await.map_err(|e| self.failed(&e))?;
        let binaries = answer::binaries(&call.item, &answer);
        Ok((self.mask.apply(answer::outcome(call, answer, max_output))?, binaries))
    }

    /// Ends the session; what came of it, without what is secret.
    pub(super) async fn close<T>(mut self, result: Result<T, ToolError>) -> Result<T, ToolError> {
        // A session that does not end is cut off.
        let _ = self.session.close_with_timeout(CLOSE).await;
        let mut error = match result {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if let Some(program) = self.program.take().filter(|_| error.reason == MCP_UNAVAILABLE) {
            error.message.push_str(&program.end().await);
        }
        Err(self.mask.error(error))
    }

    fn failed(&self, error: &ServiceError) -> ToolError {
        match error {
            ServiceError::McpError(error) => {
                let text = format!("the MCP server `{}` refused: {}", self.server, error.message);
                match error.code {
                    ErrorCode::INVALID_PARAMS | ErrorCode::INVALID_REQUEST | ErrorCode::METHOD_NOT_FOUND => {
                        ToolError::lasting("MCP_FAILED", text)
                    }
                    _ => ToolError::passing("MCP_FAILED", text),
                }
            }
            ServiceError::UnexpectedResponse | ServiceError::InputRequiredRoundsExceeded { .. } => {
                let text = format!("the MCP server `{}` gave an answer that is none", self.server);
                ToolError::lasting("MCP_FAILED", text)
            }
            _ => unavailable(&self.server, "the connection was lost"),
        }
    }
}

fn client() -> ClientConfig {
    ClientConfig::new(ClientCapabilities::default(), Implementation::new("assent", env!("CARGO_PKG_VERSION")))
}

fn described(server: &str, tool: Tool) -> Described {
    let digest = McpTool::digest_of(&tool.name, &tool.input_schema, tool.output_schema.as_deref());
    let hint = |of: fn(&ToolAnnotations) -> Option<bool>| tool.annotations.as_ref().and_then(of);
    Described {
        read_only: hint(|hints| hints.read_only_hint).unwrap_or_default(),
        idempotent: hint(|hints| hints.idempotent_hint).unwrap_or_default(),
        description: tool.description.unwrap_or_default().into_owned(),
        schema: (*tool.input_schema).clone(),
        mcp: McpTool { server: server.to_owned(), tool: tool.name.into_owned(), digest },
    }
}

async fn secret_of(secrets: &Secrets, server: &str, name: &str) -> Result<String, ToolError> {
    let missing = || {
        let text = format!("there is no secret `{name}` for the MCP server `{server}`");
        ToolError::lasting("TOOL_NOT_CONFIGURED", text)
    };
    secrets.get(name).await.ok_or_else(missing)
}

fn unavailable(server: &str, why: &str) -> ToolError {
    ToolError::passing(MCP_UNAVAILABLE, format!("the MCP server `{server}` is not there: {why}"))
}

/// Why there is no session. The text of the error may quote the request, and with it a token.
fn refusal(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::JsonRpcError(error) => error.message.to_string(),
        ClientInitializeError::NoCompatibleProtocolVersion { .. } => {
            "it speaks no version of the protocol that is known here".to_owned()
        }
        ClientInitializeError::ConnectionClosed(_) => "it ended".to_owned(),
        error if error.is_authorization_required() => "it wants an authorization".to_owned(),
        ClientInitializeError::TransportError { .. } => "it cannot be reached".to_owned(),
        _ => "its answer is none".to_owned(),
    }
}
